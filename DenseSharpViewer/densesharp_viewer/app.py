"""Starts the viewer: one server, one page, one reader."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path
from typing import Any

from densesharp.errors import DeviceError, ImageError
from densesharp.nodule.records import Seed
from densesharp.resources import sample_truth

from .graphics import prepare_graphics

LOCAL = "127.0.0.1"

DEFAULT_RESULTS = Path("densesharp-view")
"""In the working folder."""


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

    Returns:
        The exit status, 0.

    Raises:
        DeviceError: nothing can draw, or the port is taken.
        ImageError: the file does not exist.
    """
    prepare_graphics()
    for given in (path, dicom):
        if given is not None and not given.exists():
            message = f"'{given}' does not exist: check the path."
            raise ImageError(message)
    app = ViewerApp(
        results=results or DEFAULT_RESULTS,
        backend=backend,
        host=host,
        port=port or _free_port(host),
    )
    if seed is not None:
        app.viewer.seed_when_open(seed, demo_hint())
    app.session.files.scene_dicom, app.session.files.told = dicom, results is not None
    if server is not None:
        app.session.compute.begin_with_server(*server)
    app.run(path, open_browser)
    return 0


class ViewerApp:
    """The server with its page, guard and uploads around one `Viewer`."""

    def __init__(self, results: Path, backend: Any, host: str, port: int) -> None:
        from trame.app import get_server

        from densesharp_scene.backend import LocalBackend

        from . import launcher, reader_name
        from .actions import TRIGGER, Actions
        from .downloads import REPORTS, Downloads
        from .page import build_page, decorate_case_view
        from .security import Guard, new_token
        from .uploads import Uploads
        from .viewer import Viewer

        self.token = new_token()
        self._host, self._port = host, port
        self._server = get_server("densesharp", client_type="vue3")
        self.viewer = Viewer(self._server, backend or LocalBackend(), results, decorate_case_view)
        self.session = self.viewer.session
        self.viewer.set_reader(reader_name.known())
        self.viewer.on_reader = reader_name.remember
        actions = Actions(self.viewer, self.viewer.say)
        self._server.controller.trigger(TRIGGER)(actions.run)
        self.guard = Guard(
            self.token,
            (host, "localhost"),
            frozenset([TRIGGER]),
            private=frozenset(REPORTS),
            leaving=lambda: self.viewer.away,
        )
        self.guard.open_on(port)
        self.uploads = Uploads(self.session.open_file)
        self.session.on_replaced = self.uploads.keep
        files = self.session.files
        downloads = Downloads(lambda: files.results, lambda: files.reported)
        build_page(self._server, self.viewer.layout_manager)
        self._server.controller.on_client_connected.add(lambda **_: self.viewer.set_away(False))
        self._server.controller.on_server_bind.add(self.guard.install)
        self._server.controller.on_server_bind.add(self.uploads.install)
        self._server.controller.on_server_bind.add(downloads.install)
        self._server.controller.on_server_bind.add(launcher.install)

    @property
    def url(self) -> str:
        """The page's address with its token."""
        return f"http://{self._host}:{self._port}/?secret={self.token}"

    def run(self, path: Path | None, open_browser: bool) -> None:
        """Serve until the process is interrupted."""
        self._server.controller.on_server_ready.add(lambda **_: self._ready(path, open_browser))
        # trame reads the command line of the process, which is ours and not meant for it.
        os.environ["TRAME_ARGS"] = ""
        os.environ["WSLINK_READY_MSG"] = ""
        self._server.cli.set_defaults(authKey=self.token, nowscompress=True)
        try:
            self._server.start(
                port=self._port,
                host=self._host,
                open_browser=False,
                show_connection_info=False,
                disable_logging=True,
                timeout=0,
            )
        finally:
            self.session.close()
            self.uploads.remove()

    def _ready(self, path: Path | None, open_browser: bool) -> None:
        self.viewer.attach(asyncio.get_running_loop())
        sys.stderr.write(f"DenseSharp viewer: {self.url}\n")
        if path is not None:
            self.session.open_file(path)
        self.session.start()
        if open_browser:
            import webbrowser

            webbrowser.open(self.url)


def demo_hint() -> str:
    """What a newcomer can do next on the sample CT: where its next nodule lies."""
    nodules = sample_truth()["nodules"]
    text = "A simulated CT with the answer to a first click."
    if len(nodules) > 1:
        left, _, height = nodules[1]["center_lps"]
        side = "left: at the right of the picture" if left > 0 else "right: at the left"
        text += (
            f" Another nodule lies in the axial slice at {height:.0f} mm, on the patient's {side}."
            " Press F, scroll there and click it."
        )
    return text + " Or drag the blue cross where the first was clicked. Press ? for all keys."


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        try:
            probe.bind((host, 0))
        except OSError as error:
            message = f"The viewer cannot listen on '{host}': choose another address."
            raise DeviceError(message) from error
        return int(probe.getsockname()[1])
