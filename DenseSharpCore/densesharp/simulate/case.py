"""One simulated nodule in a lung, scanned: voxels, exact mask, what it was made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from densesharp.simulate.background import Background, simulated_lung
from densesharp.simulate.fields import Field
from densesharp.simulate.latents import UNLABELLED, Latents, draw, draw_any, draw_diagnosis
from densesharp.simulate.scanner import Scanner, draw_scanner, scan
from densesharp.simulate.tissue import Tissue, blend, make_tissue

EDGE = 80
"""mm and voxels of a sample cube, as in the original data set."""

SMALLEST_MM3 = 15.0
"""A simulated nodule shows at least this much, about half of the smallest diameter's ball."""


@dataclass(frozen=True, eq=False)
class Case:
    """A simulated nodule.

    Attributes:
        hu: (k, j, i) float32 HU at 1 mm, axes superior, posterior, left; the nodule's centre of
            mass is in the middle.
        mask: (k, j, i) bool, exact.
        solid: (k, j, i) bool, solid part.
        distance: (k, j, i) float32 mm to the outline, positive inside.
        latents: what it was made from.
        scanner: how it was scanned.
        mean_hu: mean density inside the mask before the scanner.
    """

    hu: Field
    mask: NDArray[np.bool_]
    solid: NDArray[np.bool_]
    distance: Field
    latents: Latents
    scanner: Scanner
    mean_hu: float

    @property
    def volume_mm3(self) -> float:
        """Exact volume of the mask."""
        return float(self.mask.sum())


def simulate(
    seed: int | list[int],
    diagnosis: str | None = None,
    edge: int = EDGE,
    latents: Latents | None = None,
    scanner: Scanner | None = None,
) -> Case:
    """Simulate one nodule; the same arguments give the same voxels.

    Args:
        seed: seed of everything random.
        diagnosis: `AAH`, `AIS`, `MIA`, `IAC`; `UNLABELLED` for a nodule of any kind without a
            class; None draws a diagnosis with the paper's shares.
        edge: voxels of 1 mm along each side.
        latents: the nodule to make, instead of drawing one.
        scanner: the scanner to use, instead of drawing one.
    """
    rng = np.random.default_rng(seed)
    if latents is None:
        name = draw_diagnosis(rng) if diagnosis is None else diagnosis
        latents = draw_any(rng) if name == UNLABELLED else draw(rng, name)
    scanner = scanner or draw_scanner(rng)
    while True:
        lung, tissue = _place(rng, latents, edge)
        if tissue.mask.sum() >= SMALLEST_MM3:  # a small one may vanish behind the pleura
            return finish(rng, lung, tissue, latents, scanner)


def _place(rng: np.random.Generator, latents: Latents, edge: int) -> tuple[Background, Tissue]:
    """A lung with room for the nodule, and the nodule in it."""
    radius = latents.diameter_mm / 2
    center = rng.uniform(-0.5, 0.5, 3)
    if latents.pleural:
        pleura = radius * rng.uniform(0.2, 0.9)
    else:
        pleura = radius * 1.15 + 2 + rng.gamma(1.6, 14)
    lung = simulated_lung(rng, edge, pleura, latents.vessels, center)
    return lung, make_tissue(rng, latents, edge, center, lung.lung)


def finish(
    rng: np.random.Generator, lung: Background, tissue: Tissue, latents: Latents, scanner: Scanner
) -> Case:
    """Put the nodule into the lung, centre its mask and scan it."""
    truth = blend(lung.hu, tissue, lung.parenchyma_hu)
    mask, solid, distance = tissue.mask, tissue.solid, tissue.distance
    middle = ndimage.center_of_mass(mask)
    shift = [round((n - 1) / 2 - m) for n, m in zip(mask.shape, middle, strict=True)]
    truth = _shifted(truth, shift)
    mask, solid, distance = (_shifted(a, shift) for a in (mask, solid, distance))
    mean_hu = float(truth[mask].mean())
    return Case(scan(truth, scanner, rng), mask, solid, distance, latents, scanner, mean_hu)


def _shifted(array: NDArray[Any], shift: list[int]) -> NDArray[Any]:
    """Move an array by whole voxels; the edge is repeated."""
    index = [np.clip(np.arange(n) - s, 0, n - 1) for n, s in zip(array.shape, shift, strict=True)]
    return array[np.ix_(*index)]
