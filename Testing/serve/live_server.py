"""A real DenseSharp server on loopback, for tests."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

KEY = "a long secret"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def live_server(model: Path, port: int, *, workers: int = 1) -> Iterator[subprocess.Popen]:
    """`densesharp serve` in a process group of its own, ready to answer; ended afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-m", "densesharp", "serve", "--port", str(port), "--device", "cpu",
         "--model", str(model), "--workers", str(workers), "--rate", "1000"],
        env={**os.environ, "DENSESHARP_SERVER_KEY": KEY, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )  # fmt: skip
    try:
        wait_until_ready(port, process)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def wait_until_ready(port: int, process: subprocess.Popen) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/health", headers={"X-API-Key": KEY}
    )
    for _ in range(1800):
        with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=30) as reply:
            if reply.status == 200:
                return
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        time.sleep(0.1)
    raise RuntimeError("the server was not ready within three minutes")


def group_of(process: subprocess.Popen) -> dict[int, str]:
    """Command lines by process id of everything in the server's process group."""
    found = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            pid = int(entry.name)
            if os.getpgid(pid) == process.pid:
                found[pid] = (entry / "cmdline").read_text().replace("\0", " ")
    return found


def inference_workers(process: subprocess.Popen) -> list[int]:
    return [pid for pid, line in group_of(process).items() if "spawn_main" in line]
