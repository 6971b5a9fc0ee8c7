"""The list of DICOM series that a front end shows when there are several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from densesharp.errors import ImageError


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
    """

    key: str
    number: int | None
    description: str
    slices: int
    thickness_mm: float | None
    uid: str

    def __str__(self) -> str:
        """One line for a list."""
        thickness = "" if self.thickness_mm is None else f", {self.thickness_mm:g} mm"
        name = self.description or "no description"
        return f"{self.key}: {name} ({self.slices} slices{thickness})"


class SeriesChoiceError(ImageError):
    """There are several CT series and it is not said (rightly) which one to read.

    Attributes:
        choices: the series, for front ends that ask.
    """

    def __init__(self, message: str, choices: Sequence[SeriesChoice]) -> None:
        lines = "".join(f"\n  {choice}" for choice in choices)
        super().__init__(message + lines)
        self.choices = tuple(choices)
