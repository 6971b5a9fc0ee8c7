"""Which files belong to the CT that is open."""

from dataclasses import dataclass, field
from pathlib import Path

from .ct_files import CtFiles


@dataclass
class OpenFiles:
    """Where the open CT came from, and where its results go.

    Attributes:
        base: folder for results; each CT gets a folder of its own in it, named after the case.
        results: folder for the files of the open CT.
        told: `base` was asked for, so that a saved scene too is saved there.
        source: the files that it was read from.
        dicom: its DICOM files, or their folder; empty for other formats.
        scene_dicom: the DICOM folder that a saved scene's CT was read from, where it is told.
        reported: whether the report that lies in the results folder is on this CT.
    """

    base: Path
    results: Path
    source: CtFiles = field(default_factory=CtFiles)
    dicom: Path | tuple[Path, ...] = ()
    scene_dicom: Path | None = None
    reported: bool = False
    told: bool = False
