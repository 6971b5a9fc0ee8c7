"""Provenance: what made a result, so that DICOM objects carry it and the run can be repeated."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from densesharp.dicom.codes import ALGORITHM_PARAMETERS, BY_READER, TRACKING_ID, TRACKING_UID
from densesharp.errors import ImageError
from densesharp.io.dicom_files import CT_IMAGE
from densesharp.io.enhanced import ENHANCED_CT
from densesharp.nodule.records import NoduleResult
from densesharp.nodule.settings import AnalysisSettings
from densesharp.version import __version__

if TYPE_CHECKING:
    from densesharp.model.engines import Engine

MANUFACTURER = "DenseSharp"
MODEL_NAME = "DenseSharp for 3D Slicer (research use)"
DERIVATION, METHOD = "121401", "370129005"
"""Codes of what says how a number was made (TID 1419)."""
MADE_BY = ("software", "model_name", "model_sha256", "engine")


@dataclass(frozen=True)
class Run:
    """What, together with the CT and the seed, decides the result.

    Attributes:
        software: version of this package.
        model_name: from the model card.
        model_sha256: of the model file.
        engine: device, precision and engine, as `Engine.description` says.
        settings: what the user chose.
    """

    software: str
    model_name: str
    model_sha256: str
    engine: str
    settings: AnalysisSettings

    def parameters(self, nodule: NoduleResult) -> list[str]:
        """`name=value` texts, values as JSON; the seed in LPS mm with all its digits."""
        values = {
            **{name: getattr(self, name) for name in MADE_BY},
            **self.settings.to_json(),
            "seed_lps": nodule.seed.lps.tolist(),
            "nodule": nodule.id,
            "corrected": is_corrected(nodule),
            "trained_on": nodule.trained_on,
        }
        return [f"{name}={json.dumps(value)}" for name, value in values.items()]

    @classmethod
    def from_parameters(cls, values: dict[str, Any]) -> Run:
        """Undo `parameters`.

        Returns:
            The run whose `parameters` these are.
        """
        made_by = {name: values[name] for name in MADE_BY}
        return cls(**made_by, settings=AnalysisSettings.from_json(values))


def run_of(engine: Engine, settings: AnalysisSettings) -> Run:
    """What makes results in this process."""
    return Run(
        software=__version__,
        model_name=engine.model.card.name,
        model_sha256=engine.model.sha256,
        engine=engine.description,
        settings=settings,
    )


def is_corrected(nodule: NoduleResult) -> bool:
    """Whether a reader corrected the outline: then only the SEG holds it, and no seed gives it."""
    return any(notice.code == "edited_by_hand" for notice in nodule.notices)


@dataclass(frozen=True)
class ReportedNodule:
    """One measurement group of a structured report, read back.

    Attributes:
        id: tracking identifier, `nodule_001` ...
        tracking_uid: equal in SEG and SR.
        run: what made it.
        seed_lps: (x, y, z) mm.
        numbers: the software's, by (code, scheme, derivation code or ""), as floats.
        series_uid: the CT series it was computed from.
        corrected: a reader corrected the outline.
    """

    id: str
    tracking_uid: str
    run: Run
    seed_lps: tuple[float, float, float]
    numbers: dict[tuple[str, str, str], float]
    series_uid: str
    corrected: bool = False


def tracking_uid(series_uid: str, nodule: NoduleResult, run: Run) -> str:
    """A UID for a nodule: that of all its dates, else the same each time this result is written.

    Args:
        series_uid: of the CT.
        nodule: the result.
        run: what made it.
    """
    if nodule.tracking_uid:
        return nodule.tracking_uid
    seed = json.dumps(nodule.seed.lps.tolist())
    return str(generate_uid(entropy_srcs=[series_uid, nodule.id, seed, run.model_sha256]))


def read_report(report: Dataset) -> list[ReportedNodule]:
    """The nodules of a structured report that DenseSharp wrote, from the plain DICOM tree.

    Raises:
        ImageError: the report is of another kind or maker.
    """
    try:
        series = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
        source = next(
            entry.SeriesInstanceUID
            for entry in series
            if entry.ReferencedSOPSequence[0].ReferencedSOPClassUID in (CT_IMAGE, *ENHANCED_CT)
        )
        groups = [_group(item, str(source)) for item in _groups(report.ContentSequence)]
    except (AttributeError, KeyError, IndexError, ValueError, TypeError, StopIteration) as error:
        message = "This is no structured report written by DenseSharp, or it was changed."
        raise ImageError(message) from error
    if not groups:
        raise ImageError("The structured report holds no nodule.")
    return groups


def _groups(items: Sequence[Dataset]) -> Iterator[Dataset]:
    """The measurement groups (DCM 125007), however deep."""
    for item in items:
        if item.ConceptNameCodeSequence[0].CodeValue == "125007":
            yield item
        elif "ContentSequence" in item:
            yield from _groups(item.ContentSequence)


def _group(item: Dataset, source: str) -> ReportedNodule:
    texts: dict[str, Any] = {}
    numbers: dict[tuple[str, str, str], float] = {}
    names: dict[str, str] = {}
    for child in item.ContentSequence:
        code = child.ConceptNameCodeSequence[0]
        value = code.get("CodeValue") or code.get("LongCodeValue")
        if value == ALGORITHM_PARAMETERS.value:
            name, _, text = child.TextValue.partition("=")
            texts[name] = json.loads(text)
        elif child.ValueType == "NUM" and _modifier(child, METHOD) != BY_READER.value:
            measured = child.MeasuredValueSequence[0]
            exact = measured.get("FloatingPointValue", measured.NumericValue)
            key = (value, code.CodingSchemeDesignator, _modifier(child, DERIVATION))
            numbers[key] = float(exact)
        elif value == TRACKING_ID.value:
            names["id"] = child.TextValue
        elif value == TRACKING_UID.value:
            names["uid"] = child.UID
    x, y, z = texts["seed_lps"]
    return ReportedNodule(
        names["id"],
        names["uid"],
        Run.from_parameters(texts),
        (x, y, z),
        numbers,
        source,
        bool(texts.get("corrected", False)),
    )


def _modifier(item: Dataset, kind: str) -> str:
    """Code of the derivation (mean, minimum ...) or method of a number, or an empty string."""
    for child in item.get("ContentSequence", ()):
        if child.ConceptNameCodeSequence[0].CodeValue == kind:
            return str(child.ConceptCodeSequence[0].CodeValue)
    return ""
