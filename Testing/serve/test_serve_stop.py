"""`densesharp serve` says its address when it answers, and Ctrl + C ends it at any moment."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

import pytest
from live_server import free_port, group_of

from densesharp import stopping
from densesharp.errors import DeviceError

pytest.importorskip("litserve", reason="the extra 'serve' is not installed")
pytestmark = pytest.mark.skipif(os.name != "posix", reason="process groups are POSIX")

SLOW = """
import os, signal, sys, time
from densesharp.cli import main
from multiprocessing.managers import BaseManager
start = BaseManager._run_server.__func__
def slow(cls, *arguments):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.write(2, b"a process begins\\n")
    time.sleep(1.5)
    start(cls, *arguments)
BaseManager._run_server = classmethod(slow)
sys.exit(main())
"""
"""A server on a busy computer: its first process takes long to begin, and hears no Ctrl + C."""


@contextlib.contextmanager
def begun(command, words, log):
    """A program in a group of its own that has said these words."""
    scratch = tempfile.mkdtemp()  # a short path, as the names of sockets must be
    (log.parent / "scratch").symlink_to(scratch)
    environment = os.environ | {"TMPDIR": scratch}
    with log.open("w") as file:
        process = subprocess.Popen(
            command, stderr=file, stdout=file, start_new_session=True, env=environment
        )
    try:
        until = time.monotonic() + 180
        while words not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.01)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        shutil.rmtree(scratch)


def serve(*before):
    port = free_port()
    return port, [sys.executable, *before, "serve", "--device", "cpu", "--port", str(port)]


def is_gone(process) -> bool:
    until = time.monotonic() + 30
    while group_of(process) and time.monotonic() < until:
        time.sleep(0.05)
    return not group_of(process)


def check_end(process, folder, status, words):
    """A stopped server ends with all its processes, says so last and leaves nothing behind."""
    assert process.wait(60) == status
    assert is_gone(process)
    said = (folder / "log").read_text()
    assert said.endswith(f"{words}\n{stopping.SENTENCE}")
    assert "Traceback" not in said
    assert not list((folder / "scratch").iterdir())


@pytest.mark.parametrize("send", [os.killpg, os.kill])
def test_ctrl_c_while_a_process_begins_ends_all(tmp_path, send):
    _, command = serve("-c", SLOW)
    with begun(command, "a process begins", tmp_path / "log") as process:
        send(process.pid, signal.SIGINT)
        check_end(process, tmp_path, 130, "a process begins")


def test_the_address_is_said_when_the_server_answers_and_sigterm_ends_all(tmp_path):
    port, command = serve("-m", "densesharp")
    address = f"http://127.0.0.1:{port}"
    with begun(command, address, tmp_path / "log") as process:
        with urllib.request.urlopen(f"{address}/v1/health", timeout=60) as reply:
            assert reply.status == 200
        os.kill(process.pid, signal.SIGTERM)
        check_end(process, tmp_path, 143, address)


def test_a_worker_that_ends_while_it_loads_ends_the_server(tmp_path):
    code = (
        "import os, sys, multiprocessing as m; import densesharp.serve.server as server;"
        "start = m.get_context('spawn').Process.start;\n"
        "def die(self):\n"
        "    start(self); self.kill()\n"
        "m.get_context('spawn').Process.start = die\n"
        "from densesharp.cli import main; sys.exit(main())"
    )
    _, command = serve("-c", code)
    ended = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert ended.returncode == 2
    assert "densesharp: A worker of the server ended" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_scratch_folder_with_a_long_path_is_said_at_once(tmp_path):
    scratch = tmp_path / ("x" * 80)
    scratch.mkdir()
    ended = subprocess.run(
        serve("-m", "densesharp")[1], capture_output=True, text=True, check=False,
        env=os.environ | {"TMPDIR": str(scratch)},
    )  # fmt: skip
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"densesharp: The path {scratch} of temporary files is too long")
    assert ended.stderr.count("\n") == 1


def test_the_device_is_chosen_as_elsewhere(monkeypatch):
    from densesharp.serve import server

    torch = pytest.importorskip("torch")
    assert server.choose_devices("cpu") == ("cpu", 1)
    monkeypatch.setattr(server, "gpu_names", lambda: ["cuda"])
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert server.choose_devices("auto") == ("cuda", 2)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert server.choose_devices("auto") == ("cpu", 1)
    with pytest.raises(DeviceError, match=r"'cuda' cannot be used: .*Choose the processor"):
        server.choose_devices("cuda")
    with pytest.raises(DeviceError, match="'mps' cannot be used"):
        server.choose_devices("mps")
