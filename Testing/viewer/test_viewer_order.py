"""What hands do at once happens in its order, though mouse and keys reach the server by two ways.

The page hears of everything a while after it happened, as through a slow line: a view sends its
next mouse event only when it has heard of the one before, and hands are far ahead of that.
"""

import re

import numpy as np
import pytest
from browser_page import SLOW_LINE, bright_middle, show_sphere

pytestmark = pytest.mark.web


SCRIPT = SLOW_LINE


@pytest.fixture
def page(open_page):
    """The page with one nodule, the sphere in the middle of the axial view."""
    open_page.start_over()
    show_sphere(open_page)
    open_page.middle = np.array(bright_middle(open_page.picture(0)))
    mark(open_page, open_page.middle, 1)
    return open_page


def height_of(page, number: int) -> float:
    """RAS z of a nodule's click, mm."""
    page.act("select", page.get("nodules")[number]["id"])
    page.wait(f"$('card').id === $('nodules')[{number}].id")
    words = re.search(r"RAS \(\S+ \S+ (\S+)\) mm", page.get("card")["sentence"])
    return float(words[1].replace("−", "-"))


def mark(page, place, count: int) -> None:
    page.click(0, *place)
    page.wait(f"$('nodules').length === {count} && !$('busy')")


def test_a_stroke_comes_before_the_key_that_undoes_it(page):
    volume = page.get("nodules")[0]["volume"]
    page.page.keyboard.press("p")
    page.wait("$('tool') === 'paint'")
    page.drag(page.middle, page.middle + (25, 0))
    page.page.keyboard.press("Control+z")
    page.wait("$('can_redo') && !$('busy')")
    assert [nodule["volume"] for nodule in page.get("nodules")] == [volume]
    assert not page.get("card")["edited"]


def test_a_stroke_comes_before_the_decision_on_it(page, served):
    """A decision on an outline that has no answer yet is refused, never made on the old one."""
    page.page.keyboard.press("p")
    page.wait("$('tool') === 'paint'")
    with served.held():
        page.drag(page.middle, page.middle + (25, 0))
        page.page.keyboard.press("a")
        page.wait("$('message').text.startsWith('A new answer is being computed')")
    page.wait("$('card').edited && !$('busy')")
    assert page.get("card")["decision"] == "open"


def test_a_decision_is_not_about_an_answer_that_is_still_on_its_way_to_the_page(page, served):
    page.page.keyboard.press("p")
    page.wait("$('tool') === 'paint'")
    with served.held():
        page.drag(page.middle, page.middle + (25, 0))
        page.wait("$('busy')")
        page.page.evaluate("line.hold()")
    page.wait(r"line.holds('edited\xc3')")  # true
    page.page.keyboard.press("a")
    page.page.get_by_role("button", name="Accept").click()
    page.page.evaluate("line.go()")
    page.wait("$('message').text.endsWith('has only just come: look at it, then press again.')")
    page.wait("$('card').edited && !$('busy') && !$('came')")
    assert page.get("card")["decision"] == "open"
    page.page.keyboard.press("a")
    page.wait("$('card').decision === 'accepted'")


@pytest.mark.parametrize("key", ["a", "Delete"])
def test_a_key_is_about_the_nodule_clicked_just_before(page, key):
    first = page.get("selected")
    mark(page, page.middle - (150, 0), 2)
    page.click(0, *page.middle)
    page.page.keyboard.press(key)
    if key == "a":
        page.wait("$('nodules').some(nodule => nodule.decision === 'accepted')")
        assert [n["id"] for n in page.get("nodules") if n["decision"] == "accepted"] == [first]
    else:
        page.wait("$('nodules').length === 1")
        assert page.get("nodules")[0]["id"] != first


def test_a_key_does_not_mean_an_answer_that_was_not_seen(page):
    """The server has the new nodule already; the reader still sees the card of the first one."""
    box = page.box(0)
    page.page.mouse.move(box["x"] + page.middle[0] - 150, box["y"] + page.middle[1])
    page.settle()
    page.page.evaluate("line.hold()")
    # Numbers go on from one test to the next.
    new = "nodule_{:03d}".format(int(page.get("selected").split("_")[1]) + 1)
    page.page.keyboard.press("s")
    page.wait(f"line.holds('{new}')")
    page.page.keyboard.press("a")
    page.page.keyboard.press("Delete")
    page.page.evaluate("line.go()")
    page.wait("$('message').text.endsWith('has only just come: look at it, then press again.')")
    assert [nodule["decision"] for nodule in page.get("nodules")] == ["open", "open"]
    page.wait("$('came') === 0")
    page.page.keyboard.press("a")
    page.wait("$('nodules')[1].decision === 'accepted'")


def test_a_key_does_not_mean_the_nodule_that_comes_after_a_deleted_one(page):
    mark(page, page.middle - (150, 0), 2)
    page.page.evaluate("line.hold()")
    page.page.keyboard.press("Delete")
    page.page.keyboard.press("a")
    page.page.keyboard.press("Delete")
    page.page.evaluate("line.go()")
    page.wait("$('message').text.endsWith('has only just come: look at it, then press again.')")
    page.done()
    assert [nodule["decision"] for nodule in page.get("nodules")] == ["open"]
    page.page.keyboard.press("a")
    page.wait("$('nodules')[0].decision === 'accepted'")


def test_undo_at_once_takes_the_last_click_back(page):
    first = page.get("selected")
    page.click(0, *(page.middle - (150, 0)))
    page.page.keyboard.press("Control+z")
    page.wait("$('message').text.startsWith('Undone')")
    page.settle()
    assert [nodule["id"] for nodule in page.get("nodules")] == [first]


def test_a_seed_is_set_where_the_mouse_has_just_come_to(page):
    box = page.box(0)
    for x, y in (page.middle, page.middle - (150, 0)):
        page.page.mouse.move(box["x"] + x, box["y"] + y)
    page.page.keyboard.press("s")
    page.wait("$('nodules').length === 2 && !$('busy')")


@pytest.mark.parametrize("by_key", [False, True])
def test_a_click_means_the_slice_that_was_on_the_screen(page, by_key):
    """The wheel has turned, and its picture is still on its way."""
    shown = float(page.get("slices")["axial"]["text"].split()[0].replace("−", "-"))
    page.point(0, *(page.middle - (150, 0)))
    page.settle()
    page.page.evaluate("line.hold()")
    for _ in range(3):
        page.page.mouse.wheel(0, -100)
    if by_key:
        page.page.keyboard.press("s")
    else:
        page.page.mouse.down()
        page.page.mouse.up()
    page.page.evaluate("line.go()")
    page.wait("$('nodules').length === 2 && !$('busy')")
    assert height_of(page, 1) == pytest.approx(shown, abs=0.6)


def test_clicks_in_two_views_keep_their_order(page):
    """The first view has much to send yet, the second one nothing."""
    page.point(0, *(page.middle - (150, 0)))
    for turn in (-100, 100, -100, 100):
        page.page.mouse.wheel(0, turn)
    page.page.mouse.down()
    page.page.mouse.up()
    box = page.box(1)
    page.click(1, box["width"] / 2 + 60, box["height"] / 2 - 60)
    page.wait("$('nodules').length === 3 && !$('busy')")
    axial = height_of(page, 0)
    assert height_of(page, 1) == pytest.approx(axial, abs=0.6)
    assert abs(height_of(page, 2) - axial) > 5


def test_keys_do_not_wait_for_a_mouse_that_moves_on(page):
    box = page.box(0)
    for x in range(40):
        page.page.mouse.move(box["x"] + 100 + x, box["y"] + 100)
        if x == 10:
            page.page.keyboard.press("p")
    page.wait("$('tool') === 'paint'")
