"""The demo: a first click as soon as the CT is open, and what to try next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from densesharp.nodule.records import Seed
from densesharp.resources import sample_truth
from densesharp_scene import ScanNodules
from densesharp_scene import views as scene_views

from .corner_annotations import readout

if TYPE_CHECKING:
    from .viewer import Viewer

WIDTH_MM = 100.0
"""Shown in every slice view."""


def seed_when_open(viewer: Viewer, seed: Seed) -> None:
    """Analyse a first seed as soon as the CT is open."""
    session, opened = viewer.session, viewer.session.on_opened

    def first(scan: ScanNodules) -> None:
        session.on_opened = opened
        opened(scan)
        scene_views.jump_to(scan.scene, seed.ras)
        viewer.looking.snap()
        for view in viewer.slice_views.values():
            node = view.get_view_node()
            wide, high, deep = node.GetFieldOfView()
            node.SetFieldOfView(WIDTH_MM, WIDTH_MM * high / wide, deep)
        session.click(seed.ras)
        viewer.publish({"hint": demo_hint(readout(viewer.slice_views["axial"])["text"])})

    session.on_opened = first


def demo_hint(cross_at: str) -> str:
    """What a newcomer can do next on the sample CT: where its next nodule and the cross lie."""
    nodules = sample_truth()["nodules"]
    text = "A simulated CT with the answer to a first click."
    if len(nodules) > 1:
        left, _, height = nodules[1]["center_lps"]
        side = "left: at the right of the picture" if left > 0 else "right: at the left"
        text += (
            f" Another nodule lies in the axial slice at {height:.0f} mm, on the patient's {side}."
            " Press F, scroll there and click it."
        )
    text += f" Or drag the blue cross where the first was clicked, in the slice at {cross_at}."
    return text + " Press ? for all keys."
