"""The simulated scanner: slices, kernel and noise as real CT has them."""

import numpy as np
import pytest

from densesharp.simulate.scanner import Scanner, draw_scanner, scan

FLAT = np.full((40, 48, 48), -850.0, np.float32)


def noise(edge: float, slice_mm: float = 1.0, noise_hu: float = 40.0) -> np.ndarray:
    scanned = scan(FLAT, Scanner(slice_mm, 0.4, edge, noise_hu), np.random.default_rng(0))
    return scanned - scanned.mean()


def test_scanners_have_slices_of_the_range_that_is_claimed_mostly_thin() -> None:
    rng = np.random.default_rng(0)
    scanners = [draw_scanner(rng) for _ in range(2000)]
    slices = np.array([scanner.slice_mm for scanner in scanners])
    assert slices.min() >= 0.6
    assert slices.max() <= 2.5
    assert np.mean(slices <= 1.3) == pytest.approx(0.6, abs=0.04)
    # Sharper kernels and thinner slices are noisier.
    edge = np.array([scanner.edge for scanner in scanners])
    level = np.log([scanner.noise_hu for scanner in scanners])
    assert np.corrcoef(edge, level)[0, 1] > 0.3
    assert np.corrcoef(slices, level)[0, 1] < -0.2


def test_a_lung_kernel_overshoots_at_an_edge_and_a_smooth_one_does_not() -> None:
    truth = FLAT.copy()
    truth[:, :, 24:] = 50
    smooth, sharp = (
        scan(truth, Scanner(1.0, 0.5, edge, 0.0), np.random.default_rng(0))[20, 24]
        for edge in (0.0, 1.0)
    )
    assert smooth.min() == pytest.approx(-850, abs=1)
    assert smooth.max() == pytest.approx(50, abs=1)
    assert sharp.min() < -900
    assert sharp.max() > 100
    assert np.diff(sharp).max() > np.diff(smooth).max()


def test_noise_has_little_power_at_low_frequency_as_filtered_back_projection() -> None:
    spectrum = np.abs(np.fft.fft2(noise(edge=0.5), axes=(1, 2))) ** 2
    frequency = np.abs(np.fft.fftfreq(48))  # cycles per mm
    radius = np.hypot(frequency[:, None], frequency[None, :])
    low = spectrum[:, (radius > 0) & (radius < 0.06)].mean()
    middle = spectrum[:, (radius > 0.15) & (radius < 0.25)].mean()
    assert low < 0.4 * middle


def test_a_smooth_kernels_noise_is_coarser_than_a_lung_kernels() -> None:
    def neighbours(image: np.ndarray) -> float:
        return float(np.corrcoef(image[:, :, :-1].ravel(), image[:, :, 1:].ravel())[0, 1])

    assert neighbours(noise(edge=0.0)) > neighbours(noise(edge=1.0)) + 0.1


def test_thick_slices_share_their_noise_across_the_voxels_between_them() -> None:
    def across(image: np.ndarray) -> float:
        return float(np.corrcoef(image[:-1].ravel(), image[1:].ravel())[0, 1])

    assert across(noise(0.5, slice_mm=2.5)) > across(noise(0.5, slice_mm=0.6)) + 0.3


def test_partial_volume_in_the_plane_and_between_slices() -> None:
    truth = FLAT.copy()
    truth[20, 24, 24] = 150  # one voxel of 1 mm
    for slice_mm in (1.0, 2.5):
        change = scan(truth, Scanner(slice_mm, 0.5, 0.0, 0.0), np.random.default_rng(1)) + 850
        # Blurring spreads what is there over space; resampling keeps it but for the slice grid.
        assert change.sum() == pytest.approx(1000, rel=0.35)
        assert change.max() < 700 / max(slice_mm, 1.0)
