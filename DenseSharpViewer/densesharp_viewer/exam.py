"""Whose CT is open: the words over its pictures and the name of its results folder."""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from densesharp.files import folder_name
from densesharp.image.volume import Volume
from densesharp.io.identity import CaseIdentity, read_identity
from densesharp.worklist import ListedCase
from densesharp_scene.worker import JobHandle

from .ct_files import read_source


@dataclass(frozen=True)
class Exam:
    """What tells one CT from another.

    Attributes:
        patient: name and number; the file where there is no DICOM header.
        study: date and time.
        series: number, description, kernel, slice thickness.
        folder: a name for its results on every system.
        patient_id: number or code; empty where it is not known.
        date: of the study, such as `2020-03-04`; empty where it is not known.
    """

    patient: str
    study: str
    series: str
    folder: str
    patient_id: str = ""
    date: str = ""

    def shown(self) -> dict[str, str]:
        """What the page draws over a picture."""
        return {"patient": self.patient, "study": self.study, "series": self.series}


NO_EXAM = Exam("", "", "", "CT")

ReadExam = Callable[[JobHandle], tuple[Volume, Exam]]
"""Reads a CT, and whose it is."""


def exam_of(volume: Volume, path: Path | None) -> Exam:
    """The exam of a CT that was read from a file or a folder."""
    known = _known_exam(volume.series.get("paths", ()))
    if known is not None:
        return known
    if path is None:
        return NO_EXAM
    return Exam(path.name, "", "", folder_name(_stem(path)))


def read_exam(listed: ListedCase, scratch: Path, handle: JobHandle) -> tuple[Volume, Exam]:
    """Read a CT of a list, and whose it is; for a worker's thread."""
    loaded = listed.load(scratch, handle.progress)
    return loaded.volume, exam_of(loaded.volume, loaded.path)


def scene_exam(path: Path) -> Exam:
    """The exam of a saved scene, from the files that its CT was read from.

    Where they are gone it is called by the folder that was named after it.
    """
    folder = folder_name(path.parent.name)
    files = read_source(path.parent).files
    known = _known_exam(files)
    if known is not None:
        return replace(known, folder=folder)
    name = files[0].name if files else f"{path.parent.name}/{path.name}"
    return Exam(name, "", "", folder)


def listed_scene_exam(path: Path, listed: Exam) -> Exam:
    """The exam of a saved scene of a worklist, by its files, else as the list calls it."""
    known = _known_exam(read_source(path.parent).files)
    return replace(known or listed, folder=listed.folder)


def _known_exam(files: Sequence[Path]) -> Exam | None:
    """What the first file's DICOM header says; None for other files and without any."""
    identity = read_identity(files[0]) if files else CaseIdentity()
    return _dicom_exam(identity) if identity != CaseIdentity() else None


def _dicom_exam(identity: CaseIdentity) -> Exam:
    patient = " · ".join(map(_apart, filter(None, (identity.patient, identity.patient_id))))
    series = f"Series {identity.number or 'without number'}"
    rest = (identity.description, identity.kernel, identity.thickness)
    number = f"series-{identity.number}" if identity.number else ""
    names = (identity.patient_id or identity.patient or "patient", identity.date, number)
    return Exam(
        patient=patient or "No patient named",
        study=f"{identity.date} {identity.time}".strip() or "No date",
        series=" · ".join(map(_apart, filter(None, (series, *rest)))),
        patient_id=identity.patient_id,
        date=identity.date,
        folder=folder_name("_".join(filter(None, names))),
    )


def _apart(text: str) -> str:
    """A text that runs from the right, kept from taking what stands beside it into its order."""
    from_right = any(unicodedata.bidirectional(letter) in ("R", "AL", "AN") for letter in text)
    return f"\u2068{text}\u2069" if from_right else text  # first strong isolate


def _stem(path: Path) -> str:
    """A file's name without its ending, `.nii.gz` too."""
    return path.name.removesuffix(".gz").rsplit(".", 1)[0] if path.suffix else path.name
