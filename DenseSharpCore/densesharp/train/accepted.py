"""Outlines that readers accepted, as a table that a data set is made from.

    scenes     .mrb files, and .mrml files with their folder, as the panel and the viewer save them
    DICOM      Segmentations (SEG) beside the CT series that they refer to
    cohorts    folders of `densesharp cohort`: answers without a reservation, which nobody looked at

Masks go into `OUT/accepted`, and `OUT/accepted.csv` lists them with an empty diagnosis to fill in.
"""

import json
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from densesharp.csv_files import write_csv
from densesharp.errors import DenseSharpError, TableError
from densesharp.files import atomic_path, ensure_folder
from densesharp.image.grid import Grid
from densesharp.image.sampling import to_sitk
from densesharp.io import read_volume
from densesharp.progress import Progress, silent

COLUMNS = ("name", "image", "mask", "diagnosis", "patient")
RECORD = "DenseSharp.Record"
SCENES = (".mrb", ".mrml")
_DAMAGED = (
    DenseSharpError, OSError, LookupError, ValueError, RuntimeError, StopIteration,
    zipfile.BadZipFile, ET.ParseError,
)  # fmt: skip


@dataclass(frozen=True)
class AcceptedOutline:
    """One accepted outline.

    Attributes:
        name: unique in the table, and the name of its files.
        image: the CT.
        patient: the best that is known: the folder or the pseudonymised DICOM id.
        mask: (k, j, i), not 0 inside, on the CT's grid.
        grid: the CT's grid.
    """

    name: str
    image: Path
    patient: str
    mask: NDArray[Any]
    grid: Grid


def collect(source: str | Path, out: str | Path, progress: Progress = silent) -> Path:
    """Find the accepted outlines below a folder, or in one file, and list them.

    Args:
        source: a scene, a SEG file's folder, a cohort's folder, or a folder with any of them.
        out: folder of the data set.
        progress: told after every file.

    Returns:
        The table, `OUT/accepted.csv`.

    Raises:
        TableError: there is none, or a file cannot be used; the message says which and why.
        OutputError: the folder cannot be written to.
    """
    root, folder = Path(source), ensure_folder(Path(out) / "accepted")
    files = sorted(root.rglob("*")) if root.is_dir() else [root]
    scenes = [path for path in files if path.suffix.lower() in SCENES]
    rows: list[dict[str, str]] = []
    for done, outline in enumerate(_all(root, files, scenes, folder), 1):
        target = folder / f"{outline.name}_mask.nrrd"
        with atomic_path(target) as path:
            image = to_sitk((outline.mask != 0).astype(np.uint8), outline.grid)
            sitk.WriteImage(image, str(path), True)
        cells = (outline.name, str(outline.image), str(target.resolve()), "", outline.patient)
        rows.append(dict(zip(COLUMNS, cells, strict=True)))
        progress(1 - 1 / (done + 1), f"{done} accepted outlines found")
    if not rows:
        raise TableError(
            f"'{source}' holds no accepted outline: give a table (CSV), a scene that was saved "
            "after nodules were accepted, a folder with DICOM SEG and their CT, or a cohort's."
        )
    table = Path(out) / "accepted.csv"
    write_csv(table, COLUMNS, rows)
    return table


def _all(
    root: Path, files: Sequence[Path], scenes: Sequence[Path], folder: Path
) -> Iterator[AcceptedOutline]:
    if (root / "cases").is_dir():
        yield from _of_cohort(root / "cases")
    for scene in scenes:
        try:
            yield from _of_scene(scene, folder)
        except _DAMAGED as error:
            message = f"The scene '{scene}' cannot be used ({error}): leave it out or save it anew."
            raise TableError(message) from error
    others = [path for path in files if path.is_file() and _is_dicom(path)]
    yield from _of_segmentations(others)


def _of_scene(scene: Path, folder: Path) -> Iterator[AcceptedOutline]:
    """The accepted nodules of a saved scene."""
    own = scene.parent.name if scene.stem == "scene" else scene.stem
    if scene.suffix.lower() == ".mrb":
        base = folder / own
        with zipfile.ZipFile(scene) as archive:
            _unpack(archive, base)
        scene = next(base.rglob("*.mrml"))
    nodes = {node.get("id"): node for node in ET.parse(scene).getroot().iter()}
    for node in nodes.values():
        if f"{RECORD}:" not in (node.get("attributes") or ""):
            continue
        roles = _references(node)
        record = json.loads(_file_of(nodes, node, scene).read_text(encoding="utf-8"))
        accepted = [one for one in record["nodules"] if one["decision"] == "accepted"]
        if not accepted:
            continue
        image = _file_of(nodes, nodes[roles["volume"]], scene)
        grid = read_volume(image).grid
        labels = sitk.ReadImage(str(_file_of(nodes, nodes[roles["segmentation"]], scene)))
        for one in accepted:
            mask = _segment(labels, one["segment"], grid)
            if int(mask.sum()) != one["mask"]["voxels"]:
                message = f"the outline of {one['name']} does not lie on the voxels of its CT"
                raise ValueError(message)
            yield AcceptedOutline(f"{own}-{one['number']:03d}", image.resolve(), own, mask, grid)


def _unpack(archive: zipfile.ZipFile, base: Path) -> None:
    """Unpack what is needed; a name that leads elsewhere ends the work."""
    for entry in archive.infolist():
        parts = PurePosixPath(entry.filename).parts
        if entry.is_dir() or ".." in parts or PurePosixPath(entry.filename).is_absolute():
            continue
        target = base.joinpath(*parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(entry) as read, atomic_path(target) as path, path.open("wb") as write:
            shutil.copyfileobj(read, write)


def _references(node: ET.Element) -> dict[str, str]:
    """Ids by role, as MRML writes them: `role:id;role:id;`."""
    pairs = (entry.partition(":") for entry in (node.get("references") or "").split(";"))
    return {role: name.split(" ")[0] for role, _, name in pairs if name}


def _file_of(nodes: dict[str | None, Any], node: ET.Element, scene: Path) -> Path:
    """The file that a node is stored in."""
    storage = nodes[_references(node)["storage"]]
    return scene.parent / unquote(storage.get("fileName") or "")


def _segment(labels: sitk.Image, segment: str, grid: Grid) -> NDArray[np.bool_]:
    """One segment of a .seg.nrrd file, on the CT's grid."""
    keys = labels.GetMetaDataKeys()
    wanted = [key for key in keys if key.endswith("_ID") and labels.GetMetaData(key) == segment]
    if not wanted:
        raise ValueError(f"the segment {segment} is not in it")
    prefix = wanted[0].removesuffix("ID")
    value = int(labels.GetMetaData(f"{prefix}LabelValue"))
    layer = int(labels.GetMetaData(f"{prefix}Layer"))
    array = sitk.GetArrayFromImage(labels)
    layers = array if array.ndim == 4 else array[..., np.newaxis]
    inside = np.argwhere(layers[..., layer] == value)[:, ::-1]
    return _on_grid(Grid.from_sitk(labels).to_world(inside), grid)


def _on_grid(points: NDArray[np.float64], grid: Grid) -> NDArray[np.bool_]:
    """The voxels whose centres are given, (n, 3) LPS mm."""
    from densesharp.dicom.source import mask_of_points

    return mask_of_points(points, grid).full(grid) > 0


def _of_cohort(cases: Path) -> Iterator[AcceptedOutline]:
    """The answers without reservation of a cohort."""
    for path in sorted(cases.glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        if record.get("status") != "done" or "image" not in record:
            continue
        good = [one for one in record["result"]["nodules"] if one["verdict"] == "ok"]
        if not good:
            continue
        image = Path(record["image"])
        grid = read_volume(image, record.get("series")).grid
        for one in good:
            small = sitk.ReadImage(str(path.with_name(f"{path.stem}_{one['id']}_mask.nrrd")))
            inside = np.argwhere(sitk.GetArrayFromImage(small))[:, ::-1].tolist()
            points = [small.TransformIndexToPhysicalPoint(index) for index in inside]
            mask = _on_grid(np.array(points), grid)
            yield AcceptedOutline(f"{path.stem}-{one['id']}", image, path.stem, mask, grid)


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def _of_segmentations(files: Sequence[Path]) -> Iterator[AcceptedOutline]:
    """The segments of every SEG whose CT series lies among the files."""
    if not files:
        return
    import pydicom

    from densesharp.dicom.rerun import points_of_segment

    heads = {path: pydicom.dcmread(path, stop_before_pixels=True) for path in files}
    series = {head.get("SeriesInstanceUID"): path for path, head in heads.items()
              if head.get("Modality") == "CT"}  # fmt: skip
    for path, head in heads.items():
        if head.get("Modality") != "SEG":
            continue
        uid = head.ReferencedSeriesSequence[0].SeriesInstanceUID
        if uid not in series:
            message = f"The CT series that '{path}' refers to is not there: put it beside the SEG."
            raise TableError(message)
        seg, grid = pydicom.dcmread(path), read_volume(series[uid]).grid
        for entry in seg.SegmentSequence:
            number = int(entry.SegmentNumber)
            points = np.concatenate(list(points_of_segment(seg, number)))
            name = f"{path.parent.name}-{path.stem}-{number:03d}"
            patient = str(head.get("PatientID") or path.parent.name)
            yield AcceptedOutline(
                name, series[uid].resolve(), patient, _on_grid(points, grid), grid
            )
