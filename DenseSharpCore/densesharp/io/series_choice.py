"""The list of DICOM series that a front end shows when there are several."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from densesharp.errors import ImageError
from densesharp.words import counted


@dataclass(frozen=True)
class SeriesChoice:
    """One CT series that a user can choose.

    Attributes:
        key: what `read_volume(series=...)` and `--series` take: the series number, with `.2`,
            `.3` ... where several series share one.
        number: series number, None where the header has none.
        description: series description as the scanner wrote it.
        slices: number of images.
        thickness_mm: slice thickness, None where the header has none.
        uid: Series Instance UID, to hold on to; not for display.
        date: of the study, such as `2020-03-04`; empty where the header has none.
        time: of the series, such as `10:12`; empty where the header has none.
        kernel: of the reconstruction; empty where the header has none.
    """

    key: str
    number: int | None
    description: str
    slices: int
    thickness_mm: float | None
    uid: str
    date: str = ""
    time: str = ""
    kernel: str = ""

    def __str__(self) -> str:
        """One line for a list, with what tells two exams apart."""
        thickness = "" if self.thickness_mm is None else f", {self.thickness_mm:g} mm"
        name = self.description or "no description"
        rest = "".join(f", {part}" for part in (self.kernel, self.when) if part)
        return f"{self.key}: {name} ({counted(self.slices, 'slice')}{thickness}{rest})"

    @property
    def when(self) -> str:
        """Date and time; empty where the header has neither."""
        return f"{self.date} {self.time}".strip()


class SeriesChoiceError(ImageError):
    """There are several CT series and it is not said (rightly) which one to read.

    Attributes:
        choices: the series, for front ends that ask.
    """

    def __init__(self, message: str, choices: Sequence[SeriesChoice]) -> None:
        lines = "".join(f"\n  {choice}" for choice in choices)
        super().__init__(message + lines)
        self.choices = tuple(choices)


def day_words(value: Any) -> str:
    """A DICOM date (VR DA) as `2020-03-04`; empty where it is none."""
    found = re.fullmatch(r"(\d{4})(\d\d)(\d\d)", str(value or "").strip())
    return "-".join(found.groups()) if found else ""


def time_words(value: Any) -> str:
    """A DICOM time (VR TM) as `10:12`; empty where it is none."""
    found = re.match(r"(\d\d)(\d\d)", str(value or "").strip())
    return ":".join(found.groups()) if found else ""


def kernel_words(value: Any) -> str:
    """A reconstruction kernel, which may have several parts."""
    parts = [value] if value is None or isinstance(value, str) else list(value)
    return "/".join(str(part).strip()[:16] for part in parts if part)[:32]
