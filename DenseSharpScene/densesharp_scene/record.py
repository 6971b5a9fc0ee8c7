"""The record of one CT: a text node with the results, and references to every other node.

Nodes are found through references, never through ids or names: ids change when a scene is opened
beside another one, names change when a reader renames.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

import slicer

from densesharp.errors import DenseSharpError

from .errors import SceneError
from .nodule import Nodule
from .views import nodes_of

MARK = "DenseSharp.Record"
SCHEMA = 1

TECHNICAL, INTERNALS = ("maps", "evidence colors"), "Internals"
"""Roles of nodes that no reader looks at, and the folder they lie in."""


def find_record(volume_node: Any) -> Any | None:
    """The record of a CT, if its scene has one."""
    return next(
        (
            node
            for node in records(volume_node.GetScene())
            if node.GetNodeReference("volume") == volume_node
        ),
        None,
    )


def records(scene: Any) -> list[Any]:
    """All records of a scene."""
    return [node for node in nodes_of(scene, "vtkMRMLTextNode") if node.GetAttribute(MARK)]


def create_record(volume_node: Any) -> Any:
    """A new, empty record of a CT."""
    name = f"{volume_node.GetName()} DenseSharp results"
    node = volume_node.GetScene().AddNewNodeByClass("vtkMRMLTextNode", name)
    node.SetAttribute(MARK, str(SCHEMA))
    node.SetForceCreateStorageNode(node.CreateStorageNodeAlways)
    node.SetNodeReferenceID("volume", volume_node.GetID())
    return node


def referenced(record: Any, role: str, create: Callable[[], Any]) -> Any:
    """The node a record refers to under `role`; made, referred to and filed when missing."""
    node = record.GetNodeReference(role)
    if node is None:
        node = create()
        record.SetNodeReferenceID(role, node.GetID())
        _file_in_folder(record, node, role in TECHNICAL)
    return node


def write_record(record: Any, nodules: Iterable[Nodule], last_number: int) -> None:
    """Write all nodules of a CT as JSON."""
    data = {
        "schema": SCHEMA,
        "last_number": last_number,
        "nodules": [nodule.to_json() for nodule in nodules],
    }
    record.SetText(json.dumps(data))


def read_record(record: Any) -> tuple[list[Nodule], int]:
    """Nodules (without masks) and the last number given out.

    Raises:
        SceneError: the text is damaged or of a newer version.
    """
    text = record.GetText()
    if not text:
        return [], 0
    try:
        data = json.loads(text)
        if data["schema"] != SCHEMA:
            message = f"The results in '{record.GetName()}' were saved by a newer DenseSharp."
            raise SceneError(message)
        return [Nodule.from_json(entry) for entry in data["nodules"]], data["last_number"]
    except (KeyError, TypeError, ValueError, AttributeError, DenseSharpError) as error:
        if isinstance(error, SceneError):
            raise
        raise SceneError(
            f"The results in '{record.GetName()}' cannot be read: delete that node to start again."
        ) from error


def _file_in_folder(record: Any, node: Any, technical: bool) -> None:
    """Put a node into the CT's folder of the subject hierarchy, or into one below for internals."""
    scene = record.GetScene()
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    folder = _folder_of(hierarchy, record)
    if technical:
        below = hierarchy.GetItemChildWithName(folder, INTERNALS)
        folder = below or hierarchy.CreateFolderItem(folder, INTERNALS)
    item = hierarchy.GetItemByDataNode(node) or hierarchy.CreateItem(folder, node)
    hierarchy.SetItemParent(item, folder)


def _folder_of(hierarchy: Any, record: Any) -> int:
    item = hierarchy.GetItemByDataNode(record)
    parent = hierarchy.GetItemParent(item) if item else 0
    if parent and hierarchy.GetItemLevel(parent) == "Folder":
        return int(parent)
    volume_node = record.GetNodeReference("volume")
    volume_item = hierarchy.GetItemByDataNode(volume_node)
    above = hierarchy.GetItemParent(volume_item) if volume_item else 0
    folder = hierarchy.CreateFolderItem(
        above or hierarchy.GetSceneItemID(), f"DenseSharp {volume_node.GetName()}"
    )
    item = item or hierarchy.CreateItem(folder, record)
    hierarchy.SetItemParent(item, folder)
    return int(folder)
