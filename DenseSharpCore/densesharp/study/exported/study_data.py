"""A reader study as arrays: who read which case how, beside the truth and the model.

All arrays of readings have the axes [condition, reader, case]. What was not read is -1 in arrays of
classes and NaN in arrays of numbers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from densesharp.nodule.records import CLASS_NAMES
from densesharp.stats.marks import Marks
from densesharp.stats.tables import BoolArray, FloatArray, IntArray, Readings
from densesharp.study.exported.export_design import ExportDesign
from densesharp.study.exported.frozen_truth import TruthState
from densesharp.study.exported.washout import Washout

T = TypeVar("T")

UNAIDED, AIDED = "unaided", "aided"


@dataclass(frozen=True)
class Task:
    """A two-class question with a rating for it.

    Attributes:
        name: short name: `invasive`, `iac`, or `disease` for plain tables of readings.
        title: for headings.
        level: classes from here on are positive.
        ratings: shape (t, r, K).
        model: shape (K,): the model's rating, or None.
        scale: the rating that stands for certainty (100 for percent), or None.
    """

    name: str
    title: str
    level: int
    ratings: FloatArray
    model: FloatArray | None = None
    scale: float | None = None


@dataclass(frozen=True)
class Model:
    """The model alone.

    Attributes:
        classes: shape (K,): class numbers, -1 where there is no result.
        probabilities: shape (K, 3), NaN where there is no result.
        masks: case number -> file of its outline.
        trained_on: what it learnt from; empty when the table does not say.
    """

    classes: IntArray
    probabilities: FloatArray
    masks: Mapping[int, Path] = field(default_factory=dict)
    trained_on: str = ""


@dataclass(frozen=True)
class StudyData:
    """Everything that the analysis looks at.

    Attributes:
        title: of the study.
        design: the frozen design; empty for plain tables.
        conditions: sorted labels, t of them.
        readers: sorted labels, r of them.
        groups: reader -> group, "" where there are none.
        cases: sorted labels of the cases that were read, K of them.
        class_names: in order.
        truth: shape (K,): class numbers.
        tasks: the two-class questions.
        classes: shape (t, r, K), or None in tables without classes.
        seconds: shape (t, r, K): active time, or None.
        session: shape (t, r, K): session number, or None.
        position: shape (t, r, K): place in the session, or None.
        repeats: shape (r, K): class in the repeated reading, or None.
        model: the model alone, or None.
        masks: (condition, reader, case) numbers -> file of the outline.
        unread: cases of the truth that nobody read.
        practice: how many practice answers were left out.
        verified: whether every answer names the frozen design by its hash.
        washout: the times between sessions; None where the answers have no times.
        patients: shape (K,): numbers of the cases' patients; None where each case is a patient of
            its own, as far as is known.
        unknown_patients: cases whose image is another case's too though no patient is named for
            them: they are one patient's, and were analysed as if they were not.
        marks: of a FROC or LROC study, whose highest ratings the task holds; None of others.
        truth_state: whether the truth is the file that was frozen with the design, or that cannot
            be told because its key is missing, or the design keeps nothing of a truth.
    """

    title: str
    design: ExportDesign
    conditions: tuple[str, ...]
    readers: tuple[str, ...]
    groups: Mapping[str, str]
    cases: tuple[str, ...]
    class_names: tuple[str, ...]
    truth: IntArray
    tasks: tuple[Task, ...]
    classes: IntArray | None = None
    seconds: FloatArray | None = None
    session: FloatArray | None = None
    position: FloatArray | None = None
    repeats: IntArray | None = None
    model: Model | None = None
    masks: Mapping[tuple[int, int, int], Path] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    practice: int = 0
    verified: bool = False
    washout: Washout | None = None
    truth_state: TruthState = "not_frozen"
    patients: IntArray | None = None
    unknown_patients: tuple[str, ...] = ()
    marks: Marks | None = None

    @property
    def plan(self) -> ExportDesign | None:
        """The design, if it says who was to read what."""
        return self.design if self.design.readers else None

    @property
    def order_reveals_truth(self) -> bool:
        """Whether design and schedule give the truth away: studies made in format 1."""
        return self.design.schema == 1 and self.truth_state == "frozen"

    def by_reader(self, find: Callable[[int, int], T]) -> dict[str, dict[str, T]]:
        """Condition -> reader -> what is found for their numbers."""
        return {
            condition: {reader: find(t, r) for r, reader in enumerate(self.readers)}
            for t, condition in enumerate(self.conditions)
        }

    def positive(self, task: Task) -> BoolArray:
        """Shape (K,): which cases are positive for a task."""
        return self.truth >= task.level

    def readings(self, task: Task) -> Readings:
        """A task's ratings for the multi-reader analysis."""
        return self.as_readings(task.ratings, self.positive(task))

    def as_readings(self, ratings: FloatArray, positive: BoolArray) -> Readings:
        """Ratings, shape (t, r, K), of all cases with a two-class truth, shape (K,)."""
        return Readings(self.conditions, self.readers, self.cases, positive, ratings, self.patients)

    def class_readings(self) -> Readings:
        """The classes as numeric readings, NaN where missing; needs `classes`."""
        if self.classes is None:
            raise ValueError("this study has no classes")
        values = np.where(self.classes < 0, np.nan, self.classes.astype(float))
        return self.as_readings(values, self.truth > 0)

    @property
    def group_names(self) -> tuple[str, ...]:
        """The groups, if there is more than one."""
        names = sorted({self.groups.get(reader, "") for reader in self.readers} - {""})
        return tuple(names) if len(names) > 1 else ()

    def readers_of(self, group: str) -> tuple[str, ...]:
        """The readers of a group."""
        return tuple(reader for reader in self.readers if self.groups.get(reader) == group)

    @property
    def pair(self) -> tuple[int, int] | None:
        """Numbers of the aided and the unaided condition, if both were read."""
        if AIDED in self.conditions and UNAIDED in self.conditions:
            return self.conditions.index(AIDED), self.conditions.index(UNAIDED)
        return None

    @property
    def alone(self) -> int:
        """Number of the condition in which readers work alone, to compare a model with."""
        return self.conditions.index(UNAIDED) if UNAIDED in self.conditions else 0


def paper_tasks(p_invasive: FloatArray, p_iac: FloatArray, model: Model | None) -> tuple[Task, ...]:
    """The paper's two questions from ratings in percent, shapes (t, r, K).

    Args:
        p_invasive: shape (t, r, K), percent.
        p_iac: shape (t, r, K), percent.
        model: its results; None without.
    """
    chances = None if model is None else 100 * model.probabilities
    return (
        Task(
            "invasive",
            f"Invasive ({CLASS_NAMES[1]} or {CLASS_NAMES[2]}) against {CLASS_NAMES[0]}",
            1,
            p_invasive,
            None if chances is None else chances[:, 1] + chances[:, 2],
            100.0,
        ),
        Task(
            "iac",
            f"{CLASS_NAMES[2]} against the rest",
            2,
            p_iac,
            None if chances is None else chances[:, 2],
            100.0,
        ),
    )
