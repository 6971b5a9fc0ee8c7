"""The page in a real browser: Debian's Chromium, real mouse and keys."""

import json
import re
import time

import numpy as np
import pytest
from browser_page import Page, bright_middle, show_sphere

from dicom_phantom import write_series
from phantoms import grid_around, smooth_ball

pytestmark = pytest.mark.web

SPACING = np.array([0.9, 0.9, 1.5])


@pytest.fixture
def page(open_page):
    """The page with the CT open and no nodule, all of the sphere in its views."""
    open_page.start_over()
    show_sphere(open_page)
    return open_page


VIEWS = {"axial": 0, "coronal": 1, "sagittal": 3}


def test_a_real_click_gives_the_point_under_the_mouse(page, served, sphere_file):
    """On a turned CT, within half a voxel of the sphere's middle in the plane of the view."""
    _, center = sphere_file
    x, y = bright_middle(page.picture(0))
    page.click(0, x, y)
    page.wait("$('nodules').length === 1 && !$('busy')")
    card = page.get("card")
    assert card["stability"]["tone"] == "good"
    page.act("save")
    page.wait("$('message').text.startsWith('Saved')")
    stored = json.loads((served.results / "sphere" / "result.json").read_text())["nodules"][0]
    angle = np.radians(12)
    turn = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    offset = turn.T @ ((np.array(stored["seed_ras"]) - center) * (-1, -1, 1)) / SPACING
    assert np.abs(offset[:2]).max() < 0.5
    assert abs(offset[2]) < 1.0
    volume = stored["measurements"]["volume_mm3"]
    assert volume == pytest.approx(4 / 3 * np.pi * 5**3, rel=0.1)


def test_outlines_appear_in_all_planes_and_a_surface_in_3d(page):
    before = [page.picture(n) for n in range(4)]
    x, y = bright_middle(before[0])
    page.click(0, x, y)
    page.wait("$('nodules').length === 1 && !$('busy')")
    page.settle()
    changed = [float((np.abs(page.picture(n) - before[n]) > 0.2).sum()) for n in range(4)]
    assert all(changed[view] > 30 for view in VIEWS.values())
    assert changed[2] > 2000
    page.act("outlines", False)
    page.settle()
    assert (np.abs(page.picture(0) - before[0]) > 0.2).sum() < changed[0] / 3
    page.act("outlines", True)


def test_the_wheel_scrolls_and_the_text_follows(page):
    box = page.box(0)
    page.page.mouse.move(box["x"] + 200, box["y"] + 200)
    before = page.get("slices")["axial"]["text"]
    page.page.mouse.wheel(0, -100)
    page.wait(f"$('slices').axial.text !== {json.dumps(before)}")
    moved = float(page.get("slices")["axial"]["text"].split()[0]) - float(before.split()[0])
    assert abs(moved) == pytest.approx(1.5, abs=0.11)
    there = page.get("slices")["axial"]["text"]
    page.page.keyboard.press("f")
    page.settle()
    assert page.get("slices")["axial"]["text"] == there, "fitting the views loses the place"


def test_a_drag_changes_the_window_and_places_nothing(page):
    before = page.picture(0).mean()
    box = page.box(0)
    page.page.mouse.move(box["x"] + 150, box["y"] + 150)
    page.page.mouse.down()
    for step in range(1, 7):
        page.page.mouse.move(box["x"] + 150 + 10 * step, box["y"] + 150 + 10 * step)
        time.sleep(0.05)
    page.page.mouse.up()
    page.settle()
    assert page.get("nodules") == []
    assert abs(page.picture(0).mean() - before) > 0.005
    assert page.get("window") == ""  # none of the presets any more
    page.page.keyboard.press("m")
    page.wait("$('window') === 'mediastinum'")
    page.settle()
    assert abs(page.picture(0).mean() - before) > 0.05
    page.page.keyboard.press("l")
    page.wait("$('window') === 'lung'")


def test_keys_do_what_the_help_says(page):
    x, y = bright_middle(page.picture(0))
    box = page.box(0)
    page.page.mouse.move(box["x"] + x, box["y"] + y)
    page.page.mouse.move(box["x"] + x + 1, box["y"] + y)
    page.page.keyboard.press("s")
    page.wait("$('nodules').length === 1 && !$('busy')")
    page.page.keyboard.press("a")
    page.wait("$('card').decision === 'accepted'")
    page.page.keyboard.press("h")
    page.wait("$('evidence')")
    page.page.keyboard.press("h")
    page.page.keyboard.press("2")
    page.wait("$('layout') === 'coronal'")
    page.page.keyboard.press("2")
    page.wait("$('layout') === 'four'")
    page.page.keyboard.press("p")
    page.wait("$('tool') === 'paint'")
    page.page.keyboard.press("]")
    page.wait("$('brush_mm') > 3")
    page.page.keyboard.press("?")
    page.page.wait_for_selector("#ds-help[open]")
    page.page.keyboard.press("?")
    page.page.wait_for_selector("#ds-help", state="hidden")
    page.page.keyboard.press("Delete")
    page.wait("!$('nodules').length")
    page.page.keyboard.press("Control+z")
    page.wait("$('nodules').length === 1")


def test_typing_a_name_is_no_command(page):
    page.click(0, *bright_middle(page.picture(0)))
    page.wait("$('nodules').length === 1 && !$('busy')")
    name = page.page.locator(".ds-rename")
    name.fill("Upper lobe, large")
    name.press("Enter")
    name.blur()
    page.wait("$('nodules')[0].name === 'Upper lobe, large'")
    assert page.get("tool") == "seed"
    assert page.get("window") == "lung"


def test_right_drag_zooms_and_middle_drag_pans(page):
    before = page.picture(0)
    x, y = bright_middle(before)
    area = (before > 0.75).sum()
    box = page.box(0)

    def drag(button, across, down):
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.page.mouse.move(*middle)
        page.page.mouse.down(button=button)
        page.page.mouse.move(middle[0] + across, middle[1] + down, steps=8)
        page.page.mouse.up(button=button)
        page.settle()

    drag("middle", 40, -30)
    moved = bright_middle(page.picture(0))
    np.testing.assert_allclose(moved, (x + 40, y - 30), atol=3)
    show_sphere(page)
    drag("right", 0, 60)
    changed = (page.picture(0) > 0.75).sum()
    assert changed > 1.3 * area or changed < area / 1.3
    show_sphere(page)
    page.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.page.keyboard.down("Control")
    page.page.mouse.wheel(0, -300)
    page.page.keyboard.up("Control")
    page.settle()
    changed = (page.picture(0) > 0.75).sum()
    assert changed > 1.1 * area or changed < area / 1.1
    assert page.get("nodules") == []


def test_shift_and_the_mouse_move_the_crosshair_and_the_other_views(page):
    """The point under the mouse is the point that the other views come to."""
    page.page.keyboard.press("x")
    page.wait("$('crosshair')")
    x, y = bright_middle(page.picture(0))
    box = page.box(0)
    page.page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.page.keyboard.down("Shift")
    for step in range(1, 5):
        page.page.mouse.move(box["x"] + 60 + 5 * step, box["y"] + 60 + 5 * step)
        time.sleep(0.1)
    page.settle()
    away = page.get("slices")
    for share in (0.25, 0.5, 0.75, 1.0):
        page.page.mouse.move(box["x"] + 80 + (x - 80) * share, box["y"] + 80 + (y - 80) * share)
        time.sleep(0.1)
    page.page.keyboard.up("Shift")
    page.wait(f"$('slices').coronal.text !== {json.dumps(away['coronal']['text'])}")
    page.settle()
    assert page.get("slices")["axial"]["text"] == away["axial"]["text"]
    for view in (VIEWS["coronal"], VIEWS["sagittal"]):
        assert (page.picture(view) > 0.75).sum() > 500  # the sphere is cut by both now
    assert page.get("nodules") == []
    page.page.keyboard.press("x")
    page.wait("!$('crosshair')")


def test_each_layout_shows_its_views(page):
    shown = "[...document.querySelectorAll('.ds-views img')].filter(i => i.offsetWidth > 50).length"
    for name, count in (
        ("large", 4), ("axial", 1), ("coronal", 1), ("sagittal", 1), ("threed", 1), ("four", 4),
    ):  # fmt: skip
        page.act("layout", name)
        page.wait(f"$('layout') === '{name}'")
        page.settle()
        assert page.page.evaluate(shown) == count, name
        texts = page.page.locator(".ds-view-name").all_inner_texts()
        assert len(texts) == count
    page.page.locator(".ds-view-name").first.click()
    page.wait("$('layout') === 'axial'")
    page.page.locator(".ds-view-name").first.click()
    page.wait("$('layout') === 'four'")


def test_the_list_jumps_and_the_card_is_copied(page):
    page.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    show_sphere(page)
    x, y = bright_middle(page.picture(0))
    page.click(0, x, y)
    page.wait("$('nodules').length === 1 && !$('busy')")
    page.click(0, x - 70, y)
    page.wait("$('nodules').length === 2 && !$('busy')")
    first, second = (nodule["id"] for nodule in page.get("nodules"))
    page.page.keyboard.press("ArrowUp")
    page.page.keyboard.press("ArrowUp")
    page.settle()
    page.page.locator(".ds-list tbody tr").first.click()
    page.wait(f"$('selected') === '{first}'")
    page.settle()
    box = page.box(0)
    found = bright_middle(page.picture(0))
    assert abs(found[0] - box["width"] / 2) < 12  # centred on the nodule
    page.page.keyboard.press(".")
    page.wait(f"$('selected') === '{second}'")
    page.page.keyboard.press(",")
    page.wait(f"$('selected') === '{first}'")
    page.page.keyboard.press(".")
    page.wait(f"$('selected') === '{second}'")
    page.page.get_by_text("Copy", exact=True).click()
    page.wait("$('message').text === 'Copied.'")
    copied = page.page.evaluate("navigator.clipboard.readText()")
    assert copied == page.get("card")["sentence"]
    page.page.keyboard.press("r")
    page.wait("$('card').decision === 'rejected'")
    page.page.keyboard.press("Control+z")
    page.wait("$('card').decision === 'open'")


def test_erasing_takes_voxels_away(page):
    x, y = bright_middle(page.picture(0))
    page.click(0, x, y)
    page.wait("$('nodules').length === 1 && !$('busy')")
    before = float(page.get("nodules")[0]["volume"])
    page.page.keyboard.press("e")
    page.wait("$('tool') === 'erase'")
    page.act("brush", 6)
    page.act("brush_3d", True)
    page.drag((x - 8, y), (x + 8, y))
    page.wait(f"Number($('nodules')[0].volume) < {before - 50} && !$('busy')")
    page.act("brush_3d", False)


def test_a_dragged_seed_is_computed_again(page):
    x, y = bright_middle(page.picture(0))
    page.click(0, x, y)
    page.wait("$('nodules').length === 1 && !$('busy')")
    sentence = page.get("card")["sentence"]
    box = page.box(0)
    page.page.mouse.move(box["x"] + x, box["y"] + y, steps=3)
    page.settle()
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + x + 12, box["y"] + y, steps=6)
    page.page.mouse.up()
    page.wait(f"$('card') && $('card').sentence !== {json.dumps(sentence)} && !$('busy')")
    assert len(page.get("nodules")) == 1


def test_a_wrong_file_is_refused_with_a_sentence(page, tmp_path):
    path = tmp_path / "letter.txt"
    path.write_text("Dear colleague, this is no CT.")
    with page.page.expect_file_chooser() as chosen:
        page.page.get_by_text("Open …").first.click()
    chosen.value.set_files(str(path))
    page.wait("$('message').text && $('message').kind !== 'info'")
    assert "'letter.txt' is neither NRRD" in page.get("message")["text"]
    assert page.get("opened").startswith("CT 128")


def test_a_study_folder_is_uploaded_one_series_chosen_and_written_as_dicom(
    browser, serve, tmp_path
):
    """A burnt CD: two series, a viewer beside them; then click, report and DICOM from the page."""
    center = np.array((-60.0, 20.0, -100.0))
    for number, size, thickness in ((3, (70, 66, 40), 1.25), (4, (70, 66, 10), 5.0)):
        grid = grid_around(center, size, (0.8, 0.8, thickness), np.eye(3))
        ball = smooth_ball(grid, center, radius=6, inside=20)
        write_series(tmp_path / "cd" / str(number), ball.array, grid, number=number)
    (tmp_path / "cd" / "autorun.exe").write_bytes(b"MZ")
    results = tmp_path / "out"
    page = Page(browser, serve(str(results), "", "threshold").url)
    page.wait("!$('busy')")
    with page.page.expect_file_chooser() as chosen:
        page.page.get_by_text("DICOM folder …").click()
    chosen.value.set_files(str(tmp_path / "cd"))
    page.wait("$('series').length === 2")
    focused = (
        "document.activeElement.closest('.ds-page') ? 'behind' : document.activeElement.innerText"
    )
    assert page.page.evaluate(focused).startswith("2020-03-04")
    for _ in range(6):
        page.page.keyboard.press("Tab")
        assert page.page.evaluate(focused) != "behind"
    page.page.keyboard.press("Escape")
    page.wait("$('series').length === 0")
    assert page.get("opened") == ""
    with page.page.expect_file_chooser() as chosen:
        page.page.get_by_text("DICOM folder …").click()
    chosen.value.set_files(str(tmp_path / "cd"))
    page.wait("$('series').length === 2")
    page.page.get_by_text("Series 3 · 1.25 mm · 40 images").click()
    page.wait("$('opened').startsWith('CT 70 × 66 × 40')")
    page.wait("!$('busy')")
    page.settle()
    box = page.box(0)
    page.click(0, box["width"] / 2, box["height"] / 2)
    page.wait("$('nodules').length === 1 && !$('busy')")
    page.page.locator(".ds-rename").fill("LLL spiculated")
    page.page.keyboard.press("Enter")
    page.page.locator("#ds-reader").fill("Dr. Ay")
    page.page.keyboard.press("Enter")
    page.page.keyboard.press("a")
    page.wait("$('card').decision === 'accepted' && $('card').name === 'LLL spiculated'")
    page.page.get_by_text("DICOM", exact=True).click()
    page.wait("$('message').text.startsWith('SEG and SR of 1 nodule written')")
    case = results / "ID-4711_2020-03-04_series-3"
    assert b"Secret" not in (case / "dicom" / "densesharp_sr.dcm").read_bytes()
    page.page.get_by_text("Report", exact=True).click()
    page.wait("$('reported')")
    with page.page.expect_popup() as opened:
        page.page.get_by_text("Show the report").click()
    opened.value.wait_for_load_state()
    report = opened.value.inner_text("body")
    for words in ("Research use only", "LLL spiculated", "Accepted by Dr. Ay on 20"):
        assert words in report
    (nodule,) = json.loads((case / "result.json").read_text())["nodules"]
    assert (nodule["name"], nodule["review"]["reader"]) == ("LLL spiculated", "Dr. Ay")
    assert re.search(r"slice \d+ of 40 from the feet", page.get("card")["sentence"])
    opened.value.close()
    page.leave()


def test_settings_test_a_server_and_stay_local(page):
    before = page.get("device")
    page.page.get_by_title("This computer or a server", exact=True).click()
    page.page.fill("#ds-server", "http://127.0.0.1:9")
    page.page.fill("#ds-key", "not-for-the-page")
    page.page.get_by_text("Test", exact=True).click()
    page.wait("$('tested').kind === 'error'")
    assert "cannot be reached" in page.page.locator("#ds-settings").inner_text()
    assert page.get("device") == before
    state = page.page.evaluate("JSON.stringify(window.trame.state.state)")
    assert "not-for-the-page" not in state
    page.page.keyboard.press("Escape")


def test_the_token_is_not_left_in_the_address(page, served):
    assert served.token not in page.page.url
    page.page.reload()
    page.page.wait_for_selector(".ds-bar")
    page.wait("$('opened')")


def test_a_second_window_is_told_why(browser, page, served):
    context = browser.new_context()
    second = context.new_page()
    second.goto(served.url)
    assert "already open in another window" in second.inner_text("body")
    context.close()


def test_plus_and_minus_clicks_and_the_ruler(page):
    """A click beside the outline adds with +, one in it takes away with -; Z measures."""
    x, y = bright_middle(page.picture(0))
    page.click(0, x, y)
    page.wait("$('nodules').length === 1 && !$('busy')")
    volume = float(page.get("nodules")[0]["volume"])
    page.page.keyboard.press("+")
    page.wait("$('tool') === 'more'")
    page.click(0, x + 24, y)
    page.wait("$('card').edited && !$('busy')")
    more = float(page.get("nodules")[0]["volume"])
    page.page.keyboard.press("-")
    page.wait("$('tool') === 'less'")
    page.click(0, x - 15, y)
    page.wait(f"$('nodules')[0].volume != '{more:.0f}' && !$('busy')")
    assert float(page.get("nodules")[0]["volume"]) < more
    assert more > volume
    page.page.keyboard.press("z")
    page.wait("$('tool') === 'ruler'")
    page.settle()
    before = page.picture(0)
    page.click(0, 60, 100)
    page.click(0, 160, 100)
    page.settle()
    assert (np.abs(page.picture(0)[80:120] - before[80:120]) > 0.2).sum() > 80
    assert len(page.get("nodules")) == 1
    page.act("clear_rulers")
    page.settle()
    assert (np.abs(page.picture(0)[80:120] - before[80:120]) > 0.2).sum() < 20


def test_escape_stops_an_analysis(page, served):
    x, y = bright_middle(page.picture(0))
    with served.held():
        page.click(0, x, y)
        page.wait("$('busy') && $('progress') > 0")
        page.page.keyboard.press("Escape")
        page.wait("!$('busy')")
    page.done()
    assert page.get("nodules") == []


def test_saved_work_is_there_in_another_process_whose_end_is_told(page, served, serve, tmp_path):
    page.click(0, *bright_middle(page.picture(0)))
    page.wait("$('nodules').length === 1 && !$('busy')")
    page.act("rename", page.get("selected"), "Kept")
    page.act("save")
    page.wait("$('message').text.startsWith('Saved')")

    other = serve(str(tmp_path / "more"), str(served.results / "sphere" / "scene.mrb"))
    again = Page(page.page.context.browser, other.url)
    again.wait("$('nodules').length === 1")
    assert again.get("nodules")[0]["name"] == "Kept"
    assert again.get("card")["outdated"] == ""
    again.settle()
    before = again.picture(0)
    again.page.keyboard.press("h")
    again.wait("$('evidence')")
    again.settle()
    assert (np.abs(again.picture(0) - before) > 0.05).sum() > 100
    again.without_faults()

    other.process.kill()
    lost = again.page.locator(".ds-lost")
    lost.wait_for()
    text = " ".join(lost.inner_text().split())
    for words in ("does not answer any more", "What was saved lies in", "Reload"):
        assert words in text
    assert lost.evaluate("page => getComputedStyle(page).backgroundColor") == "rgb(13, 16, 20)"
    lost.get_by_text("Reload", exact=True).click()
    lost.wait_for(state="detached")
    again.page.context.close()


def test_nothing_is_cut_off(page):
    """Bar, panel and standing line fit; nothing scrolls but the panel."""
    page.act("tool", "paint")
    for width, height in ((1920, 1080), (1280, 800)):
        page.page.set_viewport_size({"width": width, "height": height})
        page.settle()
        for part in (".ds-bar", ".ds-foot", ".ds-panel", ".ds-views", ".ds-bar button >> nth=-1"):
            box = page.page.locator(part).bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width + (".ds-bar button" not in part)
            assert box["y"] + box["height"] <= height + 1
        assert "not for diagnosis" in page.page.locator(".ds-foot").inner_text()
