"""What a CT scanner does to the truth: slice thickness, reconstruction kernel, noise."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from densesharp.simulate.fields import Field


@dataclass(frozen=True)
class Scanner:
    """One way to scan.

    Attributes:
        slice_mm: slice thickness and distance.
        blur_mm: standard deviation of the in-plane point spread.
        edge: 0..1, edge enhancement of the kernel (0 smooth, 1 lung kernel).
        noise_hu: standard deviation of the noise in lung.
    """

    slice_mm: float
    blur_mm: float
    edge: float
    noise_hu: float


def draw_scanner(rng: np.random.Generator) -> Scanner:
    """Draw slice thickness 0.6-2.5 mm, mostly thin, and a kernel with the noise it brings.

    Returns:
        Thickness, kernel and noise.
    """
    edge = float(rng.beta(1.2, 1.6))
    thin = rng.random() < 0.6
    slice_mm = float(rng.uniform(0.6, 1.3) if thin else rng.uniform(1.3, 2.5))
    noise = rng.lognormal(np.log(16 + 30 * edge), 0.45) / np.sqrt(max(slice_mm, 0.8))
    return Scanner(slice_mm, float(rng.uniform(0.35, 0.75)), edge, float(min(noise, 110)))


def scan(truth: Field, scanner: Scanner, rng: np.random.Generator) -> Field:
    """Scan a 1 mm cube (k, j, i) of HU and resample the slices back to 1 mm.

    Partial volume between slices comes from averaging over the slice thickness, in the plane from
    the point spread. Noise is made per slice, so that it is smoothed by the resampling as real
    noise is.

    Args:
        truth: (k, j, i) HU at 1 mm.
        scanner: thickness, kernel and noise.
        rng: source of everything random.
    """
    image = ndimage.gaussian_filter(truth, (0, scanner.blur_mm, scanner.blur_mm), truncate=3)
    if scanner.edge > 0:
        wide = ndimage.gaussian_filter(image, (0, 1.2, 1.2), truncate=3)
        image = image + np.float32(0.6 * scanner.edge) * (image - wide)
    positions, weights = _slices(len(truth), scanner.slice_mm, rng)
    slices = np.tensordot(weights, image, axes=1)
    slices += _noise(slices.shape, scanner, rng)
    return _resampled(slices, positions, len(truth))


def _slices(length: int, thickness: float, rng: np.random.Generator) -> tuple[Field, Field]:
    """Slice centres in voxels, and the weight (slices, length) of every voxel row in each."""
    first = rng.uniform(-0.5, -0.5 + thickness)
    centers = np.arange(first - thickness, length + thickness, thickness, dtype=np.float32)
    edges = np.arange(length + 1, dtype=np.float32) - 0.5
    low = np.maximum(edges[None, :-1], (centers - thickness / 2)[:, None])
    high = np.minimum(edges[None, 1:], (centers + thickness / 2)[:, None])
    weights = np.maximum(high - low, 0)
    # Slices beyond the cube show its last row.
    outside = weights.sum(axis=1) == 0
    weights[outside & (centers < 0), 0] = 1
    weights[outside & (centers > 0), -1] = 1
    weights /= weights.sum(axis=1, keepdims=True)
    return centers, weights.astype(np.float32)


def _noise(shape: tuple[int, ...], scanner: Scanner, rng: np.random.Generator) -> Field:
    if scanner.noise_hu == 0:
        return np.zeros(shape, dtype=np.float32)
    white = rng.standard_normal(shape, dtype=np.float32)
    fine = ndimage.gaussian_filter(white, (0, 0.75 - 0.3 * scanner.edge, 0.75 - 0.3 * scanner.edge))
    # Filtered back projection has little noise power at low frequency.
    coarse = ndimage.gaussian_filter(fine, (0, 2.0, 2.0), truncate=2)
    noise = fine - np.float32(0.7) * coarse
    return np.asarray(noise * np.float32(scanner.noise_hu / max(float(noise.std()), 1e-6)))


def _resampled(slices: Field, centers: Field, length: int) -> Field:
    step = float(centers[1] - centers[0])
    where = (np.arange(length) - float(centers[0])) / step
    below = np.clip(np.floor(where).astype(int), 0, len(slices) - 2)
    part = np.clip(where - below, 0, 1).astype(np.float32)[:, None, None]
    return np.asarray(slices[below] * (1 - part) + slices[below + 1] * part)
