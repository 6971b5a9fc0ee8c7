"""Makes the documentation's pictures from the running page: `python viewer_pictures.py DIR`."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

SIZE = {"width": 1280, "height": 800}


def start(folder: str) -> tuple[subprocess.Popen, str]:
    """`densesharp demo` and the address it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "densesharp", "demo", "--no-browser", "--out", folder],
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


def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as work, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--headless=new", "--no-sandbox", "--disable-gpu"],
        )
        process, url = start(work)
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
            browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
