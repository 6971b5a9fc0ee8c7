"""Outlines: model, readers and their consensus, voxel by voxel and by size."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from densesharp.errors import StudyError
from densesharp.stats.segmentation import (
    compare,
    consensus_masks,
    pairwise_dice,
    within_spread,
)
from densesharp.stats.surface_distance import DEFINITION, Mask
from densesharp.stats.tables import FloatArray
from densesharp.study.analysis.outline_change import analyse_outline_change
from densesharp.study.analysis.sizes import Outline, analyse_diameters, analyse_volumes
from densesharp.study.conduct.reader_masks import decode
from densesharp.study.exported.study_data import StudyData

MARGIN = 6
"""Voxels kept around the outlines of a case: more than any measure looks at."""


def analyse_outlines(data: StudyData, margin: float | None = None) -> dict[str, Any] | None:
    """Agreement of outlines of the condition in which readers work alone, and its change.

    Args:
        data: The study.
        margin: Equivalence margin in Dice of the model within inter-reader spread, or None.

    Raises:
        StudyError: an outline cannot be read, or those of a case differ in size.

    Returns:
        The results; None where nobody outlined anything when reading alone.
    """
    cases, everything = _load(data)
    if not cases:
        return None
    names = [*data.readers, "model"] if data.model is not None and data.model.masks else [
        *data.readers
    ]  # fmt: skip
    masks = [{name: outline.mask for name, outline in case.items()} for case in cases.values()]
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
        "volume": analyse_volumes(data, cases),
        "diameter": analyse_diameters(data, cases),
        "change": analyse_outline_change(data, everything),
    }


def _load(
    data: StudyData,
) -> tuple[dict[int, dict[str, Outline]], dict[tuple[int, int, int], Mask]]:
    """Outlines of the condition in which readers work alone, by case, and those of all conditions.

    Every case is cut to the box that holds its outlines, which is all that stays in memory.
    """
    files: dict[int, dict[tuple[int, int], Path]] = {}
    for (t, r, k), path in sorted(data.masks.items()):
        files.setdefault(k, {})[t, r] = path
    model = data.model.masks if data.model is not None else {}
    cases: dict[int, dict[str, Outline]] = {}
    masks: dict[tuple[int, int, int], Mask] = {}
    for k, paths in files.items():
        found = {key: _read(path) for key, path in paths.items()}
        extra = [_read(model[k])] if k in model else []
        together = _cut([*found.values(), *extra], data.cases[k])
        for (t, r), outline in zip(found, together, strict=False):
            masks[t, r, k] = outline.mask
            if t == data.alone:
                cases.setdefault(k, {})[data.readers[r]] = outline
        if extra and k in cases:
            cases[k]["model"] = together[-1]
    return cases, masks


def _cut(outlines: list[Outline], case: str) -> list[Outline]:
    """The outlines of a case in the box around them all, with the margin that STAPLE sees."""
    if not all(outline.grid.same_as(outlines[0].grid) for outline in outlines):
        message = f"The outlines of case '{case}' have different sizes or places."
        raise StudyError(message)
    found = np.argwhere(np.any([outline.mask for outline in outlines], axis=0))
    if not len(found):
        return outlines
    low = np.maximum(found.min(0) - MARGIN, 0)
    high = np.minimum(found.max(0) + MARGIN + 1, outlines[0].mask.shape)
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    grid = outlines[0].grid.crop(low[::-1], (high - low)[::-1])
    return [Outline(outline.mask[box].copy(), grid) for outline in outlines]


def _read(path: Path) -> Outline:
    try:
        content = path.read_bytes()
    except OSError as error:
        message = f"The outline '{path}' cannot be read: restore it from a copy of the export."
        raise StudyError(message) from error
    array, grid = decode(content)
    return Outline(array > 0, grid)


def _matrix(values: FloatArray) -> list[list[float | None]]:
    return [[None if np.isnan(v) else float(v) for v in row] for row in values]


def _comparisons(data: StudyData, cases: dict[int, dict[str, Outline]]) -> list[dict[str, Any]]:
    """Each case: model against reader, reader against reader, all against consensus.

    A reader's consensus leaves that reader out; with two readers it is the other one's outline.
    """
    rows = []
    for k, outlines in cases.items():
        readers = [name for name in outlines if name != "model"]
        masks = {name: outlines[name].mask for name in outlines}
        spacing = next(iter(outlines.values())).spacing

        def add(kind: str, first: str, second: str, values: Any, case: int = k) -> None:
            row = {"case": data.cases[case], "kind": kind, "first": first, "second": second}
            rows.append(row | {name: one.value for name, one in values.items()})

        for a, b in combinations(readers, 2):
            add("reader-reader", a, b, compare(masks[a], masks[b], spacing))
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
