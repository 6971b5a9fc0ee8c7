"""One case of a worklist, wherever it comes from."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from densesharp.image.volume import Volume
from densesharp.io import SeriesChoice, SeriesChoiceError, read_volume
from densesharp.progress import Progress


class Archive(Protocol):
    """Keeps DICOM objects."""

    @property
    def host(self) -> str:
        """Its name."""

    def store(self, files: Sequence[Path], progress: Progress) -> None:
        """Send DICOM files to it (see `DicomWeb.store`)."""


@dataclass(frozen=True)
class LoadedCase:
    """A case that was read.

    Attributes:
        volume: its CT.
        path: the file or folder that was read.
    """

    volume: Volume
    path: Path


@dataclass(frozen=True)
class ListedCase(ABC):
    """A case as the list shows it; nothing of it is read before it is opened.

    Attributes:
        id: names the folder of its results, on every system.
        name: what a reader calls it.
        when: date of the study; empty where only the files know.
    """

    id: str
    name: str
    when: str

    @abstractmethod
    def load(self, scratch: Path, progress: Progress) -> LoadedCase:
        """Its CT, and where its files lie.

        Args:
            scratch: an existing folder of this case's own for what has to be fetched.
            progress: told what goes on; may cancel.

        Raises:
            ImageError: it cannot be read, or fetched.
            OutputError: what is fetched cannot be written.
        """

    def earlier(self) -> "ListedCase | None":
        """An earlier CT of the same patient to compare with; None where the list names none."""
        return None

    def archive(self) -> Archive | None:
        """Where its results can be sent; None where it came from no server."""
        return None


@dataclass(frozen=True)
class StoredCase(ListedCase):
    """A case whose files lie here.

    Attributes:
        image: the CT's file, or the folder of its DICOM files.
        series: which of several; None takes the one with the thinnest slices.
        prior: file or folder of an earlier CT.
    """

    image: Path
    series: str | None = None
    prior: Path | None = None

    def earlier(self) -> ListedCase | None:
        """The earlier CT that the list names."""
        if self.prior is None:
            return None
        return StoredCase(f"{self.id}-earlier", f"{self.name}, earlier CT", "", self.prior)

    def load(self, scratch: Path, progress: Progress) -> LoadedCase:  # noqa: ARG002
        """See `ListedCase.load`: read where it lies."""
        return LoadedCase(read_preferred(self.image, self.series, progress), self.image)


def read_preferred(path: Path, series: str | None, progress: Progress) -> Volume:
    """The CT; of several series, where none is named, the one with the thinnest slices.

    Args:
        path: file or folder.
        series: UID of the series; None where any may be taken.
        progress: told what is read; may cancel.
    """
    try:
        return read_volume(path, series, progress)
    except SeriesChoiceError as several:
        if series is not None:
            raise
        return read_volume(path, preferred(several.choices).uid, progress)


def preferred(choices: Sequence[SeriesChoice]) -> SeriesChoice:
    """The series in which a small nodule is measured best: thinnest slices, then most of them."""

    def order(choice: SeriesChoice) -> tuple[float, int, int]:
        number = choice.number if choice.number is not None else 10**9
        return (choice.thickness_mm or float("inf"), -choice.slices, number)

    return min(choices, key=order)


def unique_ids(names: Sequence[str], clean: Callable[[str], str]) -> list[str]:
    """A folder name for each name: `clean` of it, with `-2`, `-3` ... where two would be the same.

    Windows and macOS take `a` and `A` for the same folder.
    """
    taken: set[str] = set()
    ids = []
    for name in names:
        base = folder = clean(name)
        number = 1
        while folder.lower() in taken:
            number += 1
            folder = f"{base}-{number}"
        taken.add(folder.lower())
        ids.append(folder)
    return ids
