"""Measures how DenseSharp and Slicer share the main thread, in a running 3D Slicer.

    Slicer --python-script Testing/in_slicer/measure_in_slicer.py

Prints one line of JSON: how long one engine pass and the first outline take (median of 20 clicks on
the sample CT), how long Slicer's event loop was held up while it computed and by what, and how many
pictures a second were drawn by scrolling: meanwhile, with nothing to compute, and in a module of
Slicer's own. The module's packages must be installed; the scene is closed first.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np
import qt  # noqa: TID251 - runs inside Slicer
import slicer
import vtk

CLICKS = 20
TICK_MS = 10
SECONDS = 180.0
SCROLL_SECONDS = 5.0

SETTLE_SECONDS = 0.5
"""Between two clicks: what the last one left to be drawn is drawn."""

DRAWN_SECONDS = 0.06
"""So long after the panel was changed for the last time the changes are on the screen."""

HELD_MS = 50.0
"""A tick that comes so late is looked into."""


@dataclass
class Spans:
    """What the main thread did, and when: the panel's own work, and Slicer's drawing of views.

    Attributes:
        done: (what, begin, end) in seconds of `time.perf_counter`.
    """

    done: list[tuple[str, float, float]] = field(default_factory=list)
    _begun: dict[str, float] = field(default_factory=dict)

    def wrap(self, owner: Any, name: str, what: str) -> None:
        """Note each call of a method of this object."""
        method = getattr(owner, name)

        def noted(*arguments: Any, **named: Any) -> Any:
            began = time.perf_counter()
            try:
                return method(*arguments, **named)
            finally:
                self.done.append((what, began, time.perf_counter()))

        setattr(owner, name, noted)

    def watch(self, window: Any, what: str) -> None:
        """Note each picture that a render window draws."""

        def begin(_caller: Any, _event: str) -> None:
            self._begun[what] = time.perf_counter()

        def end(_caller: Any, _event: str) -> None:
            now = time.perf_counter()
            self.done.append((what, self._begun.pop(what, now), now))

        window.AddObserver("StartEvent", begin)
        window.AddObserver("EndEvent", end)

    def within(self, begin: float, end: float) -> dict[str, float]:
        """Milliseconds of each kind between two moments."""
        shares: dict[str, float] = {}
        for what, since, until in self.done:
            ms = 1000 * (min(until, end) - max(since, begin))
            if ms > 0:
                shares[what] = shares.get(what, 0.0) + ms
        return shares


class Loop:
    """Slicer's own event loop, run until something is so; notes how late its timer ticks."""

    def __init__(self) -> None:
        self.late: list[tuple[float, float, float]] = []

    @property
    def late_ms(self) -> list[float]:
        """How much later than due each tick came."""
        return [ms for ms, _, _ in self.late]

    def until(self, there: Callable[[], bool], seconds: float = SECONDS) -> None:
        """Run the event loop.

        Args:
            there: asked at each tick.
            seconds: at most so long.
        """
        loop, last, end = qt.QEventLoop(), [time.perf_counter()], time.monotonic() + seconds

        def tick() -> None:
            now = time.perf_counter()
            self.late.append((max(1000 * (now - last[0]) - TICK_MS, 0.0), last[0], now))
            last[0] = now
            if there() or time.monotonic() > end:
                loop.quit()

        timer = qt.QTimer()
        timer.setInterval(TICK_MS)
        timer.connect("timeout()", tick)
        timer.start()
        loop.exec_()
        timer.stop()

    def causes(self, spans: Spans) -> dict[str, float]:
        """Mean ms of each kind in the ticks that came more than `HELD_MS` late."""
        held = [(begin, end) for ms, begin, end in self.late if ms > HELD_MS]
        total: dict[str, float] = {"ticks": float(len(held)), "whole": 0.0}
        for begin, end in held:
            total["whole"] += 1000 * (end - begin)
            for what, ms in spans.within(begin, end).items():
                total[what] = total.get(what, 0.0) + ms
        count = max(len(held), 1)
        return {what: ms if what == "ticks" else round(ms / count, 1) for what, ms in total.items()}


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
    first: list[float] = []
    store = session.scan.store

    def stored(*arguments: Any, **named: Any) -> Any:
        nodule = store(*arguments, **named)
        first.append(time.perf_counter())
        return nodule

    session.scan.store = stored
    began = time.perf_counter()
    index = seeds.AddControlPointWorld(vtk.vtkVector3d(*place))
    seeds.SetNthControlPointAssociatedNodeID(index, session.scan.volume_node.GetID())
    loop.until(lambda: bool(first) and widget.pace.resting)
    loop.until(lambda: False, DRAWN_SECONDS)
    del session.scan.store
    if not first:
        raise RuntimeError(f"no outline in {SECONDS:.0f} s")
    passes = session.nodules[0].result.passes
    session.delete()
    Loop().until(lambda: False, SETTLE_SECONDS)
    return 1000 * (first[0] - began), passes


def watch(widget: Any) -> Spans:
    """Note what the panel does, and what the views draw."""
    spans = Spans()
    spans.wrap(widget.session.jobs, "poll", "answers")
    spans.wrap(widget.pace, "draw", "panel")
    manager = slicer.app.layoutManager()
    if manager is not None:
        for name in manager.sliceViewNames():
            spans.watch(manager.sliceWidget(name).sliceView().renderWindow(), f"view {name}")
        for number in range(manager.threeDViewCount):
            view = manager.threeDWidget(number).threeDView()
            spans.watch(view.renderWindow(), "view 3D")
    return spans


def pictures(work: Callable[[Loop], Any]) -> tuple[float, Any]:
    """Pictures a second while something is done, and what came of it."""
    scrolling, loop = Scrolling(), Loop()
    scrolling.start()
    began = time.perf_counter()
    found = work(loop)
    took = time.perf_counter() - began
    scrolling.stop()
    return scrolling.pictures / took, found


def measure(widget: Any, clicks: int = CLICKS) -> dict[str, Any]:
    """All figures of an open panel whose model is to be loaded."""
    from densesharp.resources import sample_truth

    slicer.mrmlScene.Clear(0)
    widget.ui.sampleButton.click()
    engine = widget.session.backend.open(lambda *_: None)
    alone = pass_ms(engine)
    x, y, z = sample_truth()["nodules"][0]["center_lps"]
    place, spans = (-x, -y, z), watch(widget)
    click(widget, place, Loop())
    loop = Loop()
    answers = [click(widget, place, loop) for _ in range(clicks)]

    def idle() -> float:
        return pictures(lambda loop: loop.until(lambda: False, SCROLL_SECONDS))[0]

    before = idle()
    moving, busy = pictures(
        lambda loop: [click(widget, place, loop) for _ in range(max(clicks // 5, 1))]
    )
    quiet = (before + idle()) / 2  # other programs come and go meanwhile
    if slicer.util.mainWindow():
        slicer.util.selectModule("Welcome")
    elsewhere = idle()
    first = float(median(ms for ms, _ in answers))
    passes = float(median(count for _, count in answers))
    late = loop.late_ms
    return {
        "slicer": f"{slicer.app.majorVersion}.{slicer.app.minorVersion} r{slicer.app.revision}",
        "clicks": clicks,
        "pass_ms": round(alone, 1),
        "passes": passes,
        "first_outline_ms": round(first, 1),
        "beyond_the_passes_ms": round(first - passes * alone, 1),
        "held_up_ms_p50_p99_max": [round(float(np.percentile(late, q)), 1) for q in (50, 99, 100)],
        "held_up_by_ms": loop.causes(spans),
        "pictures_per_second_in_another_module": round(elsewhere, 1),
        "pictures_per_second": round(quiet, 1),
        "pictures_per_second_while_computing": round(moving, 1),
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
