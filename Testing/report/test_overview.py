"""The overview picture: every statement a reader needs is on it, and nothing a refusal forbids."""

import dataclasses

import matplotlib.colors
import matplotlib.image
import matplotlib.text
import numpy as np
import pytest

from densesharp.image.volume import Notice
from densesharp.nodule.pipeline import analyse
from densesharp.nodule.records import CLASS_NAMES, NoduleResult, Seed
from densesharp.nodule.settings import AnalysisSettings
from densesharp.report.labels import VERDICT_WORDS, measurement_rows
from densesharp.report.overview import draw_overview, write_overview
from densesharp.report.pictures import OUTLINE, class_rows
from phantoms import ThresholdEngine, grid_around, smooth_ball

CENTER = np.array([15.0, 10.0, -30.0])


@pytest.fixture(scope="module")
def a_ct():
    return smooth_ball(grid_around(CENTER, (70, 70, 50), (0.8, 0.8, 1.0), np.eye(3)), CENTER, 5.0)


@pytest.fixture(scope="module")
def a_result(a_ct) -> NoduleResult:
    return analyse(
        a_ct, Seed(CENTER), ThresholdEngine(-425), settings=AnalysisSettings(2, stability=True)
    )


def words_on(figure) -> str:
    texts = [text.get_text() for text in figure.findobj(match=matplotlib.text.Text)]
    return " | ".join(texts).replace("\n", " ")


def test_everything_a_reader_needs_is_on_the_picture(a_ct, a_result):
    words = words_on(draw_overview(a_result, a_ct, "Model A", "simulated nodules only"))
    for expected in ("Axial", "Coronal", "Sagittal", "10 mm", "solid", "Fleischner", "Lung-RADS",
                     "mm³", "HU", "mg", "Type", "clicks moved by 3 mm", *CLASS_NAMES, "MIA or IAC",
                     "SD over 2 runs, not how often",
                     f"predicted {a_result.predicted_class}", VERDICT_WORDS[a_result.verdict],
                     "Model A, trained on simulated nodules only",
                     "Research use only, not for diagnosis."):  # fmt: skip
        assert expected in words, expected


def test_a_refused_result_shows_its_reason_and_no_class(a_ct, a_result):
    notice = Notice("x", "The outline is too small to mean anything.", "refused")
    refused = dataclasses.replace(a_result, verdict="refused", notices=(notice,))
    words = words_on(draw_overview(refused, a_ct, "Model A", "nothing"))
    assert VERDICT_WORDS["refused"] in words
    assert "too small to mean anything." in words
    assert "the answer is refused" in words
    assert "Long axis" not in words
    assert "±" not in words
    assert "predicted" not in words
    assert "MIA or IAC" not in words


def test_a_result_without_an_outline_can_be_drawn(tmp_path, a_ct, a_result):
    empty = dataclasses.replace(
        a_result, class_probabilities=None, measurements=None, mask=None, prediction=None,
        uncertainty=None, stability=None, verdict="refused",
    )  # fmt: skip
    write_overview(tmp_path / "empty.png", empty, a_ct, "Model A", "nothing")
    assert matplotlib.image.imread(tmp_path / "empty.png").shape[:2] == (920, 1500)
    assert measurement_rows(empty) == ()


def test_the_outline_is_drawn_in_all_three_planes(tmp_path, a_ct, a_result):
    """Pixels of the outline's colour, in each of the three upper pictures."""
    path = tmp_path / "overview.png"
    write_overview(path, a_result, a_ct, "Model A", "nothing")
    image = matplotlib.image.imread(path)[..., :3]
    colour = np.array(matplotlib.colors.to_rgb(OUTLINE))
    drawn = np.abs(image - colour).max(axis=-1) < 0.15
    rows = slice(int(0.145 * 920), int(0.525 * 920))
    for column in range(3):
        left = int((0.025 + 0.242 * column) * 1500)
        assert drawn[rows, left : left + 348].sum() > 100


def test_bars_show_the_spread_where_it_is_known(a_result):
    rows = class_rows(a_result)
    assert [name for name, *_ in rows] == [*CLASS_NAMES, "MIA or IAC", "IAC alone"]
    assert rows[3][1] == pytest.approx(a_result.probability_invasive)
    assert all(deviation is not None for _, _, deviation, _ in rows)
    single = dataclasses.replace(a_result, uncertainty=None)
    assert all(deviation is None for _, _, deviation, _ in class_rows(single))
    rows = [{row.key: row.text for row in measurement_rows(each)} for each in (a_result, single)]
    assert ["±" in row["volume"] for row in rows] == [True, False]
