"""Ten cases of a worklist read in Chromium by mouse and keys: `python worklist_reading.py`.

Per case: open, mark two nodules, correct one with a plus click, accept both, write DICOM-free files
(the report), next. Prints the actions and seconds of each case, where nothing is waited for but
what the reader has to see: the outline of a click, the number of a correction, the next CT.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import SimpleITK
from playwright.sync_api import sync_playwright
from viewer_speed import BALLS, memory_gb, place_on_page, start, write_ct

from densesharp_viewer.pictures import TOO_LATE

CASES, NODULES = 10, 2


def write_list(folder):
    """CTs that differ in the place of nothing but one voxel, as one case each."""
    write_ct(folder / "case 01.nrrd")
    image = SimpleITK.ReadImage(str(folder / "case 01.nrrd"))
    for number in range(2, CASES + 1):
        image.SetPixel(0, 0, 0, -1000 + number)
        SimpleITK.WriteImage(image, str(folder / f"case {number:02d}.nrrd"))


class Reader:
    """Does what a reader does and counts it."""

    def __init__(self, page):
        self.page, self.actions = page, 0
        self.box = page.locator(".ds-views img").first.bounding_box()

    def key(self, key):
        """One key."""
        self.actions += 1
        self.page.keyboard.press(key)

    def click(self, x, y):
        """One click."""
        self.actions += 1
        self.page.mouse.click(x, y)

    def wait(self, condition, seconds=120):
        """Until the page shows it."""
        words = condition.replace("$", "window.trame.state.get")
        self.page.wait_for_function(words, timeout=1000 * seconds)

    def mark(self, ball, count):
        """A click on a ball, until its outline is there; again where it came before its picture."""
        late = f"$('message').text === {json.dumps(TOO_LATE)}"
        while True:
            self.click(*place_on_page(self.box, ball))
            self.wait(f"$('nodules').length === {count} || {late}")
            if len(self.page.evaluate("window.trame.state.get('nodules')")) == count:
                return
            self.page.evaluate("window.trame.trigger('act', ['forget'])")
            self.wait("!$('message').text")

    def correct(self, ball):
        """A plus click at the edge of the selected nodule, until its numbers are there."""
        x, y = place_on_page(self.box, ball)
        scale = place_on_page(self.box, (1, 0, 0))[0] - place_on_page(self.box, (0, 0, 0))[0]
        before = self.page.evaluate("window.trame.state.get('can_undo')")
        assert before
        self.key("+")
        self.click(x + 9.5 * scale, y)
        self.wait("$('card').edited && !$('busy')")
        self.key("n")

    def read(self, number):
        """One case from its first picture to the next one's; returns actions and seconds."""
        self.actions, began = 0, time.perf_counter()
        for count, ball in enumerate(BALLS[:NODULES], start=1):
            self.mark(ball, count)
        self.wait("!$('busy')")
        self.correct(BALLS[NODULES - 1])
        self.key("a")
        self.key(",")
        self.key("a")
        self.wait("$('nodules').every(row => row.decision === 'accepted')")
        self.page.get_by_role("button", name="Report").click()
        self.actions += 1
        self.wait("$('reported')")
        ended, last = time.perf_counter(), number == CASES
        self.key("PageDown")
        self.wait(f"$('cases').left === 0 || $('cases').at === {number}" if last
                  else f"$('cases').at === {number} && !$('nodules').length")  # fmt: skip
        now = time.perf_counter()
        return {"actions": self.actions, "seconds": now - began, "next_s": now - ended}


def measure():
    """All numbers of one run."""
    with tempfile.TemporaryDirectory() as work, sync_playwright() as playwright:
        folder = Path(work) / "list"
        folder.mkdir()
        write_list(folder)
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--headless=new", "--no-sandbox", "--disable-gpu"],
        )
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        process, url = start("--worklist", folder, Path(work) / "out")
        try:
            page.goto(url)
            page.wait_for_function("window.trame?.state?.get('opened')", timeout=60_000)
            page.wait_for_function("!window.trame.state.get('busy')", timeout=60_000)
            time.sleep(2)
            reader = Reader(page)
            cases = [reader.read(number) for number in range(1, CASES + 1)]
            memory = memory_gb(process)
        finally:
            process.terminate()
            process.wait(150)
            browser.close()
        saved = sorted((Path(work) / "out").glob("*/scene.mrb"))
        return {
            "cases": [{key: round(value, 2) for key, value in case.items()} for case in cases],
            "actions_per_case": statistics.median(case["actions"] for case in cases),
            "seconds_per_case": round(statistics.median(case["seconds"] for case in cases), 1),
            "next_case_s": round(statistics.median(case["next_s"] for case in cases[:-1]), 2),
            "scenes_saved": len(saved),
            "memory_gb": round(memory, 2),
            "load": round(os.getloadavg()[0], 1),
            "cores": os.cpu_count(),
        }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    args = parser.parse_args()
    text = json.dumps(measure(), indent=1)
    sys.stdout.write(text + "\n")
    if args.json:
        args.json.write_text(text)
