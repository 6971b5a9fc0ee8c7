"""Outlines: model, readers and their consensus, voxel by voxel and by size."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path

import numpy as np

from densesharp.errors import StudyError
from densesharp.stats.figures_of_merit import MEAN_SCORE
from densesharp.stats.mrmc_document import mrmc_document
from densesharp.stats.mrmc_records import MrmcDocument
from densesharp.stats.segmentation import (
    compare,
    consensus_masks,
    dice,
    pairwise_dice,
    within_spread,
)
from densesharp.stats.surface_distance import DEFINITION, Mask
from densesharp.study.analysis.outline_results import DiceMatrix, OutlineComparison, OutlineResults
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
        change=_change(data, everything),
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


def _change(data: StudyData, masks: Mapping[tuple[int, int, int], Mask]) -> MrmcDocument | None:
    """Whether readers outline more alike with the model; None unless two drew in two conditions.

    `masks` holds the outline of each (condition, reader, case). The score of a reader and case is
    the mean Dice with the others' outlines of the case in the same condition, if there are any.
    """
    scores = np.full((len(data.conditions), len(data.readers), len(data.cases)), np.nan)
    for (t, r, k), mask in masks.items():
        others = (masks.get((t, s, k)) for s in range(len(data.readers)) if s != r)
        found = [dice(mask, other) for other in others if other is not None]
        if found:
            scores[t, r, k] = float(np.mean(found))
    drawn = ~np.isnan(scores)
    cases = drawn.any(axis=(0, 1))
    if len(data.readers) < 2 or drawn.any(axis=(1, 2)).sum() < 2 or cases.sum() < 2:
        return None
    readings = data.as_readings(scores, data.truth > 0).of_cases(cases)
    return mrmc_document(readings, MEAN_SCORE, title="mean Dice with the other readers")
