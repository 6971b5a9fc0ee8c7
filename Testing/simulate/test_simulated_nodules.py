"""Simulated nodules: determinism, exact masks, what the scanner does, published figures."""

import numpy as np
import pytest
from scipy import ndimage, stats

from densesharp.simulate.background import add_tube
from densesharp.simulate.case import simulate
from densesharp.simulate.fields import BumpySurface, coordinates
from densesharp.simulate.latents import (
    CASES,
    DIAGNOSES,
    MODELS,
    UNLABELLED,
    Latents,
    draw,
    draw_any,
    draw_diagnosis,
    log_density,
    posterior,
)
from densesharp.simulate.scanner import Scanner, scan
from densesharp.simulate.simulated_set import grey
from densesharp.stats.auc import empirical_auc

A_ROUND_SOLID_NODULE = Latents("IAC", "solid", 12.0, -500, 1.0, 0.8, 0.0, 0.0, 0, False, False)
NO_NOISE = Scanner(slice_mm=1.0, blur_mm=0.4, edge=0.0, noise_hu=0.01)


@pytest.fixture(scope="module")
def many_nodules_of_the_papers_mix() -> list[Latents]:
    rng = np.random.default_rng(5)
    return [draw(rng, draw_diagnosis(rng)) for _ in range(1500)]


@pytest.fixture(scope="module")
def their_posteriors(many_nodules_of_the_papers_mix: list[Latents]) -> np.ndarray:
    return np.array([posterior(nodule) for nodule in many_nodules_of_the_papers_mix])


def test_the_same_seed_gives_the_same_voxels_and_another_seed_others() -> None:
    first, again, other = (simulate(seed, "MIA", 48) for seed in (3, 3, 4))
    assert np.array_equal(first.hu, again.hu)
    assert np.array_equal(first.mask, again.mask)
    assert not np.array_equal(first.hu, other.hu)


@pytest.mark.parametrize("diagnosis", [*DIAGNOSES, UNLABELLED])
def test_a_case_is_a_plausible_ct_with_its_nodule_in_the_middle(diagnosis: str) -> None:
    case = simulate([8, 1], diagnosis, 48)
    assert case.hu.shape == case.mask.shape == (48, 48, 48)
    assert np.isfinite(case.hu).all()
    assert case.hu.min() > -1500
    assert np.abs(np.array(ndimage.center_of_mass(case.mask)) - 23.5).max() <= 0.51
    assert ndimage.label(case.mask)[1] == 1
    assert np.array_equal(case.mask, case.distance > 0)
    assert not (case.solid & ~case.mask).any()


def test_the_mask_has_the_volume_that_was_asked_for() -> None:
    volumes = [simulate([n], edge=48, latents=A_ROUND_SOLID_NODULE).volume_mm3 for n in range(6)]
    assert np.mean(volumes) == pytest.approx(np.pi / 6 * 12**3, rel=0.08)


def test_density_inside_the_mask_is_the_latents_density() -> None:
    ground_glass = Latents("AIS", "ground-glass", 16, -600, 0, 0.8, 0, 0, 0, False, False)
    case = simulate(2, edge=48, latents=ground_glass, scanner=NO_NOISE)
    inner = ndimage.binary_erosion(case.mask, iterations=3)
    assert np.median(case.hu[inner]) == pytest.approx(-600, abs=60)
    solid = simulate(2, edge=48, latents=A_ROUND_SOLID_NODULE, scanner=NO_NOISE)
    inner = ndimage.binary_erosion(solid.mask, iterations=2)
    assert np.median(solid.hu[inner]) == pytest.approx(30, abs=80)


def test_an_outline_without_bumps_and_elongation_is_a_ball() -> None:
    ball = BumpySurface(np.random.default_rng(0), 10.0, elongation=0.0)
    ball._heights[:] = 0  # no lobes
    positions = coordinates(21)
    expected = 5.0 - np.linalg.norm(positions, axis=-1)
    near = np.abs(expected) < 3
    assert np.abs(ball.distance(positions) - expected)[near].max() < 1e-3


def test_a_tube_has_its_volume() -> None:
    hu = np.full((40, 40, 40), -900.0, np.float32)
    add_tube(hu, np.array([20.0, 20, -10]), np.array([20.0, 20, 60]), 3.0, 100.0)
    volume = ((hu + 900) / 1000).sum()
    assert volume == pytest.approx(np.pi * 9 * 40, rel=0.03)


def test_thick_slices_average_and_noise_has_the_asked_strength() -> None:
    truth = np.full((40, 40, 40), -850.0, np.float32)
    truth[20] = 150
    rng = np.random.default_rng(0)
    thick = scan(truth, Scanner(2.5, 0.4, 0.0, 0.01), rng)
    assert thick.max() < -300  # the plane fills only part of a slice
    assert np.sum(thick[:, 20, 20] + 850) == pytest.approx(1000, rel=0.25)
    flat = np.full((40, 40, 40), -850.0, np.float32)
    noisy = scan(flat, Scanner(1.0, 0.4, 0.5, 40.0), rng)
    assert noisy.mean() == pytest.approx(-850, abs=2)
    assert 20 < noisy.std() <= 41


def test_grey_values_follow_the_papers_window() -> None:
    hu = np.array([-2000, -1024, -750, -600, -300, 0, 400, 3000], float)
    units = grey(hu).astype(float) / 128 - 1
    assert units == pytest.approx(
        [-1, -1, -0.6172, -0.40625, 0.01563, 0.42969, 0.99219, 0.99219], abs=1e-4
    )


def test_shares_of_classes_and_ct_types_are_the_papers(
    many_nodules_of_the_papers_mix: list[Latents],
) -> None:
    nodules = many_nodules_of_the_papers_mix
    n = len(nodules)
    for name, cases in CASES.items():
        share = sum(nodule.diagnosis == name for nodule in nodules) / n
        assert share == pytest.approx(cases / 651, abs=0.035)
    for name, cases in (("ground-glass", 346), ("part-solid", 284), ("solid", 21)):
        share = sum(nodule.nodule_type == name for nodule in nodules) / n
        assert share == pytest.approx(cases / 651, abs=0.045)


def test_diameter_alone_separates_iac_as_published(
    many_nodules_of_the_papers_mix: list[Latents],
) -> None:
    nodules = many_nodules_of_the_papers_mix
    diameter = np.array([nodule.diameter_mm for nodule in nodules])
    area = empirical_auc(diameter, np.array([n.class_index == 2 for n in nodules]))
    assert area == pytest.approx(0.85, abs=0.03)  # pooled 0.85, 0.82-0.88


def test_even_a_perfect_reader_stays_well_below_one_hundred_percent(
    many_nodules_of_the_papers_mix: list[Latents], their_posteriors: np.ndarray
) -> None:
    ideal = their_posteriors
    truth = np.array([nodule.class_index for nodule in many_nodules_of_the_papers_mix])
    assert (ideal.argmax(axis=1) == truth).mean() == pytest.approx(0.75, abs=0.02)
    assert empirical_auc(ideal[:, 2], truth == 2) == pytest.approx(0.97, abs=0.015)
    assert empirical_auc(ideal[:, 1:].sum(axis=1), truth >= 1) == pytest.approx(0.89, abs=0.015)


def test_sizes_follow_the_rules_of_who_and_tnm() -> None:
    rng = np.random.default_rng(7)
    drawn = {name: [draw(rng, name) for _ in range(800)] for name in DIAGNOSES}
    size = {name: np.array([n.diameter_mm for n in drawn[name]]) for name in DIAGNOSES}
    solid = {name: np.array([n.solid_diameter_mm for n in drawn[name]]) for name in DIAGNOSES}
    # WHO 2021: AIS and MIA have at most 30 mm, invasion in MIA at most 5 mm, in IAC more. The solid
    # part on CT is not the invasion, so that some cross the border, as they do in patients.
    assert max(size[name].max() for name in ("AAH", "AIS", "MIA")) < 30
    assert np.median(size["AAH"]) < np.median(size["AIS"]) < np.median(size["MIA"])
    assert (solid["AAH"] <= 5).mean() > 0.99
    assert (solid["AIS"] <= 5).mean() > 0.97
    assert (solid["MIA"] <= 5).mean() == pytest.approx(0.89, abs=0.03)
    assert (solid["IAC"] > 5).mean() == pytest.approx(0.72, abs=0.04)


@pytest.mark.parametrize(
    ("diagnosis", "low", "high"),
    [
        # From all ground-glass nodules (AJR 2017;209:1216, Table 1) to the denser part-solid ones
        # (Iran J Radiol 2018;15:e61846, Table 1), whose AAH is not given.
        ("AAH", -633 - 30, -633 + 30),
        ("AIS", -613 - 30, -575),
        ("MIA", -586, -505),
        ("IAC", -491, -333),
    ],
)
def test_mean_density_of_each_diagnosis_is_as_published(
    diagnosis: str, low: float, high: float
) -> None:
    mean = np.mean([simulate([99, n], diagnosis, 40).mean_hu for n in range(60)])
    assert low < mean < high


def test_the_posterior_is_calibrated_because_it_is_bayes_rule(
    many_nodules_of_the_papers_mix: list[Latents], their_posteriors: np.ndarray
) -> None:
    nodules, probabilities = many_nodules_of_the_papers_mix, their_posteriors
    assert probabilities.sum(axis=1) == pytest.approx(1)
    shares = np.bincount([n.class_index for n in nodules], minlength=3) / len(nodules)
    assert probabilities.mean(axis=0) == pytest.approx(shares, abs=0.03)


def test_the_density_of_diameters_is_log_normal() -> None:
    values = np.linspace(4, 28, 401)
    rest = ("IAC", "part-solid")
    more = (-500.0, 0.5, 1.5, 0.4, 0.3, 1, False, False)
    logs = np.array([log_density(Latents(*rest, float(d), *more), "IAC") for d in values])
    model = MODELS["IAC"]
    expected = stats.lognorm(model.diameter[1], scale=model.diameter[0]).logpdf(values)
    assert logs - logs[0] == pytest.approx(expected - expected[0], abs=1e-6)


def test_nodules_of_any_kind_have_no_class() -> None:
    nodule = draw_any(np.random.default_rng(0))
    assert nodule.diagnosis == UNLABELLED
    with pytest.raises(KeyError):
        _ = nodule.class_index
