"""A case of a reader study in the scene: what is shown, and that nothing else is there."""

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


def a_slice_view(case):
    return case.scene.AddNewNodeByClass("vtkMRMLSliceNode")  # axial to begin with


def test_a_fixed_hanging_undoes_what_changes_window_and_zoom(case):
    display = case.volume_node.GetDisplayNode()
    view = a_slice_view(case)
    case.hold()
    assert case.look()["window_hu"] == 1500
    for change in (
        lambda: case.set_window("mediastinum"),
        lambda: display.SetWindowLevel(900, 0),
        lambda: display.SetLevel(-300),
    ):
        change()
        assert (display.GetWindow(), display.GetLevel()) == (1500, -600)
    view.SetFieldOfView(40, 30, 1)
    across, up, _ = view.GetFieldOfView()
    assert (across, up / across) == (pytest.approx(120), pytest.approx(0.75))
    case.clear()
    view.SetFieldOfView(40, 30, 1)
    assert view.GetFieldOfView()[0] == 40, "between cases nothing is held"


def test_window_and_zoom_are_told_as_they_are(case):
    a_slice_view(case).SetFieldOfView(87.5, 50, 1)
    case.set_window("bone")
    assert case.look() == {"window_hu": 1800, "level_hu": 400, "axial_mm": 87.5}
    case.clear()
    assert case.look() == {}
