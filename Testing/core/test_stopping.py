"""Ctrl + C and SIGTERM end a program within seconds, whatever it is doing."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from densesharp import stopping

ROOT = Path(__file__).resolve().parents[2]
posix = pytest.mark.skipif(os.name != "posix", reason="signals to other processes are POSIX")
pytestmark = posix

COMMAND = """
import os, sys, time
def sleep(seconds=60):
    print("begun", flush=True)
    time.sleep(seconds)
from densesharp import cli, stopping
stopping.LAST_S = 1.0
stopping.begin()
class Command:
    def configure(parser): pass
    def run(args):
        {body}
        return 0
cli.command_module = lambda name: Command
sys.argv = ["densesharp", "doctor"]
sys.exit(cli.main())
"""


def stopped(
    code: str, number: int = signal.SIGINT, times: int = 1, folder: Path | None = None
) -> tuple[int, str, float]:
    """Status, stderr and seconds to the end of a program that gets a signal once it has begun."""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=folder, start_new_session=True, preexec_fn=_hear_ctrl_c,
    ) as process:  # fmt: skip
        try:
            assert process.stdout.readline() == "begun\n", process.stderr.read()
            begun = time.monotonic()
            for _ in range(times):
                os.killpg(process.pid, number)
                time.sleep(0.2)
            _, said = process.communicate(timeout=50)
            return process.returncode, said, time.monotonic() - begun
        finally:
            process.kill()


def _hear_ctrl_c() -> None:
    """As from a terminal: tests that a shell started in the background have SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_command_ends_with_one_sentence(number, status):
    told = stopped(COMMAND.format(body="sleep()"), number)
    assert told[:2] == (status, stopping.SENTENCE)
    assert told[2] < 30


@pytest.mark.parametrize(
    "body",
    [
        # what Python does with an exception in a callback of its own, and what libraries do
        "while True:\n            try: sleep()\n            except BaseException: pass",
        "import threading; threading.Thread(target=time.sleep, args=(60,)).start(); sleep()",
        "import multiprocessing; multiprocessing.get_context('fork').Process(target=deaf).start()\n"
        "        time.sleep(60)",
    ],
    ids=["swallowed", "thread", "process"],
)
def test_nothing_holds_it_up(body):
    deaf = (
        "import signal, time\n"
        "def deaf():\n"
        "    signal.signal(signal.SIGINT, signal.SIG_IGN); sleep()\n"
    )
    told = stopped(deaf + COMMAND.format(body=body))
    assert told[0] == 130
    assert told[1] == stopping.SENTENCE
    assert told[2] < 30


LATE = """
import atexit, importlib, multiprocessing, os, signal, threading
def late():
    while True:
        time.sleep(0.001)
        {what}
def at_the_end():
    for _ in range(200): late_started.wait(0.001)
    1 / 0
late_started = threading.Event()
atexit.register(at_the_end)
threading.Thread(target=late, daemon=True).start()
kept = multiprocessing.get_context("spawn").Lock()
"""


@pytest.mark.parametrize(
    "what",
    [
        "importlib.reload(importlib.import_module('concurrent.futures.thread'))",
        "threading.main_thread().is_alive() or os.write(2, b'late')",
        "threading.main_thread().is_alive() or print('late', file=sys.stderr, flush=True)",
    ],
    ids=["imports", "library", "prints"],
)
@pytest.mark.parametrize(
    "body",
    ["sleep()", "while True:\n            try: sleep()\n            except BaseException: pass"],
    ids=["heard", "swallowed"],
)
def test_the_sentence_is_the_last_word(what, body, tmp_path):
    """Threads and what libraries do at the end fail while Python ends."""
    told = stopped(
        COMMAND.format(body=body).replace("sys.exit(", LATE.format(what=what) + "sys.exit(")
    )
    assert told[:2] == (130, stopping.SENTENCE)


def test_pressing_again_does_not_disturb_the_cleaning_up(tmp_path):
    body = "try: sleep()\n        finally: time.sleep(0.6); open('cleaned', 'w').close()"
    told = stopped(COMMAND.format(body=body), times=3, folder=tmp_path)
    assert told[:2] == (130, stopping.SENTENCE)
    assert (tmp_path / "cleaned").exists()


def test_what_libraries_make_of_a_stop_is_no_fault(tmp_path):
    body = (
        "try: sleep()\n"
        "        except KeyboardInterrupt as error: raise RuntimeError('step 3') from error"
    )
    assert stopped(COMMAND.format(body=body))[:2] == (130, stopping.SENTENCE)


def test_a_module_that_is_loading_is_not_interrupted(tmp_path):
    """VTK crashes then; an exception in there would be seen in the module's own words."""
    (tmp_path / "library.py").write_text(
        "import time\nprint('begun', flush=True)\n"
        "try: time.sleep(60)\nexcept BaseException: print('crash'); raise\n"
    )
    told = stopped(COMMAND.format(body="import library"), folder=tmp_path)
    assert told[:2] == (130, stopping.SENTENCE)


def test_what_is_half_written_while_a_module_loads_is_removed(tmp_path):
    (tmp_path / "library.py").write_text("import time; print('begun', flush=True); time.sleep(60)")
    body = (
        "import tempfile; from densesharp.files import atomic_path\n"
        "        with atomic_path('result.csv'), tempfile.TemporaryDirectory(dir='.'):\n"
        "            import library"
    )
    told = stopped(COMMAND.format(body=body), folder=tmp_path)
    assert told[:2] == (130, stopping.SENTENCE)
    assert {path.name for path in tmp_path.iterdir()} - {"__pycache__"} == {"library.py"}


@pytest.mark.parametrize("number", stopping.SIGNALS)
def test_a_process_that_is_being_started_is_ended_too(number):
    """Python lists a process after its start: a stop in between would leave it behind."""
    late = (
        "import multiprocessing.process, signal\n"
        "class Slow(set):\n"
        "    def add(self, process): time.sleep(1.0); super().add(process)\n"
        "multiprocessing.process._children = Slow()\n"
        "def deaf():\n"
        "    signal.signal(signal.SIGINT, signal.SIG_IGN); sleep()\n"
    )
    body = "multiprocessing.get_context('fork').Process(target=deaf).start(); time.sleep(60)"
    code = late + COMMAND.format(body=body).replace("LAST_S = 1.0", "LAST_S = 40.0")
    told = stopped(code, number)
    assert told[:2] == (128 + number, stopping.SENTENCE)
    assert told[2] < 30


def test_worker_processes_end_silently_and_leave_no_half_file(tmp_path):
    (tmp_path / "work.py").write_text(
        "import time\n"
        "from densesharp.files import atomic_path\n"
        "def work(number):\n"
        "    with atomic_path(f'{number}.txt'):\n"
        "        if number == 2: print('begun', flush=True)\n"
        "        time.sleep(60 if number else 0)\n"
    )
    body = (
        "import work; from densesharp.parallel import run_tasks\n"
        "        run_tasks(work.work, range(5), workers=2)"
    )
    told = stopped(COMMAND.format(body=body).replace("= 1.0", "= 40.0"), folder=tmp_path)
    assert told[:2] == (130, stopping.SENTENCE)
    assert told[2] < 30
    assert [path.name for path in tmp_path.glob("*.txt")] == ["0.txt"]
    assert not list(tmp_path.glob(".*"))


def test_worker_processes_notice_that_the_command_was_killed(tmp_path):
    (tmp_path / "work.py").write_text(
        "import time\n"
        "from densesharp.files import atomic_path\n"
        "def work(number):\n"
        "    with atomic_path(f'{number}.txt'):\n"
        "        if number == 1: print('begun', flush=True)\n"
        "        time.sleep(60)\n"
    )
    code = (
        "import work; from densesharp.parallel import run_tasks\nrun_tasks(work.work, range(3), 3)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=tmp_path, start_new_session=True
    ) as process:
        try:
            assert process.stdout.readline() == b"begun\n"
            process.kill()
            process.stdout.read()  # its workers hold the pipe, too
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert {path.name for path in tmp_path.iterdir()} - {"__pycache__"} == {"work.py"}


def test_run_py_lets_the_command_clean_up(tmp_path):
    child = (
        "import sys, time\\n"
        "try: print('begun', flush=True); time.sleep(60)\\n"
        "except KeyboardInterrupt: time.sleep(0.8); open('cleaned', 'w').close(); sys.exit(130)"
    )
    code = (
        (
            f"import sys; sys.path.insert(0, {str(ROOT)!r}); import run\n"
            f"sys.exit(run.wait_for([sys.executable, '-c', '{child}'], None))"
        )
        .replace("'begun'", '"begun"')
        .replace("'cleaned', 'w'", '"cleaned", "w"')
    )
    assert stopped(code, folder=tmp_path)[0] == 130
    assert (tmp_path / "cleaned").exists()
