"""A network's arguments and the tensors that follow from them, without torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from densesharp.errors import ModelError

NAMES = ("DenseSharp", "DenseNet")
LARGEST_ARGUMENT = 1024
LARGEST_DEPTH = 5
"""A patch of 32 voxels can be halved five times."""


@dataclass(frozen=True)
class Architecture:
    """One of the paper's networks; without arguments the paper's DenseSharp.

    The fields but `name` are the arguments of `densesharp.DenseSharp` and `densenet.DenseNet`
    that shape their weights.

    Raises:
        ModelError: the name is unknown, or an argument is no whole number in 1..1024.
    """

    name: str = "DenseSharp"
    growth: int = 16
    bottleneck: int = 4
    compression: int = 2
    blocks: tuple[int, ...] = (4, 4, 4)
    stem: int = 32
    classes: int = 3

    def __post_init__(self) -> None:
        if self.name not in NAMES:
            raise ModelError(f"The architecture '{self.name}' is not known: it is one of {NAMES}.")
        numbers = [self.growth, self.bottleneck, self.compression, self.stem, self.classes]
        if not 1 <= len(self.blocks) <= LARGEST_DEPTH or not all(
            type(number) is int and 0 < number <= LARGEST_ARGUMENT
            for number in [*numbers, *self.blocks]
        ):
            raise ModelError(
                f"The architecture's arguments must be whole numbers in 1..{LARGEST_ARGUMENT} and "
                f"at most {LARGEST_DEPTH} blocks, got {self}."
            )

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Architecture:
        """Undo `to_json`.

        Raises:
            ModelError: a field is unknown or has a wrong value.
        """
        try:
            return cls(**{**fields, "blocks": tuple(fields["blocks"])})
        except (TypeError, KeyError) as error:
            message = f"The architecture cannot be understood ({error}): {fields}."
            raise ModelError(message) from error

    def to_json(self) -> dict[str, Any]:
        """Give the fields as plain JSON values."""
        return {**asdict(self), "blocks": list(self.blocks)}

    def arguments(self) -> dict[str, Any]:
        """Give the arguments to build the network with.

        Returns:
            Keyword arguments of the network's class.
        """
        return {name: value for name, value in vars(self).items() if name != "name"}

    def widths(self) -> list[int]:
        """Give the channels after each dense block, finest grid first."""
        widths: list[int] = []
        channels = self.stem
        for size in self.blocks:
            if widths:
                channels //= self.compression
            channels += size * self.growth
            widths.append(channels)
        return widths

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Give every tensor's name and shape, in the order of the network's `state_dict`.

        Returns:
            Shapes by name.
        """
        trunk = dict(self._trunk())
        if self.name == "DenseNet":
            return trunk
        return {f"densenet.{name}": shape for name, shape in trunk.items()} | dict(self._decoder())

    def _trunk(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        yield from _conv("stem", (self.stem, 1, 3, 3, 3))
        inner, widths = self.growth * self.bottleneck, self.widths()
        for block, size in enumerate(self.blocks):
            first = widths[block] - size * self.growth
            for number in range(size):
                name = f"blocks.{block}.{number}"
                channels = first + number * self.growth
                yield from _norm(f"{name}.norm1", channels)
                yield f"{name}.conv1.weight", (inner, channels, 1, 1, 1)
                yield from _norm(f"{name}.norm2", inner)
                yield from _conv(f"{name}.conv2", (self.growth, inner, 3, 3, 3))
        for number, width in enumerate(widths[:-1]):
            yield from _norm(f"transitions.{number}.norm", width)
            compressed = (width // self.compression, width, 1, 1, 1)
            yield from _conv(f"transitions.{number}.conv", compressed)
        yield from _norm("norm", widths[-1])
        yield from _conv("classifier", (self.classes, widths[-1], 1, 1, 1))

    def _decoder(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        widths = self.widths()
        for number in range(len(widths) - 1):
            fine, coarse = widths[number], widths[number + 1]
            # A transposed convolution's kernel is (in, out, ...), its bias has the outputs.
            yield f"decoder.ups.{number}.weight", (coarse, fine, 2, 2, 2)
            yield f"decoder.ups.{number}.bias", (fine,)
        yield from _conv("decoder.mask", (1, widths[0], 1, 1, 1))


def _conv(name: str, shape: tuple[int, ...]) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", shape
    yield f"{name}.bias", shape[:1]


def _norm(name: str, channels: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    for part in ("weight", "bias", "running_mean", "running_var"):
        yield f"{name}.{part}", (channels,)
