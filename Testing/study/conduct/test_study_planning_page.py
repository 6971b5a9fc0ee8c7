"""Planning a study on the page: the same checks and the same design as by command."""

import logging

import pytest
from test_conduct_commands import tables  # noqa: F401 - a fixture
from test_study_mode_browser import PATIENCE_MS, StudyServer, a_browser  # noqa: F401 - a fixture

from densesharp.study.conduct.design_fields import FIELDS
from densesharp.study.conduct.study_folder import open_study

pytest.importorskip("trame_slicer", reason="the viewer is not installed (extra 'viewer')")


@pytest.mark.web
def test_a_study_is_planned_in_the_browser(tables, a_browser):  # noqa: F811
    server = StudyServer(tables / "study", "plan_study.py", "--kind", "sequential")
    faults = []
    try:
        page = a_browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(server.url)
        page.wait_for_selector("text=Plan a reader study")
        assert page.input_value("#plan-study") == str(tables / "study")
        assert page.input_value("#plan-kind") == "sequential"
        page.click("text=Make the study")
        page.wait_for_selector("text='Cases' is missing")
        for name in ("cases", "readers", "truth"):
            page.fill(f"#plan-{name}", str(tables / f"{name}.csv"))
        page.fill("#plan-results", str(tables / "results"))
        page.fill("#plan-seed", "3")
        page.check("#plan-going_back")
        page.select_option("#plan-task", "iac")
        before = {path.name for path in tables.iterdir()}
        page.click("text=Preview")
        page.wait_for_selector("text=Nothing is frozen yet")
        assert {path.name for path in tables.iterdir()} == before, "no study, no key"
        page.click("text=Make the study")
        page.wait_for_selector("text=design sha256")
        design = open_study(tables / "study").design
        assert design.sha256 in page.content()
        assert (design.kind, design.seed, design.going_back) == ("sequential", 3, True)
        assert design.endpoint.task == "iac"
        page.click("text=Make the study")
        page.wait_for_selector("text=holds a study already")
        assert not faults
    finally:
        server.end()


def test_wrong_calls_change_nothing(caplog):
    from densesharp_viewer.study_planning import PlanningApp

    app = PlanningApp({"study": "x"}, "127.0.0.1", 1)
    right = {field.name: field.kind == "switch" or field.default or "" for field in FIELDS}
    right |= {"study": "no-study", "cases": "no-cases.csv", "readers": "no-readers.csv"}
    for call in (
        (), ("open",), ("create",), ("create", "x"), ("create", {}),
        ("create", {**right, "password": "x"}), ("create", {**right, "study": 5}),
        ("create", {**right, "study": "x" * 5000}), ("create", {**right, "study": "a\x00b"}),
        ("create", {**right, "going_back": "yes"}), ({},),
    ):  # fmt: skip
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            app.act(*call)
        assert "Refused" in caplog.text, call
        assert not app.server.state["busy"]
    app.act("create", right)
    app._executor.shutdown()
    assert "cannot be read" in app.server.state["message"], "a right call is taken"
