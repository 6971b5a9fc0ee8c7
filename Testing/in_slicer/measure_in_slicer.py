"""Measures how DenseSharp and Slicer share the main thread, in a running 3D Slicer.

    Slicer --python-script Testing/in_slicer/measure_in_slicer.py

Prints one line of JSON: how long one engine pass and the first outline take (median of 20 clicks on
the sample CT), how long Slicer's event loop was held up while it computed, and how many pictures a
second were drawn meanwhile by scrolling. The module's packages must be installed; the scene is
closed first.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import qt  # noqa: TID251 - runs inside Slicer
import slicer
import vtk

CLICKS = 20
TICK_MS = 10
SECONDS = 180.0


class Loop:
    """Slicer's own event loop, run until something is so; notes how late its timer ticks."""

    def __init__(self) -> None:
        self.late_ms: list[float] = []

    def until(self, there: Callable[[], bool]) -> None:
        """Run the event loop.

        Args:
            there: asked at each tick.
        """
        loop, last, end = qt.QEventLoop(), [time.perf_counter()], time.monotonic() + SECONDS

        def tick() -> None:
            now = time.perf_counter()
            self.late_ms.append(max(1000 * (now - last[0]) - TICK_MS, 0.0))
            last[0] = now
            if there() or time.monotonic() > end:
                loop.quit()

        timer = qt.QTimer()
        timer.setInterval(TICK_MS)
        timer.connect("timeout()", tick)
        timer.start()
        loop.exec_()
        timer.stop()
        if not there():
            message = f"not reached in {SECONDS:.0f} s"
            raise RuntimeError(message)


class Scrolling:
    """Scrolls the red view as fast as it is drawn, as a held wheel does."""

    def __init__(self) -> None:
        manager = slicer.app.layoutManager()
        self.view = manager.sliceWidget("Red").sliceView() if manager is not None else None
        self.logic = manager.sliceWidget("Red").sliceLogic() if manager is not None else None
        self.pictures = 0
        self._timer = qt.QTimer()
        self._timer.setInterval(0)
        self._timer.connect("timeout()", self._draw)

    def _draw(self) -> None:
        step = 1.0 if self.pictures % 40 < 20 else -1.0
        self.logic.SetSliceOffset(self.logic.GetSliceOffset() + step)
        self.view.forceRender()
        self.pictures += 1

    def start(self) -> None:
        """Begin, where there are views."""
        if self.view is not None:
            self._timer.start()

    def stop(self) -> None:
        """End."""
        self._timer.stop()


def pass_ms(engine: Any) -> float:
    """Median of one engine pass, alone."""
    patch = np.zeros((1, 32, 32, 32), dtype=np.float32)
    times = []
    for _ in range(CLICKS):
        began = time.perf_counter()
        engine.run(patch)
        times.append(1000 * (time.perf_counter() - began))
    return float(median(times))


def click(widget: Any, place: tuple[float, ...], loop: Loop) -> tuple[float, int]:
    """One click and its whole answer: ms to the first outline, and engine passes until then."""
    session = widget.session
    seeds = session.seeds_node()
    began = time.perf_counter()
    index = seeds.AddControlPointWorld(vtk.vtkVector3d(*place))
    seeds.SetNthControlPointAssociatedNodeID(index, session.scan.volume_node.GetID())
    loop.until(lambda: bool(session.nodules))
    first = 1000 * (time.perf_counter() - began)
    passes = session.nodules[0].result.passes
    loop.until(lambda: session.idle)
    session.delete()
    loop.until(lambda: session.idle)
    return first, passes


def measure(widget: Any, clicks: int = CLICKS) -> dict[str, Any]:
    """All figures of an open panel whose model is to be loaded."""
    from densesharp.resources import sample_truth

    slicer.mrmlScene.Clear(0)
    widget.ui.sampleButton.click()
    engine = widget.session.backend.open(lambda *_: None)
    alone = pass_ms(engine)
    x, y, z = sample_truth()["nodules"][0]["center_lps"]
    loop, place = Loop(), (-x, -y, z)
    click(widget, place, loop)
    loop.late_ms.clear()
    answers = [click(widget, place, loop) for _ in range(clicks)]
    late, scrolling, pushed = list(loop.late_ms), Scrolling(), Loop()
    scrolling.start()
    began = time.perf_counter()
    busy = [click(widget, place, pushed) for _ in range(max(clicks // 5, 1))]
    seconds = time.perf_counter() - began
    scrolling.stop()
    first = float(median(ms for ms, _ in answers))
    passes = float(median(count for _, count in answers))
    return {
        "slicer": f"{slicer.app.majorVersion}.{slicer.app.minorVersion} r{slicer.app.revision}",
        "clicks": clicks,
        "pass_ms": round(alone, 1),
        "passes": passes,
        "first_outline_ms": round(first, 1),
        "beyond_the_passes_ms": round(first - passes * alone, 1),
        "held_up_ms_p50_p99_max": [round(float(np.percentile(late, q)), 1) for q in (50, 99, 100)],
        "pictures_per_second_while_computing": round(scrolling.pictures / seconds, 1),
        "first_outline_ms_while_scrolling": round(float(median(ms for ms, _ in busy)), 1),
    }


def main() -> int:
    """Open the module and measure; returns the exit status."""
    slicer.util.selectModule("DenseSharpSlicer")
    figures = measure(slicer.util.getModuleWidget("DenseSharpSlicer"))
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    slicer.util.exit(main())
