"""Outlines: model, readers and their consensus, voxel by voxel and by size."""

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np

from densesharp.errors import StudyError
from densesharp.stats.segmentation import (
    compare,
    consensus_masks,
    pairwise_dice,
    within_spread,
)
from densesharp.stats.surface_distance import DEFINITION, Mask
from densesharp.study.analysis.outline_change import analyse_outline_change
from densesharp.study.analysis.outline_results import (
    DiceMatrix,
    OutlineComparison,
    OutlineResults,
)
from densesharp.study.analysis.sizes import Outline, analyse_diameters, analyse_volumes
from densesharp.study.conduct.reader_masks import decode
from densesharp.study.exported.study_data import StudyData

MARGIN = 6
"""Voxels kept around the outlines of a case: more than any measure looks at."""


def analyse_outlines(data: StudyData, margin: float | None = None) -> OutlineResults | None:
    """Agreement of outlines of the condition in which readers work alone, and its change.

    Args:
        data: the study.
        margin: equivalence margin in Dice of the model within inter-reader spread, or None.

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
    of = None
    if data.patients is not None:
        of = data.patients[[k for k, case in cases.items() if "model" in case]]
    return OutlineResults(
        condition=data.conditions[data.alone],
        definition=DEFINITION,
        cases=len(cases),
        dice_matrix=DiceMatrix(names, pairwise_dice(masks, names)),
        comparisons=_comparisons(data, cases),
        within_spread=within_spread(paired, margin, patients=of),
        volume=analyse_volumes(data, cases),
        diameter=analyse_diameters(data, cases),
        change=analyse_outline_change(data, everything),
    )


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
        raise StudyError(f"The outlines of case '{case}' have different sizes or places.")
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


def _comparisons(data: StudyData, cases: dict[int, dict[str, Outline]]) -> list[OutlineComparison]:
    """Each case: model against reader, reader against reader, all against consensus.

    A reader's consensus leaves that reader out; with two readers it is the other one's outline.
    """
    rows = []
    for k, outlines in cases.items():
        spacing = next(iter(outlines.values())).spacing
        masks = {name: outline.mask for name, outline in outlines.items()}
        for kind, first, second, mask, other in _pairs(masks):
            values = {name: one.value for name, one in compare(mask, other, spacing).items()}
            rows.append(OutlineComparison(data.cases[k], kind, first, second, **values))
    return rows


def _pairs(masks: dict[str, Mask]) -> Iterator[tuple[str, str, str, Mask, Mask]]:
    """Kind, names and masks of what is compared in one case."""
    model, readers = masks.get("model"), [name for name in masks if name != "model"]
    for a, b in combinations(readers, 2):
        yield "reader-reader", a, b, masks[a], masks[b]
    for name in readers:
        if model is not None:
            yield "model-reader", "model", name, model, masks[name]
        others = [masks[other] for other in readers if other != name]
        if others:
            yield "reader-consensus", name, "others", masks[name], consensus_masks(others)["staple"]
    if model is not None and readers:
        for name, agreed in consensus_masks([masks[name] for name in readers]).items():
            yield "model-consensus", "model", name, model, agreed
