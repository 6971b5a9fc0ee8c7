"""What the page shows beside the pictures: whose CT, what is at the pointer, what is handed out."""

import io
import re

import numpy as np
import pytest
from browser_page import PATIENCE_S, Page, bright_middle, show_sphere
from matplotlib.image import imread

pytestmark = pytest.mark.web

NAMED = """[...document.querySelectorAll(
  '.ds-page button, .ds-page input, .ds-page progress, dialog button, dialog input')]
  .filter(e => !(e.ariaLabel || e.title || e.innerText.trim() ||
                 [...(e.labels ?? [])].some(l => l.innerText.trim())))
  .map(e => e.outerHTML)"""
"""Controls that a screen reader has no name for."""


@pytest.fixture(scope="module")
def served(serve, sphere_file, tmp_path_factory):
    """A viewer that begins with a click as the demo does, three slices from the sphere's middle."""
    path, center = sphere_file
    click = ",".join(str(x) for x in center + (0, 0, 4.0))
    return serve(str(tmp_path_factory.mktemp("results")), str(path), "0", "", click)


def height(page, name) -> float:
    return page.page.locator(name).bounding_box()["height"]


def blue_cross(page) -> tuple[float, float] | None:
    """(x, y) of the seed's color in the axial view; None where it is not drawn."""
    png = page.page.locator(".ds-views img").first.screenshot()
    red, green, blue = np.moveaxis(imread(io.BytesIO(png), format="png")[..., :3], -1, 0)
    y, x = np.nonzero((blue > 0.7) & (green > 0.6) & (red < 0.4))
    return (float(x.mean()) + 0.5, float(y.mean()) + 0.5) if len(x) > 10 else None


def test_the_cross_of_the_demo_stands_where_the_hint_says(browser, served):
    page = Page(browser, served.url)
    page.wait("$('nodules').length === 1 && !$('busy')")
    place = re.search(r"blue cross .* in the slice at (\S+ mm)", page.get("hint"))[1]
    page.settle()
    box = page.box(0)
    page.page.mouse.move(box["x"] + 100, box["y"] + 100)
    seen = {}
    for turn in (0, -100, -100, 100, 100, 100, 100):
        if turn:
            page.page.mouse.wheel(0, turn)
            page.settle()
        seen[page.get("slices")["axial"]["text"]] = blue_cross(page)
    assert [text for text, cross in seen.items() if cross] == [place]
    page.page.get_by_title("Close the hint").click()
    page.wait("!$('hint')")
    page.start_over()
    page.leave()


def test_identity_pointer_axes_and_what_is_handed_out(browser, served, sphere_file):
    page = Page(browser, served.url)
    page.wait("$('opened') && !$('busy')")
    shown = page.page.locator(".ds-patient")
    assert [text.inner_text() for text in shown.all()] == [sphere_file[0].name] * 3
    icon = page.page.evaluate("document.querySelector('link[rel=icon]').href")
    assert icon.startswith("data:image/svg+xml,")
    page.act("tool", "seed")
    show_sphere(page)
    assert page.page.locator(".ds-levels").first.inner_text().split() == ["W", "1500", "L", "−600"]
    x, y = bright_middle(page.picture(0))
    foot = height(page, ".ds-foot")
    with served.held():
        page.click(0, x, y)
        page.wait("$('busy')")
        assert height(page, ".ds-foot") == foot  # the pictures above do not jump
    page.wait("$('nodules').length === 1 && !$('busy')")
    page.wait("$('pointer').includes('HU at RAS') && $('pointer').includes('axial slice')")

    page.page.locator(".ds-scroll").evaluate("panel => panel.scrollTo(0, 1e6)")
    for name in ("Accept", "Reject", "Copy", "Report", "DICOM"):
        box = page.page.locator(".ds-export button", has_text=name).bounding_box()
        assert box["x"] + box["width"] <= 1280
        assert box["y"] + box["height"] <= 800
    assert page.page.evaluate(NAMED) == []

    before = page.picture(0)
    page.page.keyboard.press("j")
    page.settle()
    near = page.picture(0)
    assert (near > 0.75).sum() > 1.3 * (before > 0.75).sum()
    page.page.keyboard.press("j")
    page.settle()
    assert abs(int((page.picture(0) > 0.75).sum()) - int((before > 0.75).sum())) < 200
    page.page.keyboard.press("t")
    page.wait("!$('axes')")
    page.page.keyboard.press("t")
    page.wait("$('axes')")
    page.page.keyboard.press("Control+s")
    page.wait("$('saved_in')")
    assert page.get("saved_in").endswith("sphere")
    assert page.get("saved_in") in page.page.locator(".ds-path").inner_text()
    page.start_over()
    page.leave()


def test_a_page_that_lost_the_program_comes_back_by_itself(browser, served):
    context = browser.new_context()
    context.set_default_timeout(1000 * PATIENCE_S)
    context.add_init_script(
        "const Plain = WebSocket; window.WebSocket = class extends Plain {"
        "  constructor(...of) { super(...of); window.lastSocket = this; } };"
    )
    page = context.new_page()
    page.goto(served.url)
    page.wait_for_selector(".ds-bar")
    page.evaluate("window.lastSocket.close()")
    page.locator(".ds-lost").wait_for()
    assert "comes back by itself" in page.locator(".ds-lost").inner_text()
    page.wait_for_selector(".ds-bar")
    page.wait_for_function("window.trame.state.get('opened')")
    context.close()
