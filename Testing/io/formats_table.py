"""The table of docs/reference/files-read.md: every row is a file that is made and read here.

python Testing/io/formats_table.py --write
"""

import base64
import io
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
    generate_uid,
)

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from densesharp.errors import DenseSharpError
from densesharp.io import read_volume
from densesharp.stats.formatting import markdown_table
from dicom_phantom import (
    axial,
    compressed,
    in_syntax,
    phantom,
    set_syntax,
    setting,
    write_enhanced,
    write_series,
)
from io_headers import affine, meta, nifti, nrrd

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "files-read.md"
BEGIN, END = "<!-- made by Testing/io/formats_table.py -->", "<!-- end of the table -->"
Row = tuple[str, Callable[[Path], object]]
OTHER_PLACE = ((-1, -1, 1), (90.5, 120.25, 60.0))

HTJ2K = (
    "/0//UQApQAAAAAAQAAAAEAAAAAAAAAAAAAAAEAAAABAAAAAAAAAAAAABDwEB/1AACAACAAAACv9SAAwAAgABAAUE"
    "BEAB/1wAEyCIkJCQkJCQkJCQkJCQiIiI/2QAFwABT3BlbkpQSCBWZXIgMC4yNi4zLv+QAAoAAAAAAWAAAf+TwAAm"
    "H/4FB3QAAMAAE0AAEsAAEwAA/gIHdACOAYd0AL7+Aod0AMAAFTAABUwAAVTS3CxZjQCjlACisPlapACjlABkIauq"
    "vPQAw5QAwAAWxAABa0AAFrCWCtoFN7DxaQC3itsp9ir8AEgsQAAwWADCyiA4IOACAAQAIPYBFgDgAaGImXYACTYt"
    "gC+GEXQtFKJOAXT9DNVCEDOXAMAALu4AAXdwAAu3jgCQ8907znkCAQSc6Q5igACB9GUAAACQ4HycAQUADCAOYiAA"
    "gjAI4kCGYBtDUciNHGs2MVZ2PYoxsQGYk3KpgbpFWOcAQgF4AQ5gBIqirZqTQKECuQUQIqgTBBHtLWdCRwNWv5qA"
    "gArhDwvFAIOIeJ9SXum1AaD5CpnSpBJqZipEAUByAoVM1doEAAWC3wSltT5Bs1QTKdUA++ulYgi2HAPlYYbyQA0W"
    "sl1jNQH/2QA="
)
"""A slice of 16 x 16 in High-Throughput JPEG 2000, lossless, by OpenJPH."""

JPEG_12 = (
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAIBAQEBAQIBAQECAgICAgQDAgICAgUEBAMEBgUGBgYFBgYGBwkIBgcJ"
    "BwYGCAsICQoKCgoKBggLDAsKDAkKCgr/wQALDAAQABABAREA/8QAFwAAAwEAAAAAAAAAAAAAAAAABwgJDf/EACYQ"
    "AAAEBgEEAwEAAAAAAAAAAAMEBQYBAgcICQoTCxQVFxIYJCX/2gAIAQEAAD8AxBfSr1G8j+9psz206qeIittEacXD"
    "XTReXr143GuRYSGWnQbTNXHef8gbRUpVPA8ie3jgQPASGhOZFAlniGHNOKG0vUV+nUZr+mT5saXYGs890VrNWav1"
    "btYRK9txyWiPZxrzbLNpUcjkbpcoZMOFvoZmQ/KbayiJOFIVnAgCMWmgNPPOIGFOzXI2N8zWpRmZo3sF6+943oG7"
    "y3+ZwwpHV6FPW86/AxXG6pNpV/luRPUUw1EdIWFIr+koNEPuOUPjFDDEkN23Hup7NG9tkgZOXTaoyW/am4WndEE2"
    "kLMqB6bZjH8ezCCusrRRLgQZ6OlERuNQcKsN3AgE5mbu/hONEMIGQP8A/9k="
)
"""The same in JPEG of 12 bits, by libjpeg-turbo."""


def series(**values: object) -> Callable[[Path], object]:
    """A CT whose slices all have these attributes; None deletes one."""
    return lambda folder: write_series(folder, phantom(), axial(), edit=setting(**values))


def stored(syntax: str, pack: Callable[[np.ndarray], bytes] | None = None, **values: object):
    """A CT in a transfer syntax; `pack` compresses the stored values of a slice (rows, columns)."""

    def edit(dataset, _index):
        if pack:
            array = np.frombuffer(dataset.PixelData, "<u2").reshape(dataset.Rows, dataset.Columns)
            frame = pack(array)
            dataset.PixelData = encapsulate([frame + b"\0" * (len(frame) % 2)])
            dataset["PixelData"].is_undefined_length = True
            dataset["PixelData"].VR = "OB"
            dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless  # any with fragments
        for name, value in values.items():
            setattr(dataset, name, value)
        return dataset

    def make(folder):
        size = (16, 16, 12)
        for path in write_series(folder, phantom(size), axial(size), edit=edit):
            set_syntax(path, syntax)

    return make


def packed(syntax: str) -> Callable[[Path], object]:
    """A CT that pydicom compresses."""
    return lambda folder: write_series(folder, phantom(), axial(), edit=compressed(syntax))


def written_as(syntax: str) -> Callable[[Path], object]:
    """An uncompressed CT in another syntax, as pydicom writes it."""
    return lambda folder: write_series(folder, phantom(), axial(), edit=in_syntax(syntax))


def by_gdcm(compressor: str, array: np.ndarray) -> bytes:
    """A frame that GDCM compresses."""
    from pydicom import dcmread
    from pydicom.encaps import generate_frames

    writer = sitk.ImageFileWriter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.dcm"
        writer.SetFileName(str(path))
        writer.UseCompressionOn()
        writer.SetCompressor(compressor)
        writer.Execute(sitk.GetImageFromArray(array[np.newaxis]))
        return next(generate_frames(dcmread(path).PixelData, number_of_frames=1))


def j2k(array: np.ndarray) -> bytes:
    return by_gdcm("JPEG2000", array)


def lossless_jpeg(array: np.ndarray) -> bytes:
    return by_gdcm("JPEG", array)


def htj2k(_array: np.ndarray) -> bytes:
    return base64.b64decode(HTJ2K)


def jpeg_8(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray((array // 8).clip(0, 255).astype(np.uint8)).save(stream, "JPEG", quality=95)
    return stream.getvalue()


def changed(change: Callable[[list[Path]], object], **values: object) -> Callable[[Path], object]:
    """A CT of whose files something is changed afterwards."""
    return lambda folder: change(series(**values)(folder))


def without_preamble(paths: list[Path]) -> None:
    for path in paths:
        path.write_bytes(path.read_bytes()[132:])


def without_meta(paths: list[Path]) -> None:
    for path in paths:
        raw = path.read_bytes()
        path.write_bytes(raw[raw.index(b"\x08\x00\x05\x00") :])


def empty_end(paths: list[Path]) -> None:
    for path in paths[-2:]:
        path.write_bytes(b"")


def cut_end(paths: list[Path]) -> None:
    for path in paths[-2:]:
        path.write_bytes(path.read_bytes()[:-100])


def stray_end(paths: list[Path]) -> None:
    paths[-1].write_bytes(paths[-1].read_bytes() + bytes(3))


def text_beside(paths: list[Path]) -> None:
    (paths[0].parent / "notes.txt").write_text("nothing")


def two_acquisitions(folder: Path) -> None:
    series()(folder)

    def edit(dataset, index):
        dataset.AcquisitionNumber = 2
        dataset.SOPInstanceUID = generate_uid(entropy_srcs=[dataset.SOPInstanceUID])
        return dataset

    write_series(folder, phantom(), axial(), edit=edit, name="B{:03}.dcm".format)


def padded(folder: Path) -> None:
    def edit(dataset, _index):
        values = np.frombuffer(dataset.PixelData, "<i2").reshape(20, 24).copy()
        values[:, 20:] = -32768
        dataset.PixelData, dataset.PixelRepresentation = values.tobytes(), 1
        dataset.add_new(0x00280120, "SS", -32768)
        return dataset

    write_series(folder, phantom(), axial(), edit=edit)


J = "1.2.840.10008.1.2.4."
EIGHT_BITS = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "RescaleSlope": 8}
DICOM: list[Row] = [
    ("Implicit VR Little Endian", written_as(ImplicitVRLittleEndian)),
    ("Explicit VR Little Endian", series()),
    ("Explicit VR Big Endian", written_as(ExplicitVRBigEndian)),
    ("Deflated Explicit VR Little Endian", written_as(DeflatedExplicitVRLittleEndian)),
    ("RLE Lossless", packed(RLELossless)),
    ("JPEG Baseline (.50)", stored(f"{J}50", jpeg_8, **EIGHT_BITS)),
    (
        "JPEG Extended, 12 bits (.51)",
        stored(f"{J}51", lambda _: base64.b64decode(JPEG_12), BitsStored=12, HighBit=11),
    ),
    ("JPEG Lossless (.57)", stored(f"{J}57", lossless_jpeg)),
    ("JPEG Lossless SV1 (.70)", stored(f"{J}70", lossless_jpeg)),
    ("JPEG-LS Lossless (.80)", packed(JPEGLSLossless)),
    ("JPEG-LS Near-Lossless (.81)", packed(JPEGLSNearLossless)),
    ("JPEG 2000 Lossless (.90)", stored(f"{J}90", j2k)),
    ("JPEG 2000 (.91)", stored(f"{J}91", j2k)),
    ("JPEG 2000 Multi-component Lossless (.92)", stored(f"{J}92", j2k)),
    ("JPEG 2000 Multi-component (.93)", stored(f"{J}93", j2k)),
    ("High-Throughput JPEG 2000 Lossless (.201)", stored(f"{J}201", htj2k)),
    ("High-Throughput JPEG 2000 RPCL (.202)", stored(f"{J}202", htj2k)),
    ("High-Throughput JPEG 2000 (.203)", stored(f"{J}203", htj2k)),
    ("JPIP (.94)", stored(f"{J}94")),
    ("MPEG-4 (.102)", stored(f"{J}102")),
    ("JPEG XL (.110, .111, .112)", stored(f"{J}110")),
    ("a private syntax", stored("1.2.3.4")),
]

HEADERS: list[Row] = [
    (
        "enhanced CT, several frames in one file",
        lambda f: write_enhanced(f / "ct.dcm", phantom(), axial()),
    ),
    ("no preamble", changed(without_preamble)),
    ("no preamble and no meta header", changed(without_meta)),
    (
        "SOP class and instance in the meta header only",
        series(SOPClassUID=None, SOPInstanceUID=None),
    ),
    ("no modality", series(Modality=None)),
    ("Rescale Type `HU`, `hu`, empty or missing", series(RescaleType="hu")),
    ("Rescale Type `HOUNSFIELD`", series(RescaleType="HOUNSFIELD")),
    ("Rescale Type `US` (unspecified)", series(RescaleType="US")),
    ("Rescale Type of another unit", series(RescaleType="MGML")),
    ("no rescale", series(RescaleSlope=None)),
    ("compressed with loss", series(LossyImageCompression="01")),
    ("padding beyond 16 bits", padded),
    ("Bits Stored and High Bit contradict", series(BitsStored=12, HighBit=15)),
    ("inverted (MONOCHROME1)", series(PhotometricInterpretation="MONOCHROME1")),
    ("contrast agent", series(ContrastBolusAgent="agent")),
    ("other files beside the CT", changed(text_beside)),
    ("empty files at the end of the stack", changed(empty_end)),
    ("cut-off slices", changed(cut_end)),
    ("stray bytes behind the pixels, or other faults beside them", changed(stray_end)),
    ("two acquisitions in one series", two_acquisitions),
]


def one(make: Callable[..., object], name: str, **values: object) -> Callable[[Path], object]:
    """A single file."""
    return lambda folder: make(folder / name, **values)


FILES: list[Row] = [
    ("NIfTI-1, NIfTI-2, `.nii.gz`, `.hdr` with `.img`", one(nifti, "ct.nii.gz", two=True)),
    ("NIfTI: qform and sform agree", one(nifti, "ct.nii", codes=(1, 1))),
    ("NIfTI: qform and sform at two places", one(nifti, "ct.nii", codes=(1, 2), qform=OTHER_PLACE)),
    (
        "NIfTI: qform and sform turned or flipped",
        one(nifti, "ct.nii", codes=(1, 2), qform=((1, -1, 1), (90.5, 120.25, 30.0))),
    ),
    (
        "NIfTI: sform and pixdim of two sizes",
        one(nifti, "ct.nii", sform=affine((0.7, 0.8, 2))),
    ),
    ("NIfTI: no form", one(nifti, "ct.nii", codes=(0, 0))),
    ("NIfTI: slope 0 with an intercept, or NaN", one(nifti, "ct.nii", slope=0.0, intercept=-24.0)),
    ("NIfTI: a finite slope, no intercept", one(nifti, "ct.nii", intercept=np.nan)),
    ("NIfTI: metres or micrometres", one(nifti, "ct.nii", units=1)),
    ("NIfTI: no pixdim", one(nifti, "ct.nii", pixdim=(0.7, np.nan, 1.25))),
    ("NRRD, raw or gzip", one(nrrd, "ct.nrrd", encoding="gzip")),
    (
        "NRRD: an axis without a direction (`none`, NaN)",
        one(nrrd, "ct.nrrd", space_directions="(0.7,0,0) (0,0.8,0) none"),
    ),
    ("NRRD: directions and spacings of two sizes", one(nrrd, "ct.nrrd", spacings="1 1 1")),
    (
        "NRRD: spacings only",
        one(nrrd, "ct.nrrd", spacings="0.7 0.8 1.25", space_directions=None),
    ),
    ("NRRD: another unit", one(nrrd, "ct.nrrd", space_units='"cm" "cm" "cm"')),
    ("NRRD: bzip2, text, hex", one(nrrd, "ct.nrrd", encoding="bzip2")),
    ("NRRD: voxels in another file", one(nrrd, "ct.nhdr", data_file="ct.raw")),
    ("MetaImage", one(meta, "ct.mha")),
    (
        "MetaImage: ElementSize only",
        one(meta, "ct.mha", ElementSpacing=None, ElementSize="0.7 0.8 1.25"),
    ),
    (
        "MetaImage: ElementSize and ElementSpacing differ",
        one(meta, "ct.mha", ElementSize="0.7 0.8 5"),
    ),
    ("MetaImage: no spacing, or 0, or NaN", one(meta, "ct.mha", ElementSpacing=None)),
    ("MetaImage: no matrix", one(meta, "ct.mha", TransformMatrix=None)),
    ("NRRD, MetaImage: a field given twice", one(meta, "ct.mha", Position="0 0 0")),
    (
        "MetaImage: axes by name and by matrix differ",
        one(meta, "ct.mha", AnatomicalOrientation="LPI"),
    ),
    ("MetaImage: another unit", one(meta, "ct.mha", DistanceUnits="cm")),
    ("MetaImage: another modality", one(meta, "ct.mha", Modality="MET_MOD_MR")),
    ("values 0..1 or -1..1", one(nifti, "ct.nii", slope=0.001)),
    ("values without the offset (0..4095)", one(nifti, "ct.nii", intercept=1024.0)),
    ("values with the offset taken twice", one(nifti, "ct.nii", intercept=-1024.0)),
    (
        "values of another modality (most above 500)",
        one(nifti, "ct.nii", slope=10.0, intercept=8000.0),
    ),
]

SECTIONS = {
    "DICOM, by transfer syntax": DICOM,
    "DICOM, by header and folder": HEADERS,
    "NIfTI, NRRD and MetaImage": FILES,
}


def answer(make: Callable[[Path], object]) -> str:
    """What reading such a file gives, in words."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "ct"
        folder.mkdir()
        make(folder)
        files = list(folder.iterdir())
        single = len(files) == 1 and files[0].suffix != ".dcm"
        try:
            volume = read_volume(files[0] if single else folder)
        except DenseSharpError as error:
            return f"refused: {str(error).splitlines()[0]}"
    told = [f"{n.severity} `{n.code}`" for n in volume.notices]
    return "; ".join(["read", *told])


def lines() -> Iterator[str]:
    """The table in Markdown."""
    yield BEGIN
    for title, rows in SECTIONS.items():
        yield f"\n## {title}\n"
        yield from markdown_table(["file", "answer"], [(what, answer(make)) for what, make in rows])
    yield ""
    yield END


def with_table(page: str) -> str:
    """A page with the table as it is now."""
    start, stop = page.index(BEGIN), page.index(END) + len(END)
    return page[:start] + "\n".join(lines()) + page[stop:]


if __name__ == "__main__":
    text = with_table(PAGE.read_text(encoding="utf-8"))
    if "--write" in sys.argv:
        PAGE.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
