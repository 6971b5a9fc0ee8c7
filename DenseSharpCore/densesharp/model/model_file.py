"""Model files: the weights of one network or an ensemble, and the card that says what they are.

A model file is a safetensors file. Tensor `N.name` is tensor `name` of member N; the metadata hold
one entry, `densesharp`, the model card as JSON. Nothing in it can be executed, and reading it needs
numpy only. A file that does not hold exactly what its card promises is refused.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densesharp.errors import ModelError
from densesharp.files import atomic_path, sha256
from densesharp.model.architecture import Architecture

Weights = dict[str, NDArray[np.float32]]
"""One member's tensors by name, as `Architecture.tensor_shapes` lists them."""

SCHEMA = 1
METADATA_KEY = "densesharp"
LARGEST_SHIFT = 5.0
"""A mask that moves by more log odds is broken, not corrected."""

PAPER_CLASSES = ("AAH-AIS", "MIA", "IAC")
PREPROCESSING = {
    "size_voxels": 32,
    "spacing_mm": 1.0,
    "window_hu": [-1024.0, 400.0],
    "grey_levels": 256,
    "network_units": "grey / 128 - 1",
}
"""The paper's preprocessing, section "Data preprocessing"; all model files share it."""


@dataclass(frozen=True)
class ModelCard:
    """What a model file is.

    Raises:
        ModelError: a field contradicts another one or has an impossible value.
    """

    name: str
    trained_on: str
    """What the network learnt from, in a sentence for the user."""
    architecture: Architecture = field(default_factory=Architecture)
    members: int = 1
    """Networks in the ensemble; their probabilities are averaged."""
    classes: tuple[str, ...] = PAPER_CLASSES
    temperature: float = 1.0
    """Logits are divided by it before softmax, so that probabilities are calibrated."""
    slice_shift: float = 0.0
    """How far the mask's log odds rise for each factor e of sharpness along the slices; 0 leaves
    the mask as the network gives it, also where density tells a nodule's volume. See
    `densesharp.nodule.inference.at_edge` and `densesharp.nodule.partial_volume`."""
    training_command: str = ""
    evaluation: str = ""
    """What was measured, on which data."""
    licence: str = "Apache-2.0"
    credits: str = ""

    def __post_init__(self) -> None:
        if not self.name or self.members < 1:
            raise ModelError("A model card needs a name and at least one member.")
        if len(self.classes) != self.architecture.classes:
            raise ModelError(
                f"The model card of '{self.name}' names {len(self.classes)} classes, "
                f"but its network has {self.architecture.classes}."
            )
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            message = f"The model card's temperature must be above 0, got {self.temperature}."
            raise ModelError(message)
        if not (math.isfinite(self.slice_shift) and abs(self.slice_shift) <= LARGEST_SHIFT):
            raise ModelError(
                f"The model card's slice_shift must lie within {LARGEST_SHIFT:g} of 0, "
                f"got {self.slice_shift}."
            )

    def to_json(self) -> dict[str, Any]:
        """Give the card as plain JSON values."""
        return {
            "schema": SCHEMA,
            **vars(self),
            "architecture": self.architecture.to_json(),
            "classes": list(self.classes),
            "preprocessing": PREPROCESSING,
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> ModelCard:
        """Undo `to_json`.

        Raises:
            ModelError: the schema or the preprocessing is not this software's, or a field is wrong.
        """
        if values.get("schema") != SCHEMA:
            raise ModelError(f"schema {values.get('schema')} is not known to this version")
        if values.get("preprocessing") != PREPROCESSING:
            message = f"its preprocessing {values.get('preprocessing')} is not this software's"
            raise ModelError(message)
        try:
            # Files of 0.2 have no evaluation, those up to 0.5 no shift.
            values = {"evaluation": "", "slice_shift": 0.0, **values}
            known = {part.name: values[part.name] for part in fields(cls)}
            known["architecture"] = Architecture.from_json(known["architecture"])
            known["classes"] = tuple(str(name) for name in known["classes"])
            return cls(**known)
        except (KeyError, TypeError) as error:
            raise ModelError(f"its field {error} is missing or wrong") from error


@dataclass(frozen=True)
class ModelFile:
    """A model file that was read and found to be whole."""

    card: ModelCard
    members: tuple[Weights, ...]
    sha256: str
    """Of the whole file, in hexadecimal; names this very model in results."""


def save_model(
    path: str | Path, members: Sequence[Mapping[str, NDArray[Any]]], card: ModelCard
) -> None:
    """Write a model file, atomically. The same weights and card always give the same bytes.

    Args:
        path: the file to write, by custom `*.safetensors`.
        members: each member's tensors by name.
        card: what the file will say it is.

    Raises:
        ModelError: the members do not fit the card.
        OutputError: the file cannot be written.
    """
    from safetensors.numpy import save_file

    if len(members) != card.members:
        message = f"The model card says {card.members} members, but {len(members)} were given."
        raise ModelError(message)
    tensors: Weights = {}
    for number, weights in enumerate(members):
        try:
            check_weights(weights, card.architecture)
        except ModelError as error:
            message = f"Member {number} is not what the model card says: {error}."
            raise ModelError(message) from error
        for name, array in weights.items():
            tensors[f"{number}.{name}"] = np.ascontiguousarray(array, dtype=np.float32)
    # One entry only: safetensors writes several in random order, which would change the sha256.
    metadata = {METADATA_KEY: json.dumps(card.to_json(), ensure_ascii=False)}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata)


def load_model(path: str | Path) -> ModelFile:
    """Read a model file.

    Returns:
        The weights of every member, the card, and the file's SHA-256.

    Raises:
        ModelError: there is no such file, or it is damaged, of another kind or architecture; the
            message names the first tensor that differs.
    """
    # Not at the top: who lets a server compute reads no model file and needs no such package.
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    try:
        with path.open("rb"):  # says why it cannot be read, which safetensors does not
            pass
        with safe_open(path, framework="np") as file:
            card = _card_of(file.metadata())
            names = list(file.keys())
            tensors = {name: file.get_tensor(name) for name in names}
        members = _split(tensors, card)
        return ModelFile(card, members, sha256(path))
    except OSError as error:
        message = f"The model file '{path}' cannot be read ({error.strerror or error})."
        raise ModelError(message) from error
    except (SafetensorError, TypeError) as error:
        message = f"The model file '{path}' is damaged or no model file ({error})."
        raise ModelError(message) from error
    except ModelError as error:
        message = f"The model file '{path}' cannot be used: {str(error).rstrip('.')}."
        raise ModelError(message) from error


def check_weights(weights: Mapping[str, NDArray[Any]], architecture: Architecture) -> None:
    """Check one network's tensors.

    Raises:
        ModelError: a tensor is missing, left over, of another shape or type, or not finite; a
            clause that names the first such tensor in the network's order.
    """
    shapes = architecture.tensor_shapes()
    for name, shape in shapes.items():
        if name not in weights:
            raise ModelError(f"tensor '{name}' is missing")
        array = weights[name]
        if array.shape != shape:
            raise ModelError(f"tensor '{name}' has shape {array.shape}, expected {shape}")
        if array.dtype != np.float32:
            raise ModelError(f"tensor '{name}' is {array.dtype}, expected float32")
        if not np.isfinite(array).all() or (name.endswith("running_var") and array.min() < 0):
            raise ModelError(f"tensor '{name}' holds impossible numbers")
    unknown = sorted(set(weights) - set(shapes))
    if unknown:
        raise ModelError(f"tensor '{unknown[0]}' does not belong to {architecture.name}")


def _card_of(metadata: dict[str, str] | None) -> ModelCard:
    text = (metadata or {}).get(METADATA_KEY)
    if text is None:
        raise ModelError("it is a safetensors file, but holds no DenseSharp model card")
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise ModelError(f"its model card is no JSON ({error})") from error
    if not isinstance(values, dict):
        raise ModelError("its model card is no JSON object")
    return ModelCard.from_json(values)


def _split(tensors: Weights, card: ModelCard) -> tuple[Weights, ...]:
    """Sort the file's tensors by member and check every member."""
    if card.members > len(tensors):
        raise ModelError(f"it holds {len(tensors)} tensors for {card.members} members")
    members: list[Weights] = [{} for _ in range(card.members)]
    for name, array in tensors.items():
        number, _, rest = name.partition(".")
        if not number.isdecimal() or int(number) >= card.members:
            raise ModelError(f"tensor '{name}' belongs to none of its {card.members} members")
        members[int(number)][rest] = array
    for position, weights in enumerate(members):
        try:
            check_weights(weights, card.architecture)
        except ModelError as error:
            raise ModelError(f"in member {position}, {error}") from error
    return tuple(members)
