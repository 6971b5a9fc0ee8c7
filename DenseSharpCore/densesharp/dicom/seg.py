"""Outlines as a DICOM Segmentation object (SEG), one segment per nodule."""

from collections.abc import Sequence

import highdicom as hd
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from densesharp.dicom import codes
from densesharp.dicom.run_record import MANUFACTURER, MODEL_NAME, Run, tracking_uid
from densesharp.dicom.source import SourceSeries, load_source, lung_side
from densesharp.dicom.source_headers import building, check_texts
from densesharp.errors import ImageError
from densesharp.image.volume import Volume
from densesharp.nodule.records import NoduleResult

COLOUR = (230, 60, 60)
"""Red, as 3D Slicer shows a nodule's outline; RGB 0..255."""

_SERIES_OFFSET = 51


def segmentation(
    results: Sequence[NoduleResult], volume: Volume, run: Run, *, keep_identity: bool = False
) -> tuple[Dataset, SourceSeries, list[NoduleResult]]:
    """Put the outlines of nodules into one SEG object.

    Args:
        results: nodules with masks on the volume's grid; those without a mask are left out.
        volume: read from the DICOM series that the object will refer to.
        run: what made the results.
        keep_identity: write the patient's own name and id (for a clinical archive).

    Returns:
        The object, the source images it refers to, and the nodules in it, in segment order.

    Raises:
        ImageError: no nodule has an outline, or the volume is from no DICOM series.
    """
    nodules = [result for result in results if result.mask is not None]
    if not nodules:
        raise ImageError("No nodule in this result has an outline: there is nothing to write.")
    source = load_source(volume, [n.mask for n in nodules if n.mask], keep_identity)
    with building(source.images):
        written = hd.seg.Segmentation(
            source_images=source.images,
            pixel_array=_frames(nodules, volume, source),
            segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=[
                _description(number, nodule, volume, run)
                for number, nodule in enumerate(nodules, start=1)
            ],
            series_instance_uid=generate_uid(),
            series_number=series_number(source, _SERIES_OFFSET),
            sop_instance_uid=generate_uid(),
            instance_number=1,
            manufacturer=MANUFACTURER,
            manufacturer_model_name=MODEL_NAME,
            software_versions=run.software,
            device_serial_number=run.model_sha256[:16],
            content_description="Lung nodules outlined by DenseSharp (research use)",
            content_label="LUNG_NODULES",
        )
    check_texts(written, source.undeclared)
    written.SeriesDescription = "DenseSharp nodules (research use)"
    return written, source, nodules


def series_number(source: SourceSeries, offset: int) -> int:
    """A number for a derived series that sorts behind its source."""
    return int(source.images[0].get("SeriesNumber") or 0) % 1_000_000 * 100 + offset


def _frames(
    nodules: Sequence[NoduleResult], volume: Volume, source: SourceSeries
) -> NDArray[np.uint8]:
    """(slices, rows, columns, nodules) uint8 in the order of the source's slices."""
    i, j, _ = volume.grid.size
    frames = np.zeros((len(source.slices), j, i, len(nodules)), dtype=np.uint8)
    place = {k: index for index, k in enumerate(source.slices)}
    for number, nodule in enumerate(nodules):
        if nodule.mask is not None:
            x, y, z = nodule.mask.start
            depth, rows, columns = nodule.mask.array.shape
            places = [place[k] for k in range(z, z + depth)]
            frames[places, y : y + rows, x : x + columns, number] = nodule.mask.array
    return frames


def _description(
    number: int, nodule: NoduleResult, volume: Volume, run: Run
) -> hd.seg.SegmentDescription:
    """Name, codes, algorithm and tracking ids of one segment."""
    described = hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=nodule.id,
        segmented_property_category=codes.CATEGORY,
        segmented_property_type=codes.NODULE,
        # A person clicked: outlines are made on request, at a place a reader chose.
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.SEMIAUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name=MANUFACTURER,
            family=codes.AI,
            version=run.software,
            parameters={"model_sha256": run.model_sha256},
        ),
        tracking_uid=tracking_uid(str(volume.series["series_uid"]), nodule, run),
        tracking_id=nodule.id,
        anatomic_regions=[codes.LUNG],
        display_color=hd.color.CIELabColor.from_rgb(*COLOUR),
    )
    side = lung_side(volume, np.array(nodule.center_lps))
    if side is not None:
        code, region = codes.SIDES[side], described.AnatomicRegionSequence[0]
        modifier = hd.sr.CodedConcept(code.value, code.scheme_designator, code.meaning)
        region.AnatomicRegionModifierSequence = [modifier]
    return described
