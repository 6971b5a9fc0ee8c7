"""Makes the documentation's pictures from the running page: `python viewer_pictures.py DIR`."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import SimpleITK
from playwright.sync_api import sync_playwright

from densesharp.resources import sample_path

SHIFT = (4.0, -3.0, 6.0)
"""From the CT to the earlier one, LPS mm."""

SIZE = {"width": 1280, "height": 800}


def start(folder: str, *command: str) -> tuple[subprocess.Popen, str]:
    """A command that opens the viewer, and the address it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "densesharp", *command, "--no-browser", "--out", folder],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, cwd=folder,
    )  # fmt: skip
    for line in process.stderr:
        if match := re.search(r"http://\S+secret=\S+", line):
            return process, match.group(0)
    message = "the demo did not start"
    raise RuntimeError(message)


def take(page, target: Path) -> None:
    """A JPEG of the page once it rests."""
    page.wait_for_function("!window.trame.state.get('busy')", timeout=120_000)
    time.sleep(2.5)
    page.screenshot(path=str(target), type="jpeg", quality=82)


def act(page, *call) -> None:
    page.evaluate("call => window.trame.trigger('act', call)", list(call))


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
        page = browser.new_page(viewport=SIZE)
        page.goto(url)
        page.wait_for_selector(".ds-bar")
        page.wait_for_function("window.trame?.state?.get('prior')", timeout=120_000)
        time.sleep(1.0)  # the views take the keys once they are drawn
        page.keyboard.press("PageDown")
        page.wait_for_function("window.trame.state.get('cases').at === 1", timeout=120_000)
        page.wait_for_function("window.trame.state.get('prior')", timeout=120_000)
        page.keyboard.press("Home")
        take(page, folder / "viewer-worklist.jpg")
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
        take(page, folder / "viewer-earlier.jpg")
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
            page = browser.new_page(viewport=SIZE)
            page.goto(url)
            page.wait_for_selector(".ds-bar")
            page.wait_for_function("window.trame.state.get('nodules').length", timeout=120_000)
            take(page, folder / "viewer-demo.jpg")
            act(page, "evidence", True)
            take(page, folder / "viewer-evidence.jpg")
            act(page, "evidence", False)
            act(page, "reader", "Dr A")
            act(page, "decide", "nodule_001", "accepted")
            act(page, "layout", "large")
            act(page, "tool", "paint")
            take(page, folder / "viewer-correct.jpg")
            act(page, "layout", "four")
            time.sleep(3.0)  # another layout builds the page anew, dialogs included
            page.keyboard.press("?")
            take(page, folder / "viewer-keys.jpg")
            page.keyboard.press("Escape")
            act(page, "tool", "seed")
            page.get_by_title("This computer or a server", exact=True).click()
            take(page, folder / "viewer-settings.jpg")
        finally:
            process.terminate()
            process.wait(20)
        take_worklist(browser, Path(work), folder)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
