"""From result folders to DICOM objects, and from a structured report back to a new run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from densesharp.dicom.run_record import ReportedNodule, Run
from densesharp.dicom.source import mask_of_points, mask_on_series
from densesharp.dicom.sr import numbers_of
from densesharp.errors import ImageError, ModelError
from densesharp.image.grid import Grid
from densesharp.image.masks import NoduleMask
from densesharp.image.volume import Volume
from densesharp.io.image_files import read_header, read_voxels
from densesharp.io.quiet import quiet_pydicom
from densesharp.nodule.pipeline import analyse, update_mask
from densesharp.nodule.records import NoduleResult, Seed
from densesharp.nodule.settings import DEFAULTS, AnalysisSettings
from densesharp.report.result_files import RESULT

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from densesharp.model.engines import Engine


def load_results(folder: Path, volume: Volume) -> tuple[list[NoduleResult], Run]:
    """The nodules of a result folder with their masks on a DICOM series' grid, and what made them.

    Raises:
        ImageError: the folder holds no results, or they are damaged.
        GeometryError: they were computed from another series.
    """
    try:
        document = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        results = [
            replace(NoduleResult.from_json(entry), mask=_mask(folder, entry, volume.grid))
            for entry in document["nodules"]
        ]
        return results, _run_of(document, results)
    except (
        OSError,
        ArithmeticError,
        LookupError,
        AttributeError,
        ValueError,
        TypeError,
        RuntimeError,
    ) as error:
        raise ImageError(
            f"'{folder}' holds no complete DenseSharp results: give the folder that "
            "'densesharp predict' wrote."
        ) from error


def _mask(folder: Path, entry: Mapping[str, Any], grid: Grid) -> NoduleMask | None:
    name = entry["files"].get("mask")
    if name is None:
        return None
    header = read_header(folder / Path(name).name)
    return mask_on_series(read_voxels(header, name), header.grid, grid)


def _run_of(document: Mapping[str, Any], results: list[NoduleResult]) -> Run:
    """What made the results, as result.json tells it."""
    members = int(document["model"]["members"])
    spread = [r.uncertainty.samples for r in results if r.uncertainty is not None]
    threshold = [r.measurements.solid.threshold_hu for r in results if r.measurements is not None]
    return Run(
        software=document["software"]["version"],
        model_name=document["model"]["name"],
        model_sha256=document["model"]["sha256"],
        engine=document["software"]["engine"],
        settings=AnalysisSettings(
            augmentations=max(1, spread[0] // members) if spread else 1,
            stability=any(r.stability is not None for r in results),
            solid_threshold_hu=threshold[0] if threshold else DEFAULTS.solid_threshold_hu,
        ),
    )


def run_again(
    nodule: ReportedNodule, volume: Volume, engine: Engine, seg: Dataset | None = None
) -> NoduleResult:
    """Analyse a reported nodule once more with the same seed and settings.

    An outline that a reader corrected is taken from the SEG and measured and classified again.

    Args:
        nodule: as the report gives it.
        volume: the CT series.
        engine: the model.
        seg: the segmentation that the report refers to; needed for corrected outlines only.

    Returns:
        The nodule as this engine sees it, with the reported id and seed.

    Raises:
        ImageError: the volume is another series than the report's, or the corrected outline is
            missing.
        ModelError: the engine runs another model.
        SeedError: the seed lies outside the image.
    """
    if volume.series.get("series_uid") != nodule.series_uid:
        raise ImageError("The report belongs to another CT series: give the one it was made from.")
    if engine.model.sha256 != nodule.run.model_sha256:
        raise ModelError(
            f"The report was made with the model '{nodule.run.model_name}' "
            f"({nodule.run.model_sha256[:12]}), not with '{engine.model.card.name}' "
            f"({engine.model.sha256[:12]}): give that model file."
        )
    seed = Seed(np.array(nodule.seed_lps))
    if not nodule.corrected:
        return analyse(volume, seed, engine, nodule_id=nodule.id, settings=nodule.run.settings)
    if seg is None:
        raise ImageError(
            f"The outline of {nodule.id} was corrected by a reader and stands in the segmentation: "
            "give that file too (--seg)."
        )
    mask = outline_in(seg, nodule.tracking_uid, volume.grid)
    return update_mask(volume, _asked(nodule, seed), mask, engine, nodule.run.settings)


def _asked(nodule: ReportedNodule, seed: Seed) -> NoduleResult:
    """Id and seed of a nodule whose answer is still to come."""
    return NoduleResult(
        nodule.id, seed, nodule.seed_lps, None, None, None, None, {}, "ok", (), {}, 0.0, 0, None
    )


def outline_in(seg: Dataset, tracking_uid: str, grid: Grid) -> NoduleMask:
    """The outline of a tracked nodule in a SEG, from the plain DICOM attributes (C.7.6.16).

    Args:
        seg: the Segmentation object.
        tracking_uid: names the nodule in it and in its report.
        grid: of the CT series.

    Raises:
        ImageError: the object is damaged, no SEG, or does not hold this nodule.
        GeometryError: its voxels are not those of the series.
    """
    try:
        number = next(
            entry.SegmentNumber
            for entry in seg.SegmentSequence
            if entry.get("TrackingUID") == tracking_uid
        )
        with quiet_pydicom():
            points = np.concatenate(list(points_of_segment(seg, int(number))))
    except Exception as error:  # a damaged file can make pydicom raise nearly anything
        message = "The segmentation does not hold the outline that the report refers to."
        raise ImageError(message) from error
    return mask_of_points(points, grid)


def points_of_segment(seg: Dataset, number: int) -> Iterator[NDArray[np.float64]]:
    """(n, 3) LPS mm of a segment's voxels, for each of its frames."""
    shared = seg.SharedFunctionalGroupsSequence[0]
    row_mm, column_mm = (float(v) for v in shared.PixelMeasuresSequence[0].PixelSpacing)
    cosines = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, dtype=float)
    frames = seg.pixel_array.reshape(-1, seg.Rows, seg.Columns)
    for frame, group in zip(frames, seg.PerFrameFunctionalGroupsSequence, strict=True):
        named = group if "SegmentIdentificationSequence" in group else shared
        if named.SegmentIdentificationSequence[0].ReferencedSegmentNumber == number:
            first = np.array(group.PlanePositionSequence[0].ImagePositionPatient, dtype=float)
            rows, columns = np.nonzero(frame)
            along = np.outer(columns, cosines[:3] * column_mm)
            yield first + along + np.outer(rows, cosines[3:] * row_mm)


def differences(nodule: ReportedNodule, result: NoduleResult) -> list[str]:
    """Where a new run differs from a report, in the last bit even; empty when it does not.

    Each entry names a number and gives the reported and the new value, None where there is none.
    """
    new = {
        (name.value, name.scheme_designator, kind.value if kind else ""): (name.meaning, value)
        for name, value, _, kind, _ in numbers_of(result)
    }
    found = []
    for key in nodule.numbers | new:
        reported = nodule.numbers.get(key)
        meaning, value = new.get(key, (key[0], None))
        if value != reported:
            found.append(f"{meaning}: {reported!r} in the report, {value!r} now")
    return found
