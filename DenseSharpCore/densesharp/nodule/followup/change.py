"""What changed between two results of one nodule, and whether it is more than measurement error."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

from densesharp.image.volume import Notice
from densesharp.nodule.followup.registration import Match
from densesharp.nodule.records import NoduleResult
from densesharp.words import counted

Trend = Literal["growth", "shrinkage", "no change beyond measurement error", "unclear", "unknown"]

VOLUME_REPEATABILITY = 0.27
"""Largest change of volume that repeated scans show by themselves (MILD trial, 95 % limits)."""

DIAMETER_REPEATABILITY_MM = 2.0
"""Change of mean diameter from which the Fleischner Society speaks of growth (MacMahon 2017)."""

SURE = 1.96
"""Standard deviations of a 95 % interval."""

DISAGREEMENT = Notice(
    "outlines_differ",
    "Volume and diameter do not change alike: compare the two outlines before using them.",
)

FARTHEST_MM = 10.0
"""Farthest the nodule may lie from where the registration expects it."""


@dataclass(frozen=True)
class Change:
    """One quantity at two time points.

    Attributes:
        name: as in `Measurements`.
        first, second: its values.
        limit: change that measurement error alone may make, relative for volumes and absolute for
            diameters; None where no published value is used.
    """

    name: str
    first: float
    second: float
    limit: float | None = None

    @property
    def difference(self) -> float:
        """Second minus first."""
        return self.second - self.first

    @property
    def relative(self) -> float | None:
        """Difference over the first value; None when that is zero."""
        return self.difference / self.first if self.first else None

    @property
    def percent(self) -> str:
        """The relative change with its sign, none where it rounds to zero; empty without one."""
        if self.relative is None:
            return ""
        text = f"{self.relative:+.0%}"
        return "0%" if text[1:] == "0%" else text


@dataclass(frozen=True, eq=False)
class FollowUp:
    """A nodule at two time points.

    Attributes:
        first, second: the results.
        days: time between the CTs; None when not known.
        match: where the nodule was expected in the second CT; None when a click said it.
        trend: growth, shrinkage or neither; `unknown` when the two cannot be compared.
        changes: by name.
        volume_doubling_days, mass_doubling_days: only with growth and known days.
        notices: what the reader must know.
    """

    first: NoduleResult
    second: NoduleResult
    days: float | None
    match: Match | None
    trend: Trend
    changes: dict[str, Change] = field(default_factory=dict)
    volume_doubling_days: float | None = None
    mass_doubling_days: float | None = None
    notices: tuple[Notice, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "days": self.days,
            "trend": self.trend,
            "changes": {
                name: {
                    "first": change.first,
                    "second": change.second,
                    "difference": change.difference,
                    "relative": change.relative,
                    "limit": change.limit,
                }
                for name, change in self.changes.items()
            },
            "volume_doubling_days": self.volume_doubling_days,
            "mass_doubling_days": self.mass_doubling_days,
            "registration": None if self.match is None else self.match.to_json(),
            "warnings": [vars(notice) for notice in self.notices],
            "first": self.first.to_json(),
            "second": self.second.to_json(),
        }


def compare(
    before: NoduleResult, after: NoduleResult, days: float | None, match: Match | None = None
) -> FollowUp:
    """Compare two results of the same nodule by the same model.

    Args:
        before: the result on the earlier CT.
        after: the result on the later CT.
        days: between them, where they are known.
        match: where registration expects the nodule; None when a click said it.

    Returns:
        The changes with their measurement error, the trend, doubling times and notices.
    """
    notices = _notices(before, after, match)
    one, two = before.measurements, after.measurements
    if one is None or two is None or "refused" in (before.verdict, after.verdict):
        return FollowUp(before, after, days, match, "unknown", notices=notices)
    limits = {
        "volume_mm3": volume_limit(before, after),
        "mean_diameter_mm": DIAMETER_REPEATABILITY_MM,
    }
    names = ("volume_mm3", "mass_mg", "mean_diameter_mm", "long_axis_mm", "mean_hu")
    changes = {
        name: Change(name, getattr(one, name), getattr(two, name), limits.get(name))
        for name in names
    }
    changes["solid_long_axis_mm"] = Change(
        "solid_long_axis_mm", one.solid.long_axis_mm, two.solid.long_axis_mm
    )
    trend = trend_of(changes["volume_mm3"], changes["mean_diameter_mm"])
    if trend == "unclear":
        notices = (*notices, DISAGREEMENT)
    grown = trend == "growth" and days is not None
    return FollowUp(
        before,
        after,
        days,
        match,
        trend,
        changes,
        doubling_days(days, one.volume_mm3, two.volume_mm3) if grown and days else None,
        doubling_days(days, one.mass_mg, two.mass_mg) if grown and days else None,
        notices,
    )


def volume_limit(before: NoduleResult, after: NoduleResult) -> float:
    """Relative change of volume that may be measurement error.

    The published limit, or the 95 % limit of the spread that the model itself shows on these two
    scans (over its members and orientations), whichever is larger.
    """
    own = 0.0
    for result in (before, after):
        spread = result.uncertainty.volume_sd_mm3 if result.uncertainty is not None else None
        if spread is not None and result.measurements is not None:
            own += (spread / result.measurements.volume_mm3) ** 2
    return max(VOLUME_REPEATABILITY, SURE * math.sqrt(own))


def trend_of(volume: Change, diameter: Change) -> Trend:
    """Growth or shrinkage when the volume changes by more than its limit.

    The volume decides, because it rests on every voxel of the outline and the diameter on two. A
    mean diameter that changes by more than its own limit while the volume does not, or the other
    way round, makes the trend unclear: the two outlines do not fit each other.
    """
    by_volume = _direction(volume.relative or 0.0, volume.limit or 0.0)
    by_diameter = int(diameter.difference >= (diameter.limit or 0))
    by_diameter -= int(-diameter.difference >= (diameter.limit or 0))
    if by_diameter and by_diameter != by_volume:
        return "unclear"
    if by_volume > 0:
        return "growth"
    return "shrinkage" if by_volume < 0 else "no change beyond measurement error"


def _direction(relative: float, limit: float) -> int:
    """1, 0 or -1: a volume counts as smaller when growing back would exceed the limit."""
    if relative > limit:
        return 1
    return -1 if relative <= -1 or 1 / (1 + relative) - 1 > limit else 0


def doubling_days(days: float, first: float, second: float) -> float | None:
    """Days in which a volume or mass doubles: t ln 2 / ln(second / first).

    None unless it grew: a doubling time of something that does not grow has no meaning.

    Args:
        days: between the two.
        first: volume (mm3) or mass (mg) before.
        second: the same after.
    """
    if first <= 0 or second <= first:
        return None
    return days * math.log(2) / math.log(second / first)


def _models_differ(before: NoduleResult, after: NoduleResult) -> bool:
    """Whether two results are known to be of different models: by the files' hashes, where known.

    Results of before these were kept say only what their model had learnt from.
    """
    files = before.model_sha256, after.model_sha256
    one, other = files if all(files) else (before.trained_on, after.trained_on)
    return bool(one and other and one != other)


def _notices(before: NoduleResult, after: NoduleResult, match: Match | None) -> tuple[Notice, ...]:
    """What makes the comparison doubtful."""
    found = []
    for when, result in (("first", before), ("second", after)):
        if result.verdict != "ok":
            found.append(
                Notice(
                    f"{when}_{result.verdict}",
                    f"The result on the {when} CT is "
                    + ("refused." if result.verdict == "refused" else "to be used with caution."),
                    "refused" if result.verdict == "refused" else "caution",
                )
            )
    if _models_differ(before, after):
        text = (
            "The two outlines are of different models, which may draw the edge of a nodule "
            "differently: analyze both CTs with one model before speaking of growth."
        )
        found.append(Notice("models_differ", text))
    if match is not None and after.measurements is not None:
        away = math.dist(match.point, after.center_lps)
        if away > FARTHEST_MM:
            text = (
                f"The nodule in the second CT lies {away:.0f} mm from where the first one is "
                "expected: check that both are the same."
            )
            found.append(Notice("far_from_expected", text))
    return tuple(found)


def followup_sentence(result: FollowUp) -> str:
    """The comparison in a paragraph for the report."""
    if result.trend == "unknown":
        reasons = " ".join(notice.message for notice in result.notices)
        return f"The two CTs cannot be compared. {reasons} Research use only, not for diagnosis."
    volume, mass = result.changes["volume_mm3"], result.changes["mass_mg"]
    diameter = result.changes["mean_diameter_mm"]
    when = "" if result.days is None else f" in {counted(result.days, 'day')}"
    heavier = f" ({mass.percent})" if mass.percent else ""
    text = (
        f"{result.trend.capitalize()}{when}: volume {volume.first:.0f} to {volume.second:.0f} mm³ "
        f"({volume.percent}, measurement error up to ±{volume.limit or 0:.0%}), "
        f"mass {mass.first:.0f} to {mass.second:.0f} mg{heavier}, "
        f"mean diameter {diameter.first:.1f} to {diameter.second:.1f} mm."
    )
    if result.volume_doubling_days is not None:
        text += f" Volume doubling time {counted(result.volume_doubling_days, 'day')}"
        if result.mass_doubling_days is not None:
            text += f", mass doubling time {counted(result.mass_doubling_days, 'day')}"
        text += "."
    cautions = " ".join(notice.message for notice in result.notices)
    return f"{text} {cautions + ' ' if cautions else ''}Research use only, not for diagnosis."
