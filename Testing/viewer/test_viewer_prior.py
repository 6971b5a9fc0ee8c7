"""An earlier CT beside the open one: what is said of it, linked views, and the page."""

import zipfile
from dataclasses import replace

import numpy as np
import pytest
from browser_page import Page, bright_middle, show_sphere
from viewer_helpers import settle, sphere_volume

from densesharp.errors import GeometryError
from densesharp.image.grid import Grid
from densesharp.image.sampling import to_sitk, write_image
from densesharp.image.volume import Volume
from densesharp.nodule.followup import compare
from densesharp_viewer.change_card import change_card
from densesharp_viewer.exam import Exam
from densesharp_viewer.linked import LinkedView
from densesharp_viewer.prior import days_between

SHIFT = np.array([4.0, -6.0, 10.5])
"""LPS mm from a place in the CT to the same place in the earlier one."""


def exam(patient: str, day: str) -> Exam:
    return Exam(patient, day, "", patient, patient, day)


def earlier_volume() -> Volume:
    volume, _ = sphere_volume()
    grid = volume.grid
    return Volume(volume.array, Grid(grid.size, grid.origin + SHIFT, grid.spacing, grid.direction))


def test_days_come_from_the_dates_of_the_studies():
    assert days_between(exam("1", "2024-02-27"), exam("1", "2024-03-01")) == 3
    assert days_between(exam("", ""), exam("1", "2024-03-01")) is None
    with pytest.raises(GeometryError, match="1 day after"):
        days_between(exam("1", "2024-03-02"), exam("1", "2024-03-01"))
    with pytest.raises(GeometryError, match="another patient"):
        days_between(exam("2", "2024-01-01"), exam("1", "2024-03-01"))


@pytest.fixture
def change(session, ct_with_a_sphere):
    """A nodule, and the same with 1.5 times its volume 100 days later."""
    volume, center = ct_with_a_sphere
    session.open_volume(volume)
    session.click(center)
    settle(session)
    nodule = session.nodule
    measured = nodule.result.measurements
    grown = replace(measured, volume_mm3=1.5 * measured.volume_mm3)
    return nodule, compare(nodule.result, replace(nodule.result, measurements=grown), 100)


def test_the_card_says_what_changed_and_draws_the_course(change):
    nodule, found = change
    card = change_card(found, nodule)
    assert "growth" in card["text"].lower()
    volume, *rest = card["rows"]
    assert volume["change"].endswith("(+50%)")
    assert rest[0]["change"] == "0.0 (0%)"
    for number in (volume["before"], volume["now"].split()[0], "day 0", "day 100"):
        assert number in card["chart"]


def test_without_dates_there_is_no_chart(change):
    nodule, found = change
    assert change_card(replace(found, days=None), nodule)["chart"] == ""
    assert change_card(None, None)["text"] == ""


def test_two_views_look_at_the_same_place_of_two_cts(shown):
    _, views, center = shown
    first, second = views["axial"], views["coronal"]
    waiting = []
    link = LinkedView(first, second, waiting.append)
    link.show(shown[0].scan.volume_node)
    link.shift = np.array([5.0, -3.0, 8.0])
    node = first.get_view_node()
    node.JumpSliceByCentering(*center)
    node.SetFieldOfView(80.0, 72.0, 1.0)
    assert len(waiting) == 1, "once for all changes"
    waiting.pop()()
    ours, theirs = (view.get_view_node() for view in (first, second))

    def places(other):
        matrix = other.GetXYToRAS()
        return np.array([matrix.MultiplyPoint((x, y, 0, 1))[:3] for x, y in ((0, 0), (300, 200))])

    np.testing.assert_allclose(places(theirs), places(ours) + link.shift, atol=1e-6)
    theirs.JumpSliceByOffsetting(*(center + link.shift + (0, 0, 6)))
    link.lead()
    np.testing.assert_allclose(places(theirs), places(ours) + link.shift, atol=1e-6)
    link.show(None)
    second.set_orientation("Coronal")


@pytest.mark.web
def test_an_earlier_ct_stands_beside_and_says_what_changed(browser, serve, tmp_path):
    """Both spheres get an outline; a wheel in either view moves both by a slice."""
    volume, _ = sphere_volume()
    for name, each in (("now", volume), ("before", earlier_volume())):
        write_image(to_sitk(each.array, each.grid), tmp_path / f"{name}.nrrd", 1)
    (tmp_path / "list.csv").write_text("case,image,prior\nA,now.nrrd,before.nrrd\n")
    served = serve(str(tmp_path / "out"), "", "0", str(tmp_path / "list.csv"))
    page = Page(browser, served.url)
    page.wait("$('opened') && $('prior') && !$('busy')")
    assert page.get("prior")["patient"] == "before.nrrd"
    show_sphere(page)
    page.click(0, *bright_middle(page.picture(0)))
    page.wait("$('nodules').length === 1 && !$('busy')")
    page.page.keyboard.press("g")
    page.wait("$('layout') === 'pair'")
    page.settle()
    assert page.page.locator(".ds-views img").count() == 2
    if not page.get("change")["text"]:  # not found by itself: clicked, where the views link it
        page.wait("!$('busy')")
        page.click(0, *bright_middle(page.picture(0)))
    page.wait("$('change').text && !$('busy')")
    rows = {row["label"]: row for row in page.get("change")["rows"]}
    assert abs(float(rows["Volume"]["change"].split(" ")[0].replace("−", "-"))) < 15
    page.settle()
    before = [page.get(name)["text"] for name in ("prior_slice",)], page.get("slices")["axial"]
    place = float(before[0][0].split()[0]) - float(before[1]["text"].split()[0])
    assert place == pytest.approx(SHIFT[2], abs=0.8)
    for view in (0, 1):
        box = page.box(view)
        page.page.mouse.move(box["x"] + 60, box["y"] + 200)
        page.page.mouse.wheel(0, -100)
        page.settle()
        now = [float(t.split()[0]) for t in
               (page.get("prior_slice")["text"], page.get("slices")["axial"]["text"])]  # fmt: skip
        assert now[0] - now[1] == pytest.approx(place, abs=0.11)
    assert page.get("slices")["axial"]["text"] != before[1]["text"]
    page.page.keyboard.press("g")
    page.wait("$('layout') === 'four'")
    page.page.keyboard.press("Control+s")
    page.wait("$('message').text.startsWith('Saved')")
    page.leave()
    with zipfile.ZipFile(tmp_path / "out" / "A" / "scene.mrb") as bundle:
        names = [name for name in bundle.namelist() if "Earlier" in name]
    assert names == [], "the earlier CT is not in the scene of the open one"
