"""Which DICOM series lie in a folder: headers only, grouped, counted, and one of them chosen.

Whatever is no slice of the chosen CT is left out and told; what may have been one, as a caution.
"""

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from densesharp.errors import GeometryError, ImageError
from densesharp.image.volume import Notice
from densesharp.io.acquisitions import split_acquisitions
from densesharp.io.dicom_files import CT_IMAGE, LeftOut, Slice, may_be_ct, read_dicom_file
from densesharp.io.enhanced import ENHANCED_CT
from densesharp.io.image_files import is_volume_file
from densesharp.io.series_choice import (
    SeriesChoice,
    SeriesChoiceError,
    day_words,
    kernel_words,
    time_words,
)
from densesharp.progress import Progress, silent

_NAMED = 3
"""How many of the files at fault a sentence names."""


@dataclass(frozen=True)
class FoundSeries:
    """The images of one CT series, and what lay beside them.

    Attributes:
        slices: in no particular order.
        notices: what was left out.
        doubt: the sentence on files that may have been slices, empty where there are none.
    """

    slices: list[Slice]
    notices: tuple[Notice, ...]
    doubt: str


def find_slices(
    source: Path | Sequence[Path], series: str | None, progress: Progress = silent
) -> FoundSeries:
    """The images of the one CT series at `source`.

    Args:
        source: folder, one file of the series, or all its files.
        series: key or UID of the series, where there are several.
        progress: told while headers are read; may cancel.

    Raises:
        SeriesChoiceError: several series, or none with this key.
        ImageError: no CT, or one whose files are damaged.
    """
    own, closed = None, list[LeftOut]()
    if not isinstance(source, Path):
        files, source = list(source), Path("the files")
    elif source.is_file():
        own = _one_image(source)
        files = [path for path in source.parent.iterdir() if not path.is_dir()]
    else:
        files, closed = _files_below(source)
    slices, left = _read_all(files, progress)
    left += closed
    if own is not None:
        slices += _in_neighboring_folders(own, slices)
    groups = _ct_series(slices, left, source)
    if own is not None and series is None:
        series = next((key for key, group in groups.items() if _holds(group, own)), None)
    chosen = _choose(groups, series)
    _refuse_faults(chosen)
    return _told(chosen, slices, left)


def _holds(group: Sequence[Slice], own: Slice) -> bool:
    return any(entry.path == own.path for entry in group)


def _one_image(path: Path) -> Slice:
    """The one file that was chosen; says at once what is wrong with it."""
    read = read_dicom_file(path)
    if isinstance(read, LeftOut) and read.reason == "no DICOM":
        raise ImageError(
            f"'{path.name}' is neither NRRD, NIfTI, MetaImage nor DICOM: "
            "open a CT in one of these formats."
        )
    if isinstance(read, LeftOut):
        raise ImageError(f"The DICOM file '{path.name}' is {read.reason}: copy or export it again.")
    if not read or not may_be_ct(read[0]):
        raise _not_ct(path.name, read, [])
    return read[0]


def _read_all(
    files: Sequence[Path], progress: Progress = silent
) -> tuple[list[Slice], list[LeftOut]]:
    """The images among files, and what the others are."""
    slices: list[Slice] = []
    left: list[LeftOut] = []
    for number, path in enumerate(sorted(files)):
        if number % 50 == 0:
            progress(number / len(files), f"Looking at file {number + 1} of {len(files)}")
        read = read_dicom_file(path)
        if isinstance(read, LeftOut):
            left.append(read)
        else:
            slices += read
    return slices, left


def _in_neighboring_folders(own: Slice, slices: Sequence[Slice]) -> list[Slice]:
    """The rest of a series that is spread over folders side by side; a copy of it is none."""
    uid, rest = own.text("SeriesInstanceUID"), []
    known = {mark for entry in slices for mark in _marks(entry)}
    for folder in _folders(own.path.parent.parent):
        inside = sorted(_inside(folder)) if folder != own.path.parent else []
        first = read_dicom_file(inside[0]) if inside else []
        if not isinstance(first, list) or not first or first[0].text("SeriesInstanceUID") != uid:
            continue
        found, _ = _read_all(inside)
        marks = {mark for entry in found for mark in _marks(entry)}
        if known.isdisjoint(marks):
            rest += found
            known |= marks
    return rest


def _marks(entry: Slice) -> tuple[object, object]:
    """What no two slices of one CT share: instance and place."""
    return entry.text("SOPInstanceUID"), entry.numbers("ImagePositionPatient", 3)


def _folders(parent: Path) -> list[Path]:
    try:
        return [entry for entry in parent.iterdir() if entry.is_dir() and not entry.is_symlink()]
    except OSError:
        return []


def _inside(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_file()]
    except OSError:
        return []


def _files_below(folder: Path) -> tuple[list[Path], list[LeftOut]]:
    """All files in a folder and its sub-folders, and the folders that cannot be opened.

    Links to folders are not followed.
    """
    closed: list[LeftOut] = []

    def leave_out(error: OSError) -> None:
        path = Path(error.filename or folder)
        if path == folder:
            raise ImageError(
                f"The folder '{path.name}' cannot be read ({error.strerror}): check your rights."
            ) from error
        closed.append(LeftOut(path, f"a folder that cannot be opened ({error.strerror})", True))

    found = [
        Path(parent) / name
        for parent, _, names in os.walk(folder, onerror=leave_out)
        for name in names
        if not name.startswith(".") and name.upper() != "DICOMDIR"
    ]
    return found, closed


def _ct_series(
    slices: Sequence[Slice], left: Sequence[LeftOut], source: Path
) -> dict[str, list[Slice]]:
    """CT images without localizers, by series and, where several are in one, by acquisition."""
    series: dict[str, list[Slice]] = {}
    for entry in slices:
        if _is_ct(entry):
            series.setdefault(entry.text("SeriesInstanceUID"), []).append(entry)
    if not series:
        if any(entry.text("Modality").upper() == "CT" for entry in slices):
            raise GeometryError(
                f"'{source.name}' holds only localizer or derived pictures of a CT: "
                "choose the axial slices."
            )
        raise _not_ct(source.resolve().name, slices, left)
    # A single picture is no CT, so beside one there is nothing to ask.
    stacks = {uid: group for uid, group in series.items() if len(group) > 1} or series
    return {
        " ".join(filter(None, (uid, name))): part
        for uid, group in stacks.items()
        for name, part in split_acquisitions(group).items()
    }


_NO_SLICES = {"LOCALIZER", "MIP", "MAX_IP", "MINIP", "MIN_IP", "SSD", "VRT", "VOLREN"}
"""Words of an image type whose voxels are not the densities at their place."""


def _is_ct(entry: Slice) -> bool:
    parts = [str(part).upper() for part in entry.get("ImageType") or ()]
    says_so = entry.text("Modality").upper() == "CT" or entry.get("SOPClassUID") in (
        CT_IMAGE,
        *ENHANCED_CT,
    )
    return says_so and may_be_ct(entry) and not _NO_SLICES & set(" ".join(parts).split())


def _choose(groups: dict[str, list[Slice]], asked: str | None) -> list[Slice]:
    """The series that was asked for, or the only one."""
    choices = _choices(groups)
    if asked is None:
        if len(choices) == 1:
            return groups[choices[0].uid]
        message = f"There are {len(choices)} CT series: say which one (--series KEY)."
        raise SeriesChoiceError(message, choices)
    for choice in choices:
        if asked in (choice.key, choice.uid):
            return groups[choice.uid]
    parts = [choice for choice in choices if choice.uid.split(" ")[0] == asked]
    if parts:
        message = f"This series holds {len(parts)} acquisitions: say which one (--series KEY)."
        raise SeriesChoiceError(message, parts)
    message = "There is no CT series with this key: choose one of these (--series KEY)."
    raise SeriesChoiceError(message, choices)


def _choices(groups: dict[str, list[Slice]]) -> list[SeriesChoice]:
    """The series as a list for people, by number, the same every time."""

    def number_of(key: str) -> float:
        value = groups[key][0].numbers("SeriesNumber", 1)
        return value[0] if value else float("inf")

    choices = []
    seen: Counter[str] = Counter()
    for key in sorted(groups, key=lambda key: (number_of(key), key)):
        first, number = groups[key][0], number_of(key)
        base = "none" if number == float("inf") else f"{number:.0f}"
        seen[base] += 1
        thickness = first.numbers("SliceThickness", 1)
        description = "".join(c for c in first.text("SeriesDescription") if c.isprintable())[:64]
        acquisition = key.partition(" ")[2]
        choices.append(
            SeriesChoice(
                key=base if seen[base] == 1 else f"{base}.{seen[base]}",
                number=None if base == "none" else int(number),
                description=", ".join(filter(None, (description, acquisition))),
                slices=len(groups[key]),
                thickness_mm=thickness[0] if thickness else None,
                uid=key,
                date=day_words(first.get("StudyDate") or first.get("SeriesDate")),
                time=time_words(first.get("SeriesTime") or first.get("StudyTime")),
                kernel=kernel_words(first.get("ConvolutionKernel")),
            )
        )
    return choices


def _refuse_faults(slices: Sequence[Slice]) -> None:
    """Say of a chosen series which of its files cannot be read."""
    bad = {entry.path: entry.fault for entry in slices if entry.fault}
    if not bad:
        return
    (path, fault), count = next(iter(bad.items())), len(bad)
    if fault.startswith("stored"):
        raise ImageError(
            f"The CT is {fault} ('{path.name}'): export it uncompressed, or as JPEG 2000, JPEG-LS "
            "or RLE."
        )
    others = (
        f" and {count - 1} more of its {len(slices)} slices: copy or export them"
        if count > 1
        else ""
    )
    message = f"The DICOM file '{path.name}' is {fault}{others or ': copy or export it'} again."
    raise ImageError(message)


def _told(chosen: list[Slice], slices: Sequence[Slice], left: Sequence[LeftOut]) -> FoundSeries:
    """What to say of the files beside the CT."""
    own = {entry.path for entry in chosen}
    beside = [entry for entry in slices if entry.path not in own]
    folders = {path.parent for path in own}
    doubtful = [entry for entry in left if entry.doubtful and entry.path.parent in folders]
    other = Counter(_kind(entry) for entry in beside)
    other.update(entry.reason for entry in left if entry not in doubtful)
    notices: tuple[Notice, ...] = ()
    doubt = ""
    if doubtful:
        total = len(own) + len(doubtful)
        doubt = (
            f"{len(doubtful)} of {total} files could not be read and are left out: "
            f"{_listed(doubtful)}. Where they are slices of this CT, it ends too early: copy them "
            "again."
        )
        notices += (Notice("files_left_out", doubt, "caution"),)
    if other:
        listed = ", ".join(_counted(count, kind) for kind, count in sorted(other.items()))
        message = f"Left out, as they are no slices of this CT: {listed}."
        notices += (Notice("other_files", message, "info"),)
    return FoundSeries(chosen, notices, doubt)


def _kind(entry: Slice) -> str:
    if not _is_ct(entry):
        if may_be_ct(entry):
            return "localizer"
        modality = entry.text("Modality") or "unknown"
        return f"derived {modality} picture" if modality == "CT" else modality[:16]
    return "slice of another CT series" if not entry.fault else f"{entry.fault} CT slice"


def _counted(count: int, kind: str) -> str:
    """How many files of a kind: the word that is counted takes its plural."""
    words = re.sub(r"\b(localizer|picture|slice)\b", r"\1s", kind) if count != 1 else kind
    return f"{count} {words}"


def _listed(left: Sequence[LeftOut]) -> str:
    """The first files by name and reason, and how many there are more."""
    named = ", ".join(f"'{entry.path.name}' is {entry.reason}" for entry in left[:_NAMED])
    more = len(left) - _NAMED
    return f"{named} and {more} more" if more > 0 else named


def no_dicom(name: str, volumes: Sequence[Path] = ()) -> ImageError:
    """What to say of a folder without DICOM images; `volumes` are images of other formats in it."""
    if not volumes:
        instead = ": choose the folder of the CT series, or an NRRD, NIfTI or MetaImage file."
    else:
        listed = ", ".join(f"'{path.name}'" for path in sorted(volumes)[:_NAMED])
        more = f" and {len(volumes) - _NAMED} more" if len(volumes) > _NAMED else ""
        instead = f" but {listed}{more}: give the file itself."
    return ImageError(f"'{name}' holds no DICOM image{instead}")


def _not_ct(name: str, found: Sequence[Slice], left: Sequence[LeftOut]) -> ImageError:
    doubtful = [entry for entry in left if entry.doubtful]
    if not found and doubtful:
        first, more = doubtful[0], len(doubtful) - 1
        also = f", as are {more} more files: copy or export them" if more else ": copy or export it"
        return ImageError(
            f"'{name}' holds no CT that can be read: '{first.path.name}' is {first.reason}{also} "
            "again."
        )
    if not found:
        return no_dicom(name, [entry.path for entry in left if is_volume_file(entry.path)])
    kinds = Counter(entry.text("Modality")[:16] or "unknown" for entry in found)
    listed = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    unread = f" ({len(doubtful)} more files could not be read)" if doubtful else ""
    return ImageError(
        f"'{name}' holds no CT image but {listed}{unread}: choose the folder of a chest CT."
    )
