"""Draws the presenter's screen into the widgets of `DenseSharpReaderStudy.ui`."""

from __future__ import annotations

from typing import Any

from slicer.i18n import tr as _

from densesharp.nodule.records import CLASS_NAMES
from densesharp.study.conduct.answer_form import CONFIDENCE_LEVELS
from densesharp.study.conduct.screen import AidView, Screen


def class_button(ui: Any, number: int) -> Any:
    """The button of the n-th class, from 1."""
    return getattr(ui, f"studyClassButton{number}")


def confidence_button(ui: Any, level: int) -> Any:
    """The button of a confidence, from 1."""
    return getattr(ui, f"studyConfidenceButton{level}")


def draw_closed(ui: Any) -> None:
    """No study is open."""
    for section in (ui.studyReadingSection, ui.studyAnswerSection):
        section.visible = False
    ui.studyNewSection.visible = True
    ui.studyCloseButton.enabled = False
    ui.studyOpenButton.enabled = True


def draw_reading(ui: Any, screen: Screen) -> None:
    """The section Reading: where the reader is and how to go on."""
    page = screen.page
    ui.studyOpenButton.enabled = False
    ui.studyCloseButton.enabled = True
    ui.studyReadingSection.visible = True
    ui.studyNewSection.visible = False
    headings = {
        "sessions": screen.title,
        "finished": _("Thank you: everything is read."),
        "paused": _("Paused"),
    }
    ui.studyHeadingLabel.text = headings.get(page, screen.heading)
    ui.studyProgressBar.value = round(1000 * screen.progress)
    ui.studyProgressBar.visible = bool(screen.heading)
    _draw_sessions(ui, screen)
    ui.studyNextButton.visible = page == "next"
    ui.studyResumeButton.visible = page == "paused"
    ui.studyCorrectButton.visible = page == "next" and screen.can_go_back
    told = screen.message or (screen.instructions if page == "sessions" else "")
    told = "\n\n".join(text for text in (told, "\n".join(screen.own_progress)) if text)
    ui.studyMessageLabel.text = told
    ui.studyMessageLabel.visible = bool(told)


def _draw_sessions(ui: Any, screen: Screen) -> None:
    choosing = screen.page == "sessions"
    startable = [line for line in screen.sessions if line.startable]
    texts = [line.text for line in screen.sessions]
    box = ui.studySessionBox
    if [box.itemText(row) for row in range(box.count)] != texts:
        box.clear()
        box.addItems(texts)
    if startable:
        box.setCurrentIndex(startable[0].number - 1)
    box.enabled = False
    ui.studyReasonEdit.enabled = any(line.needs_reason for line in startable)
    for widget in (ui.studySessionLabel, ui.studySessionBox):
        widget.visible = choosing or screen.page == "finished"
    for widget in (ui.studyReasonLabel, ui.studyReasonEdit):
        widget.visible = choosing
    ui.studyStartButton.visible = choosing
    ui.studyStartButton.enabled = bool(startable)


def draw_answer(ui: Any, screen: Screen) -> None:
    """The section Answer: the form, and the model's result where it is shown."""
    answer = screen.answer
    ui.studyAnswerSection.visible = screen.page == "case"
    ui.studyInstructionLabel.text = screen.instruction
    ui.studyAidLabel.text = _aid_text(screen.aid) if screen.aid is not None else ""
    ui.studyAidLabel.visible = screen.aid is not None
    for number, name in enumerate(CLASS_NAMES, start=1):
        class_button(ui, number).checked = answer.nodule_class == name
    for level in CONFIDENCE_LEVELS:
        confidence_button(ui, level).checked = answer.confidence == level
    _set_quietly(ui.studyInvasiveSpin, answer.p_invasive)
    _set_quietly(ui.studyIacSpin, answer.p_iac)
    if ui.studyCommentEdit.text != answer.comment:
        ui.studyCommentEdit.text = answer.comment
    asked = screen.mask_rule != "none"
    for widget in (ui.studyEditButton, ui.studyRemoveButton, ui.studyOutlineLabel):
        widget.visible = asked
    ui.studyTakeButton.visible = screen.can_take_outline
    ui.studyRemoveButton.enabled = screen.has_mask
    drawn, absent = _("drawn"), _("not drawn ({rule})").format(rule=screen.mask_rule)
    ui.studyOutlineLabel.text = drawn if screen.has_mask else absent
    ui.studyProblemsLabel.text = "\n".join(screen.problems)
    ui.studyProblemsLabel.visible = bool(screen.problems)
    ui.studySubmitButton.enabled = screen.can_submit
    ui.studySubmitButton.text = _("Yes, submit") if screen.confirming else _("Submit")
    ui.studyCancelButton.visible = screen.confirming
    ui.studyPauseButton.visible = not screen.confirming


def _set_quietly(spin: Any, value: float | None) -> None:
    """Show a rating without the spin box reporting it as a change."""
    blocked = spin.blockSignals(True)
    spin.value = -1 if value is None else round(value)
    spin.blockSignals(blocked)


def _aid_text(aid: AidView) -> str:
    """The model's result as a text."""
    shares = ", ".join(f"{name} {words}" for name, _percent, words in aid.shares)
    caution = " ".join(part for part in (aid.verdict, *aid.reasons, aid.volume, aid.spread) if part)
    text = _(
        "The model: {best} ({shares}). Invasive {invasive}, IAC {iac}. "
        "Trained on: {trained}"
    ).format(
        best=aid.nodule_class, shares=shares, invasive=aid.invasive, iac=aid.iac,
        trained=aid.trained_on,
    )  # fmt: skip
    return f"{text}\n{caution}" if caution else text
