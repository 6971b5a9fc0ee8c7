"""Makes the pictures of the reader-study pages from the running page and the bundled sample.

python Testing/study/conduct/study_pictures.py docs/images
"""

import csv
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from test_study_mode_browser import CHROMIUM, StudyServer, open_page

from densesharp.cli import main as densesharp
from densesharp.resources import sample_path, sample_truth
from densesharp.study.conduct.create import Sources, create_study

SETTINGS = {
    "study": "example", "title": "Lung nodules: an example", "kind": "sequential", "seed": 4,
}  # fmt: skip
NODULES = 4


def make_study(folder: Path) -> Path:
    """A study of the sample's nodules with the bundled model's own results."""
    rows: list[tuple[object, ...]] = [("case", "image", "x", "y", "z")]
    for number, nodule in enumerate(sample_truth()["nodules"][:NODULES], start=1):
        name, point = f"N{number:03d}", nodule["center_ras"]
        rows.append((name, sample_path(), *point))
        seed = ",".join(map(str, point))
        out = folder / "results" / name
        densesharp(["predict", str(sample_path()), f"--seed={seed}", "--out", str(out)])
    with (folder / "cases.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    (folder / "readers.csv").write_text("reader,group\nS1,senior\n", encoding="utf-8")
    sources = Sources(folder / "cases.csv", folder / "readers.csv", None, folder / "results")
    return create_study(folder / "study", sources, SETTINGS).folder


def take(page: Page, path: Path) -> None:
    """NAME.jpg and NAME-1920.jpg, once the views are sharp."""
    small = page.viewport_size
    page.wait_for_timeout(3000)
    page.screenshot(path=path, type="jpeg", quality=82)
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.wait_for_timeout(3000)
    page.screenshot(path=path.with_stem(f"{path.stem}-1920"), type="jpeg", quality=60)
    if small:
        page.set_viewport_size(small)


def outline(page: Page) -> None:
    """Click into the nodule, which is in the middle of the axial view."""
    page.keyboard.press("n")
    page.wait_for_function("window.trame.state.get('tool') === 'click'")
    view = page.query_selector(".ds-views canvas, .ds-views img").bounding_box()
    page.mouse.click(view["x"] + view["width"] / 2 + 3, view["y"] + view["height"] / 2 + 3)
    page.wait_for_selector("text=Outlined.")


def main(target: Path) -> None:
    """Read one case and take the pictures on the way."""
    folder = Path(tempfile.mkdtemp())
    server = StudyServer(make_study(folder))
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = open_page(browser, server)
            page.click("text=Start session 1")
            page.wait_for_selector("text=Next case (Enter)")
            page.keyboard.press("Enter")
            page.wait_for_selector("text=Read without the model.")
            page.wait_for_function("!window.trame.state.get('loading')")
            outline(page)
            for key in "uwwwcc8":
                page.keyboard.press(key)
            page.mouse.move(1000, 760)
            take(page, target / "study-case.jpg")
            page.keyboard.press("Enter")
            page.wait_for_selector("text=It cannot be changed")
            page.keyboard.press("Enter")
            page.wait_for_selector("text=The model:")
            page.click("[title='Three planes and 3D']")
            page.keyboard.press("j")
            take(page, target / "study-aided.jpg")
            browser.close()
    finally:
        server.end(signal.SIGTERM)
        shutil.rmtree(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
