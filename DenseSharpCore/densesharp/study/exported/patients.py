"""Which cases of a study are of one patient."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from densesharp.stats.tables import IntArray, Table, case_patients, patient_numbers
from densesharp.study.exported.export_design import ExportDesign


@dataclass(frozen=True)
class Patients:
    """The patients of a study's cases.

    Attributes:
        numbers: shape (K,); None where no two cases share a patient, as far as is known.
        unknown: cases that share an image though no patient is named for them.
    """

    numbers: IntArray | None
    unknown: tuple[str, ...] = ()


def patients_of(answers: Table, design: ExportDesign, cases: Sequence[str]) -> Patients:
    """The patients of `cases` from the design or the answers' column `patient`.

    Args:
        answers: the readers' answers.
        design: the study's frozen design; empty where there is none.
        cases: whose patients to give, in this order.

    Raises:
        TableError: the column says two things of a case.
    """
    named = {case.id: case.patient for case in design.listed}
    if any(named.get(case) for case in cases):
        # Who is not named is a patient of his own; a name begins with a letter or digit.
        return Patients(patient_numbers([named.get(case) or f"-{case}" for case in cases]))
    if "patient" in answers.columns:
        return Patients(case_patients(answers, cases))
    images = {case.id: case.image_sha256 for case in design.listed}
    of_image: defaultdict[str, list[str]] = defaultdict(list)
    for case in cases:
        if images.get(case):
            of_image[images[case]].append(case)
    shared = [case for group in of_image.values() if len(group) > 1 for case in group]
    return Patients(None, tuple(sorted(shared)))
