"""From results to DICOM files: one way for the command line, 3D Slicer and the browser viewer.

A front end whose CT lies in a scene names the DICOM files that it came from:

    results, volume = on_series(results, scan.volume(), files)
    names = write_dicom(results, volume, run_of(engine, options), folder)
"""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from densesharp.dicom.run_record import Run
from densesharp.dicom.seg import segmentation
from densesharp.dicom.source import check_densities, mask_on_series, mask_on_slices
from densesharp.dicom.sr import measurement_report
from densesharp.errors import GeometryError, OutputError
from densesharp.files import HIDDEN, ensure_folder
from densesharp.image.grid import Grid
from densesharp.image.volume import Volume
from densesharp.io import SeriesChoiceError
from densesharp.nodule.records import NoduleResult

SEG_NAME, SR_NAME = "densesharp_seg.dcm", "densesharp_sr.dcm"


def on_series(
    results: Sequence[NoduleResult], volume: Volume, files: Path | Sequence[Path]
) -> tuple[list[NoduleResult], Volume]:
    """The same results and CT on the grid of the DICOM series that the CT was loaded from.

    A CT in a scene may have its axes turned or be a part of the series; its voxels are still those
    of the series. Headers alone are read.

    Args:
        results: on the volume's grid.
        volume: the CT as a scene holds it.
        files: the files of the series, or its folder.

    Raises:
        GeometryError: the CT is another one than the files hold (or was resampled or moved).
        SeriesChoiceError: there are several series, and the CT does not know its own.
        ImageError: the files are no CT series, or cannot be read.
    """
    if volume.series.get("resampled"):
        return _on_bent_series(results, volume, files)
    grid, identity = _series_of(volume, files)
    masks = [mask_on_series(r.mask.array, r.mask.grid, grid) if r.mask else None for r in results]
    moved = [replace(r, mask=mask) for r, mask in zip(results, masks, strict=True)]
    return moved, Volume(_turned(volume, grid), grid, volume.notices, identity)


def _on_bent_series(
    results: Sequence[NoduleResult], volume: Volume, files: Path | Sequence[Path]
) -> tuple[list[NoduleResult], Volume]:
    """The same for a CT that was resampled from slices which form no regular stack.

    Outlines go back to the slices where they lie; measurements stay those of the resampled CT.
    """
    if not volume.series.get("sop_instance_uids"):
        message = "This resampled CT does not know its series: DICOM objects cannot refer to it."
        raise GeometryError(message)
    grid, identity = _series_of(volume, files, bent=True)
    positions = np.asarray(identity["positions"])
    moved = [
        replace(r, mask=mask_on_slices(r.mask, positions, grid) if r.mask else None)
        for r in results
    ]
    # On which side a nodule lies is not told: the voxels are not those of the slices.
    unknown = np.broadcast_to(np.int16(0), grid.shape)
    return moved, Volume(unknown, grid, volume.notices, {**identity, "resampled": True})


def _series_of(
    volume: Volume, files: Path | Sequence[Path], bent: bool = False
) -> tuple[Grid, dict[str, Any]]:
    """Grid and identity of the series that a CT came from, which it knows by its instances."""
    from densesharp.io.dicom import locate_bent_series, locate_series

    locate = locate_bent_series if bent else locate_series
    known = set(volume.series.get("sop_instance_uids") or ())
    try:
        found = [locate(files)]
    except SeriesChoiceError as several:
        if not known:
            raise
        found = [locate(files, choice.uid) for choice in several.choices]
    for grid, identity in found:
        if known <= set(identity["sop_instance_uids"]):
            return grid, identity
    message = "These DICOM files are another series than the CT: give the one it came from."
    raise GeometryError(message)


def _turned(volume: Volume, grid: Grid) -> np.ndarray:
    """The CT's voxels in the order of the series, without a copy; only the body's side needs them.

    A part of the series gives soft tissue everywhere, on which no side can be told.
    """
    steps = np.linalg.inv(volume.grid.affine) @ grid.affine
    turn, shift = np.rint(steps[:3, :3]).astype(int), np.rint(steps[:3, 3]).astype(int)
    unknown = np.broadcast_to(np.int16(0), grid.shape)
    if np.abs(steps[:3, :3] - turn).max() > 1e-3 or not (np.abs(turn).sum(axis=0) == 1).all():
        return unknown
    axes = np.abs(turn).argmax(axis=0)  # the CT's axis along each axis of the series, i, j, k
    signs = turn.sum(axis=0)
    array = volume.array.transpose([2 - axis for axis in axes[::-1]])
    array = array[tuple(slice(None, None, int(sign)) for sign in signs[::-1])]
    size = np.array(volume.grid.size)
    first = np.where(signs > 0, 0, size[axes] - 1)
    whole = array.shape == grid.shape and (shift[axes] == first).all()
    return array if whole else unknown


def write_dicom(
    results: Sequence[NoduleResult],
    volume: Volume,
    made_by: Run,
    folder: str | Path,
    *,
    report: bool = True,
    observer: str | None = None,
    keep_identity: bool = False,
) -> tuple[str, ...]:
    """Write nodules as DICOM SEG, and as a structured report that refers to it.

    All files are written or none. Names of files hold nothing about the patient. The command line
    and the front ends meet here, so here results of another series on the same grid are refused.

    Args:
        results: nodules with masks on the volume's grid; those without a mask are left out.
        volume: read from a DICOM series, or moved onto one by `on_series`.
        made_by: what made the results (`run_of`).
        folder: where to, made if needed; objects written there before are replaced.
        report: write the structured report too, not only the outlines.
        observer: DICOM person name of the reader, such as `Doe^Jane`.
        keep_identity: write the patient's own name and id, for a clinical archive; else the patient
            is pseudonymised.

    Returns:
        Names of the files.

    Raises:
        ImageError: no nodule has an outline, the volume is from no DICOM series, or the results
            were computed from another one.
        OutputError: the folder cannot be written to.
    """
    check_densities(results, volume)
    if report:
        objects = measurement_report(
            results, volume, made_by, observer=observer, keep_identity=keep_identity
        )
        made = dict(zip((SEG_NAME, SR_NAME), objects, strict=True))
    else:
        seg, _, _ = segmentation(results, volume, made_by, keep_identity=keep_identity)
        made = {SEG_NAME: seg}
    target = ensure_folder(folder)
    try:
        with tempfile.TemporaryDirectory(prefix=HIDDEN, dir=target) as hidden:
            for name, dataset in made.items():
                dataset.save_as(Path(hidden) / name, enforce_file_format=True)
            for name in made:
                (Path(hidden) / name).replace(target / name)
    except OSError as error:
        reason = error.strerror or str(error)
        message = f"'{target}' cannot be written to ({reason}): choose another folder."
        raise OutputError(message) from error
    return tuple(made)
