"""Where a benchmark clicks, and what it keeps of it, on cubes made here."""

from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy import ndimage

from densesharp.image.grid import Grid
from densesharp.image.volume import Volume

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def clicks(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "Testing/benchmarks")
    return import_module("clicks")


def chest() -> tuple[Volume, np.ndarray]:
    """Lung with a nodule of 10 mm, a vessel along k 15 mm beside it, a wall at the cube's side."""
    hu = np.full((51, 51, 51), -850.0)
    k, j, i = np.indices(hu.shape)
    nodule = (k - 25) ** 2 + (j - 25) ** 2 + (i - 25) ** 2 < 25
    vessel = (j - 25) ** 2 + (i - 40) ** 2 < 5
    wall = j > 41
    hu[nodule | vessel | wall] = 40
    grid = Grid((51, 51, 51), np.full(3, -25.0), np.ones(3), np.eye(3))
    return Volume(ndimage.gaussian_filter(hu, 0.7).astype(np.int16), grid), nodule


def test_vessels_and_walls_are_found_by_density_alone(clicks: ModuleType) -> None:
    ct, nodule = chest()
    found = clicks._possible(ct, nodule)
    away = ndimage.distance_transform_edt(~nodule)
    for kind, column in (("vessel", 2), ("wall", 1)):
        places = np.argwhere(found[kind])
        assert len(places), kind
        assert away[found[kind]].min() > 6
        assert places.min() >= 8
        assert places.max() <= 42
        expected = 40 if kind == "vessel" else 42
        assert places[:, column] == pytest.approx(expected, abs=2)
    assert not (found["vessel"] & found["wall"]).any()


def test_volume_above_half_density_is_that_of_the_ball(clicks: ModuleType) -> None:
    ct, nodule = chest()
    assert clicks.above_half(ct, nodule) == pytest.approx(nodule.sum(), rel=0.06)
    touching = np.copy(ct.array)
    touching[25, 25, 25:41] = 40
    assert clicks.above_half(Volume(touching, ct.grid), nodule) is None


def test_what_was_found_is_not_run_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clicks: ModuleType
) -> None:
    kept = import_module("kept")
    ran = []

    def run(name: str) -> str:
        if name == "c" and len(ran) == 2:
            raise KeyboardInterrupt
        ran.append(name)
        return name.upper()

    with pytest.raises(KeyboardInterrupt):
        kept.each(tmp_path, ["a", "b", "c"], run)
    ran.append("interrupted")
    assert kept.each(tmp_path, ["a", "b", "c"], run) == ["A", "B", "C"]
    assert ran == ["a", "b", "interrupted", "c"]
    monkeypatch.setattr(kept, "digest", lambda: "another program")
    assert kept.each(tmp_path, ["a"], run) == ["A"]
    assert ran[-1] == "a"
