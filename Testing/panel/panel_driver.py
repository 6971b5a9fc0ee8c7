"""Drives the panel as a reader does: widgets, views, and waiting for answers."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import vtk

from densesharp_scene.backend import LocalBackend
from phantoms import ThresholdEngine, grid_around, smooth_ball

ROOT = Path(__file__).resolve().parents[2]

BALLS = ((-60.0, 20.0, 40.0), (-30.0, -10.0, 55.0))
"""Middles of the two nodules of the phantom CT, RAS mm."""


class ThresholdBackend(LocalBackend):
    """The whole pipeline with an engine whose answers are known."""

    def open(self, progress: Any) -> Any:
        progress(0.0, "Loading the model")
        self._engine = ThresholdEngine()
        return self._engine


class WaitingBackend(ThresholdBackend):
    """Answers only when it is let go, so that a test can act while an analysis runs."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.started = threading.Event()

    def analyse(self, volume: Any, seed: Any, nodule_id: str, progress: Any, on_first: Any) -> Any:
        self.started.set()
        while not self.go.wait(0.01):
            progress(0.3, "Looking for the nodule")
        return super().analyse(volume, seed, nodule_id, progress, on_first)


class Panel:
    """The module's panel as a reader uses it: widgets, views, and waiting for answers."""

    def __init__(self, slicer: Any, module: Any) -> None:
        self.slicer = slicer
        self.module = module
        self.host = module.widgetRepresentation()
        self.widget = self.host.self()
        self.ui = self.widget.ui
        self.session = self.widget.session

    @property
    def scan(self) -> Any:
        return self.session.scan

    def until(self, condition: Callable[[], bool]) -> None:
        """Let Qt run until something is so, with pauses in which other threads get on."""
        end = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < end, self.session.status
            self.slicer.app.processEvents()
            time.sleep(0.005)

    def wait(self) -> None:
        """Let Qt run until the panel has nothing left to wait for."""
        self.until(lambda: self.session.idle and not self.widget._timer.isActive())

    def click_in_view(self, ras: Any) -> None:
        """What a click in place mode does: a point, and a note of the volume shown there."""
        seeds = self.session.seeds_node()
        index = seeds.AddControlPointWorld(vtk.vtkVector3d(*(float(value) for value in ras)))
        seeds.SetNthControlPointAssociatedNodeID(index, self.scan.volume_node.GetID())

    def cells(self, row: int) -> list[str]:
        """The texts of one row of the table of nodules."""
        table = self.ui.nodulesTable
        return [table.item(row, column).text() for column in range(table.columnCount)]


class SegmentEditor:
    """What the panels call on Segment Editor's widget (qMRMLSegmentEditorWidget's slots)."""

    def setSegmentationNode(self, node: Any) -> None:
        self.segmentation = node

    def setSourceVolumeNode(self, node: Any) -> None:
        self.volume = node

    def setCurrentSegmentID(self, segment_id: str) -> None:
        self.segment_id = segment_id

    @classmethod
    def publish(cls, slicer: Any, monkeypatch: Any) -> SegmentEditor:
        """Let Slicer have this module; without a main window it cannot be selected."""
        module = type("SegmentEditorWidget", (), {"editor": cls()})
        monkeypatch.setattr(slicer.util, "selectModule", lambda _name: None)
        monkeypatch.setattr(slicer.util, "getModuleWidget", lambda _name: module)
        return module.editor


GRID = grid_around((45.0, -5.0, 47.0), (80, 80, 60), (1.0, 1.0, 1.0), np.eye(3))


@functools.cache
def balls_of(radii: tuple[float, float]) -> np.ndarray:
    """The values of the phantom CT; to make them takes as long as to open the panel."""
    pairs = zip(BALLS, radii, strict=True)
    balls = [smooth_ball(GRID, (-at[0], -at[1], at[2]), radius).array for at, radius in pairs]
    return np.maximum(*balls)


def add_ct(slicer: Any, name: str, radii: tuple[float, float] = (5.0, 7.0)) -> Any:
    """A phantom CT in the scene, 1 mm voxels, in RAS."""
    node = slicer.util.addVolumeFromArray(balls_of(radii).copy(), name=name)
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy((np.diag([-1.0, -1.0, 1.0, 1.0]) @ GRID.affine).ravel().tolist())
    node.SetIJKToRASMatrix(matrix)
    node.CreateDefaultDisplayNodes()
    return node


def bend(slicer: Any, node: Any) -> None:
    """Put a node under a transform that bends space."""
    spline = vtk.vtkThinPlateSplineTransform()
    points, moved = vtk.vtkPoints(), vtk.vtkPoints()
    for at in ((0, 0, 0), (50, 0, 0), (0, 50, 0), (0, 0, 50), (50, 50, 50)):
        points.InsertNextPoint(at)
        moved.InsertNextPoint([value + (5 if sum(at) > 100 else 0) for value in at])
    spline.SetSourceLandmarks(points)
    spline.SetTargetLandmarks(moved)
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode")
    transform.SetAndObserveTransformToParent(spline)
    node.SetAndObserveTransformNodeID(transform.GetID())
