"""Marks of FROC and LROC studies: figures of merit of the readers, and their curves."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from densesharp.stats.mark_figures import mark_figure
from densesharp.stats.marks import Marks
from densesharp.stats.mrmc_document import mrmc_document
from densesharp.stats.mrmc_records import MrmcDocument
from densesharp.stats.tables import FloatArray

FIGURES = {"FROC": ("wafroc", "wafroc1", "afroc", "max-llf", "max-nlf"), "LROC": ("lroc", "pcl")}
"""Paradigm -> figures of merit, as `densesharp mrmc` names them, the main one first."""


@dataclass(frozen=True)
class MarkCurve:
    """A reader's curve: false positive fractions of cases without lesions, weight of lesions.

    Of FROC marks it goes on in a straight line to (1, 1) (AFROC); of LROC marks it ends.
    """

    fpf: FloatArray
    found: FloatArray


@dataclass(frozen=True)
class MarkResults:
    """What marks are worth.

    Attributes:
        paradigm: FROC or LROC.
        lesions: of all cases.
        figures: name -> its multi-reader analysis, the main one first.
        curves: condition -> reader -> curve; None where nobody has marks or a class is missing.
    """

    paradigm: str
    lesions: int
    figures: Mapping[str, MrmcDocument]
    curves: Mapping[str, Mapping[str, MarkCurve | None]]


def analyse_marks(marks: Marks | None) -> MarkResults | None:
    """Every figure of merit of the paradigm; None without marks."""
    if marks is None:
        return None
    readings = marks.numbered()
    figures = {
        name: mrmc_document(readings, mark_figure(name, marks)) for name in FIGURES[marks.paradigm]
    }
    curves = {
        condition: {reader: _curve(marks, t, r) for r, reader in enumerate(marks.readers)}
        for t, condition in enumerate(marks.treatments)
    }
    return MarkResults(marks.paradigm, int(marks.lesions.sum()), figures, curves)


def _curve(marks: Marks, t: int, r: int) -> MarkCurve | None:
    read = marks.read[t, r]
    false = marks.false[t, r, read & ~marks.truth].max(axis=1, initial=-np.inf)
    located, weights = marks.located[t, r, read], marks.weights[read]
    if not len(false) or not weights.sum():
        return None
    cuts = np.unique(np.concatenate([false, located[weights > 0]]))[::-1]
    cuts = cuts[np.isfinite(cuts)]
    fpf = [0.0, *((false >= cut).mean() for cut in cuts)]
    found = [0.0, *(weights[located >= cut].sum() / weights.sum() for cut in cuts)]
    ends = [1.0] if marks.paradigm == "FROC" else []
    return MarkCurve(np.array(fpf + ends), np.array(found + ends))
