"""Side, level and slice of a place in a chest made of an ellipse with two lungs."""

import gc
import weakref

import numpy as np
import pytest

from densesharp.image.grid import Grid
from densesharp.image.volume import Volume
from densesharp.nodule import place
from densesharp.nodule.place import place_of

MIDDLE = np.array([12.0, -40.0, 300.0])
"""LPS mm of the body's middle, half-way up the lungs; patients seldom lie in the middle."""

LUNGS_MM = 240.0
STRAIGHT = np.eye(3)


def chest(direction=STRAIGHT, spacing=(2.0, 2.0, 4.0), shown=slice(None)):
    """A body of 340 x 220 mm with lungs 240 mm high, trachea above them and air around.

    Args:
        direction: of the CT's axes.
        spacing: mm.
        shown: the part along i that is kept, as of one lung.
    """
    size = np.array([200, 150, 90])
    affine = direction * spacing
    origin = MIDDLE - affine @ ((size - 1) / 2)
    k, j, i = np.indices(tuple(size[::-1]))
    lps = np.stack([i, j, k], axis=-1) @ affine.T + origin
    x, y, z = np.moveaxis(lps - MIDDLE, -1, 0)
    array = np.where((x / 170) ** 2 + (y / 110) ** 2 <= 1, 40, -1000)
    for side in (-1, 1):
        lung = ((x - side * 85) / 65) ** 2 + (y / 85) ** 2 <= 1
        array[lung & (np.abs(z) <= LUNGS_MM / 2)] = -850
    array[(x**2 + (y - 20) ** 2 <= 10**2) & (z > LUNGS_MM / 2)] = -1000  # the trachea
    array = array[:, :, shown]
    begin = (shown.start or 0) * affine[:, 0]
    grid = Grid(array.shape[::-1], origin + begin, np.array(spacing), direction)
    return Volume(array.astype(np.int16), grid)


@pytest.mark.parametrize(
    ("beside", "height", "side", "level"),
    [
        ((-85, 0), 100, "right", "upper"),
        ((85, 0), 100, "left", "upper"),
        ((85, 20), 0, "left", "middle"),
        ((-60, -20), -100, "right", "lower"),
        ((-85, 0), 45, "right", "upper"),  # the border of the thirds lies 40 mm above the middle
        ((-85, 0), 33, "right", "middle"),
        ((2, 60), 0, "", "middle"),  # at the midline
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_side_and_level(beside, height, side, level, turned):
    direction = np.diag([-1.0, -1.0, -1.0]) if turned else np.eye(3)
    found = place_of(chest(direction), MIDDLE + (*beside, height))
    assert (found.side, found.level) == (side, level)


def test_the_slice_is_counted_from_the_feet_whichever_way_the_ct_is_stored():
    """Slices of 4 mm, 90 of them; the middle lies between the 45th and the 46th."""
    for direction in (np.eye(3), np.diag([1.0, 1.0, -1.0])):
        found = place_of(chest(direction), MIDDLE + (0, 0, 30))
        assert (found.slice, found.slices) == (53, 90)


def test_other_axes_give_the_same():
    """Coronal slices: i to the left, j to the head, k to the front."""
    direction = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
    volume = chest()
    array = volume.array.transpose(1, 0, 2)[::-1]
    spacing = volume.grid.spacing[[0, 2, 1]]
    corner = volume.grid.to_world((0, volume.grid.size[1] - 1, 0))
    grid = Grid(array.shape[::-1], corner, spacing, direction)
    turned = Volume(np.ascontiguousarray(array), grid)
    point = MIDDLE + (-85, 0, 100)
    assert place_of(turned, point) == place_of(volume, point)


def test_a_ct_is_looked_at_once_as_long_as_it_is_in_use(monkeypatch):
    looked = []
    look = place._chest_of
    monkeypatch.setattr(place, "_chest_of", lambda ct: looked.append(ct.grid.size) or look(ct))
    volume = chest()
    sides = [place_of(volume, MIDDLE + (x, 0, 0)).side for x in (-85, 85)]
    other = place_of(chest(shown=slice(100, 200)), MIDDLE + (85, 0, 0))
    assert (sides, other.side) == (["right", "left"], "")
    assert looked == [(200, 150, 90), (100, 150, 90)]
    held = weakref.ref(volume)
    del volume
    gc.collect()
    assert held() is None


def test_a_ct_of_one_lung_has_no_side():
    """The middle of what is shown lies in the lung: calling one half of it left would be wrong."""
    volume = chest(shown=slice(100, 200))
    for beside in (50, 120):
        assert place_of(volume, MIDDLE + (beside, 0, 0)).side == ""


def test_a_piece_of_a_chest_has_neither_side_nor_level():
    volume = chest(shown=slice(120, 160))
    small = Volume(volume.array[40:56, 60:90], volume.grid.crop((0, 60, 40), (40, 30, 16)))
    found = place_of(small, small.grid.center)
    assert (found.side, found.level, found.slices) == ("", "", 16)


def test_the_report_names_the_place_of_the_outline_and_never_that_of_the_click():
    from dataclasses import replace

    from densesharp.nodule.records import Seed
    from densesharp.report.labels import report_sentence
    from nodule_answers import answer

    volume = chest()
    seed = Seed(MIDDLE + (85, 0, 100))
    result = answer(volume, seed)
    center = MIDDLE + (-85, 10, -100)
    moved = replace(result, center_lps=tuple(center), place=place_of(volume, center), name="RLL")
    assert report_sentence(moved).startswith(
        "RLL at RAS (73, 30, 200) mm, right lung, lower third of the imaged lung, "
        "slice 21 of 90 from the feet: "
    )
