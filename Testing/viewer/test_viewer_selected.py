"""Beside the card of the selected nodule the 3D view shows no other one's surface."""

import numpy as np
import pytest
from browser_page import Page, bright_middle, show_sphere

pytestmark = pytest.mark.web

SOLID = 2
"""Number of the 3D view."""


@pytest.fixture
def page(browser, serve, sphere_file, tmp_path):
    page = Page(browser, serve(str(tmp_path / "out"), str(sphere_file[0]), "threshold").url)
    page.wait("$('opened') && !$('busy')")
    show_sphere(page)
    yield page
    page.leave_empty()


def surface(page) -> int:
    """Pixels in the middle of the 3D view that are brighter than its ground."""
    page.settle()
    picture = page.picture(SOLID)
    rows, columns = picture.shape
    inner = picture[rows // 4 : -rows // 4, columns // 4 : -columns // 4]
    return int((inner > 0.25).sum())


def test_beside_a_nodule_without_an_outline_no_other_one_is_shown(page):
    """A click into lung has no answer; the first nodule's surface would pass for its own."""
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
