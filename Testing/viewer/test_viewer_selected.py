"""A CT that comes by upload, and the 3D view beside the card of the selected nodule."""

import numpy as np
import pytest
from browser_page import Page, bright_middle, show_sphere

pytestmark = pytest.mark.web

SOLID = 2
"""Number of the 3D view."""


@pytest.fixture(scope="module")
def open_page(browser, serve, sphere_file, tmp_path_factory):
    """A page that began empty and was given a CT."""
    page = Page(browser, serve(str(tmp_path_factory.mktemp("out")), "", "threshold").url)
    page.wait("!$('busy')")
    assert page.page.locator(".ds-welcome").is_visible()
    with page.page.expect_file_chooser() as chosen:
        page.page.locator(".ds-welcome").get_by_text("Open …").click()
    chosen.value.set_files(str(sphere_file[0]))
    page.wait("$('opened').startsWith('CT 128') && !$('busy')")
    yield page
    page.leave()


def surface(page) -> int:
    """Pixels in the middle of the 3D view that are brighter than its ground."""
    page.settle()
    picture = page.picture(SOLID)
    rows, columns = picture.shape
    inner = picture[rows // 4 : -rows // 4, columns // 4 : -columns // 4]
    return int((inner > 0.25).sum())


def test_beside_a_nodule_without_an_outline_no_other_one_is_shown(open_page):
    """A click into lung has no answer; the first nodule's surface would pass for its own."""
    page = open_page
    page.start_over()
    show_sphere(page)
    middle = np.array(bright_middle(page.picture(0)))
    page.click(0, *middle)
    page.wait("$('nodules').length === 1 && !$('busy')")
    assert surface(page) > 1000
    page.click(0, *(middle - (85, 0)))
    page.wait("$('nodules').length === 2 && !$('busy')")
    assert not page.get("card")["has_mask"]
    assert surface(page) == 0
    page.page.locator(".ds-list tbody tr").first.click()
    page.wait("$('card').has_mask")
    assert surface(page) > 1000


def test_an_earlier_ct_that_is_chosen_is_seen_at_once(open_page, sphere_file):
    page = open_page
    page.start_over()
    page.page.keyboard.press("g")
    with page.page.expect_file_chooser() as chosen:
        page.page.locator("#ds-prior").get_by_text("File …").click()
    chosen.value.set_files(str(sphere_file[0]))
    page.wait("$('prior') && $('layout') === 'pair'")
