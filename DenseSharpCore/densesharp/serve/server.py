"""A DenseSharp server: one model, several readers. LitServe does queues, workers and batching."""
# No `from __future__ import annotations` here: LitServe and FastAPI read these annotations at run
# time, and LitServe looks for the argument called `request`.

import hmac
import http.client
import logging
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing import resource_tracker
from multiprocessing.util import get_temp_dir
from pathlib import Path
from typing import Any, NamedTuple

import litserve
import numpy as np
from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from litserve.loops.simple_loops import BatchedLoop
from numpy.typing import NDArray
from pydantic import BaseModel, field_validator

from densesharp.errors import DeviceError
from densesharp.model.engines import available_cores, open_engine
from densesharp.model.engines.devices import gpu_names, probe
from densesharp.model.engines.interface import EngineOutput
from densesharp.model.model_file import load_model
from densesharp.serve import messages as protocol
from densesharp.serve.rate_limit import Metrics, RateLimit
from densesharp.stopping import end_processes, end_with, held_back
from densesharp.version import __version__

LOOPBACK = "127.0.0.1"
"""The only address that may be used without a key."""

LONGEST_SCRATCH = 70
"""Bytes of the path of temporary files: a socket's name there has 32 more, macOS allows 103."""

_BATCHED_REQUESTS = 8
_POLL_S = 0.008
_QUEUE_S = 12.0
"""A request that waited longer gets status 504; the client sends it again."""

_ASK_S, _END_S = 0.1, 4.0
_STARTING = 503
_WORKER_ENDED = (
    "A worker of the server ended before it could answer: look at what it said above, or try fewer "
    "--workers (memory) or --device cpu."
)


class PatchRequest(BaseModel):
    """The body of a request; see `densesharp.serve.messages`."""

    patches: str

    @field_validator("patches")
    @classmethod
    def whole_patches(cls, text: str) -> str:
        """Refuse wrong patches before they reach a worker."""
        protocol.decode_patches(text)
        return text


class PatchBatch(NamedTuple):
    """Patches of several requests, and how many each request has."""

    patches: NDArray[np.float32]
    sizes: list[int]


class WaitingLoop(BatchedLoop):  # type: ignore[misc]
    """Runs together what has queued up; LitServe's own loop never sleeps while nothing comes."""

    def get_batch_requests(self, lit_api: Any, request_queue: Any, transport: Any) -> Any:
        """Wait for a request, then take all that are there."""
        while request_queue.empty():
            time.sleep(_POLL_S)
        return super().get_batch_requests(lit_api, request_queue, transport)


class PatchAPI(litserve.LitAPI):  # type: ignore[misc]
    """Patches in, the model's raw output out.

    Args:
        model: model file.
        sha256: its hash; requests for another model are refused.
        key: API key, or None where only this computer can ask.
        threads: processor threads of each worker.
        any_device: whether the processor may stand in for a GPU that does not work.
    """

    def __init__(
        self, model: Path, sha256: str, key: str | None, threads: int, any_device: bool
    ) -> None:
        super().__init__(
            max_batch_size=_BATCHED_REQUESTS, api_path=protocol.RUN_PATH, loop=WaitingLoop()
        )
        self._path, self._sha256, self._key, self._threads = model, sha256, key, threads
        self._any_device = any_device
        self._server = os.getpid()

    async def authorize(self, request: Request) -> None:
        """Check key, protocol version and model of every request."""
        given = request.headers.get(protocol.KEY_HEADER, "")
        if self._key is not None and not hmac.compare_digest(given.encode(), self._key.encode()):
            raise HTTPException(401, "An API key is needed.")
        if request.url.path != protocol.RUN_PATH:
            return
        schema = request.headers.get(protocol.SCHEMA_HEADER)
        if schema != str(protocol.SCHEMA):
            detail = f"This server speaks protocol version {protocol.SCHEMA}, not {schema}."
            raise HTTPException(400, detail)
        if request.headers.get(protocol.MODEL_HEADER) != self._sha256:
            raise HTTPException(409, f"this server runs model {self._sha256[:12]}")

    def setup(self, device: str) -> None:
        """Load the model once per worker."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # on Windows Ctrl + C comes here, too
        end_with(self._server)
        name = device.removesuffix(":0") if device.startswith("mps") else device
        model = load_model(self._path)
        try:
            self._engine = open_engine(model, name, threads=self._threads)
        except DeviceError as error:
            if not self._any_device:
                sys.exit(f"densesharp: {error}")
            self._engine = open_engine(model, "cpu", threads=self._threads)

    def decode_request(self, request: PatchRequest) -> NDArray[np.float32]:
        """Patches of one request."""
        return protocol.decode_patches(request.patches)

    def batch(self, inputs: list[NDArray[np.float32]]) -> PatchBatch:
        """Put the requests that wait into one."""
        return PatchBatch(np.concatenate(inputs), [len(patches) for patches in inputs])

    def predict(self, batch: PatchBatch) -> list[EngineOutput]:
        """Run them, and give each request its own part."""
        output = self._engine.run(batch.patches)
        ends = np.cumsum(batch.sizes)[:-1]
        parts = zip(*(np.split(array, ends) for array in output), strict=True)
        return [EngineOutput(*part) for part in parts]

    def unbatch(self, output: list[EngineOutput]) -> list[EngineOutput]:
        """Keep the parts as they are."""
        return output

    def encode_response(self, output: EngineOutput) -> Response:
        """Answer as raw float32."""
        shapes, body = protocol.encode_output(output)
        headers = {protocol.SHAPE_HEADER: shapes}
        return Response(body, media_type="application/octet-stream", headers=headers)


def build_server(
    model: Path, device: str, workers: int, key: str | None, rate: float
) -> litserve.LitServer:
    """A server that is ready to run.

    Args:
        model: model file.
        device: "auto", "cpu", "cuda" or "mps".
        workers: processes per device.
        key: API key, or None.
        rate: requests per second that one client may send.

    Raises:
        DeviceError: the device does not work here.
        ModelError: the model file cannot be used.
    """
    loaded = load_model(model)
    kind, count = choose_devices(device)
    threads = max(1, available_cores() // workers)
    api = PatchAPI(model, loaded.sha256, key, threads, any_device=device == "auto")
    metrics = Metrics()
    server = litserve.LitServer(
        api,
        accelerator=kind,
        devices=count,
        workers_per_device=workers,
        timeout=_QUEUE_S,
        healthcheck_path=protocol.HEALTH_PATH,
        info_path=protocol.INFO_PATH,
        model_metadata={
            "schema": protocol.SCHEMA,
            "software": __version__,
            "card": loaded.card.to_json(),
            "sha256": loaded.sha256,
        },
        middlewares=[(RateLimit, {"metrics": metrics, "rate": rate})],
        disable_openapi_url=True,
        restart_workers=True,
    )
    names = [[each] if isinstance(each, str) else each for each in server.devices]
    server.model_metadata["engine"] = ", ".join(name for group in names for name in group)

    async def show_metrics(request: Request) -> PlainTextResponse:
        await api.authorize(request)
        return PlainTextResponse(metrics.text())

    async def refuse_body(_: Request, error: RequestValidationError) -> JSONResponse:
        reason = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
        return JSONResponse({"detail": f"The request cannot be read: {reason}."}, 400)

    server.app.add_api_route(protocol.METRICS_PATH, show_metrics, methods=["GET"])
    server.app.add_exception_handler(RequestValidationError, refuse_body)
    return server


def choose_devices(device: str) -> tuple[str, int]:
    """Which kind of device to use, and how many there are.

    LitServe's own choice takes the processor where torch is not loaded yet, and waits for ever
    where there is no GPU.

    Args:
        device: "auto", "cpu", "cuda" or "mps".

    Returns:
        "cpu", "cuda" or "mps", and the number of these devices.

    Raises:
        DeviceError: there is no such device; "auto" takes the processor then.
    """
    kind = (gpu_names() or ["cpu"])[0] if device == "auto" else device
    count = int(kind == "cpu" or kind in gpu_names())
    if kind == "cuda" and count:
        import torch

        count = torch.cuda.device_count()
    if count:
        return kind, count
    if device == "auto":
        return "cpu", 1
    message = f"The device '{kind}' cannot be used: {probe(kind).detail} Choose the processor, cpu."
    raise DeviceError(message)


def check_key(host: str, key: str | None) -> None:
    """Refuse to let other computers ask without a key.

    Raises:
        DeviceError: they could.
    """
    if host != LOOPBACK and not key:
        raise DeviceError(
            f"A server that other computers can reach needs an API key: put a long secret into "
            f"the environment variable {protocol.KEY_VARIABLE}."
        )


def check_scratch() -> None:
    """Refuse a folder for temporary files in which the server's processes could not meet.

    Raises:
        DeviceError: a socket there would have a longer name than systems allow.
    """
    scratch = tempfile.gettempdir()
    if os.name == "posix" and len(os.fsencode(scratch)) > LONGEST_SCRATCH:
        raise DeviceError(
            f"The path {scratch} of temporary files is too long for a server: set TMPDIR to a "
            f"folder with at most {LONGEST_SCRATCH} characters in its path, such as /tmp."
        )


def serve(
    model: Path,
    host: str,
    port: int,
    device: str,
    workers: int,
    key: str | None,
    rate: float,
    ready: Callable[[], None],
) -> None:
    """Run a server until KeyboardInterrupt, which it raises again; its processes have ended then.

    Args:
        model: the model file.
        host: address to listen on: 127.0.0.1, or 0.0.0.0 for every computer.
        port: to listen on.
        device: as `open_engine` takes it.
        workers: processes per device.
        key: that clients must send; needed where other computers can ask.
        rate: requests per second that one computer may send.
        ready: called once, when the server answers.

    Raises:
        DeviceError: other computers could ask without a key, the port is taken, the device does
            not work, or a worker ended while it loaded the model.
        ModelError: the model file cannot be used.
    """
    check_key(host, key)
    server = build_server(model, device, workers, key, rate)
    running = _Running(server, host, port)
    try:
        running.wait_until_ready(key)
        ready()
        running.wait()
    finally:
        running.end()


class _Running:
    """A server on a thread of its own, so that Ctrl + C cannot fall between its steps.

    LitServe starts one process after the other, and Python waits for each at its end; interrupted
    in between, it would wait for one that nobody told to stop. Here the signals reach the main
    thread alone, and `end` kills every process that there is by then.
    """

    def __init__(self, server: litserve.LitServer, host: str, port: int) -> None:
        self._server, self._port = server, port
        self._host = {"0.0.0.0": LOOPBACK, "::": "::1"}.get(host, host)
        self._failed: BaseException | None = None
        if os.name == "posix":
            # Started later it would let the signals through again.
            resource_tracker.ensure_running()
            get_temp_dir()  # else a process makes it, and is killed before it removes it
            server_process = os.getpid()
            os.register_at_fork(after_in_child=lambda: self._forked(server_process))
        self._thread = threading.Thread(target=self._run, args=(host,), daemon=True)
        with held_back():
            self._thread.start()

    def _forked(self, server_process: int) -> None:
        """In a process that LitServe forked."""
        if self._thread.is_alive():
            end_with(server_process)

    def _run(self, host: str) -> None:
        try:
            self._server.run(
                host, self._port, num_api_servers=1, log_level="warning", generate_client_file=False
            )
        except BaseException as error:
            self._failed = error

    def wait_until_ready(self, key: str | None) -> None:
        """Return when the server answers that all workers are ready."""
        while not self._answers(key):
            self._thread.join(_ASK_S)
            self._check()
            # Before the server listens nobody watches its workers.
            workers = getattr(self._server, "inference_workers", [])
            if any(worker.exitcode is not None for worker in workers):
                raise DeviceError(_WORKER_ENDED)

    def wait(self) -> None:
        """Return when the server has ended."""
        while self._thread.is_alive():
            self._thread.join(_ASK_S)
        self._check()

    def _check(self) -> None:
        """Raise what ended the server."""
        if self._thread.is_alive():
            return
        if isinstance(self._failed, (SystemExit, OSError)):
            # uvicorn ends the program itself when it cannot have the port.
            raise DeviceError(
                f"Port {self._port} cannot be used (is a server running there?): choose another "
                "--port."
            ) from self._failed
        raise DeviceError(_WORKER_ENDED) from self._failed

    def _answers(self, key: str | None) -> bool:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=_QUEUE_S)
        try:
            connection.request(
                "GET", protocol.HEALTH_PATH, headers={protocol.KEY_HEADER: key or ""}
            )
            return connection.getresponse().status != _STARTING
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def end(self) -> None:
        """Kill the server's processes; what was being computed is sent again by the clients."""
        logging.getLogger("litserve").setLevel(logging.CRITICAL)  # it misses them
        until = time.monotonic() + _END_S
        while self._thread.is_alive() and time.monotonic() < until:
            end_processes()
            self._thread.join(_ASK_S)
        end_processes()
