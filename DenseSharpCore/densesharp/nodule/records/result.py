"""Everything known about one nodule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from densesharp.image.grid import ras_to_lps
from densesharp.image.masks import NoduleMask
from densesharp.image.volume import Notice
from densesharp.nodule.records.inputs import Seed
from densesharp.nodule.records.json_values import plain
from densesharp.nodule.records.measurements import Measurements
from densesharp.nodule.records.prediction import Prediction, Stability, Uncertainty
from densesharp.nodule.records.reader import Place, ReaderAxes, Review

SCHEMA = 1
"""Version of the JSON that `NoduleResult.to_json` writes."""

OTHER_LIMITS = "volume_of_readers_by_other_limits"
"""Code of the notice that the interval of other readers' volumes was once computed otherwise."""

Verdict = Literal["ok", "caution", "refused"]


@dataclass(frozen=True, eq=False)
class NoduleResult:
    """Everything known about one nodule. Front ends, files and reports show this and no more.

    A result that was refused before the model ran (slices too thick) has no class, measurements,
    mask or prediction; one where no nodule was found has a class of no meaning left out too.
    `prediction` and `mask` are also None in a result that was read back from JSON alone.
    `trained_on` says what the model learnt from, and belongs wherever the class is shown;
    `model_sha256` which model file it was; both are empty when that is not known. `name` and
    `review` are what a reader gave the nodule, for the files that are handed out; a result that no
    reader has seen has neither. `reader_axes` are lengths that a reader measured on the CT: they
    are reported in place of the outline's, which `measurements` keeps. `tracking_uid` names the
    nodule at all its dates in DICOM objects; empty where each CT stands for itself.
    """

    id: str
    seed: Seed
    center_lps: tuple[float, float, float]
    class_probabilities: Mapping[str, float] | None
    uncertainty: Uncertainty | None
    stability: Stability | None
    measurements: Measurements | None
    guidelines: Mapping[str, Any]
    verdict: Verdict
    notices: tuple[Notice, ...]
    timings_ms: Mapping[str, float]
    shift_mm: float
    passes: int
    evidence_inside: float | None
    trained_on: str = ""
    model_sha256: str = ""
    prediction: Prediction | None = None
    mask: NoduleMask | None = None
    place: Place | None = None
    name: str = ""
    review: Review | None = None
    tracking_uid: str = ""
    reader_axes: ReaderAxes | None = None

    @property
    def reported(self) -> Measurements | None:
        """The measurements with a reader's own axes, where there are some, and their mean."""
        measured, own = self.measurements, self.reader_axes
        if measured is None or own is None:
            return measured
        long = measured.long_axis_mm if own.long_axis_mm is None else own.long_axis_mm
        short = measured.short_axis_mm if own.short_axis_mm is None else own.short_axis_mm
        return replace(
            measured, long_axis_mm=long, short_axis_mm=short, mean_diameter_mm=(long + short) / 2
        )

    @property
    def predicted_class(self) -> str | None:
        """The most probable class, if there is one."""
        probabilities = self.class_probabilities
        return max(probabilities, key=probabilities.__getitem__) if probabilities else None

    @property
    def probability_invasive(self) -> float | None:
        """Probability of MIA or IAC.

        Examples:
            >>> result.probability_invasive > result.probability_iac > 0.5
            True
        """
        probabilities = self.class_probabilities
        return probabilities["MIA"] + probabilities["IAC"] if probabilities else None

    @property
    def probability_iac(self) -> float | None:
        """Probability of IAC."""
        return self.class_probabilities["IAC"] if self.class_probabilities else None

    def shown(self) -> NoduleResult:
        """The result as a reader may see it: a refused one without class, size and hints."""
        if self.verdict != "refused":
            return self
        return replace(
            self, class_probabilities=None, uncertainty=None, measurements=None, guidelines={},
            reader_axes=None,
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """The `nodules` entry of result.json (see docs/reference/result-json.md).

        Examples:
            >>> entry = result.to_json()
            >>> entry["verdict"], entry["measurements"]["nodule_type"]
            ('ok', 'part-solid')
        """
        return {
            "id": self.id,
            "seed_ras": _point(self.seed.ras),
            "center_ras": _point(ras_to_lps(self.center_lps)),
            "shift_mm": self.shift_mm,
            "passes": self.passes,
            "class_probabilities": dict(self.class_probabilities)
            if self.class_probabilities
            else None,
            "predicted_class": self.predicted_class,
            "probability_invasive": self.probability_invasive,
            "probability_iac": self.probability_iac,
            "evidence_inside": self.evidence_inside,
            "trained_on": self.trained_on,
            "model_sha256": self.model_sha256,
            "uncertainty": plain(self.uncertainty) if self.uncertainty else None,
            "stability": plain(self.stability) if self.stability else None,
            "measurements": self.measurements.to_json() if self.measurements else None,
            "guidelines": dict(self.guidelines),
            "verdict": self.verdict,
            "warnings": [plain(notice) for notice in self.notices],
            "timings_ms": dict(self.timings_ms),
            **{name: value for name, value in self._known_of_place_and_reader().items() if value},
        }

    def _known_of_place_and_reader(self) -> dict[str, Any]:
        return {
            "place": plain(self.place) if self.place else None,
            "name": self.name,
            "review": plain(self.review) if self.review else None,
            "reader_axes": plain(self.reader_axes) if self.reader_axes else None,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> NoduleResult:
        """The record that `to_json` wrote, without arrays.

        Examples:
            >>> again = densesharp.NoduleResult.from_json(result.to_json())
            >>> again.predicted_class, again.mask
            ('IAC', None)
        """
        spread = data["uncertainty"]
        x, y, z = ras_to_lps(data["center_ras"])
        return cls(
            id=data["id"],
            seed=Seed.from_ras(data["seed_ras"]),
            center_lps=(float(x), float(y), float(z)),
            class_probabilities=(
                dict(data["class_probabilities"]) if data["class_probabilities"] else None
            ),
            uncertainty=Uncertainty.from_json(spread) if spread else None,
            stability=Stability(**data["stability"]) if data["stability"] else None,
            measurements=(
                Measurements.from_json(data["measurements"]) if data["measurements"] else None
            ),
            guidelines=dict(data["guidelines"]),
            verdict=data["verdict"],
            notices=_notices(data),
            timings_ms=dict(data["timings_ms"]),
            shift_mm=data["shift_mm"],
            passes=data["passes"],
            evidence_inside=data["evidence_inside"],
            trained_on=data.get("trained_on", ""),
            model_sha256=data.get("model_sha256", ""),
            place=Place(**data["place"]) if data.get("place") else None,
            name=data.get("name", ""),
            review=Review(**data["review"]) if data.get("review") else None,
            reader_axes=ReaderAxes(**data["reader_axes"]) if data.get("reader_axes") else None,
        )


def _notices(data: Mapping[str, Any]) -> tuple[Notice, ...]:
    """The stored ones, and one more where this version gives other volumes of other readers."""
    stored = [Notice(**entry) for entry in data["warnings"]]
    measured = data["measurements"]
    then = measured.get("volume_interval_mm3") if measured else None
    if then is None:
        return tuple(stored)
    now = Measurements.from_json(measured).volume_interval_mm3
    if np.allclose(then, now, rtol=1e-6, atol=0):
        return tuple(stored)
    text = (
        f"Volume by other readers was {then[0]:.0f} to {then[1]:.0f} mm³ by the limits of the "
        f"version that gave this answer; by those of this one it is {now[0]:.0f} to {now[1]:.0f}."
    )
    kept = [notice for notice in stored if notice.code != OTHER_LIMITS]
    return (*kept, Notice(OTHER_LIMITS, text, "info"))


def _point(values: ArrayLike) -> list[float]:
    # All digits, so that a click repeated from the file is the same click; 0 rather than -0.
    return [float(value) + 0.0 for value in np.asarray(values)]
