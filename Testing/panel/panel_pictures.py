"""Writes a picture of each state of the panel, for the documentation and for a look at it.

    python Testing/panel/panel_pictures.py [FOLDER]        default: docs/images

The panel is the real one, in a real Qt, with the bundled model on the bundled CT; frame and font
are those of this computer, not Slicer's.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import slicer_standin

ROOT = Path(__file__).resolve().parents[2]
WIDTH = 460


class Photographer:
    """Opens the panel, brings it into a state and saves what it shows."""

    def __init__(self, slicer: Any, folder: Path) -> None:
        from slicer_standin.application import load_module

        self.slicer = slicer
        self.folder = folder
        module = load_module(ROOT / "DenseSharpSlicer" / "DenseSharpSlicer.py")
        self.host = module.widgetRepresentation()
        self.widget = self.host.self()
        self.ui, self.session = self.widget.ui, self.widget.session
        self.host.enter()
        self.host.resize(WIDTH, 400)
        self.host.show()

    def wait(self) -> None:
        """Until nothing runs."""
        while not self.session.idle:
            self.slicer.app.processEvents()
            time.sleep(0.01)
        self.widget.onTimer()

    def take(self, name: str) -> None:
        """Save a picture of the whole panel, as high as it wants to be."""
        self.widget.refresh()
        for _ in range(3):
            self.slicer.app.processEvents()
            self.host.resize(WIDTH, self.host.layout().totalHeightForWidth(WIDTH))
        path = self.folder / f"slicer-panel-{name}.png"
        self.host.grab().save(str(path))
        sys.stdout.write(f"{path}\n")

    def click(self, ras: Any) -> None:
        """A click in a view."""
        import vtk

        point = vtk.vtkVector3d(*(float(value) for value in ras))
        self.session.seeds_node().AddControlPointWorld(point)


def main(folder: Path) -> None:
    """Take every picture."""
    slicer = slicer_standin.install()
    from densesharp.resources import sample_truth

    folder.mkdir(parents=True, exist_ok=True)
    studio = Photographer(slicer, folder)
    studio.wait()
    studio.take("start")
    studio.ui.sampleButton.click()
    studio.wait()
    studio.take("ready")
    nodules = [nodule["center_lps"] for nodule in sample_truth()["nodules"]]
    centers = [(-x, -y, z) for x, y, z in nodules]
    centers = [centers[2], *centers[:2], *centers[3:]]  # the first one shows an undoubted answer
    studio.click(centers[0])
    while not studio.session.nodules:
        studio.widget.onTimer()
    studio.take("running")
    studio.wait()
    studio.take("result")
    _review(studio, centers)
    _trouble(studio)


def _review(studio: Photographer, centers: list[tuple[float, float, float]]) -> None:
    """Several nodules, decisions, an outline that was changed."""
    studio.ui.readerEdit.text = "AB"
    studio.ui.acceptButton.click()
    for center in centers[1:]:
        studio.click(center)
        studio.wait()
    studio.ui.rejectButton.click()
    studio.ui.autoUpdateCheckBox.checked = False
    studio.ui.previousButton.click()
    scan, nodule = studio.session.scan, studio.session.nodule
    segmentation = scan.segmentation_node.GetSegmentation()
    image = segmentation.GetSegment(nodule.segment_id).GetRepresentation("Binary labelmap")
    scalars = image.GetPointData().GetScalars()
    for index in range(scalars.GetNumberOfTuples() // 2):
        scalars.SetTuple1(index, 0)
    image.Modified()
    segmentation.InvokeEvent(studio.slicer.vtkSegmentation.SourceRepresentationModified)
    studio.wait()
    studio.take("outdated")


def _trouble(studio: Photographer) -> None:
    """A refused click and a failed installation; then the dark theme."""
    studio.click((900, 0, 0))
    studio.wait()
    studio.ui.resultSection.collapsed = True
    studio.take("refused")
    studio.ui.advancedSection.collapsed = False
    studio.widget.advanced._installer._lines = [
        "Looking in indexes: https://pypi.org/simple",
        "WARNING: Retrying after connection broken by 'ConnectTimeoutError'",
        "ERROR: Could not find a version that satisfies the requirement openvino>=2026.0",
        "ERROR: No matching distribution found for openvino>=2026.0",
    ]
    studio.widget.advanced.onInstalled(False)
    studio.take("install-failed")
    studio.ui.advancedSection.collapsed = True
    studio.ui.resultSection.collapsed = False
    studio.slicer.app.setPalette(_dark_palette())
    studio.session.say("")
    studio.take("dark")


def _dark_palette() -> Any:
    from PySide6.QtGui import QColor, QPalette

    palette = QPalette(QColor(53, 53, 53))
    palette.setColor(QPalette.Base, QColor(25, 25, 25))
    palette.setColor(QPalette.AlternateBase, QColor(43, 43, 43))
    palette.setColor(QPalette.Highlight, QColor(42, 130, 218))
    return palette


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images")
