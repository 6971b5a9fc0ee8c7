"""How the stored values of a CT become Hounsfield units, by what its headers say."""

from collections.abc import Sequence
from dataclasses import dataclass

from densesharp.errors import ImageError
from densesharp.image.volume import Notice
from densesharp.io.dicom_files import Slice

_HU_NAMES = {"HOUNSFIELD", "HOUNSFIELD UNIT", "HOUNSFIELD UNITS", "H.U."}
_UNSPECIFIED = {"US", "UNSPECIFIED"}
"""Rescale Type US says that the unit is not specified; ITK, SimpleITK and GDCM write it."""


@dataclass(frozen=True)
class Rescale:
    """From stored values to HU.

    Attributes:
        slope: HU per step.
        intercept: HU of 0.
    """

    slope: float
    intercept: float

    def hu(self, stored: float) -> float:
        """HU of a stored value."""
        return stored * self.slope + self.intercept

    @property
    def is_whole(self) -> bool:
        """Whether whole numbers stay whole."""
        return self.slope == int(self.slope) and self.intercept == int(self.intercept)


def check_values(slices: Sequence[Slice]) -> None:
    """Refuse images that are no plain HU images, all with the same rescale.

    Raises:
        ImageError: colour, several frames, no rescale to HU, a mixed one, contradicting bits.
    """
    for entry in slices:
        _check_plain(entry)
        _check_bits(entry)
    if len({rescale_of(entry) for entry in slices}) > 1:
        raise ImageError(
            "The slices have different rescale slopes or intercepts (mixed rescale): the series "
            "was put together from several; export one reconstruction again."
        )


def _check_plain(entry: Slice) -> None:
    samples, kind = entry.get("SamplesPerPixel"), entry.text("PhotometricInterpretation")
    if samples not in (None, 1) or kind not in ("MONOCHROME2", ""):
        message = "The images are in color or inverted: they are no CT slices in Hounsfield units."
        raise ImageError(message)
    if not kind:
        raise ImageError(
            f"'{entry.path.name}' does not say what its pixels are (Photometric Interpretation): "
            "export the series again."
        )
    if entry.get("NumberOfFrames") not in (None, 1):
        raise ImageError(
            f"'{entry.path.name}' holds several frames but is no enhanced CT, so it does not say "
            "where each lies: export single slices or an enhanced CT."
        )


def _check_bits(entry: Slice) -> None:
    stored, high = entry.numbers("BitsStored", 1), entry.numbers("HighBit", 1)
    if stored and high and high[0] != stored[0] - 1:
        raise ImageError(
            f"'{entry.path.name}' contradicts itself on where a value's bits lie (High Bit "
            f"{high[0]:.0f}, Bits Stored {stored[0]:.0f}): export the series again."
        )


def rescale_of(entry: Slice) -> Rescale:
    """Slope and intercept to HU.

    Raises:
        ImageError: there is none, or it leads to another unit.
    """
    slope, intercept = entry.numbers("RescaleSlope", 1), entry.numbers("RescaleIntercept", 1)
    if slope is None or intercept is None or slope[0] == 0:
        message = "The series does not say how its values become Hounsfield units (rescale)."
        raise ImageError(message)
    unit = _unit(entry)
    if unit not in {"", "HU"} | _HU_NAMES | _UNSPECIFIED:
        raise ImageError(
            f"The values of the series are no Hounsfield units (HU) but '{unit[:16]}' "
            "(Rescale Type): choose the CT itself."
        )
    return Rescale(slope[0], intercept[0])


def _unit(entry: Slice) -> str:
    return "".join(c for c in entry.text("RescaleType").upper() if c.isprintable())


def value_notices(slices: Sequence[Slice]) -> tuple[Notice, ...]:
    """What speaks for values that are not quite, or not surely, HU."""
    notices: tuple[Notice, ...] = ()
    units = {_unit(entry) for entry in slices}
    if units & _UNSPECIFIED:
        message = (
            "The CT does not say that its values are Hounsfield units (Rescale Type US, "
            "unspecified): they are taken as such; check that air is about -1000."
        )
        notices += (Notice("unit_unspecified", message, "caution"),)
    elif units & _HU_NAMES:
        message = f"The CT calls its unit '{min(units & _HU_NAMES)}', which is taken as HU."
        notices += (Notice("unit_name", message, "info"),)
    if any(entry.lossy for entry in slices):
        message = (
            "The CT was compressed with loss: edges and densities are not quite those of the "
            "scanner, so measurements and class are less reliable."
        )
        notices += (Notice("lossy_compression", message, "caution"),)
    return notices


def stored_range(entry: Slice) -> tuple[int, int] | None:
    """The smallest and largest stored value of an image that declares fewer bits than 16."""
    bits = entry.numbers("BitsStored", 1)
    if bits is None or not 1 <= bits[0] < 16:
        return None
    count = int(bits[0])
    if entry.get("PixelRepresentation") == 1:
        return -(2 ** (count - 1)), 2 ** (count - 1) - 1
    return 0, 2**count - 1


def padding_range(entry: Slice) -> tuple[float, float] | None:
    """The stored values that an image declares to stand for no measurement."""
    first = entry.numbers("PixelPaddingValue", 1)
    if first is None:
        return None
    last = entry.numbers("PixelPaddingRangeLimit", 1) or first
    # Written as unsigned by some, whatever the pixels are.
    signed = entry.get("PixelRepresentation") == 1
    ends = [v - 65536 if signed and v > 32767 else v for v in (first[0], last[0])]
    return min(ends), max(ends)
