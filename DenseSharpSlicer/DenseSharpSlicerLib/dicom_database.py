"""Slicer's DICOM database, where there is one: a Slicer may be built without DICOM."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer

from densesharp_scene.bending import SOURCE


def open_database() -> Any | None:
    """The database; None without DICOM support, or when none is open."""
    database = slicer.app.dicomDatabase() if hasattr(slicer.app, "dicomDatabase") else None
    return database if database is not None and database.isOpen else None


def files_of(volume_node: Any) -> list[Path]:
    """The files a CT was loaded from, as the database knows them; all or none."""
    database, loaded = open_database(), volume_node.GetNodeReference(SOURCE) or volume_node
    uids = (loaded.GetAttribute("DICOM.instanceUIDs") or "").split()
    if database is None:
        return []
    paths = [database.fileForInstance(uid) for uid in uids]
    return [Path(path) for path in paths] if all(paths) else []


def import_folder(folder: Path) -> bool:
    """Take a folder's DICOM objects into the database; False where there is none."""
    if open_database() is None:
        return False
    from DICOMLib import DICOMUtils

    return bool(DICOMUtils.importDicom(str(folder)))
