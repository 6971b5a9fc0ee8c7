"""The model on a DenseSharp server (`densesharp serve`); everything else is computed here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from densesharp.progress import Progress

from .backend import LocalBackend

if TYPE_CHECKING:
    from densesharp.model.engines import Engine


class ServerBackend(LocalBackend):
    """Sends patches of 32 mm to a server, never the CT, and gets the model's output back.

    Args:
        address: `http://host:port` or `https://host`.
        key: the server's key; empty when it wants none.
    """

    glances = False  # a pointer that rests is no wish to send something

    def __init__(self, address: str, key: str) -> None:
        super().__init__()
        self._address = address
        self._key = key

    def open(self, progress: Progress) -> Engine:
        """Ask the server for its model.

        Raises:
            DeviceError: the server cannot be used; the message says why.
        """
        if self._engine is None:
            from densesharp.serve.client import RemoteEngine

            progress(0.0, "Asking the server")
            self._engine = RemoteEngine(self._address, self._key or None)
        return self._engine
