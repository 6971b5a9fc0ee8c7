"""A case of a reader study in the scene: what is shown, and that nothing else is there."""

from __future__ import annotations

import numpy as np
import pytest

from densesharp.image.grid import Grid
from densesharp.image.volume import Volume
from densesharp.study.conduct.reader_masks import make_mask
from nodule_answers import ball_mask


@pytest.fixture
def case(scene):
    from densesharp_scene.study_case import StudyCase

    grid = Grid((60, 60, 40), (-30.0, -30.0, -25.0), (1.0, 1.0, 1.25), np.eye(3))
    case = StudyCase(scene)
    case.show(Volume(np.full(grid.shape, -850, np.int16), grid), tuple(grid.center))
    return case


def test_the_model_s_outline_comes_and_goes(case):
    """A second look at the same outline brings nothing new; hidden means gone from the scene."""
    volume = Volume(np.full(case.grid.shape, -850, np.int16), case.grid)
    mask = ball_mask(volume, case.seed_lps, 5.0)
    nrrd = make_mask(mask, case.grid, case.seed_lps).nrrd
    segmentation = case.segmentation_node.GetSegmentation()
    assert case.show_model(nrrd)
    assert not case.show_model(nrrd)
    assert segmentation.GetSegment(case.model_id).GetName() == "Model"
    assert not case.show_model(None)
    assert segmentation.GetNumberOfSegments() == 0


@pytest.mark.parametrize("number", [1, 2])
def test_a_page_names_the_colour_that_the_scene_shows(case, number):
    from densesharp_scene import segments
    from densesharp_scene.study_case import outline_color

    segment_id = segments.add_segment(case.segmentation_node, "Outline", number)
    shown = case.segmentation_node.GetSegmentation().GetSegment(segment_id).GetColor()
    red, green, blue = (round(255 * value) for value in shown)
    assert outline_color(number) == f"rgb({red}, {green}, {blue})"


def test_the_window_of_a_ct_is_known_by_its_name(case):
    from densesharp_scene import views

    for name in views.WINDOWS:
        case.set_window(name)
        assert views.window_name(case.volume_node) == name
    case.volume_node.GetDisplayNode().SetWindowLevel(123, 45)
    assert views.window_name(case.volume_node) == ""


def test_the_ct_of_the_next_nodule_is_not_read_again(case, monkeypatch, tmp_path):
    read = []
    monkeypatch.setattr(
        "densesharp_scene.study_case.read_volume", lambda p: read.append(p) or p.name
    )
    first, second = tmp_path / "a.nrrd", tmp_path / "b.nrrd"
    assert [case.read(path) for path in (first, first, second, first)] == [
        "a.nrrd", "a.nrrd", "b.nrrd", "a.nrrd",
    ]  # fmt: skip
    assert read == [first, second, first]
