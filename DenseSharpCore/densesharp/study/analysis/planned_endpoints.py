"""What the design named as its primary analysis before the first read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from densesharp.study.exported.export_design import NamedEndpoint
from densesharp.study.exported.study_data import StudyData


@dataclass(frozen=True)
class Planned:
    """The primary analysis; without an endpoint in the design nothing is.

    Attributes:
        figure: its figure of merit, "" where no endpoint was named.
        task: its question.
        form: random readers and cases (`rrrc`), or these readers (`frrc`).
        margin: of non-inferiority or equivalence, or None.
        equivalence: what the margin is for.
        of_model: whether it compares the model alone with the readers; else it is aided minus
            unaided.
    """

    figure: str
    task: str
    form: Literal["rrrc", "frrc"]
    margin: float | None
    of_model: bool
    equivalence: bool = False

    def names(self, figure: str, task: str | None) -> bool:
        """Whether this is the figure (of that question) that the design named."""
        return self.figure == figure and (task is None or self.task == task)


def planned(endpoint: NamedEndpoint | None, kind: str | None, conditions: Sequence[str]) -> Planned:
    """The primary analysis of a design.

    Only studies without aided reading ask for the model alone; in the others the endpoint is aided
    minus unaided, also while the aided readings are still missing.

    Args:
        endpoint: the design's, or None.
        kind: the design's kind; None in plain tables.
        conditions: of the readings, which decide where there is no kind.
    """
    named = endpoint or NamedEndpoint(figure="")
    return Planned(
        named.figure,
        named.task,
        "frrc" if named.readers == "fixed" else "rrrc",
        None if named.margin is None else float(named.margin),
        kind == "unaided" if kind else len(conditions) < 2,
        named.equivalence is True,
    )


def planned_of(data: StudyData) -> Planned:
    """The primary analysis of a study."""
    return planned(endpoint_of(data), data.design.kind, data.conditions)


def endpoint_of(data: StudyData) -> NamedEndpoint | None:
    """The endpoint that the design named; a teaching set is no trial and has none."""
    return None if data.design.teaching else data.design.endpoint
