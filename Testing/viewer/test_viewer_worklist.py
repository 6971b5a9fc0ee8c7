"""A worklist in the viewer: the next case by one key, everything saved by itself."""

import json
import threading
import time

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from browser_page import Page, bright_middle, show_sphere
from viewer_helpers import settle, sphere_volume

from densesharp.errors import OutputError
from densesharp.image.sampling import to_sitk, write_image
from densesharp.worklist import open_worklist
from densesharp_viewer.reading_list import ReadingList
from dicom_phantom import write_series
from fake_dicomweb import fake_dicomweb
from phantoms import grid_around, smooth_ball

COUNT = 3


class Clock:
    """Runs what was put off, when told."""

    def __init__(self) -> None:
        self.waiting = []

    def later(self, function, seconds) -> None:
        self.waiting.append(function)

    def run(self) -> None:
        waiting, self.waiting = self.waiting, []
        for function in waiting:
            function()


@pytest.fixture
def folder(tmp_path):
    """Three CTs that differ in one voxel's density."""
    volume, _ = sphere_volume()
    (tmp_path / "cts").mkdir()
    for number in range(1, COUNT + 1):
        array = volume.array.copy()
        array[0, 0, 0] = number
        write_image(to_sitk(array, volume.grid), tmp_path / "cts" / f"case {number}.nrrd", 1)
    return tmp_path / "cts"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def reading(session, folder, tmp_path, clock):
    cases = open_worklist(str(folder))
    reading = ReadingList(session, cases, tmp_path / "results", later=clock.later)
    reading.begin()
    rest(reading)
    yield reading
    reading.close()


def rest(reading, seconds: float = 30.0) -> None:
    """Wait until nothing is read, written or computed."""
    session = reading._session
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        session.poll()
        reading.poll()
        if session.jobs.at_rest and reading._loading.at_rest and reading._saving.at_rest:
            return
        time.sleep(0.005)
    raise AssertionError("the viewer did not come to rest")


def shown(session) -> int:
    """Which case is open, by its voxels."""
    return int(session.scan.volume().array[0, 0, 0])


def states(page) -> list[str]:
    return [row["state"] for row in page["cases"]["rows"]]


def click(reading) -> None:
    reading._session.click(sphere_volume()[1])
    rest(reading)


def test_next_saves_marks_and_opens_the_following_case(reading, session, page, tmp_path):
    """Scene and results lie in the case's own folder, and the scene holds the same voxels."""
    assert shown(session) == 1
    assert page["cases"]["name"] == "case 1"
    assert states(page) == ["open", "new", "new"]
    click(reading)
    session.state.reader = "Dr A"
    session.decide("accepted")
    volume = session.scan.volume().array.copy()
    reading.next()
    rest(reading)
    assert shown(session) == 2
    assert states(page) == ["read", "open", "new"]
    assert page["nodules"] == []
    saved = tmp_path / "results" / "case_1"
    (stored,) = json.loads((saved / "result.json").read_text())["nodules"]
    assert stored["review"]["decision"] == "accepted"
    session.open_file(saved / "scene.mrb")
    np.testing.assert_array_equal(session.scan.volume().array, volume)
    assert [nodule.review.reader for nodule in session.nodules] == ["Dr A"]


def test_the_next_case_is_read_ahead(reading, session, clock, folder):
    clock.run()
    rest(reading)
    (folder / "case 2.nrrd").unlink()
    reading.next()
    assert shown(session) == 2, "shown at once, from memory"


def test_work_is_saved_without_being_asked_for(reading, session, page, clock, tmp_path):
    click(reading)
    assert page["unsaved"]
    clock.run()
    rest(reading)
    assert not page["unsaved"]
    assert (tmp_path / "results" / "case_1" / "scene.mrb").exists()
    assert states(page)[0] == "open"
    session.delete()
    clock.run()
    rest(reading)
    data = json.loads((tmp_path / "results" / "case_1" / "result.json").read_text())
    assert data["nodules"] == []


def test_a_case_comes_back_with_its_nodules(reading, session, page):
    click(reading)
    reading.choose("case_3")
    rest(reading)
    assert shown(session) == 3
    assert states(page) == ["open", "new", "open"]
    reading.choose("case_1")
    rest(reading)
    assert shown(session) == 1
    assert len(page["nodules"]) == 1
    assert page["exam"]["patient"] == "case 1"
    assert not page["unsaved"]


def test_after_the_last_case_the_list_is_done(reading, session, page):
    for _ in range(COUNT):
        reading.next()
        rest(reading)
    assert states(page) == ["read"] * COUNT
    assert page["message"]["text"] == "All 3 cases were read."
    assert shown(session) == COUNT


def test_a_case_is_not_left_before_its_answer_is_there(reading, session, page, clock):
    session.backend.delay_s = 0.2
    session.click(sphere_volume()[1])
    reading.next()
    assert shown(session) == 1
    assert "Esc stays here" in page["message"]["text"]
    rest(reading)
    clock.run()
    rest(reading)
    assert shown(session) == 2
    assert states(page)[0] == "read"


def test_staying_keeps_the_case(reading, session, clock):
    session.backend.delay_s = 0.2
    session.click(sphere_volume()[1])
    reading.next()
    reading.stay()
    rest(reading)
    clock.run()
    assert shown(session) == 1


def test_a_file_that_is_gone_is_said_and_the_list_goes_on(reading, session, page, folder):
    (folder / "case 2.nrrd").unlink()
    reading.next()
    rest(reading)
    assert "case 2" in page["message"]["text"]
    assert "does not exist" in page["message"]["text"]
    assert shown(session) == 1
    assert [row["state"] for row in page["cases"]["rows"]] == ["read", "not opened", "new"]
    reading.next()  # passes it by
    rest(reading)
    assert shown(session) == 3
    reading.previous()
    rest(reading)
    assert shown(session) == 1
    reading.choose("case_3")
    rest(reading)
    reading.next()
    rest(reading)
    assert page["message"]["text"] == "1 of 3 cases could not be opened: Next tries them again."
    assert states(page)[1] == "not opened"
    reading.next()
    rest(reading)
    assert "does not exist" in page["message"]["text"]
    (folder / "case 3.nrrd").rename(folder / "case 2.nrrd")  # it is there again
    reading.choose("case_2")
    rest(reading)
    assert [row["state"] for row in page["cases"]["rows"]] == ["read", "open", "read"]


def test_a_case_that_cannot_be_written_is_kept_until_it_can(reading, session, page, monkeypatch):
    """A full disk: nothing counts as read, the older file is not opened, nothing is lost."""
    click(reading)
    write, full = session.backend.write, [True]

    def on_a_full_disk(*args):
        if full[0]:
            message = "'mask.nrrd' cannot be written (No space left on device): free space."
            raise OutputError(message)
        return write(*args)

    monkeypatch.setattr(session.backend, "write", on_a_full_disk)
    reading.next()
    rest(reading)
    assert shown(session) == 2
    assert "case 1 was not saved" in page["message"]["text"]
    assert "No space left on device" in page["message"]["text"]
    assert states(page) == ["not saved", "open", "new"]
    reading.previous()
    rest(reading)
    assert shown(session) == 2, "its nodule is not on the disk"
    assert states(page)[0] == "not saved"
    full[0] = False
    reading.next()
    rest(reading)
    assert states(page) == ["read", "read", "open"]
    reading.choose("case_1")
    rest(reading)
    assert [nodule.name for nodule in session.nodules] == ["Nodule 1"]


def test_a_slow_disk_writes_every_case(reading, session, page, monkeypatch):
    """A case that is left while the one before is still being written takes nothing from it."""
    write, go = session.backend.write, threading.Event()

    def slowly(results, volume, folder, progress):
        assert go.wait(20)
        progress(0.5, "Writing")  # ends here where it was cancelled
        return write(results, volume, folder, progress)

    monkeypatch.setattr(session.backend, "write", slowly)
    for _ in range(2):
        session.click(sphere_volume()[1])
        settle(session)
        reading.next()
        deadline = time.monotonic() + 20
        while not reading._loading.at_rest and time.monotonic() < deadline:
            reading.poll()
    go.set()
    rest(reading)
    assert states(page) == ["read", "read", "open"]
    for case_id in ("case_1", "case_2"):
        reading.choose(case_id)
        rest(reading)
        assert len(session.nodules) == 1


def test_the_end_of_the_program_saves_the_open_case(session, folder, tmp_path):
    reading = ReadingList(session, open_worklist(str(folder)), tmp_path / "results")
    reading.begin()
    rest(reading)
    click(reading)
    reading.close()
    mask = json.loads((tmp_path / "results" / "case_1" / "result.json").read_text())
    assert len(mask["nodules"]) == 1
    assert (tmp_path / "results" / "case_1" / "scene.mrb").exists()
    again = ReadingList(session, open_worklist(str(folder)), tmp_path / "results")
    again.begin()
    assert shown(session) == 1
    assert len(session.nodules) == 1
    again.close()


def test_a_second_start_goes_on_with_what_was_not_read(session, folder, tmp_path):
    first = ReadingList(session, open_worklist(str(folder)), tmp_path / "results")
    first.begin()
    rest(first)
    first.next()
    rest(first)
    first.close()
    again = ReadingList(session, open_worklist(str(folder)), tmp_path / "results")
    again.begin()
    rest(again)
    assert shown(session) == 2
    again.close()


def test_another_ct_opened_by_hand_is_not_saved_as_a_case(reading, session, page, folder):
    click(reading)
    session.unsaved.saved(session.unsaved.state())
    other = folder.parent / "other.nrrd"
    sitk.WriteImage(sitk.ReadImage(str(folder / "case 3.nrrd")), str(other))
    session.open_file(other)
    rest(reading)
    assert page["cases"]["at"] == -1
    click(reading)
    reading.next()
    rest(reading)
    assert page["leaving"], "asked about as always"
    session.unsaved.discard()
    rest(reading)
    assert shown(session) in (1, 2)
    assert states(page)[1] != "read"


@pytest.mark.web
def test_page_down_goes_through_the_list(browser, serve, folder, tmp_path):
    """Click, Page Down, Page Down: two cases are read and saved, and Home opens one again."""
    results = tmp_path / "results"
    page = Page(browser, serve(str(results), "", "0", str(folder)).url)
    page.wait("$('cases').at === 0 && !$('busy')")
    show_sphere(page)
    page.click(0, *bright_middle(page.picture(0)))
    page.wait("$('nodules').length === 1 && !$('busy')")
    page.page.keyboard.press("PageDown")
    page.wait("$('cases').at === 1 && !$('nodules').length")
    page.page.keyboard.press("PageDown")
    page.wait("$('cases').at === 2 && $('cases').left === 1")
    assert len(json.loads((results / "case_1" / "result.json").read_text())["nodules"]) == 1
    assert not (results / "case_2").exists(), "nothing was found there, nothing is written"
    page.page.keyboard.press("Home")
    focus = page.page.evaluate("document.activeElement.innerText")
    assert "case 3" in focus, "the open case has the focus, not the first"
    page.page.get_by_role("button", name="case 1").click()
    page.wait("$('cases').at === 0 && $('nodules').length === 1")
    page.leave()


@pytest.mark.web
def test_results_are_sent_back_by_a_button(browser, serve, tmp_path):
    """Two studies of a server: what is found in one is sent there, and only when asked for."""
    center = np.array((-60.0, 20.0, -100.0))
    grid = grid_around(center, (70, 66, 40), (0.8, 0.8, 1.25), np.eye(3))
    paths = write_series(tmp_path / "a", smooth_ball(grid, center, radius=6, inside=20).array, grid)
    image = pydicom.dcmread(paths[0])
    kept: list[pydicom.Dataset] = []
    results = tmp_path / "results"
    with fake_dicomweb(tmp_path / "a", kept=kept) as address:
        page = Page(browser, serve(str(results), "", "threshold", address).url)
        page.wait("$('cases').at === 0 && !$('busy')")
        page.settle()
        box = page.box(0)
        page.click(0, box["width"] / 2, box["height"] / 2)
        page.wait("$('nodules').length === 1 && !$('busy')")
        page.page.get_by_text("Report", exact=True).click()
        page.wait("$('reported')")
        assert kept == []
        page.page.get_by_role("button", name="Send", exact=True).click()
        page.wait("$('message').text.startsWith('Sent to 127.0.0.1. SEG and SR of 1 nodule')")
        page.wait("$('cases').rows[0].sent")
    assert [each.Modality for each in kept] == ["SEG", "SR"]
    for each in kept:
        assert (each.StudyInstanceUID, each.PatientID) == (image.StudyInstanceUID, image.PatientID)
    page.page.get_by_role("button", name="Send", exact=True).click()
    page.wait("$('message').text.includes('does not answer')")
    page.leave()
