"""Fast hands on the real page: every key and button acts on the nodule that its reader means."""

import pytest
from browser_page import Page, bright_middle, show_sphere

pytestmark = pytest.mark.web


@pytest.fixture(scope="module")
def served(serve, sphere_file, tmp_path_factory):
    return serve(str(tmp_path_factory.mktemp("results")), str(sphere_file[0]))


@pytest.fixture
def page(browser, served):
    """The page with the CT open and three nodules, the first of them selected."""
    page = Page(browser, served.url)
    page.wait("$('opened') && !$('busy')")
    page.act("tool", "seed")
    show_sphere(page)
    x, y = bright_middle(page.picture(0))
    for count, beside in enumerate((0, -70, -140), start=1):
        page.click(0, x + beside, y)
        page.wait(f"$('nodules').length === {count} && !$('busy')")
    page.page.locator(".ds-list tbody tr").first.click()
    page.wait("$('selected') === $('nodules')[0].id")
    yield page
    page.leave_empty()


def decisions(page) -> list[str]:
    return [nodule["decision"] for nodule in page.get("nodules")]


def test_accept_and_next_at_full_speed_accepts_three_nodules(page):
    page.page.keyboard.type("a.a.a")
    page.wait("$('nodules').every(nodule => nodule.decision === 'accepted')")


def test_the_bin_deletes_its_row_and_leaves_the_selection(page):
    first, second, _ = (nodule["id"] for nodule in page.get("nodules"))
    page.page.get_by_title("Delete (Delete)").nth(2).click()
    page.wait("$('nodules').length === 2")
    assert [nodule["id"] for nodule in page.get("nodules")] == [first, second]
    assert page.get("selected") == first


def test_a_double_click_deletes_one_nodule_and_decides_once(page):
    first, second, _ = (nodule["id"] for nodule in page.get("nodules"))
    page.page.get_by_role("button", name="Accept").dblclick()
    page.page.get_by_title("Delete (Delete)").nth(2).dblclick()
    page.wait("$('nodules').length === 2")
    page.done()
    assert [nodule["id"] for nodule in page.get("nodules")] == [first, second]
    assert decisions(page) == ["accepted", "open"]
    page.page.get_by_title("Delete (Delete)").nth(0).dblclick()  # the next row moves under it
    page.done()
    assert [nodule["id"] for nodule in page.get("nodules")] == [second]


def test_quick_keys_all_count(page):
    """None tells the program what the page believed before the last one."""
    page.act("brush", 5)
    page.wait("$('brush_mm') === 5")
    outlines, crosshair, brush = (page.get(name) for name in ("outlines", "crosshair", "brush_mm"))
    page.page.keyboard.type("ooox]]]x[m")
    page.wait("$('window') === 'mediastinum'")
    assert page.get("outlines") is not outlines
    assert page.get("crosshair") is crosshair
    assert page.get("brush_mm") == brush + 2
    page.page.keyboard.type("o[[l")
    page.wait("$('window') === 'lung'")
    assert (page.get("outlines"), page.get("brush_mm")) == (outlines, brush)


def test_copying_tells_how_it_ended(page):
    for stub, told in (("async () => {}", "Copied."), ("async () => { throw 1; }", "Ctrl + C")):
        page.page.evaluate(f"() => {{ navigator.clipboard.writeText = {stub}; }}")
        page.page.get_by_role("button", name="Copy").click()
        page.wait(f"$('message').text.includes('{told}')")


def test_a_key_that_is_held_down_decides_once(page):
    for _ in range(4):  # an even number of decisions would end where they began
        page.page.keyboard.down("a")  # Chromium marks all but the first as repeated
    page.page.keyboard.up("a")
    page.done()
    assert page.get("card")["decision"] == "accepted"


def test_enter_leaves_the_reader_s_name_and_the_next_start_knows_it(
    page, served, browser, sphere_file, tmp_path
):
    import os
    import subprocess
    import sys

    page.page.locator("#ds-reader").click()
    page.page.keyboard.type("Dr. Müller")
    page.page.keyboard.press("Enter")
    page.page.keyboard.press("a")
    page.wait("$('card').decision === 'accepted'")
    assert page.get("reader") == "Dr. Müller"
    assert page.page.locator("#ds-reader").input_value() == "Dr. Müller"
    assert page.get("card")["decided"].startswith("Accepted by Dr. Müller on 20")
    code = "from densesharp_viewer import reader_name; print(ascii(reader_name.known()))"
    known = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "XDG_CONFIG_HOME": served.settings.name},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert known.stdout.strip() == ascii("Dr. Müller")


def test_computing_a_hand_made_outline_again_asks_first(page):
    page.settle()  # the views come to the selected nodule
    x, y = bright_middle(page.picture(0))
    page.page.keyboard.press("p")
    page.wait("$('tool') === 'paint'")
    page.act("brush", 8)
    page.drag((x + 10, y), (x + 30, y))
    page.wait("$('card').edited && !$('busy')")
    drawn = page.get("nodules")[0]["volume"]
    page.page.get_by_title("Compute again").click()
    dialog = page.page.get_by_role("dialog", name="Question")
    dialog.wait_for()
    assert "corrected by hand. Keep it?" in dialog.inner_text()
    assert page.page.evaluate("document.activeElement.innerText").startswith("Keep it")
    page.page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    page.wait("!$('busy')")
    assert page.get("nodules")[0]["volume"] == drawn
    page.page.get_by_title("Compute again").click()
    page.page.get_by_text("Replace it by the model").click()
    page.wait("!$('card').edited && !$('busy')")
    assert float(page.get("nodules")[0]["volume"]) < float(drawn)
    page.act("tool", "seed")
    page.wait("$('tool') === 'seed'")
