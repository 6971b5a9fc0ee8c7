"""Makes the documentation's pictures from the running page: `python viewer_pictures.py DIR`.

Every state at both sizes: NAME.jpg and NAME-1920.jpg.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import SimpleITK
from playwright.sync_api import sync_playwright

from densesharp.resources import sample_path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from dicom_phantom import write_series
from phantoms import grid_around, smooth_ball

SHIFT = (4.0, -3.0, 6.0)
"""From the CT to the earlier one, LPS mm."""

SIZES = {"": (1280, 800, 82), "-1920": (1920, 1080, 60)}
"""By what the file's name ends with: width, height, quality of the JPEG."""


def start(folder: str, *command: str) -> tuple[subprocess.Popen, str]:
    """A command that opens the viewer, and the address it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "densesharp", *command, "--no-browser", "--out", folder],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, cwd=folder,
        env={**os.environ, "XDG_CONFIG_HOME": folder},  # no reader of before is known
    )  # fmt: skip
    for line in process.stderr:
        if match := re.search(r"http://\S+secret=\S+", line):
            return process, match.group(0)
    raise RuntimeError("the demo did not start")


def take(page, folder: Path, name: str) -> None:
    """JPEGs of the page at both sizes, once it rests."""
    for ending, (width, height, quality) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_function("!window.trame.state.get('busy')", timeout=120_000)
        time.sleep(2.5)
        page.screenshot(
            path=str(folder / f"viewer-{name}{ending}.jpg"), type="jpeg", quality=quality
        )
    width, height, _ = SIZES[""]
    page.set_viewport_size({"width": width, "height": height})
    time.sleep(1.5)


def open_page(browser, url: str):
    """The viewer's page, at the smaller size."""
    width, height, _ = SIZES[""]
    page = browser.new_page(viewport={"width": width, "height": height})
    page.goto(url)
    page.wait_for_selector(".ds-bar")
    return page


def act(page, *call) -> None:
    page.evaluate("call => window.trame.trigger('act', call)", list(call))


def write_cd(folder: Path) -> Path:
    """A folder with two series of a phantom."""
    grid = grid_around(np.zeros(3), (70, 66, 40), (0.8, 0.8, 1.25), np.eye(3))
    ball = smooth_ball(grid, np.zeros(3), radius=6, inside=20)
    for number in (2, 3):
        write_series(folder / "cd" / str(number), ball.array, grid, number=number)
    return folder / "cd"


def choose(page, folder: Path) -> None:
    """Open a folder as a reader does."""
    with page.expect_file_chooser() as chosen:
        page.get_by_title("Open a DICOM folder").click()
    chosen.value.set_files(folder)


def write_list(folder: Path) -> Path:
    """A worklist of the sample, with itself moved by some mm as its earlier CT."""
    image = SimpleITK.ReadImage(str(sample_path()))
    SimpleITK.WriteImage(image, str(folder / "sample.nrrd"))
    image.SetOrigin([value + shift for value, shift in zip(image.GetOrigin(), SHIFT, strict=True)])
    SimpleITK.WriteImage(image, str(folder / "earlier.nrrd"))
    rows = [f"Case {name},sample.nrrd,earlier.nrrd" for name in "ABC"]
    table = folder / "list.csv"
    table.write_text("\n".join(["case,image,prior", *rows]) + "\n")
    return table


def take_worklist(browser, work: Path, folder: Path) -> None:
    """The list of cases, and two CTs side by side."""
    results = work / "out"
    results.mkdir()
    process, url = start(str(results), "view", "--worklist", str(write_list(work)))
    try:
        page = open_page(browser, url)
        page.wait_for_function("window.trame?.state?.get('prior')", timeout=120_000)
        time.sleep(1.0)  # the views take the keys once they are drawn
        page.keyboard.press("PageDown")
        page.wait_for_function("window.trame.state.get('cases').at === 1", timeout=120_000)
        page.wait_for_function("window.trame.state.get('prior')", timeout=120_000)
        page.keyboard.press("Home")
        take(page, folder, "worklist")
        page.keyboard.press("Escape")
        act(page, "slice", "axial", 0.403)  # the sample's first nodule
        time.sleep(1.0)
        box = page.locator(".ds-views img").first.bounding_box()
        page.mouse.click(box["x"] + 0.273 * box["width"], box["y"] + 0.623 * box["height"])
        page.wait_for_function("window.trame.state.get('nodules').length", timeout=120_000)
        page.wait_for_function("!window.trame.state.get('busy')", timeout=120_000)
        page.keyboard.press("g")
        page.wait_for_function("window.trame.state.get('change').text", timeout=120_000)
        page.keyboard.press("j")
        take(page, folder, "earlier")
    finally:
        process.terminate()
        process.wait(120)


def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as work, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--headless=new", "--no-sandbox", "--disable-gpu"],
        )
        process, url = start(work, "demo")
        try:
            page = open_page(browser, url)
            page.wait_for_function("window.trame.state.get('nodules').length", timeout=120_000)
            take(page, folder, "demo")
            act(page, "evidence", True)
            take(page, folder, "evidence")
            act(page, "evidence", False)
            act(page, "reader", "Dr A")
            act(page, "decide", "nodule_001", "accepted")
            act(page, "layout", "large")
            act(page, "tool", "paint")
            take(page, folder, "correct")
            act(page, "layout", "four")
            time.sleep(3.0)  # another layout builds the page anew, dialogs included
            page.keyboard.press("?")
            take(page, folder, "keys")
            page.keyboard.press("Escape")
            act(page, "tool", "seed")
            page.get_by_title("This computer or a server", exact=True).click()
            take(page, folder, "settings")
            page.keyboard.press("Escape")
            page.get_by_text("Patient, for the guidelines").click()
            page.get_by_text("Patient, for the guidelines").scroll_into_view_if_needed()
            take(page, folder, "patient")
            choose(page, write_cd(Path(work)))
            page.wait_for_function("window.trame.state.get('series').length", timeout=60_000)
            take(page, folder, "series")
            page.get_by_text("Series 3 ·").click()
            page.wait_for_function("window.trame.state.get('leaving')", timeout=60_000)
            take(page, folder, "unsaved")
        finally:
            process.kill()
            process.wait(20)
        page.wait_for_selector("text=does not answer any more", timeout=60_000)
        take(page, folder, "ended")
        take_worklist(browser, Path(work), folder)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
