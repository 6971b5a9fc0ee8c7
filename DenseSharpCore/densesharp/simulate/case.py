"""One simulated nodule in a lung, scanned: voxels, exact mask, what it was made from."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from densesharp.simulate.background import Background, simulated_lung
from densesharp.simulate.fields import Field
from densesharp.simulate.latents import UNLABELLED, Latents, draw, draw_any, draw_diagnosis
from densesharp.simulate.real_lung import Lungs, RealLung
from densesharp.simulate.scanner import Scanner, draw_scanner, scan
from densesharp.simulate.shapes import Shape
from densesharp.simulate.tissue import Tissue, blend, make_tissue

EDGE = 80
"""mm and voxels of a sample cube, as in the original data set."""

SMALLEST_MM3 = 15.0
"""A simulated nodule shows at least this much, about half of the smallest diameter's ball."""


@dataclass(frozen=True, eq=False)
class SimulatedCase:
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
        lung: name of the real CT that the lung was cut from; empty for a simulated one.
        place: LPS mm of the cube's middle in that CT; None in a simulated lung.
    """

    hu: Field
    mask: NDArray[np.bool_]
    solid: NDArray[np.bool_]
    distance: Field
    latents: Latents
    scanner: Scanner
    mean_hu: float
    lung: str = ""
    place: tuple[float, float, float] | None = None

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
    lung: RealLung | Lungs | None = None,
    shape: Shape | None = None,
) -> SimulatedCase:
    """Simulate one nodule; the same arguments give the same voxels.

    Args:
        seed: seed of everything random.
        diagnosis: `AAH`, `AIS`, `MIA`, `IAC`; `UNLABELLED` for a nodule of any kind without a
            class; None draws a diagnosis with the paper's shares.
        edge: voxels of 1 mm along each side.
        latents: the nodule to make, instead of drawing one.
        scanner: the scanner to use, instead of drawing one. In a real lung the CT's own.
        lung: a real CT, or several to choose from, to put it into, instead of a simulated lung.
        shape: a real nodule's, instead of one that is made up.

    Returns:
        The CT cube, the true mask, and everything it was made from.

    Raises:
        ImageError: the real lung has no room for it.
    """
    rng = np.random.default_rng(seed)
    if latents is None:
        name = draw_diagnosis(rng) if diagnosis is None else diagnosis
        latents = draw_any(rng) if name == UNLABELLED else draw(rng, name)
    scanner = scanner or draw_scanner(rng)
    real = None if lung is None else lung.with_room(latents)
    while True:
        if real is None:
            background, tissue = _place(rng, latents, edge, shape)
        else:
            background, scanner = real.cut(rng, latents, edge)
            tissue = make_tissue(rng, latents, edge, lung=background.lung, shape=shape)
        if tissue.mask.sum() >= SMALLEST_MM3:  # a small one may vanish behind the pleura
            return finish(rng, background, tissue, latents, scanner)


def _place(
    rng: np.random.Generator, latents: Latents, edge: int, shape: Shape | None
) -> tuple[Background, Tissue]:
    """A lung with room for the nodule, and the nodule in it."""
    radius = latents.diameter_mm / 2
    center = rng.uniform(-0.5, 0.5, 3)
    if latents.pleural:
        pleura = radius * rng.uniform(0.2, 0.9)
    else:
        pleura = radius * 1.15 + 2 + rng.gamma(1.6, 14)
    lung = simulated_lung(rng, edge, pleura, latents.vessels, center)
    return lung, make_tissue(rng, latents, edge, center, lung.lung, shape)


def finish(
    rng: np.random.Generator, lung: Background, tissue: Tissue, latents: Latents, scanner: Scanner
) -> SimulatedCase:
    """Put the nodule into the lung, centre its mask and scan it.

    Of a lung that was cut from a real CT only what is added is scanned: blurred and cut into
    slices, but without noise. The CT's own noise stays, in the nodule too.

    Args:
        rng: source of everything random.
        lung: what the nodule is put into.
        tissue: the nodule.
        latents: what it was made from.
        scanner: how it is scanned.

    Returns:
        The finished case.
    """
    truth = blend(lung.hu, tissue, lung.parenchyma_hu)
    mask, solid, distance = tissue.mask, tissue.solid, tissue.distance
    middle = ndimage.center_of_mass(mask)
    shift = [round((n - 1) / 2 - m) for n, m in zip(mask.shape, middle, strict=True)]
    truth = _shifted(truth, shift)
    mask, solid, distance = (_shifted(a, shift) for a in (mask, solid, distance))
    mean_hu = float(truth[mask].mean())
    real = lung.cut_from
    if real is None:
        hu = scan(truth, scanner, rng)
        return SimulatedCase(hu, mask, solid, distance, latents, scanner, mean_hu)
    before, quiet = _shifted(real.hu, shift), _shifted(real.quiet, shift)
    hu = before + scan(truth - quiet, scanner, rng)
    x, y, z = (float(value) for value in real.center - np.array(shift[::-1]))
    return SimulatedCase(hu, mask, solid, distance, latents, scanner, mean_hu, real.name, (x, y, z))


def _shifted(array: NDArray[Any], shift: list[int]) -> NDArray[Any]:
    """Move an array by whole voxels; the edge is repeated."""
    index = [np.clip(np.arange(n) - s, 0, n - 1) for n, s in zip(array.shape, shift, strict=True)]
    return array[np.ix_(*index)]
