"""Days between two CTs, from the dates in their DICOM headers."""

from __future__ import annotations

import datetime as dt

from densesharp.errors import GeometryError
from densesharp.image.volume import Volume
from densesharp.words import counted

DATES = ("AcquisitionDate", "SeriesDate", "StudyDate")
"""The day of the scan, most exact first; a series or study may be dated when it was sent."""


def days_between(first: Volume, second: Volume) -> int | None:
    """Days from the first CT to the second, 0 on the same day; None where no headers say it.

    The same attribute is taken in both. De-identification shifts the dates of a patient alike, so
    that their difference stays right.

    Raises:
        GeometryError: the second CT is the earlier one.
    """
    before, after = (volume.series.get("dates") or {} for volume in (first, second))
    for name in DATES:
        begin, end = _date(before.get(name)), _date(after.get(name))
        if begin is None or end is None:
            continue
        days = (end - begin).days
        if days < 0:
            raise GeometryError(
                f"The second CT was taken {counted(-days, 'day')} before the first: give the "
                "earlier CT first."
            )
        return days
    return None


def _date(text: str | None) -> dt.date | None:
    """A DICOM date (VR DA, YYYYMMDD)."""
    try:
        return dt.datetime.strptime(text or "", "%Y%m%d").date()
    except ValueError:
        return None
