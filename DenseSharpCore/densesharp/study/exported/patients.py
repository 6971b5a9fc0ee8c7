"""Which cases of a study are of one patient."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from densesharp.stats.tables import IntArray, Table, case_patients, patient_numbers


@dataclass(frozen=True)
class Patients:
    """The patients of a study's cases.

    Attributes:
        numbers: shape (K,); None where no two cases share a patient, as far as is known.
        unknown: cases that share an image though no patient is named for them.
    """

    numbers: IntArray | None
    unknown: tuple[str, ...] = ()


def patients_of(answers: Table, design: Mapping[str, Any], cases: Sequence[str]) -> Patients:
    """The patients of `cases` from the design or the answers' column `patient`.

    Args:
        answers: the readers' answers.
        design: the study's frozen design; empty where there is none.
        cases: whose patients to give, in this order.

    Raises:
        TableError: the column says two things of a case.
    """
    listed = {str(row["id"]): row for row in design.get("cases", ())}
    named = {case: str(row.get("patient") or "") for case, row in listed.items()}
    if any(named.get(case) for case in cases):
        # Who is not named is a patient of his own; a name begins with a letter or digit.
        return Patients(patient_numbers([named.get(case) or f"-{case}" for case in cases]))
    if "patient" in answers.columns:
        return Patients(case_patients(answers, cases))
    of_image: defaultdict[str, list[str]] = defaultdict(list)
    for case in cases:
        digest = str(listed.get(case, {}).get("image_sha256") or "")
        if digest:
            of_image[digest].append(case)
    shared = [case for group in of_image.values() if len(group) > 1 for case in group]
    return Patients(None, tuple(sorted(shared)))
