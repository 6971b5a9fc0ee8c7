"""A model on a server, used like one on this computer. Needs the standard library and numpy only.

Requests carry no state, so one that got lost (a worker ended, the network broke) is sent again.
"""

import contextlib
import http.client
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

import numpy as np

from densesharp.errors import DeviceError, ModelError
from densesharp.model.engines.interface import EngineOutput, Floats, check_patches
from densesharp.model.model_file import ModelCard, ModelFile
from densesharp.serve import messages as protocol

ATTEMPTS = 4
_RETRIED = (429, 500, 502, 503, 504)


@dataclass(frozen=True)
class ServerAnswer:
    """An HTTP answer."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def detail(self) -> str:
        """The server's own sentence, if it gave one."""
        try:
            return str(json.loads(self.body)["detail"])
        except (ValueError, KeyError, TypeError):
            return f"status {self.status}"


def _address(url: str) -> SplitResult:
    """The parts of a server's address."""
    try:
        parts = urlsplit(url)
        # A port out of range and a name that no network can have raise when they are looked at.
        usable = parts.port != 0 and (parts.hostname or "").encode("idna") != b""
    except ValueError:
        usable = False
    if not usable or parts.scheme not in ("http", "https"):
        raise DeviceError(f"'{url}' is no server address: write http://host:port or https://host.")
    return parts


def usable_key(key: str | None) -> str:
    """The key without the white space that copying adds; the error does not show it.

    Raises:
        DeviceError: no HTTP header can carry it.
    """
    key = (key or "").strip()
    if not (key.isascii() and key.isprintable()):
        raise DeviceError(
            "The API key holds characters that cannot be sent: give it in letters, digits and "
            "signs of the English keyboard, in one line."
        )
    return key


class RemoteEngine:
    """An engine whose model runs on a DenseSharp server.

    Args:
        url: `http://host:port` or `https://host`.
        key: API key; needed unless the server runs on this computer.
        timeout: seconds to wait for one answer.
        sha256: the model that the server must run; None takes the server's.

    Raises:
        DeviceError: the address or the key cannot be used, or the server is down, slow, wants a
            key, or speaks another version.
        ModelError: it runs another model.
    """

    batch = protocol.MAX_PATCHES
    fallback: str | None = None

    def __init__(
        self, url: str, key: str | None = None, timeout: float = 30.0, sha256: str | None = None
    ) -> None:
        parts = _address(url.strip())
        self._parts, self._key, self._timeout = parts, usable_key(key), timeout
        info = self._info()
        try:
            card = ModelCard.from_json(info["card"])
            self.model = ModelFile(card, (), str(info["sha256"]))
            self.description = f"server {parts.hostname}: {info['engine']}"
        except (KeyError, TypeError) as error:
            raise DeviceError(self._text("gives no description of its model")) from error
        if sha256 is not None and sha256 != self.model.sha256:
            raise ModelError(
                f"The server at {parts.hostname} runs the model '{card.name}' "
                f"({self.model.sha256[:12]}), not the one asked for ({sha256[:12]})."
            )

    def run(self, patches: Floats) -> EngineOutput:
        """Run the model on patches (n, 32, 32, 32) in network units.

        Returns:
            What the server's engine gave.

        Raises:
            DeviceError: the server does not answer, or not in the agreed way.
            ValueError: the patches are of another shape or type.
        """
        check_patches(patches)
        outputs = [
            self._run(patches[start : start + self.batch])
            for start in range(0, len(patches), self.batch)
        ]
        return EngineOutput(*(np.concatenate(part) for part in zip(*outputs, strict=True)))

    def _run(self, patches: Floats) -> EngineOutput:
        answer = self._ask("POST", protocol.RUN_PATH, protocol.encode_patches(patches))
        if answer.status == http.HTTPStatus.CONFLICT:
            raise ModelError(self._text(f"runs another model now: {answer.detail}"))
        self._check(answer)
        try:
            output = protocol.decode_output(
                answer.headers.get(protocol.SHAPE_HEADER, ""), answer.body
            )
        except ValueError as error:
            raise DeviceError(
                self._text(f"gave an answer that cannot be used ({error})")
            ) from error
        if len(output.logits) != len(patches):
            raise DeviceError(self._text("answered another number of patches"))
        return output

    def _info(self) -> dict[str, Any]:
        """The server's description of itself, its protocol version checked."""
        answer = self._ask("GET", protocol.INFO_PATH)
        self._check(answer)
        try:
            info = json.loads(answer.body)["model"]
            schema = info["schema"]
        except (ValueError, KeyError, TypeError) as error:
            raise DeviceError(self._text("is no DenseSharp server: check the address")) from error
        if schema != protocol.SCHEMA:
            message = self._text(
                f"speaks protocol version {schema}, this program {protocol.SCHEMA}: update the "
                "older one"
            )
            raise DeviceError(message)
        return dict(info)

    def _ask(self, method: str, path: str, body: bytes | None = None) -> ServerAnswer:
        """One request, sent again while the server is busy or the connection breaks."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answer = self._ask_once(method, path, body)
            except (OSError, http.client.HTTPException) as error:
                refused = isinstance(error, ConnectionRefusedError)
                if attempt == ATTEMPTS or (refused and body is None):
                    raise self._unreachable(error) from error
            else:
                if answer.status not in _RETRIED or attempt == ATTEMPTS:
                    return answer
            time.sleep(0.25 * 2**attempt)
        raise DeviceError(self._text("does not answer"))

    def _ask_once(self, method: str, path: str, body: bytes | None) -> ServerAnswer:
        secure = self._parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        opened = kind(str(self._parts.hostname), self._parts.port, timeout=self._timeout)
        with contextlib.closing(opened) as connection:
            connection.request(method, path, body, self._headers())
            reply = connection.getresponse()
            return ServerAnswer(reply.status, reply.headers, reply.read())

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", protocol.SCHEMA_HEADER: str(protocol.SCHEMA)}
        if hasattr(self, "model"):
            headers[protocol.MODEL_HEADER] = self.model.sha256
        if self._key:
            headers[protocol.KEY_HEADER] = self._key
        return headers

    def _check(self, answer: ServerAnswer) -> None:
        """Turn an error status into a sentence."""
        if answer.status == http.HTTPStatus.OK:
            return
        if answer.status == http.HTTPStatus.UNAUTHORIZED:
            raise DeviceError(self._text("wants an API key: ask whoever runs it for the key"))
        if answer.status == http.HTTPStatus.NOT_FOUND:
            raise DeviceError(self._text("is no DenseSharp server: check the address"))
        raise DeviceError(self._text(f"refuses the request: {answer.detail.rstrip('.')}"))

    def _unreachable(self, error: Exception) -> DeviceError:
        if isinstance(error, TimeoutError):
            return DeviceError(
                self._text(
                    f"did not answer within {self._timeout:g} seconds: it is overloaded or the "
                    "network is slow; try again, or use this computer instead"
                )
            )
        return DeviceError(
            self._text(
                "cannot be reached: check that it runs and that the address is right, or use "
                "this computer instead"
            )
        )

    def _text(self, what: str) -> str:
        port = f":{self._parts.port}" if self._parts.port else ""
        return f"The server at {self._parts.hostname}{port} {what}."
