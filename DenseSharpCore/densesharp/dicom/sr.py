"""Measurements as a DICOM structured report: TID 1500 in a Comprehensive 3D SR.

One TID 1411 group per nodule refers to its segment in the SEG by number and by the same tracking
ids. The invasiveness class is written as a qualitative evaluation named as a prediction; the
finding stays "Nodule". The algorithm's parameters hold what is needed to repeat the run.
"""

from collections.abc import Iterator, Sequence

import highdicom as hd
import numpy as np
from highdicom.sr import (
    AlgorithmIdentification,
    Comprehensive3DSR,
    FindingSite,
    Measurement,
    MeasurementReport,
    QualitativeEvaluation,
    ReferencedSegment,
    SourceSeriesForSegmentation,
    TrackingIdentifier,
    VolumetricROIMeasurementsAndQualitativeEvaluations,
)
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid

from densesharp.dicom import codes
from densesharp.dicom.run_record import MANUFACTURER, MODEL_NAME, Run, tracking_uid
from densesharp.dicom.seg import segmentation, series_number
from densesharp.dicom.source import lung_side
from densesharp.dicom.source_headers import building
from densesharp.image.volume import Volume
from densesharp.nodule.records import Measurements, NoduleResult

_SERIES_OFFSET = 52


def measurement_report(
    results: Sequence[NoduleResult],
    volume: Volume,
    run: Run,
    *,
    observer: str | None = None,
    keep_identity: bool = False,
) -> tuple[Dataset, Dataset]:
    """Write nodules as a SEG object and a structured report that refers to it.

    Args:
        results: nodules; those without a mask are left out.
        volume: read from the DICOM series that the objects will refer to.
        run: what made the results.
        observer: DICOM person name of the reader, such as `Doe^Jane`.
        keep_identity: write the patient's own name and id (for a clinical archive).

    Returns:
        SEG and SR.

    Raises:
        ImageError: no nodule has an outline, or the volume is from no DICOM series.
    """
    seg, source, nodules = segmentation(results, volume, run, keep_identity=keep_identity)
    with building(source.images):
        report = Comprehensive3DSR(
            evidence=[*source.images, seg],
            content=MeasurementReport(
                observation_context=_observers(run, observer),
                procedure_reported=codes.CT_CHEST,
                imaging_measurements=[
                    _group(number, nodule, seg, volume, run)
                    for number, nodule in enumerate(nodules, start=1)
                ],
                title=hd.sr.CodedConcept("126000", "DCM", "Imaging Measurement Report"),
            ),
            series_instance_uid=generate_uid(),
            series_number=series_number(source, _SERIES_OFFSET),
            sop_instance_uid=generate_uid(),
            instance_number=1,
            manufacturer=MANUFACTURER,
            is_complete=True,
            is_final=False,
            is_verified=False,
        )
    report.SeriesDescription = "DenseSharp measurements (research use)"
    report.ManufacturerModelName = MODEL_NAME
    report.SoftwareVersions = run.software
    report.DeviceSerialNumber = run.model_sha256[:16]
    report.CodingSchemeIdentificationSequence = [_own_scheme()]
    return seg, report


def _own_scheme() -> Dataset:
    """Tell readers of the report what the private designator stands for."""
    scheme = Dataset()
    scheme.CodingSchemeDesignator = codes.SCHEME
    scheme.CodingSchemeName = codes.SCHEME_NAME
    scheme.CodingSchemeResponsibleOrganization = MANUFACTURER
    return scheme


def _observers(run: Run, observer: str | None) -> hd.sr.ObservationContext:
    """The software as device, and the reader as person where a name is given."""
    device = hd.sr.ObserverContext(
        observer_type=hd.sr.CodedConcept("121007", "DCM", "Device"),
        observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
            uid=generate_uid(entropy_srcs=[MANUFACTURER, run.software, run.model_sha256]),
            name=MANUFACTURER,
            manufacturer_name=MANUFACTURER,
            model_name=MODEL_NAME,
            serial_number=run.model_sha256[:16],
        ),
    )
    person = None
    if observer:
        person = hd.sr.ObserverContext(
            observer_type=hd.sr.CodedConcept("121006", "DCM", "Person"),
            observer_identifying_attributes=hd.sr.PersonObserverIdentifyingAttributes(
                name=observer
            ),
        )
    return hd.sr.ObservationContext(observer_person_context=person, observer_device_context=device)


def _group(
    number: int, nodule: NoduleResult, seg: Dataset, volume: Volume, run: Run
) -> VolumetricROIMeasurementsAndQualitativeEvaluations:
    """TID 1411 for one nodule."""
    series = str(volume.series["series_uid"])
    side = lung_side(volume, np.array(nodule.center_lps))
    return VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(
            uid=tracking_uid(series, nodule, run), identifier=nodule.id
        ),
        # `ReferencedSegment.from_segmentation` fails on a SEG with one segment (highdicom 0.28).
        referenced_segment=ReferencedSegment(
            sop_class_uid=seg.SOPClassUID,
            sop_instance_uid=seg.SOPInstanceUID,
            segment_number=number,
            source_series=SourceSeriesForSegmentation(series),
        ),
        finding_category=codes.CATEGORY,
        finding_type=codes.NODULE,
        finding_sites=[FindingSite(codes.LUNG, laterality=codes.SIDES[side] if side else None)],
        algorithm_id=AlgorithmIdentification(
            name=MANUFACTURER,
            version=run.software,
            parameters=run.parameters(nodule),
            family=codes.AI,
            manufacturer=MANUFACTURER,
        ),
        measurements=[
            Measurement(name, value, unit, derivation=derivation, method=method)
            for name, value, unit, derivation, method in (numbers_of(nodule) + _by_reader(nodule))
        ],
        qualitative_evaluations=list(_evaluations(nodule)),
    )


Number = tuple[Code, float, Code, Code | None, Code | None]
"""Name, value, unit, derivation, method."""


def numbers_of(nodule: NoduleResult) -> list[Number]:
    """Every number of the software's for the report; none of an answer that was refused."""
    numbers: list[Number] = []
    if nodule.verdict == "refused":
        return numbers
    if nodule.measurements is not None:
        numbers += _measured(nodule.measurements)
    for name, value in (nodule.class_probabilities or {}).items():
        numbers.append((codes.PROBABILITIES[name], value, codes.RATIO, None, None))
        spread = nodule.uncertainty.sd_class[name] if nodule.uncertainty is not None else None
        if spread is not None:
            numbers.append((codes.PROBABILITIES[name], spread, codes.RATIO, codes.DEVIATION, None))
    if nodule.probability_invasive is not None:
        invasive = nodule.probability_invasive
        numbers.append((codes.PROBABILITY_INVASIVE, invasive, codes.RATIO, None, None))
    return numbers


def _measured(m: Measurements) -> list[Number]:
    return [
        (codes.LONG_AXIS, m.long_axis_mm, codes.MM, None, None),
        (codes.SHORT_AXIS, m.short_axis_mm, codes.MM, None, None),
        (codes.MAX_3D_DIAMETER, m.max_3d_diameter_mm, codes.MM, None, None),
        (codes.VOLUME, m.volume_mm3, codes.MM3, None, codes.VOLUME_METHOD),
        (codes.ATTENUATION, m.mean_hu, codes.HU, codes.MEAN, None),
        (codes.ATTENUATION, m.sd_hu, codes.HU, codes.DEVIATION, None),
        (codes.ATTENUATION, m.min_hu, codes.HU, codes.MINIMUM, None),
        (codes.ATTENUATION, m.max_hu, codes.HU, codes.MAXIMUM, None),
        (codes.MASS, m.mass_mg, codes.MG, None, None),
        (codes.SOLID_VOLUME, m.solid.volume_mm3, codes.MM3, None, None),
        (codes.SOLID_LONG_AXIS, m.solid.long_axis_mm, codes.MM, None, None),
        (codes.CTR, m.solid.ctr, codes.RATIO, None, None),
    ]


def _by_reader(nodule: NoduleResult) -> list[Number]:
    """What a reader measured, which no repeated run would give again."""
    own = nodule.reader_axes
    if own is None or nodule.verdict == "refused":
        return []
    pairs = ((codes.LONG_AXIS, own.long_axis_mm), (codes.SHORT_AXIS, own.short_axis_mm))
    return [
        (name, length, codes.MM, None, codes.BY_READER)
        for name, length in pairs
        if length is not None
    ]


def _evaluations(nodule: NoduleResult) -> Iterator[QualitativeEvaluation]:
    """Nodule type, predicted class, verdict with its reasons, and what the reader said.

    Of a refused answer type and class are left out.
    """
    refused = nodule.verdict == "refused"
    if nodule.measurements is not None and not refused:
        kind = codes.NODULE_TYPES[nodule.measurements.nodule_type]
        yield QualitativeEvaluation(codes.TEXTURE, kind)
    if nodule.predicted_class is not None and not refused:
        yield QualitativeEvaluation(codes.PREDICTED_CLASS, codes.CLASSES[nodule.predicted_class])
    yield QualitativeEvaluation(codes.VERDICT, codes.VERDICTS[nodule.verdict])
    for code in dict.fromkeys(n.code for n in nodule.notices if n.severity != "info"):
        words = code.replace("_", " ").capitalize()
        yield QualitativeEvaluation(codes.REASON, codes.private(code, words))
    if nodule.review is not None and nodule.review.decision != "open":
        yield QualitativeEvaluation(codes.DECISION, codes.decision(nodule.review))
    if nodule.name:
        yield QualitativeEvaluation(codes.OWN_NAME, codes.private("DS-NAME-VALUE", nodule.name))
