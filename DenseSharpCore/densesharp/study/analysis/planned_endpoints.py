"""What the design named as its primary analysis before the first read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

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


def planned(
    endpoint: Mapping[str, object] | None, kind: str | None, conditions: Sequence[str]
) -> Planned:
    """The primary analysis of a design.

    Only studies without aided reading ask for the model alone; in the others the endpoint is aided
    minus unaided, also while the aided readings are still missing.

    Args:
        endpoint: the design's endpoint as JSON data, or None.
        kind: the design's kind; None in plain tables.
        conditions: of the readings, which decide where there is no kind.
    """
    named = endpoint or {}
    margin = named.get("margin")
    return Planned(
        str(named.get("figure", "auc")) if named else "",
        str(named.get("task", "")),
        "frrc" if named.get("readers") == "fixed" else "rrrc",
        float(margin) if isinstance(margin, int | float) else None,
        kind == "unaided" if kind else len(conditions) < 2,
        named.get("equivalence") is True,
    )


def planned_of(data: StudyData) -> Planned:
    """The primary analysis of a study."""
    return planned(endpoint_of(data), data.design.get("kind"), data.conditions)


def endpoint_of(data: StudyData) -> Mapping[str, object] | None:
    """The endpoint that the design named; a teaching set is no trial and has none."""
    return None if data.design.get("teaching") else data.design.get("endpoint") or None
