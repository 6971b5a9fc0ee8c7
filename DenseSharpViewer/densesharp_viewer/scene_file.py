"""Saving the scene as one file (`.mrb`) without holding up the page.

What a reader made is small and is written at once, from the scene. The CT is large and never
changes: its voxels are compressed once, on whichever thread saves, and put in beside the rest.
"""

import shutil
import tempfile
import threading
import weakref
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import vtk

from densesharp.errors import OutputError
from densesharp.files import atomic_path, ensure_folder
from densesharp.image.sampling import to_sitk, write_image
from densesharp.image.volume import Volume
from densesharp_scene import ScanNodules

from .views import quiet_vtk

LEVEL = 1
"""Of zlib: a quarter of the time of its best for a tenth more bytes."""


class CtFile:
    """The compressed voxels of one CT, made when they are first asked for."""

    def __init__(self, volume: Volume) -> None:
        self._volume = volume
        self._lock = threading.Lock()
        self._file: Path | None = None

    def path(self) -> Path:
        """The file, as NRRD."""
        with self._lock:
            if self._file is None:
                file = _own_folder(self, "densesharp-ct-") / "ct.nrrd"
                volume = self._volume
                write_image(to_sitk(volume.array, volume.grid), file, LEVEL)
                self._file = file
            return self._file


class SceneFile:
    """What is to be saved: small parts of the scene, and the CT.

    Attributes:
        inside: where the parts are put; the bundle has one folder of this name.
        voxels: the file among them that takes the CT's voxels.
        ct: the CT; None when it is among the parts already.
    """

    def __init__(self) -> None:
        self.inside = _own_folder(self, "densesharp-scene-") / "scene"
        self.inside.mkdir()
        self.voxels: Path | None = None
        self.ct: CtFile | None = None

    def write(self, path: Path) -> None:
        """Write the bundle; for any thread.

        Raises:
            OutputError: it cannot be written.
        """
        try:
            if self.ct is not None and self.voxels is not None:
                shutil.copyfile(self.ct.path(), self.voxels)
            ensure_folder(path.parent)
            with atomic_path(path) as part, zipfile.ZipFile(part, "w") as bundle:
                for file in sorted(self.inside.rglob("*")):
                    bundle.write(file, file.relative_to(self.inside.parent))
        except (OSError, RuntimeError) as error:
            message = f"The scene '{path.name}' cannot be written: free space or choose a folder."
            raise OutputError(message) from error


def scene_file(slicer_app: Any, scan: ScanNodules, ct: CtFile) -> SceneFile:
    """Take from the scene what is to be saved; on the main thread.

    Raises:
        OutputError: there is no room for it.
    """
    scan.prepare_to_save()
    file = SceneFile()
    # Under a transform the core's CT is not the one that the scene holds.
    whole = scan.volume_node.GetTransformNodeID() is not None
    with quiet_vtk(), _without_voxels(scan.volume_node, whole):
        well = slicer_app.scene.SaveSceneToSlicerDataBundleDirectory(str(file.inside), None)
    if not well:
        message = "The scene cannot be written: free space in the folder of temporary files."
        raise OutputError(message)
    if not whole:
        file.voxels, file.ct = _voxels_in(file.inside, scan.volume_node), ct
    return file


@contextmanager
def _without_voxels(volume_node: Any, whole: bool) -> Iterator[None]:
    """One voxel in place of all, while nothing is drawn."""
    image = volume_node.GetImageData()
    if whole:
        yield
        return
    one = vtk.vtkImageData()
    one.SetDimensions(1, 1, 1)
    one.AllocateScalars(image.GetScalarType(), 1)
    was_modifying = volume_node.StartModify()
    volume_node.SetAndObserveImageData(one)
    try:
        yield
    finally:
        volume_node.SetAndObserveImageData(image)
        volume_node.EndModify(was_modifying)


def _voxels_in(inside: Path, volume_node: Any) -> Path:
    """Where the scene says that a volume's voxels lie."""
    storage = volume_node.GetStorageNodeID()
    tree = ET.parse(next(inside.glob("*.mrml")))
    names = [node.get("fileName") for node in tree.iter() if node.get("id") == storage]
    return inside / str(names[0])


def _own_folder(owner: object, prefix: str) -> Path:
    """A temporary folder that is deleted with its owner."""
    folder = tempfile.mkdtemp(prefix=prefix)
    weakref.finalize(owner, shutil.rmtree, folder, True)
    return Path(folder)
