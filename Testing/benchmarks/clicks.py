"""Clicks on nodules, on vessels and on walls of the shared cubes, and what is answered there.

    python Testing/benchmarks/evaluation_pages.py SHARED WORK --only places isolated

What was found at each click is kept in WORK, see kept.py.
"""

from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from kept import each
from lidc_sets import own_of, rows_of
from numpy.typing import NDArray
from scipy import ndimage

from densesharp.image.masks import centroid
from densesharp.image.sampling import resample
from densesharp.image.volume import Volume
from densesharp.io import read_volume
from densesharp.model.engines import Engine, open_engine
from densesharp.model.model_file import load_model
from densesharp.nodule.pipeline import analyse
from densesharp.nodule.records import Seed
from densesharp.nodule.settings import DEFAULTS, AnalysisSettings
from densesharp.resources import model_path
from densesharp.train.dataset import consensus, read_dataset
from densesharp.train.evaluation import outcome_of
from densesharp.train.evaluation_answers import answer_at
from densesharp.train.evaluation_records import Outcome, StoredAnswer

Bits = NDArray[np.bool_]

PER_CUBE = {"vessel": 3, "wall": 1}
"""Places in a cube, at most, drawn with a fixed seed."""

AWAY_MM, FACE = 6.0, 8
"""From what any reader marked, outline pixels included; from the cube's faces, in voxels."""

AROUND_MM, BEYOND_MM = (3.0, 7.0), 3.0
"""Where the lung beside a nodule is measured; how far its part above half density may reach beyond
what the readers agree on, if the nodule is isolated."""


@cache
def engine() -> Engine:
    """The bundled model, as `evaluate` runs it."""
    return open_engine(load_model(model_path()), precision="fp32")


def outcomes(dataset: Path, work: Path, answers: bool) -> list[Outcome]:
    """What the model says about every nodule of a data set; complete answers and moved clicks."""
    samples = {sample.name: sample for sample in read_dataset(dataset) if sample.is_nodule}

    def run(name: str) -> Outcome:
        return outcome_of(samples[name], engine(), answers, DEFAULTS.augmentations, answers)

    return each(work, list(samples), run)


class Place(NamedTuple):
    """A click where no nodule is: LPS mm in a patient's cube."""

    patient: str
    kind: str
    lps: tuple[float, float, float]


def places(shared: Path) -> list[Place]:
    """Where a vessel is brightest or a wall begins, by a rule that looks at density alone.

    On the CT smoothed by 1 mm: vessels are the brightest voxels within 2 voxels, with lung in more
    than 60 % of the 15 voxels around; a wall begins where 30 to 60 % of them are lung and a
    quarter of the 9 voxels around is dense. Neither lies within 6 mm of a reader's outline.
    """
    rng = np.random.default_rng(11)
    native = np.load(shared / "lidc-readers/native.npz")
    found = []
    for patient, readers in sorted(readers_of(shared).items()):
        ct = read_volume(shared / f"lidc-cubes/{patient}_ct.nrrd")
        own = own_of(native, patient, len(readers), ct.grid)
        marked = own.by("outer").any(axis=0)
        drawn = resample(marked.astype(np.float32), own.grid, ct.grid, 0.0) > 0.2
        for kind, possible in _possible(ct, drawn).items():
            at = np.argwhere(possible)
            for number in rng.choice(len(at), min(PER_CUBE[kind], len(at)), replace=False):
                x, y, z = ct.grid.to_world(at[number][::-1]).tolist()
                found.append(Place(patient, kind, (x, y, z)))
    return found


def _possible(ct: Volume, drawn: Bits) -> dict[str, Bits]:
    hu = ct.array.astype(np.float32)
    away = ndimage.distance_transform_edt(~drawn, sampling=ct.grid.spacing[::-1])
    smooth = ndimage.gaussian_filter(hu, 1)
    lung = ndimage.uniform_filter((hu < -650).astype(np.float32), 15)
    dense = ndimage.uniform_filter((hu > -150).astype(np.float32), 9)
    room = np.zeros(hu.shape, dtype=bool)
    room[(slice(FACE, -FACE),) * 3] = True
    free = room & (away > AWAY_MM) & (smooth < 150)
    brightest = smooth == ndimage.maximum_filter(smooth, 5)
    return {
        "vessel": free & brightest & (smooth > -650) & (lung > 0.6),
        "wall": free & (smooth > -500) & (lung > 0.3) & (lung < 0.6) & (dense > 0.25),
    }


def readers_of(shared: Path) -> dict[str, list[dict[str, str]]]:
    """Lines of cubes.csv by patient, one a reader."""
    readers = defaultdict(list)
    for row in rows_of(shared / "lidc-readers/cubes.csv"):
        readers[row["patient"]].append(row)
    return readers


def places_answered(shared: Path, work: Path) -> dict[str, Any]:
    """How many of the places are warned of or refused, and of the nodules."""
    known = {f"{number:03}": place for number, place in enumerate(places(shared))}

    def run(name: str) -> StoredAnswer:
        place = known[name]
        ct = read_volume(shared / f"lidc-cubes/{place.patient}_ct.nrrd")
        return answer_at(ct, np.array(place.lps), engine(), DEFAULTS.augmentations)

    answers = each(work / "places", list(known), run)
    groups = {
        kind: [a for a, p in zip(answers, known.values(), strict=True) if p.kind == kind]
        for kind in PER_CUBE
    }
    nodules = outcomes(work / "lidc", work / "lidc-kept", answers=True)
    groups["nodule"] = [outcome.answer for outcome in nodules if outcome.answer]
    return {kind: _said(group) for kind, group in groups.items()}


def _said(answers: list[StoredAnswer]) -> dict[str, int]:
    warned = [a for a in answers if a.verdict == "caution"]
    return {
        "n": len(answers),
        "refused": sum(a.verdict == "refused" for a in answers),
        "no_nodule": sum("perhaps_no_nodule" in a.reasons for a in warned),
        "warned": sum(a.doubts_outline for a in warned),
    }


def half_density(shared: Path, work: Path) -> dict[str, Any]:
    """Volume of isolated solid nodules over that above half density: the model's, the readers'."""
    native = np.load(shared / "lidc-readers/native.npz")
    readers = readers_of(shared)

    def run(patient: str) -> tuple[float, float] | None:
        if np.median([int(row["texture"]) for row in readers[patient]]) <= 4:
            return None
        ct = read_volume(shared / f"lidc-cubes/{patient}_ct.nrrd")
        own = own_of(native, patient, len(readers[patient]), ct.grid)
        agreed = consensus(own.by("inner"))
        marked = resample(agreed.astype(np.float32), own.grid, ct.grid, 0.0) >= 0.5
        dense = above_half(ct, marked) if marked.any() else None
        if dense is None:
            return None
        settings = AnalysisSettings(augmentations=DEFAULTS.augmentations, stability=False)
        found = analyse(ct, Seed(centroid(marked, ct.grid)), engine(), settings=settings)
        if found.measurements is None:
            return None
        drawn = float(agreed.sum()) * own.grid.voxel_volume
        return found.measurements.volume_mm3 / dense, drawn / dense

    known = [pair for pair in each(work / "isolated", sorted(readers), run) if pair]
    model, drawn = (
        np.quantile(column, (0.25, 0.5, 0.75)).tolist() for column in zip(*known, strict=True)
    )
    return {"n": len(known), "model": model, "readers": drawn}


def above_half(ct: Volume, marked: Bits) -> float | None:
    """mm3 of a nodule denser than midway between its middle and the lung; None: not isolated.

    Args:
        ct: around it.
        marked: (k, j, i) what the readers agree on.
    """
    away = ndimage.distance_transform_edt(~marked, sampling=ct.grid.spacing[::-1])
    beside = ct.array[(away > AROUND_MM[0]) & (away < AROUND_MM[1]) & (ct.array < -600)]
    inner = ndimage.binary_erosion(marked)
    if not beside.size or not inner.any():
        return None
    middle = (np.median(ct.array[inner]) + np.median(beside)) / 2
    parts, _ = ndimage.label(ct.array > middle)
    seen = parts[marked & (parts > 0)]
    if not seen.size:
        return None
    part = parts == np.bincount(seen).argmax()
    if away[part].max() > BEYOND_MM:
        return None
    return float(ndimage.binary_fill_holes(part).sum()) * ct.grid.voxel_volume
