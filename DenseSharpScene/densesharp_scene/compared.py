"""Outlines of several CTs in one scene: each is shown over its own CT only.

The chosen CT's outlines lie in every view that shows no other CT of ours, and in 3D. Those of
another CT lie in the slice views that show it, beside the chosen one, and nowhere else.
"""

from typing import Any

from . import record
from .geometry import may_be_ct
from .prior_link import earlier
from .scan import ScanNodules
from .surfaces import SURFACE
from .views import jumping, nodes_of

SMOOTH = "DenseSharp.Smooth"
"""Attribute of a segmentation whose outlines were made smooth once; what a reader chooses stays."""

HIDDEN = "DenseSharp.Hidden"
"""Attribute of a display node that was hidden here, not by the reader."""


def show_outlines(scene: Any, chosen: Any | None) -> None:
    """Show outlines, surfaces and points where their CT is shown.

    Args:
        scene: the scene.
        chosen: the CT whose nodules the reader works on; None shows all as they are.
    """
    entries = [entry for entry in record.records(scene) if entry.GetNodeReference("volume")]
    volumes = [entry.GetNodeReference("volume") for entry in entries]
    if chosen is None:
        return
    shown_in = _views_by_background(scene)
    solid = [view.GetID() for view in nodes_of(scene, "vtkMRMLViewNode")]
    for entry, volume in zip(entries, volumes, strict=True):
        others = {each.GetID() for each in volumes if each is not volume}
        views = [name for name, background in shown_in.items() if background == volume.GetID()]
        if volume is chosen:
            free = [name for name, background in shown_in.items() if background not in others]
            views = [*free, *solid]
        alone = len(entries) == 1
        for role in ("segmentation", "seeds"):
            node = entry.GetNodeReference(role)
            if node is not None and node.GetDisplayNode() is not None:
                _show_in(node.GetDisplayNode(), None if alone else views)
        _smooth_once(entry.GetNodeReference("segmentation"))


def clicked_elsewhere(scan: ScanNodules) -> list[tuple[str, Any]]:
    """New points that were clicked in a view of another CT: (point's id, that CT)."""
    node = scan.seeds_node
    shown = set(_views_by_background(scan.scene).values())
    found = []
    for seed_id in scan.new_seeds():
        index = node.GetNthControlPointIndexByID(seed_id)
        volume = scan.scene.GetNodeByID(node.GetNthControlPointAssociatedNodeID(index) or "")
        another = volume is not None and volume is not scan.volume_node
        if another and volume.GetID() in shown and may_be_ct(volume):  # no overlay
            found.append((seed_id, volume))
    return found


def side_by_side(scan: ScanNodules, nodule_id: str, prior: ScanNodules) -> tuple[Any, Any]:
    """Show a nodule's CT in the red view and an earlier one in the yellow view, both axial.

    Each view looks at its own nodule, where the earlier CT has the same one, as near as the other.

    Returns:
        The two views, red and yellow.
    """
    scene = scan.scene
    views = {view.GetLayoutName(): view for view in nodes_of(scene, "vtkMRMLSliceNode")}
    for composite in nodes_of(scene, "vtkMRMLSliceCompositeNode"):
        chosen = {"Red": scan, "Yellow": prior}.get(composite.GetLayoutName())
        if chosen is not None:
            composite.SetBackgroundVolumeID(chosen.volume_node.GetID())
    red, yellow = views["Red"], views["Yellow"]
    for view in (red, yellow):
        view.SetOrientation("Axial")
    across, (_, up, deep) = red.GetFieldOfView()[0], yellow.GetFieldOfView()
    yellow.SetFieldOfView(across, across * up / yellow.GetFieldOfView()[0], deep)
    with jumping():
        red.JumpSliceByCentering(*scan.center_of(nodule_id).tolist())
        look_at_pair(scan, nodule_id, prior)
    return red, yellow


def look_at_pair(scan: ScanNodules, nodule_id: str, prior: ScanNodules) -> None:
    """Bring the views that show an earlier CT to the same nodule in it, where it has one."""
    found = earlier(scan, scan.nodule(nodule_id), prior)
    if found is None:
        return
    shown_in = _views_by_background(scan.scene)
    with jumping():
        for view in nodes_of(scan.scene, "vtkMRMLSliceNode"):
            if shown_in[view.GetID()] == prior.volume_node.GetID():
                view.JumpSliceByCentering(*prior.center_of(found.id).tolist())


def _views_by_background(scene: Any) -> dict[str, str]:
    """Slice view -> id of the volume it shows, empty for none."""
    backgrounds = {
        composite.GetLayoutName(): composite.GetBackgroundVolumeID() or ""
        for composite in nodes_of(scene, "vtkMRMLSliceCompositeNode")
    }
    return {
        view.GetID(): backgrounds.get(view.GetLayoutName(), "")
        for view in nodes_of(scene, "vtkMRMLSliceNode")
    }


def smooth_again(scene: Any) -> None:
    """Draw outlines smooth from the next look on: Segment Editor leaves their voxels drawn."""
    for entry in record.records(scene):
        node = entry.GetNodeReference("segmentation")
        if node is not None:
            node.RemoveAttribute(SMOOTH)


def _smooth_once(node: Any | None) -> None:
    """Draw outlines of scenes saved with voxel edges, or left so by Segment Editor, smooth."""
    if node is not None and node.GetDisplayNode() is not None and not node.GetAttribute(SMOOTH):
        node.SetAttribute(SMOOTH, "1")
        node.GetDisplayNode().SetPreferredDisplayRepresentationName2D(SURFACE)


def _show_in(display: Any, views: list[str] | None) -> None:
    """Show a node in some views; None means in all, as Slicer does by itself."""
    wanted = sorted(views or ())
    hide = views is not None and not views
    if hide != (display.GetAttribute(HIDDEN) == "1"):
        if hide and not display.GetVisibility():
            return  # the reader hid it
        display.SetAttribute(HIDDEN, "1" if hide else None)
        display.SetVisibility(not hide)
    if sorted(display.GetViewNodeIDs() or ()) != wanted:
        was_modifying = display.StartModify()
        display.RemoveAllViewNodeIDs()
        for name in wanted:
            display.AddViewNodeID(name)
        display.EndModify(was_modifying)
