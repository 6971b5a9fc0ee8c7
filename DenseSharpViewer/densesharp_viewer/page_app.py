"""What every page is built on: one server, a token made at each start, and a guard at its door."""

import asyncio
import contextlib
import os
import socket
import sys
import webbrowser
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from aiohttp import web
from trame.app import get_server

from densesharp import stopping
from densesharp.errors import DeviceError

from . import launcher
from .security import TRIGGER, PageGuard, new_token

LOCAL = "127.0.0.1"


class PageApp(ABC):
    """One page for one reader on this computer.

    Args:
        name: of the server, one for each kind of page.
        title: what the terminal calls the page.
        host: address to listen on; anything but this computer needs a proxy with a log-in.
        port: to listen on; 0 takes a free one.
        private: paths that only the page may get.
        leaving: whether the page that is open may be about to be loaded anew.

    Raises:
        DeviceError: the address cannot be used.
    """

    def __init__(
        self,
        name: str,
        title: str,
        host: str,
        port: int,
        private: frozenset[str] = frozenset(),
        leaving: Callable[[], bool] = lambda: False,
    ) -> None:
        self._title, self._host, self._port = title, host, port or free_port(host)
        self.token = new_token()
        self.server: Any = get_server(name, client_type="vue3")
        self.guard = PageGuard(
            self.token, (host, "localhost"), frozenset([TRIGGER]), private=private, leaving=leaving
        )
        self.guard.open_on(self._port)
        self.on_bind(self.guard.install)
        self.on_bind(launcher.install)

    @abstractmethod
    def ready(self, loop: asyncio.AbstractEventLoop) -> None:
        """The server listens: use this loop for everything that comes later."""

    @abstractmethod
    def close(self) -> None:
        """The program ends."""

    @property
    def url(self) -> str:
        """The page's address with its token."""
        return f"http://{self._host}:{self._port}/?secret={self.token}"

    def on_bind(self, install: Callable[[Any], None]) -> None:
        """Add checks or routes before the server listens."""
        self.server.controller.on_server_bind.add(install)

    def on_trigger(self, run: Callable[..., None]) -> None:
        """The one door from the page."""
        self.server.controller.trigger(TRIGGER)(run)

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
            self.close()
        if stopping.asked():
            raise KeyboardInterrupt

    def _ready(self, open_browser: bool) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(unless_page_left)
        if stopping.begun():
            for number in stopping.SIGNALS:
                with contextlib.suppress(NotImplementedError):  # on Windows the loop is interrupted
                    loop.add_signal_handler(number, self._stop, number)
        self.ready(loop)
        sys.stderr.write(f"{self._title}: {self.url}\n")
        sys.stderr.flush()
        if open_browser:
            webbrowser.open(self.url)

    @staticmethod
    def _stop(number: int) -> None:
        """End as the web server does, but within seconds: between two events, not inside one."""
        stopping.ask(number)
        raise web.GracefulExit


def unless_page_left(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Tell of a fault that nobody caught, but for pictures sent as the page was closed."""
    if not isinstance(context.get("exception"), ConnectionResetError):
        loop.default_exception_handler(context)


def free_port(host: str) -> int:
    """A port that nothing listens on.

    Raises:
        DeviceError: the address cannot be used.
    """
    with socket.socket() as probe:
        try:
            probe.bind((host, 0))
        except OSError as error:
            message = f"The page cannot be served on '{host}': choose another address."
            raise DeviceError(message) from error
        return int(probe.getsockname()[1])
