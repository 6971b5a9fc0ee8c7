"""How quick the browser viewer is, measured in the page: `python viewer_speed.py [--json FILE]`.

Starts `densesharp view` on a 512 x 512 x 300 CT with balls to click on, opens it in Chromium and
measures from the outside: command to page, mouse-up to outline on screen, a brush stroke to its
numbers, a key to its picture and frames a second while scrolling (idle and while the model runs),
and the memory of the server.
"""

import argparse
import json
import os
import queue
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import SimpleITK
from playwright.sync_api import sync_playwright

SIZE, SPACING = (512, 512, 300), (0.7, 0.7, 1.0)
BALLS = [(150 + 52 * n, 160 + 45 * (n % 3), 150) for n in range(4)]
BALLS += [(150 + 52 * n, 350 - 30 * (n % 2), 150) for n in range(4)]
RADIUS_MM = 6.0
SCROLL_S, WHEEL_EVERY_S = 6.0, 0.033

COUNT_FRAMES = """() => {
  window.frames_seen = [];
  const image = document.querySelectorAll('.ds-views img')[0];
  new MutationObserver(() => window.frames_seen.push(performance.now()))
    .observe(image, { attributes: true, attributeFilter: ['src'] });
  window.addEventListener('mouseup', () => { window.released = performance.now(); }, true);
  window.addEventListener('pointerup', () => { window.released = performance.now(); }, true);
}"""

SHOWN_AFTER = """(before) => new Promise((done) => {
  let answered = null;
  const began = performance.now();
  const look = () => {
    if (performance.now() - began > 20000) return done(null);
    const count = window.trame.state.get('nodules').length;
    if (answered === null && count > before) answered = performance.now();
    const frame = answered && window.frames_seen.find((at) => at >= answered - 5);
    if (frame) done(Math.max(frame, answered) - window.released);
    else setTimeout(look, 4);
  };
  look();
})"""


NUMBERS_AFTER = """(before) => new Promise((done) => {
  const began = performance.now();
  const look = () => {
    if (performance.now() - began > 20000) return done(null);
    const state = window.trame.state;
    const row = state.get('nodules').find((each) => each.id === state.get('selected'));
    if (row && row.volume !== before) done(performance.now() - window.released);
    else setTimeout(look, 4);
  };
  look();
})"""

COMPUTE_AGAIN = """() => {
  window.computing = true;
  const again = async () => {
    if (!window.computing) return;
    // One request at a time: a page that is behind would ask faster than the model answers.
    if (!window.trame.state.get('busy')) {
      await window.trame.trigger('act', ['again', 'nodule_001']);
    }
    setTimeout(again, 30);
  };
  again();
}"""


def write_ct(path):
    """Noisy lung with balls of soft tissue, all in the middle slice."""
    array = np.random.default_rng(0).normal(-850, 20, SIZE[::-1]).astype(np.int16)
    for i, j, k in BALLS:
        reach = 12
        box = np.ix_(*(range(c - reach, c + reach + 1) for c in (k, j, i)))
        z, y, x = np.meshgrid(*(np.arange(-reach, reach + 1),) * 3, indexing="ij")
        inside = (x * 0.7) ** 2 + (y * 0.7) ** 2 + z**2 <= RADIUS_MM**2
        array[box] = np.where(inside, 20, array[box])
    image = SimpleITK.GetImageFromArray(array)
    image.SetSpacing(SPACING)
    SimpleITK.WriteImage(image, str(path))


def start(*arguments):
    """The viewer's process and the address of its page; the last argument is the results folder."""
    *what, results = map(str, arguments)
    command = [sys.executable, "-m", "densesharp", "view", *what, "--no-browser"]
    process = subprocess.Popen(
        [*command, "--out", results], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
        text=True,
    )  # fmt: skip
    found = queue.Queue()

    def read():
        for line in process.stderr:
            if match := re.search(r"http://\S+secret=\S+", line):
                found.put(match.group(0))

    threading.Thread(target=read, daemon=True).start()
    return process, found.get(timeout=120)


def memory_gb(process):
    """Resident memory of the server now."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 2**20


def place_on_page(box, ball):
    """Pixel of a ball in the axial view: the whole CT is fitted into the view's height."""
    scale = min(box["width"] / (SIZE[0] * SPACING[0]), box["height"] / (SIZE[1] * SPACING[1]))
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    return tuple(
        m + (index - (count - 1) / 2) * edge * scale
        for m, index, count, edge in zip(middle, ball, SIZE, SPACING, strict=False)
    )


def click_times(page, box):
    """Milliseconds from mouse-up to the outline on screen, for every ball that was answered."""
    times = []
    for ball in BALLS:
        x, y = place_on_page(box, ball)
        page.mouse.move(x, y)
        before = page.evaluate("window.trame.state.get('nodules').length")
        page.mouse.down()
        page.mouse.up()
        shown_after = page.evaluate(SHOWN_AFTER, before)
        if shown_after is not None:
            times.append(shown_after)
        page.wait_for_function("!window.trame.state.get('busy')", timeout=60_000)
        time.sleep(0.3)
    return times


def scroll_rate(page, box):
    """Frames a second of the axial view under a steady wheel."""
    page.mouse.move(box["x"] + 20, box["y"] + 60)
    page.evaluate("window.frames_seen.length = 0")
    began = time.perf_counter()
    step = 0
    while time.perf_counter() - began < SCROLL_S:
        page.mouse.wheel(0, 100 if (step // 40) % 2 else -100)
        step += 1
        time.sleep(max(0.0, began + step * WHEEL_EVERY_S - time.perf_counter()))
    return page.evaluate("window.frames_seen.length") / (time.perf_counter() - began)


def key_times(page, count=12):
    """Milliseconds from a key to the first new picture: a slice up and down."""
    times = []
    for number in range(count):
        page.evaluate("window.frames_seen.length = 0")
        began = page.evaluate("performance.now()")
        page.keyboard.press("ArrowUp" if number % 2 else "ArrowDown")
        page.wait_for_function("window.frames_seen.length", timeout=5000)
        times.append(page.evaluate("window.frames_seen[0]") - began)
        time.sleep(0.3)
    return times


def while_computing(page, measured):
    """What is measured while the model runs again and again."""
    page.evaluate(COMPUTE_AGAIN)
    time.sleep(0.2)
    found = measured()
    page.evaluate("window.computing = false")
    page.wait_for_function("!window.trame.state.get('busy')", timeout=60_000)
    return found


def stroke_times(page, count=6):
    """Milliseconds from lifting the brush to the numbers of the outline that was painted."""
    times = []
    page.evaluate("window.trame.trigger('act', ['tool', 'paint'])")
    for number in range(count):
        page.evaluate(f"window.trame.trigger('act', ['select', 'nodule_00{number + 1}'])")
        page.wait_for_function(
            f"window.trame.state.get('selected') === 'nodule_00{number + 1}'", timeout=20_000
        )
        time.sleep(0.5)
        box = page.locator(".ds-views img").first.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        before = page.evaluate(
            "window.trame.state.get('nodules').find("
            "(each) => each.id === window.trame.state.get('selected')).volume"
        )
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 8, y + 2, steps=4)
        page.mouse.up()
        numbers_after = page.evaluate(NUMBERS_AFTER, before)
        if numbers_after is not None:
            times.append(numbers_after)
        page.wait_for_function("!window.trame.state.get('busy')", timeout=60_000)
    page.evaluate("window.trame.trigger('act', ['tool', 'seed'])")
    return times


def measure():
    """All numbers of one run."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "ct.nrrd"
        write_ct(path)
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--headless=new", "--no-sandbox", "--disable-gpu"],
        )
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        began = time.perf_counter()
        process, url = start(path, Path(folder) / "out")
        try:
            page.goto(url)
            page.wait_for_selector(".ds-views img")
            ready = time.perf_counter() - began
            page.wait_for_function("window.trame.state.get('opened')", timeout=60_000)
            opened = time.perf_counter() - began
            page.wait_for_function("!window.trame.state.get('busy')", timeout=60_000)
            time.sleep(2)
            page.evaluate(COUNT_FRAMES)
            box = page.locator(".ds-views img").first.bounding_box()
            clicks = click_times(page, box)
            page.mouse.move(box["x"] + 20, box["y"] + 60)
            keys = key_times(page)
            scrolled = scroll_rate(page, box)
            keys_computing = while_computing(page, lambda: key_times(page))
            scrolled_computing = while_computing(page, lambda: scroll_rate(page, box))
            strokes = stroke_times(page)
            return {
                "key_to_picture_ms": round(statistics.median(keys)),
                "key_while_computing_ms": round(statistics.median(keys_computing)),
                "stroke_to_numbers_ms": round(statistics.median(strokes)) if strokes else None,
                "strokes": f"{len(strokes)} of 6 answered",
                "page_ready_s": round(ready, 1),
                "ct_shown_s": round(opened, 1),
                "click_to_outline_ms": round(statistics.median(clicks)) if clicks else None,
                "clicks": f"{len(clicks)} of {len(BALLS)} answered",
                "click_to_outline_each_ms": [round(value) for value in clicks],
                "scroll_fps": round(scrolled, 1),
                "scroll_while_computing_fps": round(scrolled_computing, 1),
                "memory_gb": round(memory_gb(process), 2),
                "load": round(os.getloadavg()[0], 1),
                "cores": os.cpu_count(),
            }
        finally:
            process.terminate()
            process.wait(20)
            browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    args = parser.parse_args()
    numbers = measure()
    text = json.dumps(numbers, indent=1)
    sys.stdout.write(text + "\n")
    if args.json:
        args.json.write_text(text)
