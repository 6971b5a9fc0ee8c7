"""Sizes of outlines: volume and mean diameter of the model's outline against the readers'."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from densesharp.image.grid import Grid
from densesharp.image.masks import mask_from_box
from densesharp.nodule.measure.axes import in_plane_axes
from densesharp.nodule.measure.contours import all_outlines
from densesharp.stats.bland_altman import (
    LimitsOfAgreement,
    concordance,
    random_reader_limits,
    repeated_limits,
)
from densesharp.stats.estimates import Estimate, not_estimable
from densesharp.stats.icc import icc_of_random_raters
from densesharp.stats.surface_distance import Mask, Spacing
from densesharp.stats.tables import FloatArray, IntArray
from densesharp.study.analysis.outline_results import (
    DiameterAgreement,
    Ratios,
    SizePair,
    VolumeAgreement,
)
from densesharp.study.exported.study_data import StudyData

MODEL = "model"
DIAMETER = (
    "mean of long and short axis in the axial, coronal or sagittal slice with the longest axis "
    "(Bankier 2017)"
)


class Outline(NamedTuple):
    """A mask (k, j, i) and the grid it lies on."""

    mask: Mask
    grid: Grid

    @property
    def spacing(self) -> Spacing:
        """Voxel size in mm along k, j, i."""
        i, j, k = (float(x) for x in self.grid.spacing)
        return k, j, i

    @property
    def volume_mm3(self) -> float:
        """Number of voxels times their volume."""
        return float(self.mask.sum()) * self.grid.voxel_volume

    @property
    def mean_diameter_mm(self) -> float:
        """See `DIAMETER`; 0 for an empty outline."""
        found = mask_from_box(self.mask, (0, 0, 0), self.grid)
        if found is None:
            return 0.0
        axes = in_plane_axes(all_outlines(found.array.astype(np.bool_), found.grid), found.grid)
        return (axes.long.length + axes.short.length) / 2


Outlines = Mapping[int, Mapping[str, Outline]]
"""Case number -> reader, or `MODEL` -> outline."""


def analyse_volumes(data: StudyData, cases: Outlines) -> VolumeAgreement:
    """Volumes in mm3: ratio model to reader with limits of agreement, on the log scale."""
    sizes = _sizes(cases, lambda outline: outline.volume_mm3)
    points, readers_icc = _pairs(data, sizes), _reader_icc(data, sizes, np.log)
    limits, agreement = _compare(data, points, np.log)
    ratio = None if limits is None else _ratios(limits)
    return VolumeAgreement(points, readers_icc, agreement, limits, ratio)


def analyse_diameters(data: StudyData, cases: Outlines) -> DiameterAgreement:
    """Mean diameters in mm: difference model minus reader with limits of agreement."""
    sizes = _sizes(cases, lambda outline: outline.mean_diameter_mm)
    points, readers_icc = _pairs(data, sizes), _reader_icc(data, sizes, np.asarray)
    return DiameterAgreement(DIAMETER, points, readers_icc, *_compare(data, points, np.asarray))


def _sizes(cases: Outlines, size: Callable[[Outline], float]) -> dict[int, dict[str, float]]:
    return {k: {name: size(outline) for name, outline in case.items()} for k, case in cases.items()}


def _pairs(data: StudyData, sizes: dict[int, dict[str, float]]) -> list[SizePair]:
    """Model and readers; empty outlines have no size and are left out."""
    return [
        SizePair(data.cases[k], name, case[MODEL], value)
        for k, case in sizes.items()
        for name, value in case.items()
        if name != MODEL and case.get(MODEL, 0) > 0 and value > 0
    ]


def _compare(
    data: StudyData, points: list[SizePair], scale: Callable[[Any], Any]
) -> tuple[LimitsOfAgreement | None, Estimate | None]:
    """Limits of agreement of model and readers on a scale, and concordance with their mean."""
    if len(points) < 3:
        return None, None
    model, reader = scale([pair.model for pair in points]), scale([pair.size for pair in points])
    numbers = np.array([data.cases.index(pair.case) for pair in points])
    by_case = [numbers == n for n in np.unique(numbers)]
    alone, mean = (np.array([v[rows].mean() for rows in by_case]) for v in (model, reader))
    of = None if data.patients is None else data.patients[np.unique(numbers)]
    limits = _limits(data, points, model - reader, numbers)
    return limits, concordance(alone, mean, clusters=of)


def _limits(
    data: StudyData, points: list[SizePair], differences: FloatArray, cases: IntArray
) -> LimitsOfAgreement:
    """Limits for readers like these; where that cannot be told, for these readers."""
    readers = sorted({pair.reader for pair in points})
    table = np.full((len(readers), len(data.cases)), np.nan)
    table[[readers.index(pair.reader) for pair in points], cases] = differences
    found = random_reader_limits(table, clusters=data.patients)
    if found.bias.value is not None:
        return found
    # The nodules of a patient are then one reader's repeated measurements of that patient.
    of = cases if data.patients is None else data.patients[cases]
    return repeated_limits(differences, of)


def _ratios(limits: LimitsOfAgreement) -> Ratios:
    """Bias and limits of logarithms as ratios."""

    def ratio(one: Estimate) -> Estimate:
        if one.value is None:
            return one
        ci = None if one.ci is None else (float(np.exp(one.ci[0])), float(np.exp(one.ci[1])))
        return Estimate(float(np.exp(one.value)), None, ci, method=one.method, reason=one.reason)

    return Ratios(ratio(limits.bias), ratio(limits.lower), ratio(limits.upper))


def _reader_icc(
    data: StudyData, sizes: dict[int, dict[str, float]], scale: Callable[[Any], Any]
) -> Estimate:
    """ICC(2,1) of the readers on the cases that all outlined."""
    whole = [k for k, case in sizes.items() if all(case.get(name, 0) > 0 for name in data.readers)]
    rows = [scale([sizes[k][name] for name in data.readers]) for k in whole]
    if len(rows) < 2 or len(data.readers) < 2:
        return not_estimable("Fewer than two cases were outlined by all of two or more readers.")
    of = None if data.patients is None else data.patients[whole]
    return icc_of_random_raters(np.array(rows), clusters=of)["ICC(2,1)"]
