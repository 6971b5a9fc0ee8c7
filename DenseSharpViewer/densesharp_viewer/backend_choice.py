"""Chooses what computes: this computer or a server, tried before it is used."""

import time
from collections.abc import Callable
from urllib.parse import urlsplit

import numpy as np

from densesharp_scene.backend import LocalBackend
from densesharp_scene.jobs import Jobs
from densesharp_scene.server_backend import ServerBackend
from densesharp_scene.worker import JobEvent, JobHandle

from .page_listener import Publish

KEY = "backend"


class Compute:
    """Tests and changes what computes.

    Args:
        backend: the one on this computer.
        jobs: the worker's.
        publish: told how a test went.
        use: takes another backend into use, which is open already.
    """

    def __init__(
        self,
        backend: LocalBackend,
        jobs: Jobs,
        publish: Publish,
        use: Callable[[LocalBackend], None],
    ) -> None:
        self._local, self._jobs, self._publish, self._take = backend, jobs, publish, use

    def test_server(self, address: str, key: str) -> None:
        """Ask a server for its model and run it once; what is in use stays."""
        backend = self._server(address, key)

        def run(handle: JobHandle) -> float:
            engine = backend.open(handle.progress)
            begin = time.perf_counter()
            engine.run(np.zeros((1, 32, 32, 32), dtype=np.float32))
            return 1e3 * (time.perf_counter() - begin)

        def answered(event: JobEvent) -> None:
            if event.kind == "done":
                text = f"It works: {backend.model}, {backend.device}, {event.value:.0f} ms."
                self._tell("ok", text + _in_the_clear(address))
            else:
                self._not_done(event)

        self._jobs.submit(run, answered, key=KEY, quiet=True)

    def use_server(self, address: str, key: str) -> None:
        """Compute on a server from now on, if it answers. Its key is kept in memory only."""
        self._use(self._server(address, key))

    def begin_with_server(self, address: str, key: str) -> None:
        """Have a server compute from the start, so that no model needs to be loaded here."""
        self._take(self._server(address, key))
        self._tell("info", "")

    def use_local(self) -> None:
        """Compute on this computer from now on."""
        self._tell("info", "Loading the model …")
        self._use(self._local)

    def _server(self, address: str, key: str) -> ServerBackend:
        self._publish({"server": address})
        self._tell("info", "Asking the server …")
        return ServerBackend(address.strip(), key.strip())

    def _use(self, backend: LocalBackend) -> None:
        def ready(event: JobEvent) -> None:
            if event.kind == "done":
                self._take(backend)
                self._tell("ok", f"In use: {backend.model}, {backend.device}.")
            else:
                self._not_done(event)

        self._jobs.submit(lambda handle: backend.open(handle.progress), ready, key=KEY, quiet=True)

    def _not_done(self, event: JobEvent) -> None:
        if event.kind == "failed":
            self._tell("error", event.text)
        elif event.kind == "cancelled":
            self._tell("info", "")

    def _tell(self, kind: str, text: str) -> None:
        self._publish({"tested": {"kind": kind, "text": text}})


def _in_the_clear(address: str) -> str:
    """A warning where grey levels and key would cross a network without encryption."""
    parts = urlsplit(address.strip())
    if parts.scheme == "https" or parts.hostname in ("127.0.0.1", "localhost", "::1"):
        return ""
    return " The connection is not encrypted: ask for an https address."
