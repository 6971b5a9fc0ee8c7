"""Study mode as a reader meets it: a real page in a real browser, with mouse and keyboard."""

import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest
from study_simulation import aid_for, ball_mask, make_study
from test_study_mode_scene import with_images

from densesharp.study.conduct.store import open_store
from densesharp.study.conduct.verify import verify

pytest.importorskip("trame_slicer", reason="the viewer is not installed (extra 'viewer')")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

pytestmark = pytest.mark.web

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE_MS = 120_000
"""A wait that succeeds costs nothing, however slow the machine may be."""

HARMLESS = "405"
"""The client probes for a launcher by POST; there is none."""


class StudyServer:
    """A page in its own process, `densesharp study read` if nothing else is said."""

    def __init__(self, folder: Path, program: str = "serve_study.py", *options: str) -> None:
        options = options or ("--reader", "S1")
        script = str(Path(__file__).with_name(program))
        self.process = subprocess.Popen(
            [sys.executable, script, str(folder), *options, "--no-browser"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        self.lines: list[str] = []
        found: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, args=(found,), daemon=True).start()
        url = found.get(timeout=300)
        if url is None:
            self.end()
            raise AssertionError("the study page did not start:\n" + "".join(self.lines))
        self.url = url
        self.base = url.split("/?")[0]

    def _read(self, found) -> None:
        for line in self.process.stderr:
            self.lines.append(line)
            match = re.search(r"(http://\S+\?secret=\S+)", line)
            if match:
                found.put(match.group(1))
        found.put(None)

    def end(self, how: int = signal.SIGTERM) -> None:
        self.process.send_signal(how)
        self.process.wait(60)
        self.process.stderr.close()


@pytest.fixture(scope="module")
def a_study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("patient-folder")
    ball_aid = ball_mask(5)
    aids = [aid_for(f"C{n:03d}", (0.123, 0.345, 0.532)) for n in range(3)]
    as_shown = {
        "mask": ball_aid.nrrd, "mask_sha256": ball_aid.sha256, "verdict": "caution",
        "reasons": ("Only 7 % of what decides the class lies at the nodule.",),
        "volume": "Volume 1235 mm³. Volume by other readers 1051 to 1451 mm³.",
        "spread": "Spread over 8 runs: P(invasive) ± 0.04.",
    }  # fmt: skip
    aids = [replace(aid, **as_shown) for aid in aids]
    return with_images(make_study(folder, "sequential", count=3, aids=aids))


@pytest.fixture(scope="module")
def a_browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium here (Debian package: chromium)")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def a_server(a_study):
    servers = []

    def start():
        servers.append(StudyServer(a_study.folder))
        return servers[-1]

    yield start
    for server in servers:
        if server.process.poll() is None:
            server.end()


def open_page(browser, server):
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(PATIENCE_MS)
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on(
        "console",
        lambda line: (
            page.faults.append(line.text)
            if line.type == "error" and HARMLESS not in line.text
            else None
        ),
    )
    page.goto(server.url)
    page.wait_for_selector(".ds-study h2")
    return page


def everything_on(page) -> str:
    """The page's source and all state that the client holds."""
    return page.content() + page.evaluate("JSON.stringify(window.trame.state.state)")


def press(page, keys):
    for key in keys:
        page.keyboard.press(key)


def done(page):
    """Wait until the server has done all that hands did so far, and the page has heard of it."""
    for _ in range(2):
        page.evaluate("window.trame.trigger('act', ['touch'])")


def hold_enter(page):
    for _ in range(3):
        page.keyboard.down("Enter")  # Chromium marks all but the first as repeated
    page.keyboard.up("Enter")


def answers_in(study):
    store = open_store(study.default_store, study.design.study, study.design.sha256)
    events = [event.body for event in store.events("S1") if event.kind == "answer"]
    assert verify(study, store).clean
    store.close()
    return events


def wait_for_draft(study, nodule_class):
    """The page saves what is typed every few seconds."""
    store = open_store(study.default_store, study.design.study, study.design.sha256)
    saved = None
    for _ in range(1200):
        saved = store.draft("S1")
        if saved and saved["form"]["nodule_class"] == nodule_class:
            break
        time.sleep(0.1)
    store.close()
    assert saved["form"]["nodule_class"] == nodule_class


def test_a_reader_reads_is_interrupted_and_finishes(a_study, a_server, a_browser):
    server = a_server()
    page = open_page(a_browser, server)
    page.click("text=Start session 1")
    page.wait_for_selector("text=Next case (Enter)")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Read without the model.")
    page.wait_for_function("!window.trame.state.get('loading')")

    # Before the first answer the client holds nothing of the model, and no name of anything.
    seen = everything_on(page)
    for secret in ("53.2", "53%", "34.5", "C00", "patient-folder", ".nrrd", "J1"):
        assert secret not in seen, secret

    # Keys of the viewer give no answer: window, fit, layout, switches, next nodule.
    press(page, "mbf11ooxxt.,l")
    done(page)
    page.wait_for_function("window.trame.state.get('screen').answer")
    answer = page.evaluate("window.trame.state.get('screen').answer")
    assert not any(answer[name] for name in ("nodule_class", "p_invasive", "p_iac", "confidence"))

    # An outline with the mouse, the rest by keyboard.
    box = page.query_selector(".ds-views img").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.keyboard.press("p")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 12, y, steps=4)
    page.mouse.up()
    page.wait_for_selector("text=Outlined.")
    press(page, "uwwwcc8")
    page.type("textarea", "part-solid")
    page.mouse.move(x, y)
    shown = "window.trame.state.get('slices').axial.text"
    before = page.evaluate(shown)
    page.mouse.wheel(0, 240)
    page.wait_for_function(f"{shown} !== '{before}'")
    assert page.input_value("textarea") == "part-solid", "scrolling must not undo typing"
    page.click("text=Submit (Enter)")
    page.wait_for_selector("text=It cannot be changed")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=The model: IAC")
    assert "53.2" in everything_on(page)
    aid = page.inner_text(".ds-study-aid")
    for words in (
        "Use with caution", "Only 7 % of what decides", "Volume by other readers 1051 to 1451 mm³",
        "Spread over 8 runs: P(invasive) ± 0.04.", "Trained on: examples",
    ):  # fmt: skip
        assert words in aid
    first = answers_in(a_study)[0]
    assert first["form"] == {
        "nodule_class": "MIA", "p_invasive": 60, "p_iac": 45, "confidence": 4,
        "comment": "part-solid",
    }  # fmt: skip
    assert first["mask_sha256"]
    assert first["mask_edits"] == 1
    assert first["time"]["active_s"] > 0

    # The machine goes down in the middle of the second answer.
    press(page, "i")
    page.wait_for_function("window.trame.state.get('screen').answer.nodule_class === 'IAC'")
    wait_for_draft(a_study, "IAC")
    server.end(signal.SIGKILL)
    page.wait_for_selector("text=Every submitted answer is saved.")
    assert page.evaluate("getComputedStyle(document.querySelector('.ds-lost')).position") == "fixed"
    page.close()
    assert len(answers_in(a_study)) == 1

    server = a_server()
    page = open_page(a_browser, server)
    page.wait_for_selector("text=Next case (Enter)")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=The model: IAC")
    answer = page.evaluate("window.trame.state.get('screen').answer")
    assert answer["nodule_class"] == "IAC", "the draft is there again"
    for expected in range(2, 7):
        press(page, ["u", "w", "c", "8", "Enter"])
        page.wait_for_selector("text=It cannot be changed")
        page.keyboard.press("Enter")
        page.wait_for_function("!window.trame.state.get('screen').confirming")
        assert len(answers_in(a_study)) == expected
        if expected in (2, 4):
            page.wait_for_selector("text=Next case (Enter)")
            page.keyboard.press("Enter")
            page.wait_for_selector("text=Read without the model.")
            page.wait_for_function("!window.trame.state.get('loading')")
            assert page.input_value("textarea") == "", "a comment belongs to one case"
            assert "53.2" not in everything_on(page)
    page.wait_for_selector("text=Thank you: everything is read.")
    assert not page.faults
    page.close()


def test_practice_contradictions_and_an_early_start(tmp_path_factory, a_browser):
    """What a reader is told and asked: never refused, never by accident."""
    folder = tmp_path_factory.mktemp("questions")
    study = with_images(make_study(folder, count=2, practice=1, feedback="MIA"))
    server = StudyServer(study.folder)
    try:
        page = open_page(a_browser, server)
        page.click("text=Start session 1")
        for practice in (True, False, False):
            page.wait_for_selector("text=Next case (Enter)")
            page.keyboard.press("Enter")
            at_case = "window.trame.state.get('screen').page === 'case'"
            page.wait_for_function(f"{at_case} && !window.trame.state.get('loading')")
            press(page, ["y", *("w" * 10), "c", "8"])
            page.keyboard.press("Enter")
            asked = "text=You chose AAH-AIS, but by your two ratings"
            page.wait_for_selector(asked)
            assert page.evaluate("window.trame.state.get('screen').page") == "case"
            for twice in (lambda: page.dblclick("text=Submit (Enter)"), lambda: hold_enter(page)):
                page.keyboard.press("Escape")
                page.wait_for_function("!window.trame.state.get('screen').confirming")
                twice()
                page.wait_for_selector(asked)
                done(page)
                assert page.evaluate("window.trame.state.get('screen').confirming")
            page.keyboard.press("Enter")
            told = "window.trame.state.get('screen').message.startsWith('Practice: pathology')"
            page.wait_for_function(told if practice else f"!{told}")
        page.wait_for_selector("text=Session 2")
        start = page.get_by_role("button", name="Start session 2")
        assert "ds-strong" not in start.get_attribute("class"), "an early start is not proposed"
        start.click()
        page.wait_for_function("/may start on/.test(window.trame.state.get('screen').message)")
        assert page.evaluate("window.trame.state.get('screen').page") == "sessions"
        assert not page.faults
        page.close()
    finally:
        server.end()


@pytest.fixture(scope="module")
def another_study(tmp_path_factory):
    """A study that is served once for several tests."""
    study = with_images(make_study(tmp_path_factory.mktemp("study"), "sequential", count=2))
    server = StudyServer(study.folder)
    yield study, server
    server.end()


def test_no_file_of_the_study_is_served(another_study):
    study, server = another_study
    token = server.url.split("secret=")[1]
    for path in (
        "/design.json", "/store.sqlite", "/aid/C000.sealed", "/C000.nrrd",
        "/densesharp_assets/../design.json", "/densesharp_assets/%2e%2e/%2e%2e/design.json",
        f"/{study.folder}/design.json", "/upload",
    ):  # fmt: skip
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{server.base}{path}?secret={token}", timeout=60)
        caught.value.close()
        assert caught.value.code in (400, 403, 404, 405), path


def test_a_plain_request_to_the_socket_does_not_lock_the_reader_out(another_study):
    """As a picture on a foreign page would send it; the library counts it as an open page."""
    _, server = another_study
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{server.base}/ws", timeout=60)
    caught.value.close()
    assert caught.value.code == 403
    with urllib.request.urlopen(server.url, timeout=60) as page:
        assert page.status == 200


def test_without_the_token_there_is_no_page(another_study):
    _, server = another_study
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(server.base, timeout=60)
    caught.value.close()
    assert caught.value.code == 403


def test_a_page_cannot_write_the_state_or_ask_for_the_model(another_study, a_browser):
    study, server = another_study
    page = open_page(a_browser, server)
    page.evaluate("window.trame.trigger('act', ['start', 1, ''])")
    page.wait_for_selector("text=Next case (Enter)")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Read without the model.")
    for name in ("reveal", "aid", "show_aid", "open_file", "evidence", "analyse"):
        page.evaluate(f"window.trame.trigger('act', ['{name}'])")
    page.evaluate("window.trame.state.set('screen', {page: 'finished'})")
    page.keyboard.press("y")
    page.wait_for_function("window.trame.state.get('screen').page === 'case'")
    assert page.evaluate("window.trame.state.get('screen').aid") is None
    page.close()
    store = open_store(study.default_store, study.design.study, study.design.sha256)
    kinds = [event.kind for event in store.events("S1")]
    store.close()
    assert kinds == ["begin", "session", "open"]
