"""Checks that run inside Slicer, by ctest and by the Test button: no model, GPU or network.

The model is replaced by a threshold, whose answer is known; all else is what a reader uses.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray

from densesharp.nodule.patch import to_network_units
from densesharp.nodule.records import CLASS_NAMES
from densesharp.progress import Progress
from densesharp_scene import segments
from densesharp_scene.backend import LocalBackend
from densesharp_scene.scan import ScanNodules

from . import placing
from .session import Session

RADIUS_MM = 5.0
CENTER_RAS = (20.0, -30.0, 40.0)
TIME_LIMIT_S = 60.0


class Output(NamedTuple):
    """As `engines.interface.EngineOutput`, whose package needs what is not installed."""

    logits: NDArray[np.float32]
    mask: NDArray[np.float32]
    activation: NDArray[np.float32]


class ThresholdEngine:
    """Takes what is denser than lung for the nodule; always sees the last class."""

    description = "threshold, for self tests"
    fallback = None
    batch = 8
    model = SimpleNamespace(
        card=SimpleNamespace(
            name="threshold",
            trained_on="nothing: a threshold",
            temperature=1.0,
            classes=CLASS_NAMES,
            members=1,
            slice_shift=0.0,
        ),
        sha256="0" * 64,
    )

    def run(self, patches: NDArray[np.float32]) -> Output:
        """See `densesharp.model.engines.interface.Engine.run`."""
        mask = 1 / (1 + np.exp(-20 * (patches - to_network_units(-400.0))))
        logits = np.tile(np.array([0.0, 0.5, 2.0], np.float32), (len(patches), 1, 1))
        cells = mask.reshape(-1, 1, 1, 8, 4, 8, 4, 8, 4).mean(axis=(4, 6, 8))
        activation = np.repeat(cells, 3, axis=2).astype(np.float32)
        return Output(logits, mask[:, np.newaxis].astype(np.float32), activation)


class ThresholdBackend(LocalBackend):
    """The whole pipeline without a model file."""

    def open(self, progress: Progress) -> Any:
        """The threshold engine."""
        progress(0.0, "Loading")
        engine: Any = ThresholdEngine()
        self._engine = engine
        return engine


def add_phantom() -> Any:
    """A CT with one ball of tissue in lung: 0.8 x 0.8 x 1.5 mm voxels, axes turned and flipped."""
    spacing, size = np.array([0.8, 0.8, 1.5]), np.array([70, 70, 40])
    axes = np.array([[0.0, -1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    affine = np.eye(4)
    affine[:3, :3] = axes * spacing
    affine[:3, 3] = np.array(CENTER_RAS) - affine[:3, :3] @ (size / 2)
    k, j, i = np.indices(tuple(size[::-1].tolist()))
    world = np.stack([i, j, k], axis=-1) @ affine[:3, :3].T + affine[:3, 3]
    distance = np.linalg.norm(world - np.array(CENTER_RAS), axis=-1)
    array = np.where(distance <= RADIUS_MM, 20, -850).astype(np.int16)
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(affine.ravel().tolist())
    node = slicer.util.addVolumeFromArray(array, ijkToRAS=matrix, name="Phantom")
    node.CreateDefaultDisplayNodes()
    return node


def check(condition: bool, sentence: str) -> None:
    """Fail the self test with a sentence."""
    if not condition:
        raise AssertionError(sentence)


def wait_for(session: Session) -> None:
    """Poll until every answer has come."""
    end = time.monotonic() + TIME_LIMIT_S
    while not session.idle:
        check(time.monotonic() < end, f"no answer within {TIME_LIMIT_S:.0f} s: {session.status}")
        session.tick()
        slicer.app.processEvents()
        time.sleep(0.005)  # without a pause this loop would hold up the thread that it waits for


def check_geometry() -> None:
    """A click is answered at the right place, under a rotated parent transform too."""
    node = add_phantom()
    turn = vtk.vtkTransform()
    turn.RotateZ(30)
    turn.Translate(5, 6, 7)
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(turn.GetMatrix())
    node.SetAndObserveTransformNodeID(transform.GetID())
    world = turn.TransformPoint(CENTER_RAS)
    session = _marked(node, world)
    center = np.array(session.nodules[0].result.to_json()["center_ras"])
    check(bool(np.abs(center - world).max() < 0.8), f"nodule found at {center}, not at {world}")
    session.close()


def check_scene() -> None:
    """Outline, surface, table and text are written, and read back."""
    node = add_phantom()
    session = _marked(node, CENTER_RAS)
    scan = session.scan_of(node)
    segmentation = scan.segmentation_node.GetSegmentation()
    measured = session.nodules[0].result.measurements
    volume = measured.volume_mm3 if measured is not None else 0.0
    truth = 4 / 3 * np.pi * RADIUS_MM**3
    check(segmentation.ContainsRepresentation("Closed surface"), "no closed surface was made")
    check(abs(volume / truth - 1) < 0.25, f"volume {volume:.0f} mm3 instead of {truth:.0f}")
    check(scan.table_node.GetNumberOfRows() == 1, "the table has not one row")
    again = ScanNodules(node)
    check(again.nodules[0].name == "Nodule 1", "the nodule was not read back from the scene")
    check(again.outdated("nodule_001") is None, "what was read back counts as outdated")
    session.close()


def check_correction() -> None:
    """An outline that is cut in half, as in Segment Editor, is measured and classified again."""
    session = _marked(add_phantom(), CENTER_RAS)
    scan, nodule = session.opened(), session.nodules[0]
    before: Any = nodule.result.measurements
    mask: Any = nodule.result.mask
    half = mask.array.copy()
    half[: len(half) // 2] = 0
    corrected = replace(mask, array=half)
    segments.write_mask(scan.segmentation_node, nodule.segment_id, scan.volume_node, corrected)
    check(scan.outdated(nodule.id) is not None, "the correction was not noticed")
    wait_for(session)
    after = session.nodules[0].result.measurements
    check(after is not None and after.volume_mm3 < 0.7 * before.volume_mm3, "still the old volume")
    check(session.nodules[0].edited, "the nodule does not know that it was corrected")
    session.close()


def check_save_and_reopen() -> None:
    """A scene that is saved and opened again knows the nodule and who accepted it."""
    session = _marked(add_phantom(), CENTER_RAS)
    session.opened().decide("nodule_001", "accepted", "AB")
    session.close()
    path = str(Path(slicer.app.temporaryPath) / "DenseSharpSelfTest.mrb")
    check(bool(slicer.mrmlScene.WriteToMRB(path)), "the scene could not be saved")
    slicer.mrmlScene.Clear(0)
    slicer.mrmlScene.SetURL(path)
    check(bool(slicer.mrmlScene.ReadFromMRB(path)), "the scene could not be opened")
    Path(path).unlink()
    opened = ScanNodules(slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode"))
    review = opened.nodules[0].review
    check((review.decision, review.reader) == ("accepted", "AB"), "the decision was lost")
    reason = opened.outdated("nodule_001")
    check(reason is None, f"what was read back counts as outdated: {reason}")
    surface = opened.segmentation_node.GetSegmentation().ContainsRepresentation("Closed surface")
    check(bool(surface), "the surface was lost")


def check_views() -> None:
    """The slice views go to a nodule that is selected."""
    session = _marked(add_phantom(), CENTER_RAS)
    axial = slicer.mrmlScene.GetSingletonNode("Red", "vtkMRMLSliceNode")
    if axial is not None:  # without a main window there is none
        axial.SetOrientation("Axial")
        axial.SetSliceOffset(-500.0)
        session.select("nodule_001")
        check(abs(axial.GetSliceOffset() - CENTER_RAS[2]) < 1, "the axial view stayed away")
    session.close()


def check_place_mode() -> None:
    """Place mode is entered for our points and left again."""
    session = Session(ThresholdBackend(), lambda: None)
    session.choose(add_phantom())
    placing.start(session.seeds_node())
    check(placing.is_placing(), "the views did not enter place mode")
    placing.stop()
    check(not placing.is_placing(), "the views did not leave place mode")
    session.close()


def check_refusal() -> None:
    """A click outside the CT leaves a sentence and nothing in the scene."""
    node = add_phantom()
    session = _marked(node, (900.0, 0.0, 0.0))
    check(session.status.failed, "the click outside was not refused")
    check(not session.nodules, "a nodule was made outside the CT")
    check(session.seeds_node().GetNumberOfControlPoints() == 0, "the point was left behind")
    session.close()


def check_scene_close_while_running() -> None:
    """A scene that is closed while a nodule is analysed leaves no trace and no fault."""
    session = Session(ThresholdBackend(), lambda: None)
    session.choose(add_phantom())
    session.seeds_node().AddControlPointWorld(vtk.vtkVector3d(*CENTER_RAS))
    session.tick()
    session.forget()
    slicer.mrmlScene.Clear(0)
    wait_for(session)
    found = slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode")
    check(found == 0, "something was written into the closed scene")
    session.close()


def check_panel() -> None:
    """The panel opens without a main window and draws itself."""
    widget = slicer.util.getModuleWidget("DenseSharpSlicer")
    for name in ("inputSelector", "placeButton", "nodulesTable", "acceptButton", "deviceCombo"):
        check(hasattr(widget.ui, name), f"the panel has no {name}")
    widget.refresh()


CHECKS: tuple[Callable[[], None], ...] = (
    check_geometry,
    check_scene,
    check_correction,
    check_save_and_reopen,
    check_views,
    check_place_mode,
    check_refusal,
    check_scene_close_while_running,
    check_panel,
)


def _marked(node: Any, ras: Any) -> Session:
    """A session in which one point was placed and answered."""
    session = Session(ThresholdBackend(), lambda: None)
    session.choose(node)
    session.seeds_node().AddControlPointWorld(vtk.vtkVector3d(*(float(value) for value in ras)))
    wait_for(session)
    return session
