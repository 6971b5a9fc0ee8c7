"""What a reading front end shows and which controls work: plain state, no user interface.

The browser page and the Slicer panel draw its `Screen`, load its `Scene` and call its methods; they
decide nothing themselves.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Literal, TypeVar

from densesharp.errors import DenseSharpError
from densesharp.nodule.records import CLASS_NAMES
from densesharp.report.labels import VERDICT_WORDS, percent_words
from densesharp.study.conduct import answer_form as form
from densesharp.study.conduct import answer_keys as keys
from densesharp.study.conduct.answer_form import Answer
from densesharp.study.conduct.model_results import Aid
from densesharp.study.conduct.own_progress import SessionInfo, progress_lines
from densesharp.study.conduct.reader_masks import Mask
from densesharp.study.conduct.reading_session import OpenCase, Reading
from densesharp.study.conduct.screen import AidView, Page, Scene, Screen, SessionLine
from densesharp.words import counted

T = TypeVar("T")
Rating = Literal["p_invasive", "p_iac"]

NUDGE = 5
"""Points by which a key moves a rating."""

FIRST_NUDGE = 50
"""Where a rating begins when it is first moved by a key."""

DRAFT_EVERY_S = 2.0

SHORTEST_REASON = 10
"""Letters of a reason for starting a session early."""


class Presenter:
    """Turns a reader's actions into a reading and a reading into a `Screen`.

    No method raises for what a reader does wrong: the sentence is on the screen.
    """

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._answer = Answer()
        self._mask: Mask | None = None
        self._message = ""
        self._confirming = False
        self._draft_saved = 0.0
        self._dirty = False
        self._visit = 0
        self.look: Callable[[], Mapping[str, float]] = dict
        """Tells window and zoom as they are now; the front end sets it."""

    # What is shown

    @property
    def scene(self) -> Scene | None:
        """What the views show; None between cases and while paused."""
        opened = self._reading.open
        if opened is None or opened.timer.paused:
            return None
        aid_mask = opened.aid.mask if opened.aid else None
        own = self._mask.nrrd if self._mask else opened.mask
        rule = self._reading.study.design.hanging
        return Scene(self._visit, opened.image, opened.case.seed_lps, own, aid_mask, rule)

    @property
    def screen(self) -> Screen:
        """The whole screen."""
        opened = self._reading.open
        infos = self._reading.sessions()
        design = self._reading.study.design
        base = Screen(
            self._page(opened, infos),
            design.title,
            self._reading.reader,
            self._message,
            tuple(map(self._line, infos)),
            instructions=design.instructions,
            own_progress=progress_lines(infos) if opened is None else (),
        )
        running = next((info for info in infos if info.status == "running"), None)
        if running is not None:
            base = replace(
                base,
                heading=f"Case {running.done + 1} of {running.total}, session {running.number}",
                progress=running.done / running.total,
                can_go_back=design.going_back and running.done > 0,
            )
        return self._with_case(base, opened) if base.page == "case" and opened else base

    def _page(self, opened: OpenCase | None, infos: list[SessionInfo]) -> Page:
        if opened is not None:
            return "paused" if opened.timer.paused else "case"
        if any(info.status == "running" for info in infos):
            return "next"
        return "finished" if all(info.status == "finished" for info in infos) else "sessions"

    def _line(self, info: SessionInfo) -> SessionLine:
        cases = counted(info.total, "case")
        texts = {
            "finished": "finished",
            "running": f"{info.done} of {cases} read",
            "ready": f"{cases}, ready to start",
            "waiting": f"{cases}, from {info.earliest:%Y-%m-%d %H:%M} UTC" if info.earliest else "",
            "later": f"{cases}, after the session before",
        }
        return SessionLine(
            info.number,
            f"Session {info.number}: {texts[info.status]}",
            info.done / info.total,
            info.status in ("ready", "waiting"),
            info.status == "waiting",
        )

    def _with_case(self, base: Screen, opened: OpenCase) -> Screen:
        rule = self._reading.study.design.mask
        found = form.problems(self._answer, rule, self._mask is not None)
        heading = base.heading
        if opened.nodules > 1:
            heading += f", nodule {opened.nodule} of {opened.nodules} in this CT"
        if opened.item.role == "practice":
            heading += " (practice, not counted)"
        if opened.correcting:
            heading = "Correcting a submitted answer"
        return replace(
            base,
            heading=heading,
            instruction=_instruction(opened),
            answer=self._answer,
            problems=tuple(found),
            confirming=self._confirming,
            mask_rule=rule,
            hanging=self._reading.study.design.hanging,
            has_mask=self._mask is not None,
            can_take_outline=self._can_take(opened),
            aid=_aid_view(opened.aid) if opened.aid else None,
            can_go_back=False,
        )

    # What the reader does

    def start_session(self, number: int, reason: str = "") -> None:
        """Start a session; a reason is needed before the end of the washout.

        The report prints the reason, so a single letter is none.
        """
        early = any(line.needs_reason for line in self.screen.sessions if line.number == number)
        if early and 0 < len(reason.strip()) < SHORTEST_REASON:
            self._message = (
                "Say in a few words why the washout is not waited for: the report prints it."
            )
            return
        self._try(lambda: self._reading.start_session(number, reason))

    def next_case(self) -> None:
        """Open the case that is due."""
        self._try(lambda: self._enter(self._reading.open_case()))

    def set_class(self, name: str) -> None:
        """Choose the class."""
        self._change(replace(self._answer, nodule_class=name))

    def set_rating(self, which: Rating, value: float | None) -> None:
        """Set a rating, 0 to 100; numbers outside are brought to the nearest end."""
        limited = None if value is None or value != value else min(100.0, max(0.0, float(value)))
        if which == "p_invasive":
            self._change(replace(self._answer, p_invasive=limited))
        else:
            self._change(replace(self._answer, p_iac=limited))

    def nudge(self, which: Rating, points: float) -> None:
        """Move a rating; the first move sets it to the middle."""
        value = self._answer.p_invasive if which == "p_invasive" else self._answer.p_iac
        self.set_rating(which, FIRST_NUDGE if value is None else value + points)

    def set_confidence(self, level: int) -> None:
        """Choose the confidence, 1 to 5."""
        self._change(replace(self._answer, confidence=level))

    def set_comment(self, text: str) -> None:
        """Write the comment."""
        self._change(replace(self._answer, comment=form.one_line_end(text)[: form.LONGEST_COMMENT]))

    def set_mask(self, mask: Mask | None) -> None:
        """Take the reader's outline, or remove it."""
        if self._open_case():
            self._mask = mask
            self._change(self._answer)

    def take_outline(self) -> None:
        """Take the model's outline over as the reader's own, to edit, while it is shown.

        It counts no edits: an answer with this outline and none tells that it was left unchanged.
        """
        opened = self._open_case()
        if opened is None or not self._can_take(opened):
            return
        if opened.aid is not None and opened.aid.mask is not None:
            self.set_mask(Mask.of(opened.aid.mask))

    def _can_take(self, opened: OpenCase) -> bool:
        asked = self._reading.study.design.mask != "none"
        return asked and opened.aid is not None and opened.aid.mask is not None

    def submit(self) -> None:
        """Ask whether to submit; a second time, submit and lock."""
        opened = self._open_case()
        if opened is None:
            return
        found = self.screen.problems
        if found:
            self._message = " ".join(found)
        elif not self._confirming:
            self._confirming = True
            final = "You can correct it later." if self._can_correct else "It cannot be changed."
            doubts = form.contradictions(self._answer)
            question = "Submit it all the same?" if doubts else "Submit this answer?"
            self._message = " ".join([*doubts, question, final])
        else:
            self._confirming = False
            self._try(self._submit)

    def cancel(self) -> None:
        """Not yet: take back the question whether to submit."""
        self._confirming, self._message = False, ""

    def pause(self) -> None:
        """Take a break: the case is hidden and its clock stands still."""
        if opened := self._open_case():
            opened.timer.pause()
            self.tick(force=True)

    def resume(self) -> None:
        """Go on after a break."""
        if self._reading.open:
            self._reading.open.timer.resume()

    def correct_last(self) -> None:
        """Open the answer before again, where the study allows it."""
        if self._reading.open is None:
            done = self._reading.submitted()
            if done:
                self._try(lambda: self._enter(self._reading.reopen(done[-1].item)))

    def image_shown(self) -> None:
        """The case's image is on the screen: its time starts now."""
        if self._reading.open:
            self._reading.open.timer.restart()

    def say(self, text: str) -> None:
        """Show a sentence, such as an image that cannot be read or an outline that is too large."""
        self._message = text

    def touch(self) -> None:
        """The mouse moved or a key was pressed anywhere in the window."""
        if self._reading.open:
            self._reading.open.timer.touch()

    def set_focus(self, focused: bool) -> None:
        """The window got or lost the focus."""
        if self._reading.open:
            self._reading.open.timer.set_focus(focused)

    def tick(self, force: bool = False) -> None:
        """Call about once a second: saves the draft when it is due."""
        now = self._reading.clock.monotonic()
        due = self._dirty and now - self._draft_saved >= DRAFT_EVERY_S
        if self._reading.open and (due or force):
            self._dirty, self._draft_saved = False, now
            self._try(lambda: self._reading.save_draft(self._answer), keep_message=True)

    def key(self, name: str) -> bool:
        """A key outside text fields, as browsers name it; tells whether it meant something."""
        action = self._key_actions().get(name if len(name) > 1 else name.lower())
        if action is None:
            return False
        action()
        return True

    # Details

    def _key_actions(self) -> dict[str, Callable[[], None]]:
        page = self.screen.page
        if page == "paused":
            return {keys.PAUSE: self.resume}
        if page == "sessions":
            return {keys.SUBMIT: self._start_ready}
        if page == "next":
            return {keys.SUBMIT: self.next_case, keys.CORRECT: self.correct_last}
        if page != "case":
            return {}
        return {
            keys.SUBMIT: self.submit,
            keys.CANCEL: self.cancel,
            keys.PAUSE: self.pause,
            keys.TAKE_OUTLINE: self.take_outline,
            **self._answers_by(keys.CLASS_KEYS, self.set_class),
            **self._answers_by(keys.CONFIDENCE_KEYS, self.set_confidence),
            **self._answers_by(
                keys.INVASIVE_KEYS, lambda way: self.nudge("p_invasive", way * NUDGE)
            ),
            **self._answers_by(keys.IAC_KEYS, lambda way: self.nudge("p_iac", way * NUDGE)),
        }

    @staticmethod
    def _answers_by(
        table: Mapping[str, T], action: Callable[[T], None]
    ) -> dict[str, Callable[[], None]]:
        return {key: partial(action, value) for key, value in table.items()}

    def _start_ready(self) -> None:
        """Start the session that waits for nothing, if there is one."""
        for line in self.screen.sessions:
            if line.startable and not line.needs_reason:
                self.start_session(line.number)

    @property
    def _can_correct(self) -> bool:
        return self._reading.study.design.going_back

    def _open_case(self) -> OpenCase | None:
        opened = self._reading.open
        return None if opened is None or opened.timer.paused else opened

    def _enter(self, opened: OpenCase) -> None:
        self._visit += 1
        self._begin(opened)

    def _begin(self, opened: OpenCase | None) -> None:
        self._confirming, self._dirty = False, False
        self._answer, self._mask = (opened.answer if opened else Answer()), None
        if opened and opened.mask:
            self._mask = Mask.of(opened.mask)

    def _change(self, answer: Answer) -> None:
        opened = self._open_case()
        if opened is None:
            return
        opened.timer.touch()
        self._answer, self._dirty = answer, True
        self._confirming, self._message = False, ""

    def _submit(self) -> None:
        before, answer = self._reading.open, self._answer
        self._begin(self._reading.submit(answer, self._mask, self.look()))
        if before is not None and before.case.feedback and self._reading.open is None:
            self._message = (
                f"{'Practice' if before.item.role == 'practice' else 'Teaching'}: pathology says "
                f"{before.case.feedback}, you chose {answer.nodule_class}."
            )
            if self._reading.study.design.teaching:
                right, told = self._reading.told_right()
                self._message += f" {right} of {told} right so far."

    def _try(self, action: Callable[[], None], keep_message: bool = False) -> None:
        """Do something; an error of the study becomes the message on the screen."""
        if not keep_message:
            self._message = ""
        try:
            action()
        except DenseSharpError as error:
            self._message = str(error)


def _instruction(opened: OpenCase) -> str:
    if opened.aid is None:
        text = "Read without the model."
        if not opened.step.final:
            text += " The model's result is shown after this answer."
        return text
    if opened.number == 0:
        return "Read with the model's result."
    return "The model's result is shown now. Keep or change your answer, then submit again."


def _aid_view(aid: Aid) -> AidView:
    shares = tuple(
        (name, 100 * aid.probabilities[name], percent_words(aid.probabilities[name]))
        for name in CLASS_NAMES
    )
    invasive, iac = percent_words(aid.p_invasive), percent_words(aid.p_iac)
    verdict = VERDICT_WORDS.get(aid.verdict, "")  # type: ignore[call-overload]
    return AidView(
        aid.model, aid.trained_on, aid.nodule_class, shares, invasive, iac, verdict, aid.reasons,
        aid.spread, aid.volume,
    )  # fmt: skip
