"""Pictures for the tutorial: a corrected outline, the report.

    python Testing/panel/view_pictures.py [FOLDER]        default: docs/images

Views are drawn by Slicer's own view code (trame-slicer) from the scene that the module writes; the
report is what the panel's button writes, as a browser shows it.
"""

import io
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from densesharp.io import read_volume
from densesharp.nodule.settings import AnalysisSettings
from densesharp.progress import silent
from densesharp.resources import sample_path, sample_truth
from densesharp_scene.backend import LocalBackend
from densesharp_viewer.graphics import prepare_graphics

ROOT = Path(__file__).resolve().parents[2]
SIZE = (420, 330)
FIELD_MM = 90.0
GAP = 4


class Views:
    """Axial, coronal, sagittal and 3D view of one scene, without a screen."""

    def __init__(self, app: Any) -> None:
        from trame_slicer.views import ViewProps
        from trame_slicer.views.render_scheduler import NoScheduleRendering

        from densesharp_viewer.views import LeanSliceView, LeanThreeDView, quiet_vtk

        def make(cls: Any, name: str) -> Any:
            with quiet_vtk():
                view = cls(
                    app.scene, app.app_logic, name, scheduled_render_strategy=NoScheduleRendering()
                )
            view.update_size(*SIZE)
            view.render_window().SetSize(*SIZE)
            return view

        self.slices = [make(LeanSliceView, name) for name in ("Axial", "Coronal", "Sagittal")]
        for view, name in zip(self.slices, ("Axial", "Coronal", "Sagittal"), strict=True):
            view.set_view_properties(ViewProps(orientation=name))
        self.solid = make(LeanThreeDView, "3D")

    def look_at(self, scan: Any, nodule_id: str) -> None:
        """Show the CT and bring every view to a nodule."""
        for view in self.slices:
            view.set_background_volume_id(scan.volume_node.GetID())
            height = FIELD_MM * SIZE[1] / SIZE[0]
            view.get_view_node().SetDimensions(*SIZE, 1)
            view.get_view_node().SetFieldOfView(FIELD_MM, height, 1.0)
        scan.jump(nodule_id)
        self.solid.get_view_node().SetBoxVisible(False)
        self.solid.get_view_node().SetAxisLabelsVisible(False)
        grid = scan.mask_of(nodule_id).grid
        corners = grid.to_world([[0, 0, 0], np.array(grid.size) - 1]) * (-1, -1, 1)
        self.solid.renderer().ResetCamera(np.sort(corners, axis=0).T.ravel().tolist())


def draw(view: Any) -> Image.Image:
    """What a view shows."""
    import vtk
    from vtk.util.numpy_support import vtk_to_numpy

    view.render()
    grab = vtk.vtkWindowToImageFilter()
    grab.SetInput(view.render_window())
    grab.ReadFrontBufferOff()
    grab.Update()
    image = grab.GetOutput()
    columns, rows, _ = image.GetDimensions()
    pixels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(rows, columns, 3)
    return Image.fromarray(pixels[::-1].copy())


def beside(pictures: list[Image.Image], columns: int) -> Image.Image:
    """Pictures in rows."""
    rows = -(-len(pictures) // columns)
    width, height = pictures[0].size
    whole = Image.new(
        "RGB", (columns * (width + GAP) - GAP, rows * (height + GAP) - GAP), (60, 60, 60)
    )
    for index, picture in enumerate(pictures):
        row, column = divmod(index, columns)
        whole.paste(picture, (column * (width + GAP), row * (height + GAP)))
    return whole


def main(folder: Path) -> None:
    """Draw both pictures."""
    prepare_graphics()
    from trame_slicer.core import SlicerApp

    from densesharp_scene import ScanNodules
    from densesharp_scene.geometry import add_volume_node
    from densesharp_scene.views import WINDOWS, set_window

    app = SlicerApp()
    node = add_volume_node(app.scene, read_volume(sample_path()), "CT")
    set_window(node, *WINDOWS["lung"])
    scan, views = ScanNodules(node), Views(app)
    x, y, z = sample_truth()["nodules"][2]["center_lps"]
    claim = scan.claim(scan.place((-x, -y, z)))
    backend = LocalBackend(settings=AnalysisSettings(augmentations=1, stability=False))
    result = backend.analyse(scan.volume(), scan.seed_of(claim), claim, silent, lambda _first: None)
    nodule_id = scan.store(result).id
    views.look_at(scan, nodule_id)
    before = draw(views.slices[0])
    mask = scan.mask_of(nodule_id)
    if mask is None:
        return
    corrected = mask.array.copy()
    corrected[:, :, : corrected.shape[2] // 3] = 0
    scan.store(
        backend.update_mask(scan.volume(), result, replace(mask, array=corrected), silent),
        edited=True,
    )
    report(backend, result, scan, folder / "slicer-report.jpg")
    save(beside([before, draw(views.slices[0])], 2), folder / "slicer-corrected.jpg")


def report(backend: LocalBackend, result: Any, scan: Any, path: Path) -> None:
    """The upper part of the report in a browser."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        backend.write([result], scan.volume(), Path(name), silent)
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--headless=new", "--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 900, "height": 900})
        page.goto((Path(name) / "report.html").as_uri())
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        browser.close()
    save(picture, path)


def save(picture: Image.Image, path: Path) -> None:
    """Write a small JPEG."""
    picture.save(path, quality=80, optimize=True)
    sys.stdout.write(f"{path} {path.stat().st_size // 1000} kB {np.array(picture).mean():.0f}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images")
