"""A press of the button is about the picture that it was made on, whatever the view shows then."""

from dataclasses import replace

import numpy as np
import pytest
from test_viewer_views import Target, mouse, watch  # noqa: F401 - a fixture

from densesharp_viewer.pictures import KEPT


class LateTarget(Target):
    """Remembers what came too late as well."""

    late = 0

    def pressed_too_late(self):
        self.late += 1


@pytest.fixture
def axial(shown, watch):  # noqa: F811
    """(the axial view, who is told of its mouse) with the seed as tool."""
    _, views, _ = shown
    view, target = views["axial"], LateTarget("seed")
    view.pictures.pressed_on = 0
    watch(view, target)
    yield view, target
    view.pictures.pressed_on = 0
    mouse(view, "LeaveEvent", 1, 1)  # the ring of the brush goes


def click(view, x: float, y: float) -> None:
    mouse(view, "LeftButtonPressEvent", x, y)
    mouse(view, "LeftButtonReleaseEvent", x, y)


def test_a_click_and_a_stroke_lie_in_the_slice_that_was_seen(axial):
    view, target = axial
    click(view, 150, 150)
    view.pictures.pressed_on = view.pictures.drawn()
    view.set_slice_value(view.get_slice_value() + 4 * view.get_slice_step())
    click(view, 150, 150)
    first, second = target.clicks
    np.testing.assert_allclose(second, first, atol=1e-9)
    target.tool = "paint"
    mouse(view, "LeftButtonPressEvent", 150, 150)
    mouse(view, "MouseMoveEvent", 160, 150)
    mouse(view, "LeftButtonReleaseEvent", 160, 150)
    (start, _, normal), (_, end, _) = target.strokes
    np.testing.assert_allclose(start, first, atol=1e-9)
    assert (end - start) @ normal == pytest.approx(0, abs=1e-9)
    matrix = view.get_view_node().GetSliceToRAS()
    across = [matrix.GetElement(row, 2) for row in range(3)]
    assert abs(normal @ across) == pytest.approx(1)


@pytest.mark.parametrize("change", ["case", "size"])
def test_a_press_on_what_the_view_shows_no_more_does_nothing(axial, change):
    view, target = axial
    view.pictures.pressed_on = view.pictures.drawn()
    if change == "case":
        view.pictures.another_case()
    else:
        view.pictures._kept[-1] = replace(view.pictures._kept[-1], size=(340, 360))
    for tool in ("seed", "paint"):
        target.tool = tool
        mouse(view, "LeftButtonPressEvent", 150, 150)
        mouse(view, "MouseMoveEvent", 170, 150)
        mouse(view, "LeftButtonReleaseEvent", 170, 150)
    assert (target.clicks, target.strokes, target.releases, target.late) == ([], [], 0, 2)
    view.pictures.pressed_on = view.pictures.drawn()
    target.tool = "seed"
    click(view, 150, 150)
    assert len(target.clicks) == 1, "the next press is about a new picture"


def test_a_press_on_a_picture_that_is_forgotten_does_nothing(axial):
    view, target = axial
    view.pictures.pressed_on = view.pictures.drawn()
    view.set_slice_value(view.get_slice_value() + 4 * view.get_slice_step())
    for _ in range(KEPT):
        view.pictures.drawn()
    click(view, 150, 150)
    assert (target.clicks, target.late) == ([], 1)
