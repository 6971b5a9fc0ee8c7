"""Opening and saving: CT files through the core's careful readers, scenes as `.mrb` bundles."""

import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

from densesharp.errors import ImageError
from densesharp.image.volume import Volume
from densesharp.report.result_files import RESULT
from densesharp_scene import ScanNodules
from densesharp_scene.geometry import add_volume_node
from densesharp_scene.record import records

SCENE_SUFFIX = ".mrb"
SCENE_NAME, DICOM_NAME = "scene.mrb", "dicom"
OWN_RESULTS = (RESULT, SCENE_NAME, DICOM_NAME)
"""What the viewer leaves in a results folder."""

SCENE_LIMIT = 8 * 2**30
"""Bytes that an opened scene may unpack to."""


def is_scene(path: Path) -> bool:
    """Whether a path names a saved scene rather than an image."""
    return path.suffix.lower() == SCENE_SUFFIX


def show_volume(slicer_app: Any, volume: Volume) -> ScanNodules:
    """Close what is open and put a CT into the scene, in the lung window.

    It is named `CT`, as files may name a patient.
    """
    close(slicer_app)
    return ScanNodules(add_volume_node(slicer_app.scene, volume, "CT"))


def open_scene(slicer_app: Any, path: Path) -> ScanNodules:
    """Close what is open and open a scene that this viewer or 3D Slicer saved.

    Raises:
        ImageError: the file is damaged, or holds no CT with DenseSharp results.
    """
    close(slicer_app)
    with tempfile.TemporaryDirectory() as folder:
        scene_file = _unpack(path, Path(folder))
        slicer_app.scene.SetURL(str(scene_file))
        slicer_app.scene.SetRootDirectory(str(scene_file.parent))
        if not slicer_app.scene.Import(None):
            raise ImageError(f"'{path.name}' cannot be opened: the scene in it is damaged.")
    stored = records(slicer_app.scene)
    volume_node = stored[0].GetNodeReference("volume") if stored else None
    if volume_node is None:
        volume_node = slicer_app.scene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")
    if volume_node is None:
        raise ImageError(f"'{path.name}' holds no CT.")
    return ScanNodules(volume_node)


def lies_beside_results(path: Path) -> bool:
    """Whether a scene lies in a folder of results, where it is saved again."""
    return (path.parent / RESULT).exists()


def free_folder(base: Path) -> Path:
    """Where the results of a CT go, never over earlier ones: `base`, or `base-2` ..."""
    folder, number = base, 1
    while any((folder / name).exists() for name in OWN_RESULTS):
        number += 1
        folder = base.with_name(f"{base.name}-{number}")
    return folder


def close(slicer_app: Any) -> None:
    """Empty the scene; views stay."""
    slicer_app.scene.Clear(False)


def _unpack(path: Path, folder: Path) -> Path:
    """Unpack a bundle and return its scene file; nothing may leave the folder."""
    try:
        with zipfile.ZipFile(path) as bundle:
            members = bundle.infolist()
            if sum(member.file_size for member in members) > SCENE_LIMIT:
                raise ImageError(f"'{path.name}' is too large to open.")
            for member in members:
                name = PurePosixPath(member.filename.replace("\\", "/"))
                if name.is_absolute() or ".." in name.parts:
                    raise ImageError(f"'{path.name}' holds paths outside itself and is not opened.")
            bundle.extractall(folder)
    except (zipfile.BadZipFile, OSError) as error:
        raise ImageError(f"'{path.name}' is no scene bundle, or it is damaged.") from error
    scene_file = next(folder.rglob("*.mrml"), None)
    if scene_file is None:
        raise ImageError(f"'{path.name}' holds no scene.")
    return scene_file
