"""Hands at the change of cases: nothing is done to a case that nobody has seen, nothing is lost.

The page hears of everything late, so that hands are ahead of what is on the screen.
"""

import numpy as np
import pytest
from browser_page import SLOW_LINE, Page, bright_middle, show_sphere
from viewer_helpers import sphere_volume

from densesharp.image.sampling import to_sitk, write_image

pytestmark = pytest.mark.web

COUNT = 9
BESIDE = np.array((-100.0, 0.0))
"""Pixels from the sphere to where something else can be clicked."""


@pytest.fixture(scope="module")
def open_list(browser, serve, tmp_path_factory):
    """A page with a worklist; its first case is open."""
    folder = tmp_path_factory.mktemp("list")
    (folder / "cts").mkdir()
    volume, _ = sphere_volume()
    for number in range(1, COUNT + 1):
        write_image(to_sitk(volume.array, volume.grid), folder / "cts" / f"{number}.nrrd", 1)
    served = serve(str(folder / "out"), "", "0", str(folder / "cts"))
    page = Page(browser, served.url, script=SLOW_LINE)
    page.wait("$('cases').at === 0 && !$('busy')")
    yield page
    page.leave()


@pytest.fixture
def page(open_list):
    """The list at a case that was not read yet, with one nodule."""
    page = open_list
    while page.get("nodules"):
        at = page.get("cases")["at"]
        page.page.keyboard.press("PageDown")
        page.wait(f"$('cases').at > {at} && !$('busy')")
        page.done()
    page.act("tool", "seed")
    mark(page)
    return page


def mark(page) -> None:
    """One nodule, the sphere, in the open case."""
    show_sphere(page)
    page.middle = np.array(bright_middle(page.picture(0)))
    page.click(0, *page.middle)
    page.wait("$('nodules').length === 1 && !$('busy')")


def click(page) -> None:
    page.page.mouse.down()
    page.page.mouse.up()


def accept(page) -> None:
    page.page.keyboard.press("a")
    page.page.get_by_role("button", name="Accept").click()


HANDS = {
    "click": (click, "The picture was changing"),
    "key": (lambda page: page.page.keyboard.press("s"), "The picture was changing"),
    "decision": (accept, "Another CT has only just come"),
    "bin": (lambda page: page.page.get_by_title("Delete (Delete)").click(), "Another CT has only"),
    "report": (
        lambda page: page.page.get_by_role("button", name="Report", exact=True).click(),
        "Another CT has only just come",
    ),
    "undo": (lambda page: page.page.keyboard.press("Control+z"), "Another CT has only just come"),
}


def test_nothing_is_done_to_another_case_before_it_is_seen(page):
    """Its nodules have the same numbers as those of the case that is on the screen."""
    first = page.get("cases")["at"]
    page.page.keyboard.press("PageDown")
    page.wait(f"$('cases').at === {first + 1} && !$('nodules').length")
    mark(page)
    for key, there, (act, words) in zip(
        ("PageUp", "PageDown") * 3, (first, first + 1) * 3, HANDS.values(), strict=False
    ):
        page.point(0, *(page.middle + BESIDE))
        page.settle()
        page.page.evaluate("line.hold()")
        page.page.keyboard.press(key)
        page.wait("line.holds('nodule_001')")
        act(page)
        page.page.evaluate("line.go()")
        page.wait(f"$('message').text.startsWith('{words}')")
        page.wait(f"$('cases').at === {there} && !$('busy')")
        page.done()
        assert [nodule["decision"] for nodule in page.get("nodules")] == ["open"], words
    page.page.keyboard.press("a")
    page.wait("$('card').decision === 'accepted'")


def test_a_case_that_nobody_saw_is_never_marked_as_read(page):
    at = page.get("cases")["at"]
    page.page.evaluate("line.hold()")
    page.page.keyboard.press("PageDown")
    page.page.keyboard.press("PageDown")
    page.page.evaluate("line.go()")
    page.wait(f"$('cases').at === {at + 1} && !$('busy')")
    page.done()
    page.wait(f"$('cases').rows[{at}].state === 'read'")
    assert page.get("cases")["rows"][at + 1]["state"] == "open"


@pytest.mark.parametrize("hand", ["stroke", "click", "decision"])
def test_the_next_case_comes_after_what_hands_did_before(page, hand):
    at = page.get("cases")["at"]
    if hand == "stroke":
        page.page.keyboard.press("p")
        page.wait("$('tool') === 'paint'")
        page.drag(page.middle, page.middle + (25, 0))
    elif hand == "click":
        page.click(0, *(page.middle + BESIDE))
    else:
        page.page.keyboard.press("a")
    page.page.keyboard.press("PageDown")
    page.wait(f"$('cases').at === {at + 1} && !$('busy')")
    assert page.get("nodules") == []
    page.wait(f"$('cases').rows[{at}].state === 'read'")
    page.act("case", page.get("cases")["rows"][at]["id"])
    page.wait(f"$('cases').at === {at} && $('nodules').length === {2 if hand == 'click' else 1}")
    assert page.get("card")["edited"] == (hand == "stroke")
    assert page.get("nodules")[0]["decision"] == ("accepted" if hand == "decision" else "open")
