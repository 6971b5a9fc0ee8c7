"""Writes a picture of each section of the panel and of its states, for documentation and a look.

    python Testing/panel/panel_pictures.py [FOLDER]        default: docs/images

The panel is the real one, in a real Qt, with the bundled model on the bundled CT; frame and font
are those of this computer, not Slicer's.
"""

import io
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from PIL import Image

import slicer_standin

ROOT = Path(__file__).resolve().parents[2]
WIDTH = 460
COLORS = 200
"""So many are enough for a panel, and make a small file."""

PIP_LINES = [
    "Looking in indexes: https://pypi.org/simple",
    "WARNING: Retrying after connection broken by 'ConnectTimeoutError'",
    "ERROR: Could not find a version that satisfies the requirement openvino>=2026.0",
    "ERROR: No matching distribution found for openvino>=2026.0",
]


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

    def take(self, name: str, section: str = "") -> None:
        """Save a picture of the panel, as high as it wants to be, or of one section of it."""
        self.widget.refresh()
        for _ in range(3):
            self.slicer.app.processEvents()
            self.host.resize(WIDTH, self.host.layout().totalHeightForWidth(WIDTH))
        shown = getattr(self.ui, section) if section else self.host
        path = self.folder / f"slicer-{name}.png"
        save(shown.grab(), path)
        sys.stdout.write(f"{path} {path.stat().st_size // 1000} kB\n")

    def click(self, ras: Any) -> None:
        """A click in a view."""
        import vtk

        point = vtk.vtkVector3d(*(float(value) for value in ras))
        self.session.seeds_node().AddControlPointWorld(point)


def save(picture: Any, path: Path) -> None:
    """Write a pixmap with few colours."""
    from PySide6.QtCore import QBuffer, QIODevice

    buffer = QBuffer()
    buffer.open(QIODevice.WriteOnly)
    picture.save(buffer, "PNG")
    image = Image.open(io.BytesIO(bytes(buffer.data().data()))).convert("RGB")
    image.quantize(COLORS, Image.Quantize.MAXCOVERAGE).save(path, optimize=True)


def main(folder: Path) -> None:
    """Take every picture."""
    slicer = slicer_standin.install()
    from densesharp.resources import sample_truth

    folder.mkdir(parents=True, exist_ok=True)
    studio = Photographer(slicer, folder)
    studio.wait()
    _install(studio)
    studio.ui.sampleButton.click()
    studio.wait()
    nodules = [nodule["center_lps"] for nodule in sample_truth()["nodules"]]
    centers = [(-x, -y, z) for x, y, z in nodules]
    centers = [centers[2], *centers[:2], *centers[3:]]  # the first one shows an undoubted answer
    studio.click(centers[0])
    while not studio.session.nodules:
        studio.widget.onTimer()
    studio.ui.placeButton.click()
    studio.take("inputs", "inputsSection")
    studio.ui.placeButton.click()
    studio.wait()
    studio.take("panel-result")
    studio.take("result", "resultSection")
    _review(studio, centers)
    _advanced(studio)
    _dark(studio)


def _install(studio: Photographer) -> None:
    """What a fresh Slicer shows, and a failed installation."""
    absent = ["safetensors>=0.5", "openvino>=2026.0"]
    plain = studio.widget.advanced.missing
    studio.widget.advanced.missing = lambda: absent
    studio.take("install", "inputsSection")
    studio.ui.advancedSection.collapsed = False
    studio.widget.advanced._installer._lines = PIP_LINES
    studio.widget.advanced.onInstalled(False)
    studio.take("install-failed", "advancedSection")
    studio.widget.advanced.missing = plain
    studio.ui.doctorText.setPlainText("")
    studio.ui.advancedSection.collapsed = True
    studio.session.say("")


def _review(studio: Photographer, centers: list[tuple[float, float, float]]) -> None:
    """Several nodules, decisions, an outline that was changed, an earlier CT."""
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
    studio.take("nodules", "nodulesSection")
    now = studio.ui.inputSelector.currentNode()
    studio.ui.sampleButton.click()
    earlier = studio.ui.inputSelector.currentNode()
    earlier.SetName("Earlier CT")
    studio.click(centers[0])
    studio.wait()
    studio.ui.inputSelector.setCurrentNode(now)
    studio.ui.priorSelector.setCurrentNode(earlier)
    studio.ui.daysSpinBox.value = 180
    studio.take("review", "reviewSection")


def _advanced(studio: Photographer) -> None:
    """All that most readers never touch."""
    studio.ui.advancedSection.collapsed = False
    studio.take("advanced", "advancedSection")
    studio.ui.advancedSection.collapsed = True


def _dark(studio: Photographer) -> None:
    """The panel in the dark theme, with a refused click."""
    studio.click((900, 0, 0))
    studio.wait()
    studio.slicer.app.setPalette(_dark_palette())
    studio.take("panel-dark")


def _dark_palette() -> Any:
    from PySide6.QtGui import QColor, QPalette

    palette = QPalette(QColor(53, 53, 53))
    palette.setColor(QPalette.Base, QColor(25, 25, 25))
    palette.setColor(QPalette.AlternateBase, QColor(43, 43, 43))
    palette.setColor(QPalette.Highlight, QColor(42, 130, 218))
    return palette


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images")
