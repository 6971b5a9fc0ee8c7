"""Walks a running 3D Slicer through DenseSharp's whole path by itself, in about five minutes.

    Slicer --python-script Testing/in_slicer/walk_in_slicer.py

Prints a line for each step, PASS or FAIL with what was seen, and leaves Slicer with status 0 when
all passed. The module must be installed or its folder be a module path, and its packages be there
(press Install... once). The scene is closed first: start it in a Slicer without unsaved work.
"""

import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import slicer
import vtk

SECONDS = 180.0
"""So long each answer may take, spread and stability included."""


class Walk:
    """The steps in their order; each uses what the one before left."""

    def __init__(self, widget: Any) -> None:
        self.widget = widget
        self.ui = widget.ui
        self.failed: list[str] = []
        self.first_volume = 0.0
        self.folder = Path(tempfile.mkdtemp(prefix="densesharp-walk-"))

    # Helpers

    def need(self, condition: bool, sentence: str) -> None:
        """Stop this step with a sentence."""
        if not condition:
            raise AssertionError(sentence)

    def wait(self) -> None:
        """Let Slicer run until no answer is to come."""
        end = time.monotonic() + SECONDS
        settled = 0
        while settled < 20:
            self.need(time.monotonic() < end, f"no answer in {SECONDS:.0f} s: {self.line()}")
            slicer.app.processEvents()
            time.sleep(0.02)
            settled = settled + 1 if self.widget.session.idle else 0

    def line(self) -> str:
        """The standing line of the panel."""
        return str(self.ui.statusLabel.text)

    def nodule(self) -> Any:
        """The only nodule there is."""
        nodules = self.widget.session.nodules
        self.need(len(nodules) == 1, f"{len(nodules)} nodules instead of one; {self.line()}")
        return nodules[0]

    def volume(self) -> float:
        """Its volume, mm3."""
        measured = self.nodule().result.measurements
        self.need(measured is not None, f"nothing was measured: {self.line()}")
        return float(measured.volume_mm3)

    # Steps

    def load(self) -> str:
        """The sample CT is loaded and shown with a lung window."""
        self.ui.sampleButton.click()
        node = self.ui.inputSelector.currentNode()
        self.need(node is not None, self.line())
        window = node.GetDisplayNode().GetWindow()
        self.need(window == 1500, f"window {window}")
        shown = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
        self.need(
            any(each.GetBackgroundVolumeID() == node.GetID() for each in shown), "no view shows it"
        )
        return f"{node.GetName()} {node.GetImageData().GetDimensions()}"

    def click(self) -> str:
        """A click on a nodule gives an outline of about its true volume."""
        from densesharp.resources import sample_truth
        from densesharp_scene.views import jump_to

        truth = sample_truth()["nodules"][0]
        x, y, z = truth["center_lps"]
        self.ui.placeButton.click()
        logic = slicer.app.applicationLogic()
        points = slicer.mrmlScene.GetNodeByID(logic.GetSelectionNode().GetActivePlaceNodeID())
        self.need(points is not None, f"Mark a nodule has no list of points: {self.line()}")
        # A click with the mouse lies on the slice that is shown, and notes its volume.
        jump_to(slicer.mrmlScene, (-x, -y, z))
        index = points.AddControlPointWorld(vtk.vtkVector3d(-x, -y, z))
        volume_node = self.ui.inputSelector.currentNode()
        points.SetNthControlPointAssociatedNodeID(index, volume_node.GetID())
        self.wait()
        self.ui.placeButton.click()
        self.first_volume, true = self.volume(), float(truth["volume_mm3"])
        self.need(
            0.6 < self.first_volume / true < 1.6,
            f"{self.first_volume:.0f} mm3 where {true:.0f} are true",
        )
        return f"{self.first_volume:.0f} mm3 of {true:.0f}, {self.nodule().result.predicted_class}"

    def result(self) -> str:
        """The panel shows a row, and the scene an outline and a surface."""
        table = self.ui.nodulesTable
        self.need(table.rowCount == 1, f"{table.rowCount} rows")
        node = self.widget.session.scan.segmentation_node
        segmentation = node.GetSegmentation()
        self.need(segmentation.GetNumberOfSegments() == 1, "no segment")
        self.need(segmentation.ContainsRepresentation("Closed surface"), "no surface")
        return " | ".join(table.item(0, n).text() for n in range(table.columnCount))

    def correct(self) -> str:
        """An outline that loses its lower half is measured and classified again."""
        from densesharp_scene import segments

        scan, nodule = self.widget.session.scan, self.nodule()
        mask = scan.mask_of(nodule.id)
        half = mask.array.copy()
        half[: len(half) // 2] = 0
        smaller = type(mask)(half, mask.start, mask.grid)
        node, volume_node = scan.segmentation_node, scan.volume_node
        segments.write_mask(node, nodule.segment_id, volume_node, smaller)
        end = time.monotonic() + SECONDS
        while not self.nodule().edited:
            self.need(time.monotonic() < end, f"the correction was not taken: {self.line()}")
            slicer.app.processEvents()
            time.sleep(0.02)
        self.wait()
        share = self.volume() / self.first_volume
        self.need(0.2 < share < 0.8, f"{share:.2f} of the volume is left")
        return f"{self.volume():.0f} mm3"

    def undo(self) -> str:
        """Undo brings the first outline back."""
        for _ in range(2):  # the answer, then the correction itself
            if abs(self.volume() - self.first_volume) > 0.5:
                self.ui.undoButton.click()
                self.wait()
        self.need(abs(self.volume() - self.first_volume) < 0.5, f"{self.volume():.0f} mm3")
        mask = self.widget.session.scan.mask_of(self.nodule().id)
        self.need(mask is not None and bool(np.any(mask.array)), "no outline")
        return f"{self.volume():.0f} mm3"

    def add_by_click(self) -> str:
        """A place 1.5 mm beside the outline comes into it by a click, and goes by undo."""
        scan = self.widget.session.scan
        mask = scan.mask_of(self.nodule().id)
        _, y, z = mask.centroid
        beside = mask.grid.to_world(np.argwhere(mask.array)[:, ::-1])[:, 0].max() + 1.5
        self.ui.moreButton.click()
        points = scan.seeds_node
        index = points.AddControlPointWorld(vtk.vtkVector3d(-beside, -y, z))
        points.SetNthControlPointAssociatedNodeID(index, scan.volume_node.GetID())
        self.wait()
        self.ui.moreButton.click()
        more = self.volume()
        self.need(more > self.first_volume, f"{more:.0f} mm3: {self.line()}")
        self.need(points.GetNumberOfControlPoints() == 1, "the click left a point")
        self.ui.undoButton.click()
        self.wait()
        self.need(abs(self.volume() - self.first_volume) < 0.5, f"{self.volume():.0f} mm3")
        return f"{more:.0f} mm3, undone"

    def accept(self) -> str:
        """The nodule is accepted, with the reader's name."""
        self.ui.readerEdit.text = "Walk"
        self.ui.acceptButton.click()
        review = self.nodule().review
        self.need(review.decision == "accepted", f"{review.decision}: {self.line()}")
        return f"{review.decision} by {review.reader}"

    def save_and_open(self) -> str:
        """A saved scene that is opened again holds outline, result and decision."""
        path = str(self.folder / "walk.mrb")
        before = self.widget.session.scan.mask_of(self.nodule().id)
        self.need(bool(slicer.mrmlScene.WriteToMRB(path)), "it could not be saved")
        slicer.mrmlScene.Clear(0)
        slicer.mrmlScene.SetURL(path)
        self.need(bool(slicer.mrmlScene.ReadFromMRB(path)), "it could not be opened")
        self.wait()
        if self.widget.session.scan is None:
            (node,) = slicer.util.getNodesByClass("vtkMRMLTextNode")[:1]
            self.ui.inputSelector.setCurrentNode(node.GetNodeReference("volume"))
        scan, nodule = self.widget.session.scan, self.nodule()
        after = scan.mask_of(nodule.id)
        self.need(bool(np.array_equal(after.array, before.array)), "another outline")
        self.need(nodule.review.decision == "accepted", nodule.review.decision)
        why = scan.outdated(nodule.id)
        self.need(why is None, f"outdated: {why}")
        return f"{Path(path).stat().st_size / 1e6:.1f} MB"

    def report(self) -> str:
        """Files and report are written."""
        from DenseSharpSlicerLib import packages

        absent = packages.missing(list(packages.REPORT))
        if absent:
            return f"left out, not installed: {', '.join(absent)}"
        export = self.widget.export
        self.widget.session.run(lambda: export._report(self.folder / "report"))
        self.wait()
        names = sorted(path.name for path in (self.folder / "report").rglob("*") if path.is_file())
        self.need(any(name.endswith(".html") for name in names), f"{names}; {self.line()}")
        self.need(any(name.endswith(".pdf") for name in names), f"{names}; {self.line()}")
        return f"{len(names)} files"

    # All

    def all(self) -> bool:
        """Take every step; a step that fails ends the walk."""
        steps = (
            self.load, self.click, self.result, self.correct, self.undo, self.add_by_click,
            self.accept, self.save_and_open, self.report,
        )  # fmt: skip
        for step in steps:
            began = time.monotonic()
            try:
                seen = step()
            except Exception as error:  # every fault of a walk is a line
                kind = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
                say(f"FAIL {step.__name__}: {kind}{error}")
                if kind:
                    say(traceback.format_exc())
                return False
            say(f"PASS {step.__name__} ({time.monotonic() - began:.1f} s): {seen}")
        return True


def say(text: str) -> None:
    """A line on the terminal."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def walk(widget: Any) -> bool:
    """The whole path in a panel that is open; True when every step passed."""
    slicer.mrmlScene.Clear(0)
    slicer.app.processEvents()
    return Walk(widget).all()


def main() -> int:
    """Open the module in this Slicer and walk; returns the exit status."""
    version = f"{slicer.app.majorVersion}.{slicer.app.minorVersion}.{slicer.app.revision}"
    say(f"DenseSharp in 3D Slicer {version}, {sys.platform}, Python {sys.version.split()[0]}")
    try:
        slicer.util.selectModule("DenseSharpSlicer")
        widget = slicer.util.getModuleWidget("DenseSharpSlicer")
    except Exception as error:  # Slicer raises different ones
        say(f"FAIL module: DenseSharp is no module of this Slicer ({error}): see install-in-slicer")
        return 1
    missing = widget.advanced.missing()
    if missing:
        say(f"FAIL packages: press Install... in the module first ({', '.join(missing)})")
        return 1
    well = walk(widget)
    say("PASS all" if well else "FAIL: see the line above")
    return 0 if well else 1


if __name__ == "__main__":
    status = main()
    slicer.util.exit(status)
