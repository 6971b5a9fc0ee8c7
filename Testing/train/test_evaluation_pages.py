"""Pages, pictures and model card say what the bundled model's evaluation gave, and no older one."""

import json
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from densesharp.model.model_file import load_model
from densesharp.nodule.measure.kind import WEIGHTS
from densesharp.nodule.records.measurements import READERS_DIFFER
from densesharp.nodule.reliability import AGREEMENT_LIMIT, NODULE_LIMIT
from densesharp.resources import model_path

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ROOT / "docs/reference/evaluation.json"


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "Testing/benchmarks")
    return import_module("evaluation_blocks")


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    made: dict[str, Any] = json.loads(FIGURES.read_text(encoding="utf-8"))
    return made


def test_the_figures_are_of_the_bundled_model(figures: dict[str, Any]) -> None:
    bundled = load_model(model_path())
    named = {name: (part["model"], part["sha256"]) for name, part in figures.items()}
    assert named == dict.fromkeys(
        ("lidc", "limits", "places", "isolated", "balls", "simulated", "pictures"),
        (bundled.card.name, bundled.sha256),
    )
    performance = json.loads((ROOT / "docs/reference/performance.json").read_text(encoding="utf-8"))
    assert performance["precision"]["result"]["model"] == bundled.sha256


def test_pages_and_card_say_what_the_figures_say(
    blocks: ModuleType, figures: dict[str, Any]
) -> None:
    for page in blocks.PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        assert blocks.filled(text, figures) == text, f"{page} is not of these figures"
    assert load_model(model_path()).sha256 in (ROOT / blocks.PAGES[0]).read_text(encoding="utf-8")
    assert load_model(model_path()).card.evaluation == blocks.card_text(figures)


def test_limits_in_use_are_the_fitted_ones(figures: dict[str, Any]) -> None:
    found = figures["limits"]["result"]
    for name, digits in (("doubt", 3), ("interval", 2)):
        assert found[name]["used"] == round(found[name]["on_all"], digits)
    assert found["doubt"]["used"] == AGREEMENT_LIMIT
    # Lower than it might be: clicks in the middle of one reader's outline overlap less.
    assert found["nodule"]["used"] == NODULE_LIMIT < min(found["nodule"]["by_fold"])
    assert found["nodule"]["doubted"] <= 0.05 * found["nodule"]["n"]
    assert found["interval"]["used"] == READERS_DIFFER
    assert found["type"]["used"] == [list(weights) for weights in WEIGHTS.values()]
    assert np.array(found["type"]["on_all"]) == pytest.approx(
        np.array(found["type"]["used"]), abs=0.0006
    )


@pytest.mark.parametrize("name", ["dice", "reliability"])
def test_pictures_are_of_the_bundled_model(name: str) -> None:
    picture = ROOT / f"docs/images/evaluation-{name}.png"
    with Image.open(picture) as image:
        assert load_model(model_path()).sha256 in image.info["Description"]
    assert picture.stat().st_size < 60_000


def test_a_page_of_other_figures_is_told_apart(blocks: ModuleType, figures: dict[str, Any]) -> None:
    page = (ROOT / blocks.PAGES[0]).read_text(encoding="utf-8")
    other = json.loads(json.dumps(figures))
    other["lidc"]["sha256"] = "0" * 64
    other["balls"]["result"]["0.6"]["5"] += 0.1
    changed = blocks.filled(page, other)
    assert "0" * 64 in changed
    lines = set(changed.splitlines()) - set(page.splitlines())
    assert len(lines) == 2  # the model's, and that of the balls on slices of 0.6 mm


def test_every_mark_stands_once(blocks: ModuleType) -> None:
    text = "".join((ROOT / page).read_text(encoding="utf-8") for page in blocks.PAGES)
    for name in (*blocks.BLOCKS, *blocks.SENTENCES):
        assert text.count(f"<!-- evaluation:{name} -->") == 1
        assert text.count(f"<!-- /evaluation:{name} -->") == 1
