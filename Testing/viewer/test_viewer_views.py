"""Views drawn without a screen and without a page: what is shown where, and what the mouse does."""

import ctypes
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from viewer_helpers import settle

SIZE = (400, 360)


def resize(view, width, height):
    """As the page tells it."""
    from densesharp_viewer.views import quiet_vtk

    view.update_size(width, height)
    view.render_window().SetSize(width, height)
    with quiet_vtk():
        view.interactor().InvokeEvent("WindowResizeEvent")


@pytest.mark.parametrize("name", ["axial", "coronal", "sagittal"])
def test_a_view_that_shows_the_whole_ct_does_so_in_every_size(shown, name):
    """The page opens after the CT, layouts change: the fit is for the size that is there now."""
    _, views, _ = shown
    view = views[name]
    before = view.get_slice_value()
    fields = {}
    for size in ((800, 500), (300, 620), (1200, 240), SIZE):
        resize(view, *size)
        fields[size] = view.get_view_node().GetFieldOfView()[:2]
        assert view.get_slice_value() == pytest.approx(before)
        view.fit_view_to_content()
        np.testing.assert_allclose(fields[size], view.get_view_node().GetFieldOfView()[:2])
        view.set_slice_value(before)


def test_a_view_that_was_zoomed_or_moved_keeps_its_zoom(shown):
    session, views, center = shown
    from densesharp_scene import views as scene_views

    view = views["axial"]
    scene_views.jump_to(session.scan.scene, center, centered=True)
    wide = view.get_view_node().GetFieldOfView()[0]
    resize(view, 2 * SIZE[0], SIZE[1])
    assert view.get_view_node().GetFieldOfView()[0] == pytest.approx(2 * wide)  # mm per pixel
    resize(view, *SIZE)
    view.reset_view()
    node = view.get_view_node()
    wide, high, deep = node.GetFieldOfView()
    node.SetFieldOfView(wide / 3, high / 3, deep)
    resize(view, 2 * SIZE[0], SIZE[1])
    assert node.GetFieldOfView()[0] == pytest.approx(2 * wide / 3)
    resize(view, *SIZE)


def draw(view) -> np.ndarray:
    """The view as (rows, columns, 3) bytes, first row at the bottom."""
    import vtk
    from vtk.util.numpy_support import vtk_to_numpy

    view.render()
    grab = vtk.vtkWindowToImageFilter()
    grab.SetInput(view.render_window())
    grab.ReadFrontBufferOff()
    grab.ShouldRerenderOff()
    grab.Update()
    image = grab.GetOutput()
    columns, rows, _ = image.GetDimensions()
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(rows, columns, 3).copy()


def pixel_of(view, ras) -> np.ndarray:
    """Where a world point is drawn, by the view's own matrix."""
    import vtk

    inverse = vtk.vtkMatrix4x4()
    vtk.vtkMatrix4x4.Invert(view.get_view_node().GetXYToRAS(), inverse)
    return np.array(inverse.MultiplyPoint((*ras, 1.0))[:2])


@pytest.mark.parametrize("name", ["axial", "coronal", "sagittal"])
def test_the_sphere_is_drawn_where_the_matrix_says(shown, name):
    """The bright disc's middle lies within a pixel of the sphere's place."""
    _, views, center = shown
    picture = draw(views[name]).mean(axis=-1)
    y, x = np.nonzero(picture > 190)
    assert len(x) > 300
    np.testing.assert_allclose([x.mean(), y.mean()], pixel_of(views[name], center), atol=1.0)


def coloured(picture) -> int:
    """Pixels that are no grey: outline and seed."""
    spread = picture.max(axis=-1).astype(int) - picture.min(axis=-1)
    return int((spread > 60).sum())


def test_an_outline_appears_in_every_plane(shown):
    session, views, center = shown
    assert all(coloured(draw(view)) == 0 for view in views.values())
    session.click(center)
    settle(session)
    assert all(coloured(draw(view)) > 20 for view in views.values())


def test_a_new_window_changes_the_picture(shown):
    from densesharp_scene import views as scene_views

    session, views, _ = shown
    before = draw(views["axial"]).mean()
    scene_views.set_window(session.scan.volume_node, 400, 40)
    assert draw(views["axial"]).mean() < before - 20


class Target:
    """Remembers what the mouse asked for."""

    def __init__(self, tool: str) -> None:
        self.tool, self.brush_radius_mm = tool, 3.0
        self.clicks, self.strokes, self.ends, self.releases, self.points = [], [], 0, 0, []

    def clicked(self, ras):
        self.clicks.append(ras)

    def stroke(self, start, end, normal):
        self.strokes.append((start, end, normal))

    def stroke_ended(self):
        self.ends += 1

    def seed_released(self):
        self.releases += 1

    def pointed(self, ras):
        self.points.append(ras)


def mouse(view, event: str, x: float, y: float, shift: bool = False) -> None:
    interactor = view.interactor()
    interactor.SetEventInformation(round(x), round(y), 0, int(shift))
    interactor.InvokeEvent(event)


def press(view, x: float, y: float, *moves: float, end: float | None = None, shift=False) -> None:
    """Press the left button, move it along x, and let it go: at `end`, or where it is."""
    mouse(view, "LeftButtonPressEvent", x, y, shift)
    for at in moves:
        mouse(view, "MouseMoveEvent", at, y, shift)
    last = end if end is not None else moves[-1] if moves else x
    mouse(view, "LeftButtonReleaseEvent", last, y, shift)


@pytest.fixture
def watch():
    """Watches a view's mouse for one test: each stops events from reaching the next."""
    from densesharp_viewer.mouse import SliceMouse

    watching = []

    def begin(view, target) -> None:
        watching.append((view, SliceMouse(view, target)))

    yield begin
    for view, mouse_of_view in watching:
        for tag in mouse_of_view._tags.values():
            view.interactor().RemoveObserver(tag)


def test_shift_and_move_point_without_a_click(shown, watch):
    _, views, center = shown
    target = Target("seed")
    watch(views["axial"], target)
    x, y = pixel_of(views["axial"], center) + 0.5
    mouse(views["axial"], "MouseMoveEvent", x, y)
    assert target.points == []
    mouse(views["axial"], "MouseMoveEvent", x, y, shift=True)
    (ras,) = target.points
    assert np.linalg.norm(ras - center) < 0.6
    press(views["axial"], x, y, x + 9, shift=True)
    assert (len(target.points), target.clicks) == (1, [])


@pytest.mark.parametrize("name", ["axial", "coronal", "sagittal"])
def test_a_click_gives_the_point_in_the_plane(shown, name, watch):
    _, views, center = shown
    target = Target("seed")
    watch(views[name], target)
    x, y = pixel_of(views[name], center) + 0.5
    press(views[name], x, y)
    (ras,) = target.clicks
    assert np.linalg.norm(ras - center) < 0.6


@pytest.mark.parametrize(("tool", "shift"), [("move", False), ("seed", True)])
def test_clicks_that_mean_something_else_place_nothing(shown, tool, shift, watch):
    _, views, _ = shown
    target = Target(tool)
    watch(views["axial"], target)
    press(views["axial"], 100, 100, shift=shift)
    assert (target.clicks, target.strokes) == ([], [])


def test_a_drag_is_no_click_and_looks_for_moved_seeds(shown, watch):
    _, views, _ = shown
    target = Target("seed")
    watch(views["axial"], target)
    press(views["axial"], 100, 100, 120)
    assert target.clicks == []
    assert target.releases == 1


def heard_by_slicer(view) -> list[tuple[str, tuple[int, int]]]:
    """What Slicer's own handling gets of the button, and where."""
    heard: list[tuple[str, tuple[int, int]]] = []
    for event in ("LeftButtonPressEvent", "LeftButtonReleaseEvent"):
        view.interactor().AddObserver(
            event, lambda own, name: heard.append((name, own.GetEventPosition())), 10.0
        )
    return heard


def test_slicer_hears_of_a_drag_from_its_begin_and_of_no_click(shown, watch):
    _, views, _ = shown
    watch(views["axial"], Target("seed"))
    heard = heard_by_slicer(views["axial"])
    press(views["axial"], 100, 100, 102)
    assert heard == []
    press(views["axial"], 100, 100, 102, 110, 120)
    assert heard == [
        ("LeftButtonPressEvent", (100, 100)),
        ("LeftButtonReleaseEvent", (120, 100)),
    ]


def test_a_stroke_is_one_unbroken_line(shown, watch):
    _, views, _ = shown
    target = Target("paint")
    watch(views["axial"], target)
    press(views["axial"], 100, 100, 110, 130, 140)
    assert target.ends == 1
    ends = [end for _, end, _ in target.strokes[:-1]]
    starts = [start for start, _, _ in target.strokes[1:]]
    np.testing.assert_array_equal(ends, starts)
    np.testing.assert_allclose(np.abs(target.strokes[0][2]), (0, 0, 1), atol=1e-9)


def test_a_drag_ends_where_the_button_was_released(shown, watch):
    """A busy page leaves out the last moves, or all of them."""
    _, views, _ = shown
    target = Target("paint")
    watch(views["axial"], target)
    press(views["axial"], 100, 100, 110, end=150)
    along = np.array([end - target.strokes[0][0] for _, end, _ in target.strokes[1:]])
    np.testing.assert_allclose(along[-1], 5 * along[0], atol=1e-6)
    target.tool = "seed"
    heard = heard_by_slicer(views["axial"])
    press(views["axial"], 100, 100, end=120)
    assert heard[0] == ("LeftButtonPressEvent", (100, 100))
    assert heard[-1] == ("LeftButtonReleaseEvent", (120, 100))
    assert target.releases == 1


@pytest.mark.parametrize(
    ("direction", "letters"),
    [((1, 0, 0), "R"), ((0, -1, 0), "P"), ((0, 0, 1), "S"), ((-0.8, 0.6, 0), "LA")],
)
def test_side_letters(direction, letters):
    from densesharp_viewer.corner_annotations import direction_letters

    assert direction_letters(direction) == letters


def test_without_a_graphics_library_one_sentence_names_the_package(monkeypatch):
    """VTK would end the process without a word."""
    from densesharp.errors import DeviceError
    from densesharp_viewer import graphics

    def missing(name):
        raise OSError(name)

    monkeypatch.delenv("VTK_DEFAULT_OPENGL_WINDOW", raising=False)
    monkeypatch.setattr(ctypes, "CDLL", missing)
    monkeypatch.setattr(graphics.sys, "platform", "linux")
    with pytest.raises(DeviceError, match="libegl1 libgl1-mesa-dri"):
        graphics.prepare_graphics()


def test_the_command_ends_with_that_sentence_and_no_crash(tmp_path):
    """A computer without any of the libraries: they cannot be loaded in this process."""
    (tmp_path / "sitecustomize.py").write_text(
        "import ctypes\n"
        "load = ctypes.CDLL.__init__\n"
        "def init(self, name=None, *args, **kwargs):\n"
        "    if name and ('EGL' in str(name) or 'OSMesa' in str(name)):\n"
        "        raise OSError(f'{name}: cannot open shared object file')\n"
        "    load(self, name, *args, **kwargs)\n"
        "ctypes.CDLL.__init__ = init\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "VTK_DEFAULT_OPENGL_WINDOW"}
    ended = subprocess.run(
        [sys.executable, "-m", "densesharp", "view", "--no-browser"],
        capture_output=True, text=True, timeout=60, cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert ended.returncode == 2
    starting, line = ended.stderr.strip().splitlines()
    assert "Stop it with Ctrl + C" in starting
    assert "apt-get install libegl1 libgl1-mesa-dri" in line
    assert not (tmp_path / "densesharp-view").exists()


@pytest.mark.parametrize(
    ("pointed", "drawn"),
    [
        (None, ["axial", "coronal"]),
        ("axial", ["axial", "later", "coronal"]),
        ("coronal", ["coronal", "later", "axial"]),
    ],
)
def test_the_view_under_the_pointer_is_drawn_before_the_others(pointed, drawn):
    from trame_slicer.views import AbstractView, ScheduledRenderStrategy

    from densesharp_viewer.views import draw_in_turn

    seen, waiting = [], []

    class Draws(ScheduledRenderStrategy):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def schedule_render(self) -> None:
            seen.append(self.name)

    named = {name: AbstractView(Draws(name)) for name in ("axial", "coronal")}
    draw_in_turn(named, lambda: pointed, lambda: False, lambda run, _seconds: waiting.append(run))
    for _ in range(2):  # asked twice, drawn later once
        for name in named:
            if name != pointed or name not in seen:
                named[name].schedule_render()
    if waiting:
        seen.append("later")
    for run in waiting:
        run()
    assert seen[: len(drawn)] == drawn
    assert len(waiting) == len(drawn) - 2


@pytest.mark.parametrize(("awaited_s", "drawn_s"), [(0.0, 0.03), (0.2, 0.24), (60.0, 1.05)])
def test_other_views_wait_for_what_a_reader_waits_for(monkeypatch, awaited_s, drawn_s):
    """A second at most; once it is there, its own picture goes out first."""
    from trame_slicer.views import AbstractView, ScheduledRenderStrategy

    from densesharp_viewer import views

    clock = SimpleNamespace(now=100.0)
    drawn, waiting = [], []

    class Draws(ScheduledRenderStrategy):
        def schedule_render(self) -> None:
            drawn.append(clock.now - 100)

    monkeypatch.setattr(views, "time", SimpleNamespace(monotonic=lambda: clock.now))
    view = AbstractView(Draws())
    views.draw_in_turn(
        {"coronal": view},
        lambda: "axial",
        lambda: clock.now - 100 < awaited_s,
        lambda run, seconds: waiting.append((clock.now + seconds, run)),
    )
    view.schedule_render()
    view.schedule_render()
    while waiting:
        clock.now, run = waiting.pop(0)
        run()
    assert len(drawn) == 1
    assert drawn[0] == pytest.approx(drawn_s, abs=0.035)


def test_making_a_view_draws_nothing(slicer_app):
    from trame_slicer.rca_view import RemoteViewFactory

    from densesharp_viewer import views

    made: list[RemoteViewFactory] = []

    class Manager:
        register_factory = made.append

    class App:
        view_manager = Manager()

    views.register_views(App(), None)
    for factory, name in zip(made, ("TestQuiet", "TestQuiet3D"), strict=True):
        with views.quiet_vtk():
            view = factory._view_ctor(
                scene=slicer_app.scene, app_logic=slicer_app.app_logic, name=name
            )
        assert view.render_window().GetNeverRendered()
        view.schedule_render()
        assert view.render_window().GetNeverRendered()
