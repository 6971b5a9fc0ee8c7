"""The model's maps of each nodule as text in the scene, so that an opened scene has them again.

One text node for each CT holds a JSON object: nodule id to probability and evidence (float32,
zlib, base64, `[k, j, i]` on the 32 mm patch) with the runs' own classes and volumes. What can be
computed from the CT, the patch itself, is not stored.
"""

import base64
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from densesharp.errors import DenseSharpError
from densesharp.image.grid import Grid
from densesharp.image.volume import Volume
from densesharp.nodule.patch import EDGE, cut_patch
from densesharp.nodule.records import NoduleResult, Patch, Prediction

from .errors import SceneError

ROLE = "maps"

_BYTES = 4 * EDGE**3

_prepared: WeakKeyDictionary[Prediction, str] = WeakKeyDictionary()


def create_maps(scene: Any, volume_node: Any) -> Any:
    """An empty text node. Not hidden: Slicer's Save dialog leaves out what lists do not show."""
    node = scene.AddNewNodeByClass("vtkMRMLTextNode", f"{volume_node.GetName()} model maps")
    node.SetForceCreateStorageNode(node.CreateStorageNodeAlways)
    return node


def encode(prediction: Prediction) -> str:
    """One nodule's maps as JSON."""
    return json.dumps(
        {
            "origin_lps": prediction.patch.grid.origin.tolist(),
            "inside": prediction.patch.inside,
            "classes": prediction.class_probabilities.tolist(),
            "samples": prediction.samples.tolist(),
            "volume_samples_mm3": prediction.volume_samples_mm3.tolist(),
            "probability": _pack(prediction.mask),
            "evidence": _pack(prediction.evidence),
        }
    )


def prepared(result: NoduleResult) -> NoduleResult:
    """The same result, its maps encoded already: packing takes 4 ms, which a worker can spare."""
    if result.prediction is not None:
        _prepared[result.prediction] = encode(result.prediction)
    return result


class Maps:
    """Keeps the text node in step with the nodules; encodes only what is new."""

    def __init__(self) -> None:
        self._encoded: dict[str, tuple[Prediction, str]] = {}

    def write(self, results: Sequence[NoduleResult], node: Callable[[], Any]) -> None:
        """Write the maps of all nodules, if any changed; `node` makes the text node if missing."""
        known, self._encoded = self._encoded, {}
        for result in results:
            if result.prediction is not None:
                kept = known.get(result.id)
                if kept is None or kept[0] is not result.prediction:
                    ready = _prepared.pop(result.prediction, "")
                    kept = (result.prediction, ready or encode(result.prediction))
                self._encoded[result.id] = kept
        same = known.keys() == self._encoded.keys() and all(
            known[name][0] is kept[0] for name, kept in self._encoded.items()
        )
        if not same:
            entries = (f"{json.dumps(name)}:{text}" for name, (_, text) in self._encoded.items())
            node().SetText("{" + ",".join(entries) + "}")


def restore(
    record: Any, results: Sequence[NoduleResult], volume: Callable[[], Volume]
) -> list[NoduleResult]:
    """The results with their maps, where the scene holds them.

    Args:
        record: the CT's record node, which refers to the maps.
        results: as the record gives them.
        volume: gives the CT.

    Raises:
        SceneError: the maps are damaged.
    """
    node = record.GetNodeReference(ROLE)
    try:
        entries = dict(json.loads((node.GetText() if node else "") or "{}"))
    except (ValueError, TypeError) as error:
        raise _damaged() from error
    return [
        replace(result, prediction=decode(entries[result.id], result, volume()))
        if result.id in entries
        else result
        for result in results
    ]


def decode(entry: Mapping[str, Any], result: NoduleResult, volume: Volume) -> Prediction:
    """The prediction of one nodule.

    Args:
        entry: what `encode` wrote.
        result: the nodule's answer, without maps.
        volume: the CT it was computed from.

    Raises:
        SceneError: the entry is damaged.
    """
    try:
        grid = Grid((EDGE,) * 3, entry["origin_lps"], np.ones(3), np.eye(3))
        patch = Patch(cut_patch(volume, grid.center).array, grid, float(entry["inside"]))
        return Prediction(
            class_probabilities=np.array(entry["classes"], dtype=np.float64),
            samples=np.array(entry["samples"], dtype=np.float64),
            mask=_unpack(entry["probability"]),
            volume_samples_mm3=np.array(entry["volume_samples_mm3"], dtype=np.float64),
            evidence=_unpack(entry["evidence"]),
            evidence_inside=float(result.evidence_inside or 0.0),
            patch=patch,
            shift_mm=result.shift_mm,
            passes=result.passes,
        )
    except (KeyError, ValueError, TypeError, zlib.error, DenseSharpError) as error:
        raise _damaged() from error


def _pack(array: NDArray[np.float32]) -> str:
    raw = np.ascontiguousarray(array, dtype="<f4").tobytes()
    return base64.b64encode(zlib.compress(raw, 1)).decode("ascii")


def _unpack(text: str) -> NDArray[np.float32]:
    # A length is given, so that a damaged or forged file cannot fill the memory.
    raw = zlib.decompressobj().decompress(base64.b64decode(text), _BYTES)
    return np.frombuffer(raw, dtype="<f4").astype(np.float32).reshape((EDGE,) * 3)


def _damaged() -> SceneError:
    return SceneError(
        "The model's maps in this scene are damaged: delete the node 'model maps' and open the "
        "scene again."
    )
