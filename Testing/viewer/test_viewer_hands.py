"""Typing, keys and questions on the real page: nothing typed is lost, nothing is out of reach,
and every key and button acts on the nodule that its reader means.
"""

import os
import subprocess
import sys

import pytest
from browser_page import bright_middle, show_sphere

pytestmark = pytest.mark.web


@pytest.fixture
def page(open_page):
    """The page with the CT open and no nodule."""
    open_page.start_over()
    show_sphere(open_page)
    return open_page


@pytest.fixture
def three(page):
    """The page with three nodules, the first of them selected."""
    x, y = bright_middle(page.picture(0))
    for count, beside in enumerate((0, -70, -140), start=1):
        page.click(0, x + beside, y)
        page.wait(f"$('nodules').length === {count} && !$('busy')")
    page.page.locator(".ds-list tbody tr").first.click()
    page.wait("$('selected') === $('nodules')[0].id")
    return page


def click_the_sphere(page):
    """Where the sphere is in the axial view, after its nodule was answered."""
    x, y = bright_middle(page.picture(0))
    page.click(0, x, y)
    page.wait("$('nodules').length === 1 && !$('busy')")
    return x, y


def first_name(page) -> str:
    return page.get("nodules")[0]["name"]


def test_a_name_is_typed_while_the_nodule_is_computed_again(page, served):
    click_the_sphere(page)
    field = page.page.locator(".ds-rename")
    with served.held():
        page.act("again", page.get("selected"))
        page.wait("$('busy') && $('nodules')[0].state === 'busy'")
        field.press("Control+a")
        page.page.keyboard.type("Left upper ")
    page.wait("!$('busy')")
    page.act("outlines", False)
    page.wait("!$('outlines')")  # the page was drawn anew once more
    assert field.input_value() == "Left upper "
    page.page.keyboard.type("lobe")
    page.page.keyboard.press("Enter")
    page.wait("$('nodules')[0].name === 'Left upper lobe'")
    assert field.input_value() == "Left upper lobe"
    page.act("outlines", True)


def test_other_fields_keep_what_is_typed_too(page):
    reader = page.page.locator("#ds-reader")
    reader.press("Control+a")
    page.page.keyboard.type("Dr ")
    page.act("again", "nodule_999")
    page.wait("$('message').text")  # the page was drawn anew
    assert reader.input_value() == "Dr "
    page.page.keyboard.type("A")
    page.page.keyboard.press("Enter")
    page.wait("$('reader') === 'Dr A'")
    page.page.get_by_title("This computer or a server", exact=True).click()
    page.page.fill("#ds-server", "http://host:8321")
    page.page.locator("#ds-key").focus()
    page.act("forget")
    page.wait("!$('message').text")
    assert page.page.locator("#ds-server").input_value() == "http://host:8321"
    page.page.keyboard.press("Escape")


def test_a_name_belongs_to_the_nodule_it_was_begun_for(page, served):
    """The reader clicks beside, then names the first nodule before the answer comes."""
    x, y = click_the_sphere(page)
    first = page.get("selected")
    field = page.page.locator(".ds-rename")
    with served.held():
        page.click(0, x - 70, y)
        page.wait("$('busy')")
        field.press("Control+a")
        page.page.keyboard.type("Old ")
        page.done()
    page.wait("$('nodules').length === 2 && !$('busy')")
    assert page.get("selected") == first
    second = page.get("nodules")[1]["id"]
    page.act("select", second)  # whatever the card shows by then
    page.wait(f"$('card').id === '{second}'")
    assert field.input_value() == "Old "
    page.page.keyboard.type("nodule")
    page.page.keyboard.press("Enter")
    page.wait("$('nodules')[0].name === 'Old nodule'")
    other = page.get("nodules")[1]["name"]
    assert other.startswith("Nodule ")
    assert field.input_value() == other


def test_an_emptied_name_goes_back_and_escape_leaves_it(page):
    click_the_sphere(page)
    name = first_name(page)
    field = page.page.locator(".ds-rename")
    for last in ("Enter", "Escape"):
        field.press("Control+a")
        page.page.keyboard.press("Delete")
        if last == "Escape":
            page.page.keyboard.type("never")
        page.page.keyboard.press(last)
        page.done()
        assert field.input_value() == name
        assert first_name(page) == name


def test_the_message_of_a_refused_upload_is_closed(page, tmp_path):
    path = tmp_path / "bad.zip"
    path.write_bytes(b"PK")
    with page.page.expect_file_chooser() as chosen:
        page.page.get_by_text("Open …").first.click()
    chosen.value.set_files(str(path))
    message = page.page.locator(".ds-message", has_text="Only CT images")
    message.wait_for()
    message.locator("button").click()
    message.wait_for(state="hidden")
    page.faults.clear()  # the console names the refusal


def test_the_seed_key_places_nothing_beside_the_views(page):
    x, y = bright_middle(page.picture(0))
    box, panel = page.box(0), page.page.locator(".ds-panel").bounding_box()
    solid = page.box(2)
    page.page.mouse.move(box["x"] + x, box["y"] + y, steps=3)
    for away in (
        (panel["x"] + 100, panel["y"] + panel["height"] - 30),
        (solid["x"] + 100, solid["y"] + 100),
    ):
        page.page.mouse.move(*away, steps=5)
        page.settle()
        page.page.keyboard.press("s")
        page.wait("$('message').text.startsWith('Move the mouse over a slice view')")
        assert page.get("nodules") == []
        assert not page.get("busy")
        page.act("forget")
        page.wait("!$('message').text")
    page.page.mouse.move(box["x"] + x, box["y"] + y, steps=3)
    page.settle()
    page.page.keyboard.press("s")
    page.wait("$('nodules').length === 1 && !$('busy')")


def test_tab_reaches_every_field_and_shows_where_it_is(page):
    click_the_sphere(page)
    focused = "document.activeElement.className || document.activeElement.placeholder || ''"
    page.page.locator(".ds-bar button").first.focus()
    reached, rings = set(), []
    for _ in range(80):
        page.page.keyboard.press("Tab")
        reached.add(page.page.evaluate(focused))
        rings.append(
            page.page.evaluate(
                "document.activeElement.closest('.ds-bar, .ds-panel') "
                "? getComputedStyle(document.activeElement).outlineStyle : 'solid'"
            )
        )
    assert {"your name", "ds-rename", "ds-device"} <= reached
    assert set(rings) == {"solid"}
    for title in ("This computer or a server", "Write the report", "Write outlines (SEG)"):
        assert page.page.locator(f"button[title^='{title}']").first.evaluate("b => b.tabIndex") == 0
    assert page.get("selected") == page.get("nodules")[0]["id"]


def test_another_ct_is_opened_after_a_question(page, sphere_file):
    click_the_sphere(page)

    def open_again():
        with page.page.expect_file_chooser() as chosen:
            page.page.get_by_text("Open …").first.click()
        chosen.value.set_files(str(sphere_file[0]))
        page.page.get_by_role("dialog", name="Not saved").wait_for()

    open_again()
    focused = page.page.evaluate("document.activeElement.innerText")
    assert focused == "Save and open"
    page.page.keyboard.press("Escape")
    page.page.get_by_role("dialog", name="Not saved").wait_for(state="hidden")
    assert len(page.get("nodules")) == 1
    open_again()
    page.page.get_by_text("Open without saving").click()
    page.wait("!$('nodules').length && !$('leaving')")
    assert page.get("opened").startswith("CT 128")


def test_the_browser_asks_before_unsaved_work_is_left(browser, page, served):
    """Who stays goes on working; who leaves and comes back finds everything."""
    click_the_sphere(page)
    page.wait("$('unsaved')")
    with page.page.expect_event("dialog") as asked:
        page.page.evaluate("void setTimeout(() => location.reload())")
    assert asked.value.type == "beforeunload"
    asked.value.dismiss()
    page.act("window", "bone")
    page.wait("$('window') === 'bone'")
    page.act("window", "lung")
    page.wait("$('window') === 'lung'")
    page.page.once("dialog", lambda dialog: dialog.accept())
    with page.page.expect_navigation():
        page.page.evaluate("void setTimeout(() => location.reload())")
    page.page.wait_for_selector(".ds-rename")
    assert len(page.get("nodules")) == 1
    second = browser.new_context()
    other = second.new_page()
    other.goto(served.url)  # the place is not left open for others
    assert "already open in another window" in other.inner_text("body")
    second.close()


def test_a_small_window_shows_all_tools(page):
    page.page.set_viewport_size({"width": 900, "height": 600})
    page.act("tool", "paint")
    page.wait("$('tool') === 'paint'")
    page.settle()
    for button in page.page.locator(".ds-bar button, .ds-bar input").all():
        box = button.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 900
    views = page.page.locator(".ds-views").bounding_box()
    assert views["height"] > 300


def decisions(page) -> list[str]:
    return [nodule["decision"] for nodule in page.get("nodules")]


def test_accept_and_next_at_full_speed_accepts_three_nodules(three):
    three.page.keyboard.type("a.a.a")
    three.wait("$('nodules').every(nodule => nodule.decision === 'accepted')")


def test_the_bin_deletes_its_row_and_leaves_the_selection(three):
    first, second, _ = (nodule["id"] for nodule in three.get("nodules"))
    three.page.get_by_title("Delete (Delete)").nth(2).click()
    three.wait("$('nodules').length === 2")
    assert [nodule["id"] for nodule in three.get("nodules")] == [first, second]
    assert three.get("selected") == first


def test_a_double_click_deletes_one_nodule_and_decides_once(three):
    first, second, _ = (nodule["id"] for nodule in three.get("nodules"))
    three.page.get_by_role("button", name="Accept").dblclick()
    three.page.get_by_title("Delete (Delete)").nth(2).dblclick()
    three.wait("$('nodules').length === 2")
    three.done()
    assert [nodule["id"] for nodule in three.get("nodules")] == [first, second]
    assert decisions(three) == ["accepted", "open"]
    three.page.get_by_title("Delete (Delete)").nth(0).dblclick()  # the next row moves under it
    three.done()
    assert [nodule["id"] for nodule in three.get("nodules")] == [second]


def test_quick_keys_all_count(three):
    """None tells the program what the page believed before the last one."""
    three.act("brush", 5)
    three.wait("$('brush_mm') === 5")
    outlines, crosshair, brush = (three.get(name) for name in ("outlines", "crosshair", "brush_mm"))
    three.page.keyboard.type("ooox]]]x[m")
    three.wait("$('window') === 'mediastinum'")
    assert three.get("outlines") is not outlines
    assert three.get("crosshair") is crosshair
    assert three.get("brush_mm") == brush + 2
    three.page.keyboard.type("o[[l")
    three.wait("$('window') === 'lung'")
    assert (three.get("outlines"), three.get("brush_mm")) == (outlines, brush)


def test_copying_tells_how_it_ended(three):
    for stub, told in (("async () => {}", "Copied."), ("async () => { throw 1; }", "Ctrl + C")):
        three.page.evaluate(f"() => {{ navigator.clipboard.writeText = {stub}; }}")
        three.page.get_by_role("button", name="Copy").click()
        three.wait(f"$('message').text.includes('{told}')")


def test_a_key_that_is_held_down_decides_once(three):
    for _ in range(4):  # an even number of decisions would end where they began
        three.page.keyboard.down("a")  # Chromium marks all but the first as repeated
    three.page.keyboard.up("a")
    three.done()
    assert three.get("card")["decision"] == "accepted"


def test_enter_leaves_the_reader_s_name_and_the_next_start_knows_it(three, served):
    three.page.locator("#ds-reader").click()
    three.page.keyboard.press("Control+a")
    three.page.keyboard.type("Dr. Müller")
    three.page.keyboard.press("Enter")
    three.page.keyboard.press("a")
    three.wait("$('card').decision === 'accepted'")
    assert three.get("reader") == "Dr. Müller"
    assert three.page.locator("#ds-reader").input_value() == "Dr. Müller"
    assert three.get("card")["decided"].startswith("Accepted by Dr. Müller on 20")
    code = "from densesharp_viewer import reader_name; print(ascii(reader_name.known()))"
    known = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "XDG_CONFIG_HOME": served.settings.name},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert known.stdout.strip() == ascii("Dr. Müller")


def test_computing_a_hand_made_outline_again_asks_first(three):
    three.settle()  # the views come to the selected nodule
    x, y = bright_middle(three.picture(0))
    three.page.keyboard.press("p")
    three.wait("$('tool') === 'paint'")
    three.act("brush", 8)
    three.drag((x + 10, y), (x + 30, y))
    three.wait("$('card').edited && !$('busy')")
    drawn = three.get("nodules")[0]["volume"]
    three.page.get_by_title("Compute again").click()
    dialog = three.page.get_by_role("dialog", name="Question")
    dialog.wait_for()
    assert "corrected by hand. Keep it?" in dialog.inner_text()
    assert three.page.evaluate("document.activeElement.innerText").startswith("Keep it")
    three.page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    three.wait("!$('busy')")
    assert three.get("nodules")[0]["volume"] == drawn
    three.page.get_by_title("Compute again").click()
    three.page.get_by_text("Replace it by the model").click()
    three.wait("!$('card').edited && !$('busy')")
    assert float(three.get("nodules")[0]["volume"]) < float(drawn)
