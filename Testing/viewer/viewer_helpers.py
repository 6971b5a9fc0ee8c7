"""What several tests of the viewer need: a CT, waiting, and a viewer in its own process."""

import contextlib
import functools
import os
import queue
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
SPHERE_RADIUS_MM = 9.0
VESSEL = slice(18, 22)
"""Rows and columns of a vessel along the body."""


@functools.cache
def sphere_volume(turned: bool = False):
    """A lung-like block with a bright sphere and a vessel; returns (Volume, RAS of the sphere)."""
    from densesharp.image.grid import Grid
    from densesharp.image.volume import Volume

    angle = np.radians(12 if turned else 0)
    turn = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    size, spacing = (128, 120, 61), np.array([0.9, 0.9, 1.5])
    origin = np.array([-50.0, -60.0, 10.0])
    grid = Grid(size, origin, spacing, turn)
    center = grid.to_world([80, 50, 30])
    distance = grid.distance_to(center)
    texture = np.random.default_rng(3).normal(0, 15, grid.shape)
    array = np.where(distance <= SPHERE_RADIUS_MM, 40, -860) + texture
    array[:, VESSEL, VESSEL] = -500
    return Volume(array.astype(np.int16), grid), center * (-1, -1, 1)


def settle(session, seconds: float = 10.0) -> None:
    """Wait until the worker is idle and its events are taken over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        session.poll()
        if session.jobs.at_rest:
            return
        time.sleep(0.005)
    raise AssertionError("the worker did not come to rest")


def decide(session, nodule_id: str, decision: str, reader: str) -> None:
    """As the page's buttons do: what is refused is said."""
    from densesharp_scene.events import attempt

    session.state.reader = reader
    attempt(lambda: session.decide(decision, nodule_id), session.page)


class Served:
    """A viewer in its own process."""

    def __init__(self, *arguments: str) -> None:
        self.settings = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "serve_answers.py"), *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "XDG_CONFIG_HOME": self.settings.name},
        )
        self.results = Path(arguments[0])
        self.lines: list[str] = []
        found: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, args=(found,), daemon=True)
        self._reader.start()
        url = found.get(timeout=300)
        if url is None:
            raise AssertionError("the viewer did not start:\n" + "".join(self.lines))
        self.url = url
        self.base, self.token = url.split("/?secret=")

    def _read(self, found) -> None:
        for line in self.process.stderr:
            self.lines.append(line)
            match = re.search(r"(http://\S+\?secret=\S+)", line)
            if match:
                found.put(match.group(1))
        found.put(None)

    @contextlib.contextmanager
    def held(self, what: str = "first"):
        """No answer comes, or with `whole` no whole one."""
        file = self.results / what
        self.results.mkdir(exist_ok=True)
        file.touch()
        try:
            yield
        finally:
            file.unlink()

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        self._reader.join(10)
        self.process.stderr.close()
        self.settings.cleanup()
