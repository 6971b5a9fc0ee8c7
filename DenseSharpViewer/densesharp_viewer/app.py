"""Starts the viewer: one server, one page, one reader."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from densesharp.errors import ImageError
from densesharp.nodule.records import Seed
from densesharp.worklist import ListedCase

from . import demo
from .graphics import prepare_graphics
from .page_app import LOCAL, PageApp

DEFAULT_RESULTS = Path("densesharp-view")
"""In the working folder."""

SHOWN_S, UNSEEN_S = 1.0, 5.0
"""The model is loaded this long after the page has come, as its first pictures would wait for that,
or this long after the start when no page comes."""


def show(
    path: Path | None = None,
    *,
    port: int = 0,
    open_browser: bool = True,
    seed: Seed | None = None,
    results: Path | None = None,
    backend: Any = None,
    server: tuple[str, str] | None = None,
    dicom: Path | None = None,
    host: str = LOCAL,
    cases: Sequence[ListedCase] = (),
) -> int:
    """Open the viewer and serve it until it is closed.

    Args:
        path: image, DICOM folder or saved scene to open; None opens an empty viewer.
        port: to listen on; 0 takes a free one.
        open_browser: whether to open the page.
        seed: a first click, answered as soon as the CT is open (the demo).
        results: folder for saved files, in which each CT gets a folder named after the case; by
            default `densesharp-view` in the working folder. Only without it a saved scene that
            lies beside its results is saved there again.
        backend: what computes on this computer; the bundled model by default.
        server: address and key of a server that computes from the start instead.
        dicom: folder of the DICOM series that a saved scene's CT came from.
        host: address to listen on; anything but this computer needs a proxy with a log-in.
        cases: a worklist to go through, instead of `path`.

    Returns:
        The exit status, 0.

    Raises:
        DeviceError: nothing can draw, or the port is taken.
        ImageError: the file does not exist.
    """
    prepare_graphics()
    for given in (path, dicom):
        if given is not None and not given.exists():
            raise ImageError(f"'{given}' does not exist: check the path.")
    app = ViewerApp(path, results or DEFAULT_RESULTS, backend, host, port, cases)
    if seed is not None:
        demo.seed_when_open(app.viewer, seed)
    app.session.files.scene_dicom, app.session.files.told = dicom, results is not None
    if server is not None:
        app.session.compute.begin_with_server(*server)
    app.run(open_browser)
    return 0


class ViewerApp(PageApp):
    """The page with its uploads and downloads around one `Viewer`."""

    def __init__(
        self,
        path: Path | None,
        results: Path,
        backend: Any,
        host: str = LOCAL,
        port: int = 0,
        cases: Sequence[ListedCase] = (),
    ) -> None:
        from densesharp_scene.backend import LocalBackend

        from . import reader_name
        from .actions import Actions
        from .downloads import REPORTS, Downloads
        from .page import build_page, decorate_case_view
        from .uploads import Uploads
        from .viewer import Viewer

        super().__init__(
            "densesharp",
            "DenseSharp viewer",
            host,
            port,
            private=frozenset(REPORTS),
            leaving=lambda: self.viewer.away,
        )
        self._path = path
        self._warm_up: asyncio.TimerHandle | None = None
        self.viewer = Viewer(
            self.server, backend or LocalBackend(), results, decorate_case_view, cases
        )
        self.session = self.viewer.session
        self.viewer.set_reader(reader_name.known())
        self.viewer.on_reader = reader_name.remember
        self.on_trigger(Actions(self.viewer, self.viewer.say).run)
        self.uploads = Uploads(self.session.open_file, earlier=self.viewer.prior.open_file)
        self.session.on_replaced = self.uploads.keep
        files = self.session.files
        self.on_bind(self.uploads.install)
        self.on_bind(Downloads(lambda: files.results, lambda: files.reported).install)
        build_page(self.server, self.viewer.layout_manager)
        self.server.controller.on_client_connected.add(lambda **_: self._connected())

    def ready(self, loop: asyncio.AbstractEventLoop) -> None:
        """Open what was asked for, and load the model behind it."""
        self.viewer.attach(loop)
        if self._path is not None:
            self.session.open_file(self._path)
        self.viewer.reading.begin()
        self._warm_up = loop.call_later(UNSEEN_S, self.session.start)

    def _connected(self) -> None:
        """A page is there: the model comes after its first pictures."""
        self.viewer.set_away(False)
        loop, waits = asyncio.get_running_loop(), self._warm_up
        if waits is not None and waits.when() > loop.time():
            waits.cancel()
            self._warm_up = loop.call_later(SHOWN_S, self.session.start)

    def close(self) -> None:
        """Save what a worklist's case has, end the worker, and delete what was uploaded."""
        self.viewer.reading.close()
        self.viewer.prior.close()
        self.session.close()
        self.uploads.remove()
