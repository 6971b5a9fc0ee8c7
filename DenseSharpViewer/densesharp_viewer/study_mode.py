"""Study mode of the viewer: `densesharp study read` opens it for one reader of one study.

The same views and the same guard as the viewer, another page. No model is loaded here: what an
aided reading shows was computed before the study and is read from the study's folder when the
design allows it.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import webbrowser
from typing import Any

from densesharp.errors import DeviceError
from densesharp.study.conduct.reading_session import Reading

from .graphics import prepare_graphics

LOCAL = "127.0.0.1"


def serve(reading: Reading, *, port: int = 0, open_browser: bool = True, host: str = LOCAL) -> None:
    """Serve the reading page until the process is interrupted.

    Args:
        reading: the reader's reading.
        port: to listen on; 0 takes a free one.
        open_browser: whether to open the page.
        host: address to listen on; anything but this computer needs a proxy with a log-in.

    Raises:
        DeviceError: nothing can draw, or the address cannot be used.
    """
    prepare_graphics()
    StudyApp(reading, host, port or free_port(host)).run(open_browser)


class StudyApp:
    """The server with its page and guard around one `StudyViewer`."""

    def __init__(self, reading: Reading, host: str, port: int) -> None:
        from trame.app import get_server

        from . import launcher
        from .actions import TRIGGER
        from .page import decorate_view
        from .security import Guard, new_token
        from .study_actions import StudyActions
        from .study_page import build_study_page
        from .study_viewer import StudyViewer

        self.token = new_token()
        self._host, self._port = host, port
        self.server: Any = get_server("densesharp-study", client_type="vue3")
        self.viewer = StudyViewer(self.server, reading, decorate_view)
        self.actions = StudyActions(self.viewer)
        self.server.controller.trigger(TRIGGER)(self.actions.run)
        self.guard = Guard(self.token, (host, "localhost"), frozenset([TRIGGER]))
        self.guard.open_on(port)
        build_study_page(self.server, self.viewer.layout_manager)
        self.server.controller.on_server_bind.add(self.guard.install)
        self.server.controller.on_server_bind.add(launcher.install)

    @property
    def url(self) -> str:
        """The page's address with its token."""
        return f"http://{self._host}:{self._port}/?secret={self.token}"

    def run(self, open_browser: bool) -> None:
        """Serve until the process is interrupted."""
        self.server.controller.on_server_ready.add(lambda **_: self._ready(open_browser))
        # trame reads the command line of the process, which is ours and not meant for it.
        os.environ["TRAME_ARGS"] = ""
        os.environ["WSLINK_READY_MSG"] = ""
        self.server.cli.set_defaults(authKey=self.token, nowscompress=True)
        try:
            self.server.start(
                port=self._port,
                host=self._host,
                open_browser=False,
                show_connection_info=False,
                disable_logging=True,
                timeout=0,
            )
        finally:
            self.viewer.close()

    def _ready(self, open_browser: bool) -> None:
        self.viewer.attach(asyncio.get_running_loop())
        sys.stderr.write(f"DenseSharp study: {self.url}\n")
        sys.stderr.flush()
        if open_browser:
            webbrowser.open(self.url)


def free_port(host: str) -> int:
    """A port that nothing listens on.

    Raises:
        DeviceError: the address cannot be used.
    """
    with socket.socket() as probe:
        try:
            probe.bind((host, 0))
        except OSError as error:
            message = f"The study page cannot be served on '{host}': choose another address."
            raise DeviceError(message) from error
        return int(probe.getsockname()[1])
