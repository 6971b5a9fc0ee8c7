"""DICOM CT series made with pydicom alone, for tests: any grid, any fault."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
from pydicom.datadict import dictionary_VR, keyword_dict
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    generate_uid,
)

from densesharp.image.grid import Grid
from phantoms import grid_around, rotation, smooth_ball

STUDY, FRAME = (generate_uid(entropy_srcs=[name]) for name in ("study", "frame"))


def phantom(size: tuple[int, int, int] = (24, 20, 12), nodule_hu: int = 40) -> np.ndarray:
    """(k, j, i) int16: lung with a nodule off centre, each voxel a little its own."""
    shape = size[::-1]
    k, j, i = np.indices(shape)
    array = np.full(shape, -850, np.int16)
    array[:, :2] = 30
    array[:, :, :3] = 60
    middle = np.array(shape) * (0.4, 0.5, 0.6)
    ball = sum((axis - m) ** 2 for axis, m in zip((k, j, i), middle, strict=True)) < 9
    array[ball] = nodule_hu
    return (array + (7 * k + 3 * j + i) % 11).astype(np.int16)


def oblique() -> Grid:
    """A right-handed grid turned about all three axes."""
    return Grid((24, 20, 12), (10, -40, 200), (0.7, 0.8, 1.5), rotation(0.3, -0.2, 0.5))


def coronal() -> Grid:
    """Rows along the patient's left, columns downwards, slices to the back."""
    axes = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]]).T
    return Grid((24, 20, 12), (5, 6, 7), (0.7, 0.8, 2), axes)


def axial(size: tuple[int, int, int] = (24, 20, 12), thickness: float = 1.25) -> Grid:
    return Grid(size, (-90.5, -120.25, 30.0), (0.7, 0.8, thickness), np.eye(3))


def write_ball(
    folder: Path,
    center: tuple[float, float, float],
    size: tuple[int, int, int] = (70, 66, 40),
    number: int = 3,
) -> None:
    """A series with one solid ball, 12 mm wide, at a place (LPS mm)."""
    grid = grid_around(center, size, (0.8, 0.8, 1.25), np.eye(3))
    ball = smooth_ball(grid, center, radius=6, inside=20)
    write_series(folder, ball.array, ball.grid, number=number)


def write_series(
    folder: Path,
    array: np.ndarray,
    grid: Grid,
    *,
    number: int = 3,
    name: Callable[[int], str] = "IM{:04d}.dcm".format,
    edit: Callable[[Dataset, int], Dataset | None] | None = None,
) -> list[Path]:
    """Write one slice per file; `edit` may change a slice's header, or drop it with None."""
    folder.mkdir(parents=True, exist_ok=True)
    series = generate_uid(entropy_srcs=["series", str(number)])
    paths = []
    for index, pixels in enumerate(array):
        dataset = _slice(pixels, grid, index, series, number)
        dataset = edit(dataset, index) if edit else dataset
        if dataset is None:
            continue
        path = folder / name(index)
        dataset.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


Edit = Callable[[Dataset, int], Dataset | None]


def setting(*only: int, **values: object) -> Edit:
    """An edit that sets attributes, or deletes those of None, in all slices or `only` in some."""

    def edit(dataset: Dataset, index: int) -> Dataset:
        for name, value in values.items() if not only or index in only else ():
            if value is None:
                delattr(dataset, name)
            else:
                setattr(dataset, name, value)
        return dataset

    return edit


def in_syntax(syntax: str) -> Edit:
    """An edit that writes uncompressed slices in another syntax, as pydicom does."""

    def edit(dataset: Dataset, _index: int) -> Dataset:
        dataset.file_meta.TransferSyntaxUID = syntax
        if syntax == ExplicitVRBigEndian:
            dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").astype(">u2").tobytes()
        fresh = Dataset(dataset)  # one that comes from no file has no byte order yet
        fresh.file_meta = dataset.file_meta
        return fresh

    return edit


def compressed(syntax: str) -> Edit:
    """An edit by which pydicom compresses the slices."""

    def edit(dataset: Dataset, _index: int) -> Dataset:
        dataset.compress(syntax, generate_instance_uid=False)
        return dataset

    return edit


def set_syntax(path: Path, syntax: str) -> None:
    """Give a file another transfer syntax, of which pydicom may know nothing."""
    raw = path.read_bytes()
    start = raw.index(b"\x02\x00\x10\x00UI")
    old = int.from_bytes(raw[start + 6 : start + 8], "little")
    text = syntax.encode() + b"\0" * (len(syntax) % 2)
    size = int.from_bytes(raw[140:144], "little") + len(text) - old
    raw = raw[:140] + size.to_bytes(4, "little") + raw[144:]
    tail = raw[start + 8 + old :]
    path.write_bytes(raw[: start + 6] + len(text).to_bytes(2, "little") + text + tail)


def _slice(pixels: np.ndarray, grid: Grid, index: int, series: str, number: int) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[series, str(index)])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = STUDY, series
    dataset.FrameOfReferenceUID = FRAME
    dataset.PositionReferenceIndicator = ""
    dataset.Modality = "CT"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.PatientName, dataset.PatientID = "Secret^Patient", "ID-4711"
    dataset.PatientBirthDate, dataset.PatientSex = "19500102", "F"
    dataset.StudyDate, dataset.StudyTime = "20200304", "101112"
    dataset.SeriesDate, dataset.SeriesTime = "20200304", "101213"
    dataset.AccessionNumber, dataset.StudyID = "ACC-99", "S1"
    dataset.ReferringPhysicianName = "Referrer^Secret"
    dataset.Manufacturer, dataset.SeriesDescription = "Phantom", "Lung thin"
    dataset.SeriesNumber, dataset.InstanceNumber, dataset.AcquisitionNumber = number, index + 1, 1
    dataset.KVP = "120"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.PixelSpacing = [float(grid.spacing[1]), float(grid.spacing[0])]
    dataset.SliceThickness = float(grid.spacing[2])
    cosines = np.concatenate([grid.direction[:, 0], grid.direction[:, 1]])
    dataset.ImageOrientationPatient = [round(float(value), 9) for value in cosines]
    position = grid.to_world((0, 0, index))
    dataset.ImagePositionPatient = [round(float(value), 6) for value in position]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation = 0
    dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = 1, -1024, "HU"
    stored = (pixels.astype(np.int32) + 1024).astype(np.uint16)
    dataset.PixelData = stored.astype("<u2").tobytes()
    return dataset


def write_enhanced(
    path: Path,
    array: np.ndarray,
    grid: Grid,
    *,
    order: list[int] | None = None,
    number: int = 6,
    edit: Callable[[Dataset], None] | None = None,
) -> Path:
    """Write one enhanced CT object; `order` says which slice each stored frame is."""
    order = list(range(len(array))) if order is None else order
    series = generate_uid(entropy_srcs=["series", str(number)])
    dataset = _slice(array[order[0]], grid, order[0], series, number)
    dataset.SOPClassUID = EnhancedCTImageStorage
    dataset.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    dataset.NumberOfFrames = len(order)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    dataset.ContentDate, dataset.ContentTime = "20200304", "101213"
    shared, frames = Dataset(), []
    shared.PixelMeasuresSequence = [_take(dataset, "PixelSpacing", "SliceThickness")]
    shared.PlaneOrientationSequence = [_take(dataset, "ImageOrientationPatient")]
    shared.PixelValueTransformationSequence = [
        _take(dataset, "RescaleSlope", "RescaleIntercept", "RescaleType")
    ]
    kind = Dataset()
    kind.FrameType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    shared.CTImageFrameTypeSequence = [kind]
    for place, index in enumerate(order):
        group, content, position = Dataset(), Dataset(), Dataset()
        content.StackID, content.InStackPositionNumber = "1", index + 1
        content.DimensionIndexValues = [1, place + 1]
        content.FrameAcquisitionDateTime = "20200304101213"
        position.ImagePositionPatient = [
            round(float(value), 6) for value in grid.to_world((0, 0, index))
        ]
        group.FrameContentSequence, group.PlanePositionSequence = [content], [position]
        frames.append(group)
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = frames
    del dataset.ImagePositionPatient
    stored = (array[order].astype(np.int32) + 1024).astype("<u2")
    dataset.PixelData = stored.tobytes()
    if edit:
        edit(dataset)
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def _take(dataset: Dataset, *names: str) -> Dataset:
    """Move attributes out of a dataset into one of their own."""
    moved = Dataset()
    for name in names:
        setattr(moved, name, dataset[name].value)
        delattr(dataset, name)
    return moved


def read_slice(path: Path) -> Dataset:
    return pydicom.dcmread(path)


_OF_THE_SERIES = {
    "SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID",
    "SeriesInstanceUID", "FrameOfReferenceUID", "Modality", "SeriesNumber", "InstanceNumber",
    "PatientIdentityRemoved",
}  # fmt: skip


def fill_modules(dataset: Dataset) -> dict[str, bytes]:
    """Give a CT slice every attribute of its patient, study, trial, series, equipment and SOP
    modules, those in sequences too; returns what stands in each, no value twice."""
    from highdicom._standard_utils import get_iod_module_map, get_module_attribute_map

    modules = [
        module["key"]
        for module in get_iod_module_map()["ct-image"]
        if module["ie"] != "Image" or module["key"] == "sop-common"
    ]
    values: dict[str, bytes] = {}
    for module in modules:
        for entry in get_module_attribute_map()[module]:
            name, path = entry["keyword"], entry["path"]
            if name in keyword_dict and not {name, *path} & _OF_THE_SERIES:
                value = _secret(dictionary_VR(name), len(values))
                if value:
                    setattr(_item(dataset, path), name, value)
                    values["/".join([*path, name])] = value.encode()
    return values


def _item(dataset: Dataset, path: list[str]) -> Dataset:
    """The one item at the end of a path of sequences, made if needed."""
    for name in path:
        if not dataset.get(name):
            setattr(dataset, name, [Dataset()])
        dataset = dataset[name].value[0]
    return dataset


def _secret(representation: str, number: int) -> str | None:
    """A value that stands nowhere else; None for numbers in binary form and sequences."""
    day = (dt.date(1801, 1, 1) + dt.timedelta(number)).strftime("%Y%m%d")
    texts = {
        "PN": f"SEC{number:05}^RET", "LO": f"SECRET{number:05}", "SH": f"SECRET{number:05}",
        "LT": f"SECRET{number:05}", "ST": f"SECRET{number:05}", "UT": f"SECRET{number:05}",
        "UC": f"SECRET{number:05}", "CS": f"SECRET{number:05}", "AE": f"SECRET{number:05}",
        "DA": day, "DT": f"{day}070809", "TM": f"070809.{number:06}", "AS": f"{number % 1000:03}Y",
        "DS": f"{number:05}.4711", "IS": f"4711{number:05}",
        "UI": generate_uid(entropy_srcs=["secret", str(number)]),
    }  # fmt: skip
    return texts.get(representation)
