"""Everything a reader may see, as plain values.

A `Screen` holds no case id, file name, path, date of the images, answer of another reader, or class
from pathology, and nothing of the model unless the design shows it now.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from densesharp.study.conduct.answer_form import Answer
from densesharp.study.conduct.design import Hanging

Page = Literal["sessions", "next", "case", "paused", "finished"]


@dataclass(frozen=True)
class AidView:
    """The model's result as it is shown.

    `shares` holds each class with its probability in percent, as a number and in words; `invasive`
    and `iac` are the two binary answers in words; `verdict`, `reasons`, `spread` and `volume` are
    what the product shows with them, so that readers are helped by the product and not by less.
    """

    model: str
    trained_on: str
    nodule_class: str
    shares: tuple[tuple[str, float, str], ...]
    invasive: str
    iac: str
    verdict: str = ""
    reasons: tuple[str, ...] = ()
    spread: str = ""
    volume: str = ""


@dataclass(frozen=True)
class SessionLine:
    """One line of the work list; `startable` says whether its button works."""

    number: int
    text: str
    progress: float
    startable: bool
    needs_reason: bool


@dataclass(frozen=True)
class Screen:
    """Everything a reader may see.

    `can_take_outline` says whether the model's outline is shown and may be taken over to edit;
    `instructions` is what the study tells its readers, shown with the sessions; `own_progress` what
    the reader has done so far, shown between cases and sessions; `hanging` whether window and zoom
    can be changed.
    """

    page: Page
    title: str
    reader: str
    message: str = ""
    sessions: tuple[SessionLine, ...] = ()
    heading: str = ""
    instruction: str = ""
    progress: float = 0.0
    answer: Answer = field(default_factory=Answer)
    problems: tuple[str, ...] = ()
    confirming: bool = False
    mask_rule: str = "none"
    has_mask: bool = False
    can_take_outline: bool = False
    aid: AidView | None = None
    can_go_back: bool = False
    instructions: str = ""
    own_progress: tuple[str, ...] = ()
    hanging: Hanging = "free"

    @property
    def can_submit(self) -> bool:
        """Whether the form is complete."""
        return self.page == "case" and not self.problems


@dataclass(frozen=True)
class Scene:
    """What the views load, never text for the screen.

    Attributes:
        visit: changes with every case that is opened, so that views know when to load.
        image: path of the CT.
        seed_lps: where to jump to, LPS mm.
        own_mask: NRRD bytes of the reader's outline so far.
        aid_mask: NRRD bytes of the model's outline, None unless it is shown now.
        hanging: whether window and zoom can be changed.
    """

    visit: int
    image: Path
    seed_lps: tuple[float, float, float]
    own_mask: bytes | None
    aid_mask: bytes | None
    hanging: Hanging = "free"
