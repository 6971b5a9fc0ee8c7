"""Slicer's application core, a CT with one nodule, and a viewer in a process of its own."""

import pytest
from browser_page import CHROMIUM, Page
from viewer_helpers import Served, sphere_volume

SIZE = (400, 360)
"""Pixels of a view without a page."""

pytest.importorskip("trame_slicer", reason="the viewer is not installed (extra 'viewer')")


@pytest.fixture(scope="session", autouse=True)
def graphics():
    """The library that draws; without one VTK would end the whole test run."""
    from densesharp.errors import DeviceError
    from densesharp_viewer.graphics import prepare_graphics

    try:
        prepare_graphics()
    except DeviceError as error:
        pytest.skip(str(error))


@pytest.fixture
def ct_with_a_sphere():
    """(Volume, RAS of the middle of its bright sphere)."""
    return sphere_volume()


@pytest.fixture(scope="session")
def sphere_file(tmp_path_factory):
    """The same, turned by 12 degrees, as a file: (path, RAS of the middle)."""
    import SimpleITK

    volume, center = sphere_volume(turned=True)
    image = SimpleITK.GetImageFromArray(volume.array)
    image.SetSpacing(volume.grid.spacing.tolist())
    image.SetOrigin(volume.grid.origin.tolist())
    image.SetDirection(volume.grid.direction.ravel().tolist())
    path = tmp_path_factory.mktemp("ct") / "sphere.nrrd"
    SimpleITK.WriteImage(image, str(path))
    return path, center


@pytest.fixture(scope="session")
def slicer_app():
    """One application core for all tests of this folder; each test empties its scene."""
    from trame_slicer.core import SlicerApp

    app = SlicerApp()
    yield app
    app.io_manager.cache_dir.cleanup()


@pytest.fixture
def page(slicer_app):
    """What a session has told the page so far."""
    slicer_app.scene.Clear(False)
    return {}


@pytest.fixture
def session(slicer_app, page, tmp_path):
    """A session whose answers come from `AnsweringBackend`."""
    from densesharp_viewer.session import Session
    from nodule_answers import AnsweringBackend

    session = Session(slicer_app, AnsweringBackend(), page.update, tmp_path / "results")
    yield session
    session.close()


@pytest.fixture(scope="session")
def slice_views(slicer_app):
    """Axial, coronal and sagittal views that draw when told to; a second set would share nodes."""
    from trame_slicer.views import ViewProps
    from trame_slicer.views.render_scheduler import NoScheduleRendering

    from densesharp_viewer.views import LeanSliceView, quiet_vtk

    slicer_app.scene.Clear(False)
    views = {}
    for name in ("Axial", "Coronal", "Sagittal"):
        with quiet_vtk():
            view = LeanSliceView(
                slicer_app.scene,
                slicer_app.app_logic,
                f"Test{name}",
                scheduled_render_strategy=NoScheduleRendering(),
            )
        view.set_view_properties(ViewProps(orientation=name))
        view.update_size(*SIZE)
        view.render_window().SetSize(*SIZE)
        views[name.lower()] = view
    return views


@pytest.fixture
def shown(session, slice_views, ct_with_a_sphere):
    """The sphere's CT in all views, looking at the sphere; (session, views, RAS)."""
    from densesharp_scene import views as scene_views

    volume, center = ct_with_a_sphere
    session.open_volume(volume)
    scene_views.set_window(session.scan.volume_node, 1500, -600)
    for view in slice_views.values():
        view.set_background_volume_id(session.scan.volume_node.GetID())
        view.reset_view()
    scene_views.jump_to(session.scan.scene, center, centered=False)
    return session, slice_views, center


@pytest.fixture(scope="module")
def serve():
    """Starts viewers; all are stopped at the end of the module."""
    started = []

    def start(*arguments: str) -> Served:
        started.append(Served(*arguments))
        return started[-1]

    yield start
    for served in started:
        served.stop()


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--headless=new", "--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def served(serve, sphere_file, tmp_path_factory):
    """A viewer with a CT open."""
    return serve(str(tmp_path_factory.mktemp("results")), str(sphere_file[0]))


@pytest.fixture(scope="module")
def open_page(request, browser, served):
    """Its page, once for all tests of a module: to load it takes longer than most of them."""
    page = Page(browser, served.url, script=getattr(request.module, "SCRIPT", ""))
    page.wait("$('opened') && !$('busy')")
    yield page
    page.leave()
