"""Outlines: model, readers and their consensus, voxel by voxel and by volume."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from densesharp.errors import StudyError
from densesharp.study.bland_altman import concordance, repeated_limits
from densesharp.study.estimates import Estimate, not_estimable
from densesharp.study.icc import icc
from densesharp.study.masks import decode
from densesharp.study.segmentation import (
    compare,
    consensus_masks,
    dice,
    pairwise_dice,
    within_spread,
)
from densesharp.study.study_data import StudyData
from densesharp.study.surface_distance import DEFINITION, Mask, Spacing
from densesharp.study.tables import FloatArray

Outline = tuple[Mask, Spacing]


def analyse_outlines(data: StudyData, margin: float | None = None) -> dict[str, Any] | None:
    """Agreement of outlines of the condition in which readers work alone; None without any.

    Args:
        data: The study.
        margin: Equivalence margin in Dice of the model within inter-reader spread, or None.

    Raises:
        StudyError: an outline cannot be read, or those of a case differ in size.
    """
    cases = _load(data)
    if not cases:
        return None
    names = [*data.readers, "model"] if data.model is not None and data.model.masks else [
        *data.readers
    ]  # fmt: skip
    masks = [{name: outline[0] for name, outline in case.items()} for case in cases.values()]
    paired = [
        (case["model"], [mask for name, mask in case.items() if name != "model"])
        for case in masks
        if "model" in case
    ]
    return {
        "condition": data.conditions[data.alone],
        "definition": DEFINITION,
        "cases": len(cases),
        "dice_matrix": {"names": names, "values": _matrix(pairwise_dice(masks, names))},
        "comparisons": _comparisons(data, cases),
        "within_spread": within_spread(paired, margin),
        "volume": _volume(data, cases),
    }


def _load(data: StudyData) -> dict[int, dict[str, Outline]]:
    cases: dict[int, dict[str, Outline]] = {}
    for (t, r, k), path in sorted(data.masks.items()):
        if t == data.alone:
            cases.setdefault(k, {})[data.readers[r]] = _read(path)
    model = data.model.masks if data.model is not None else {}
    for k, path in model.items():
        if k in cases:
            cases[k]["model"] = _read(path)
    for k, outlines in cases.items():
        if len({mask.shape for mask, _ in outlines.values()}) > 1:
            message = f"The outlines of case '{data.cases[k]}' have different sizes."
            raise StudyError(message)
    return cases


def _read(path: Path) -> Outline:
    try:
        content = path.read_bytes()
    except OSError as error:
        message = f"The outline '{path}' cannot be read: restore it from a copy of the export."
        raise StudyError(message) from error
    array, grid = decode(content)
    i, j, k = (float(x) for x in grid.spacing)
    return array > 0, (k, j, i)


def _matrix(values: FloatArray) -> list[list[float | None]]:
    return [[None if np.isnan(v) else float(v) for v in row] for row in values]


def _comparisons(data: StudyData, cases: dict[int, dict[str, Outline]]) -> list[dict[str, Any]]:
    """Each case: model against reader, reader against reader (Dice), all against consensus.

    A reader's consensus leaves that reader out; with two readers it is the other one's outline.
    """
    rows = []
    for k, outlines in cases.items():
        readers = [name for name in outlines if name != "model"]
        masks = {name: outlines[name][0] for name in outlines}
        spacing = next(iter(outlines.values()))[1]

        def add(kind: str, first: str, second: str, values: Any, case: int = k) -> None:
            row = {"case": data.cases[case], "kind": kind, "first": first, "second": second}
            rows.append(row | {name: one.value for name, one in values.items()})

        for a, b in combinations(readers, 2):
            add("reader-reader", a, b, {"dice": Estimate(dice(masks[a], masks[b]))})
        for name in readers:
            if "model" in masks:
                values = compare(masks["model"], masks[name], spacing)
                add("model-reader", "model", name, values)
            others = [masks[other] for other in readers if other != name]
            if others:
                staple = consensus_masks(others)["staple"]
                add("reader-consensus", name, "others", compare(masks[name], staple, spacing))
        if "model" in masks and readers:
            agreed = consensus_masks([masks[name] for name in readers])
            for name, mask in agreed.items():
                add("model-consensus", "model", name, compare(masks["model"], mask, spacing))
    return rows


def _volume(data: StudyData, cases: dict[int, dict[str, Outline]]) -> dict[str, Any]:
    """Volumes in mm3; model against reader as log ratio with limits of agreement."""
    volumes = {
        k: {name: float(mask.sum()) * float(np.prod(gap)) for name, (mask, gap) in case.items()}
        for k, case in cases.items()
    }
    points: list[list[Any]] = [
        [data.cases[k], name, case["model"], value]
        for k, case in volumes.items()
        for name, value in case.items()
        if name != "model" and case.get("model", 0) > 0 and value > 0
    ]
    out: dict[str, Any] = {"points": points, "readers_icc": _reader_icc(data, volumes)}
    if len(points) > 2:
        model, reader = (np.log([point[column] for point in points]) for column in (2, 3))
        numbers = np.array([data.cases.index(point[0]) for point in points])
        limits = repeated_limits(model - reader, numbers)
        ratios = (limits.bias.value, limits.lower.value, limits.upper.value)
        out["log_ratio_limits"] = limits
        out["ratio"] = [None if value is None else float(np.exp(value)) for value in ratios]
        means = np.array([reader[numbers == n].mean() for n in np.unique(numbers)])
        alone = np.array([model[numbers == n].mean() for n in np.unique(numbers)])
        out["concordance"] = concordance(alone, means)
    return out


def _reader_icc(data: StudyData, volumes: dict[int, dict[str, float]]) -> Estimate:
    """ICC(2,1) of the readers' log volumes on the cases that all outlined."""
    rows = [
        [np.log(case[name]) for name in data.readers]
        for case in volumes.values()
        if all(case.get(name, 0) > 0 for name in data.readers)
    ]
    if len(rows) < 2 or len(data.readers) < 2:
        return not_estimable("Fewer than two cases were outlined by all of two or more readers.")
    return icc(np.array(rows))["ICC(2,1)"]
