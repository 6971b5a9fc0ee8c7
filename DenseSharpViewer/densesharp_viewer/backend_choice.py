"""Chooses what computes: this computer or a server, tried before it is used."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np

from densesharp_scene.server_backend import ServerBackend
from densesharp_scene.worker import Event, Task

if TYPE_CHECKING:
    from .session import Session

KEY = "backend"


class Compute:
    """Tests and changes the session's backend.

    Args:
        session: whose backend is changed.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._local = session.backend

    def test_server(self, address: str, key: str) -> None:
        """Ask a server for its model and run it once; what is in use stays."""
        backend = self._server(address, key)

        def run(task: Task) -> float:
            engine = backend.open(task.progress)
            begin = time.perf_counter()
            engine.run(np.zeros((1, 32, 32, 32), dtype=np.float32))
            return 1e3 * (time.perf_counter() - begin)

        def answered(event: Event) -> None:
            if event.kind == "done":
                text = f"It works: {backend.model}, {backend.device}, {event.value:.0f} ms."
                self._tell("ok", text + _in_the_clear(address))
            else:
                self._not_done(event)

        self._session.jobs.submit(run, answered, key=KEY, quiet=True)

    def use_server(self, address: str, key: str) -> None:
        """Compute on a server from now on, if it answers. Its key is kept in memory only."""
        self._use(self._server(address, key))

    def begin_with_server(self, address: str, key: str) -> None:
        """Have a server compute from the start, so that no model needs to be loaded here."""
        self._session.backend = self._server(address, key)
        self._tell("info", "")

    def use_local(self) -> None:
        """Compute on this computer from now on."""
        self._tell("info", "Loading the model …")
        self._use(self._local)

    def _server(self, address: str, key: str) -> ServerBackend:
        self._session.publish({"server": address})
        self._tell("info", "Asking the server …")
        return ServerBackend(address.strip(), key.strip())

    def _use(self, backend: Any) -> None:
        session = self._session

        def ready(event: Event) -> None:
            if event.kind == "done":
                session.backend = backend
                session.started(event)
                self._tell("ok", f"In use: {backend.model}, {backend.device}.")
            else:
                self._not_done(event)

        session.jobs.submit(lambda task: backend.open(task.progress), ready, key=KEY, quiet=True)

    def _not_done(self, event: Event) -> None:
        if event.kind == "failed":
            self._tell("error", event.text)
        elif event.kind == "cancelled":
            self._tell("info", "")

    def _tell(self, kind: str, text: str) -> None:
        self._session.publish({"tested": {"kind": kind, "text": text}})


def _in_the_clear(address: str) -> str:
    """A warning where grey levels and key would cross a network without encryption."""
    parts = urlsplit(address.strip())
    if parts.scheme == "https" or parts.hostname in ("127.0.0.1", "localhost", "::1"):
        return ""
    return " The connection is not encrypted: ask for an https address."
