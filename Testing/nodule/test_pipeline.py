"""The chain from a click to a result, with an engine whose answer is known: geometry first."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from densesharp.errors import Cancelled, ModelError, SeedError
from densesharp.image.grid import Grid
from densesharp.image.masks import NoduleMask, dice
from densesharp.image.volume import Notice, Volume
from densesharp.nodule.patch import to_network_units
from densesharp.nodule.pipeline import analyse, update_mask, values_around
from densesharp.nodule.records import Seed
from densesharp.nodule.settings import AnalysisSettings
from densesharp.nodule.spread import SPREAD
from phantoms import (
    ThresholdEngine,
    grid_around,
    rotation,
    signed_permutations,
    smooth_ball,
)

CENTER = np.array([23.0, -41.0, 60.0])
QUICK = AnalysisSettings(augmentations=1, stability=False)
FINE = grid_around(CENTER, (80, 80, 80), (0.4, 0.4, 0.4), np.eye(3)).points
"""Places (LPS mm) at which masks on different grids are compared."""


def ball_on(size, spacing, direction, radius=7.0, **kwargs) -> Volume:
    grid = grid_around(CENTER + [4, -3, 2], size, spacing, direction)
    return smooth_ball(grid, CENTER, radius, **kwargs)


@pytest.fixture
def a_ball_in_lung() -> Volume:
    return ball_on((90, 85, 60), (0.75, 0.75, 1.25), np.eye(3))


def world_dice(first, second) -> float:
    """Dice of two masks on different grids."""
    inside = []
    for mask in (first, second):
        index = np.floor(mask.grid.to_index(FINE) + 0.5).astype(int)
        valid = ((index >= 0) & (index < mask.grid.size)).all(axis=-1)
        i, j, k = np.moveaxis(np.where(valid[..., None], index, 0), -1, 0)
        inside.append(valid & (mask.array[k, j, i] == 1))
    return 2 * (inside[0] & inside[1]).sum() / (inside[0].sum() + inside[1].sum())


def test_the_same_anatomy_in_48_axis_orders_gives_the_same_answer(full):
    """Stored in any order, the voxels are the same: so must be the masks and numbers."""
    spacing, size = np.array([0.7, 0.7, 0.7]), (96, 96, 96)
    reference = analyse(ball_on(size, spacing, np.eye(3)), Seed(CENTER), ThresholdEngine(),
                        settings=QUICK)  # fmt: skip
    # Every third has each axis in each place and either direction.
    for direction in signed_permutations()[:: 1 if full else 3]:
        volume = ball_on(size, spacing, direction)
        result = analyse(volume, Seed(CENTER + [2, 1, -2]), ThresholdEngine(), settings=QUICK)
        assert world_dice(result.mask, reference.mask) >= 0.98
        ratio = result.measurements.volume_mm3 / reference.measurements.volume_mm3
        assert ratio == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("direction", [rotation(0.3, 0.1, -0.4), rotation(1.2, -0.6, 2.0)])
def test_an_oblique_grid_gives_the_same_answer(direction):
    """Voxels small beside the ball, so that their steps do not hide a shift of the mask."""
    size, spacing = (120, 120, 120), (0.3, 0.3, 0.3)
    straight = ball_on(size, spacing, np.eye(3), radius=10)
    reference = analyse(straight, Seed(CENTER), ThresholdEngine(), settings=QUICK)
    oblique = ball_on(size, spacing, direction, radius=10)
    result = analyse(oblique, Seed(CENTER + [1, 2, 1]), ThresholdEngine(), settings=QUICK)
    assert world_dice(result.mask, reference.mask) >= 0.98
    ratio = result.measurements.volume_mm3 / reference.measurements.volume_mm3
    assert ratio == pytest.approx(1, abs=0.02)
    np.testing.assert_allclose(result.center_lps, CENTER, atol=0.2)


@pytest.mark.parametrize("radius", [3.0, 5.0, 8.0, 10.0])
def test_the_volume_is_the_balls(radius):
    volume = ball_on((100, 100, 70), (0.7, 0.7, 1.0), np.eye(3), radius=radius)
    result = analyse(volume, Seed(CENTER), ThresholdEngine(threshold_hu=-425), settings=QUICK)
    assert result.measurements.volume_mm3 == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.04)


def test_the_first_result_comes_before_the_refined_one(a_ball_in_lung):
    seen = []
    engine = ThresholdEngine()
    final = analyse(a_ball_in_lung, Seed(CENTER), engine, on_first=lambda r: seen.append(
        (r, engine.patches)))  # fmt: skip
    ((first, patches_then),) = seen
    assert patches_then == first.passes, "the first result needs no more than recentring"
    assert first.stability is None
    assert (first.uncertainty.samples, first.uncertainty.sd_measurements) == (1, {})
    unknown = (first.uncertainty.sd_iac, first.uncertainty.volume_range_mm3)
    assert (*unknown, *first.uncertainty.sd_class.values()) == (None,) * 5
    assert final.stability.light == "green"
    assert final.uncertainty.samples == 4
    assert final.uncertainty.outline_agreement == pytest.approx(1)
    # This engine has no preferred direction: every run measures the same.
    assert set(final.uncertainty.sd_measurements) == set(SPREAD)
    assert max(final.uncertainty.sd_measurements.values()) < 1e-6
    assert first.uncertainty.sd_measurements == {}
    assert final.verdict == first.verdict == "ok"
    assert dice(first.mask, final.mask) > 0.99
    # The curve takes longest to measure: the first result need not wait for it.
    assert first.measurements.solid_curve == ()
    assert final.measurements.solid_curve
    alone = analyse(a_ball_in_lung, Seed(CENTER), engine, settings=QUICK)
    assert alone.measurements.solid_curve
    assert first.trained_on == final.trained_on == engine.model.card.trained_on


def test_results_are_plain_data(a_ball_in_lung):
    result = analyse(a_ball_in_lung, Seed(CENTER), ThresholdEngine(), settings=QUICK)
    again = pickle.loads(pickle.dumps(result))
    assert again.to_json() == result.to_json()
    np.testing.assert_array_equal(again.mask.array, result.mask.array)


@pytest.mark.parametrize(
    ("offset", "words"),
    [((500, 0, 0), "outside the image"), ((0, 25, 0), "in air"), ((0, 0, 25), "in bone")],
)
def test_a_seed_where_no_nodule_can_be_is_refused(a_ball_in_lung, offset, words):
    array = a_ball_in_lung.array.copy()
    points = a_ball_in_lung.grid.points - CENTER
    array[points[..., 1] > 20] = -1000
    array[points[..., 2] > 20] = 700
    volume = Volume(array, a_ball_in_lung.grid)
    with pytest.raises(SeedError, match=words):
        analyse(volume, Seed(CENTER + offset), ThresholdEngine())


def test_a_click_in_plain_lung_is_refused_without_numbers(a_ball_in_lung):
    result = analyse(a_ball_in_lung, Seed(CENTER + [0, 0, 18]), ThresholdEngine())
    assert result.verdict == "refused"
    assert [notice.code for notice in result.notices] == ["no_nodule"]
    assert result.class_probabilities is None
    assert result.measurements is None
    assert result.mask is None
    assert result.to_json()["predicted_class"] is None


def test_an_image_that_must_be_refused_never_meets_the_model(a_ball_in_lung):
    thick = Notice("slice_thickness", "Slices of 8 mm are too thick.", "refused")
    volume = Volume(a_ball_in_lung.array, a_ball_in_lung.grid, notices=(thick,))
    engine = ThresholdEngine()
    result = analyse(volume, Seed(CENTER), engine)
    assert result.verdict == "refused"
    assert result.notices == (thick,)
    assert engine.patches == 0


@pytest.mark.parametrize(
    ("change", "code", "verdict"),
    [
        ({"radius": 1.2}, "mask_too_small", "refused"),
        ({"radius": 17.5}, "larger_than_cube", "refused"),
    ],
)
def test_what_the_mask_gives_to_worry_about_is_said(change, code, verdict):
    volume = ball_on((90, 90, 90), (0.7, 0.7, 0.7), np.eye(3), **change)
    result = analyse(volume, Seed(CENTER + [0, 0, 0.2]), ThresholdEngine(), settings=QUICK)
    assert code in [notice.code for notice in result.notices]
    assert result.verdict == verdict


def test_calcium_that_saturates_the_window_is_said(a_ball_in_lung):
    points = a_ball_in_lung.grid.points - CENTER
    array = a_ball_in_lung.array.copy()
    array[(np.linalg.norm(points, axis=-1) < 6) & (points[..., 0] > 3)] = 900
    volume = Volume(array, a_ball_in_lung.grid)
    result = analyse(volume, Seed(CENTER - [2, 0, 0]), ThresholdEngine(), settings=QUICK)
    assert [notice.code for notice in result.notices] == ["saturated"]
    assert result.verdict == "caution"


class LooksElsewhere(ThresholdEngine):
    """Finds its reasons in one corner of the patch, away from the nodule."""

    def run(self, patches):
        output = super().run(patches)
        activation = np.zeros_like(output.activation)
        activation[:, :, 1, 0, 0, 0] = 9.0
        return output._replace(activation=activation, logits=activation.mean(axis=(3, 4, 5)))


def test_evidence_away_from_the_nodule_is_said(a_ball_in_lung):
    result = analyse(a_ball_in_lung, Seed(CENTER), LooksElsewhere(), settings=QUICK)
    assert "evidence_off_mask" in [notice.code for notice in result.notices]
    assert result.evidence_inside == 0
    assert result.verdict == "caution"


def test_a_nodule_at_the_edge_of_the_scan_is_measured_as_far_as_shown():
    grid = Grid((60, 60, 60), CENTER - [0, 30, 30], np.ones(3), np.eye(3))
    volume = smooth_ball(grid, CENTER, 7.0)
    result = analyse(volume, Seed(CENTER + [1, 0, 0]), ThresholdEngine(), settings=QUICK)
    assert "field_of_view_cut" in [notice.code for notice in result.notices]
    assert result.verdict == "caution"
    assert result.mask.start[0] == 0
    shown = (grid.distance_to(CENTER) <= 7.0).sum()
    assert result.measurements.volume_mm3 == pytest.approx(shown, rel=0.05)


def test_a_nodule_cut_by_a_face_of_the_scan_is_outlined_to_the_last_voxel_and_that_is_said():
    """At all six faces alike: no layer of voxels may be lost at the far end of an axis."""
    voxels, oblique = set(), rotation(0.2, 0.1, -0.3)
    for direction in (np.eye(3), -np.eye(3), oblique):
        for axis in range(3):
            for side in (-1, 1):
                toward = np.zeros(3)
                toward[axis] = side
                middle = CENTER - direction @ toward * 30  # the ball's middle is 2 mm inside
                grid = grid_around(middle, (65, 65, 65), np.ones(3), direction)
                volume = smooth_ball(grid, CENTER, 5.0)
                result = analyse(volume, Seed(CENTER), ThresholdEngine(), settings=QUICK)
                assert "field_of_view_cut" in [notice.code for notice in result.notices]
                ball, found = volume.array > -425, result.mask.full(volume.grid) == 1
                assert 2 * (ball & found).sum() / (ball.sum() + found.sum()) > 0.96
                if direction is not oblique:
                    voxels.add(int(found.sum()))
    assert len(voxels) == 1


def test_spongy_bone_and_dense_soft_tissue_are_told_apart(a_ball_in_lung):
    points = a_ball_in_lung.grid.points - CENTER
    for density, refused in ((150, False), (250, True)):
        array = np.where(np.linalg.norm(points, axis=-1) < 8, density, a_ball_in_lung.array)
        volume = Volume(array.astype(np.int16), a_ball_in_lung.grid)
        if refused:
            with pytest.raises(SeedError, match="in bone"):
                analyse(volume, Seed(CENTER), ThresholdEngine(), settings=QUICK)
        else:
            analyse(volume, Seed(CENTER), ThresholdEngine(), settings=QUICK)


def test_a_solid_nodule_called_pre_invasive_is_doubted():
    small = ball_on((90, 90, 90), (0.7, 0.7, 0.7), np.eye(3), radius=3.5)
    glass = ball_on((90, 90, 90), (0.7, 0.7, 0.7), np.eye(3), radius=3.5, inside=-550.0)
    large = ball_on((90, 90, 90), (0.7, 0.7, 0.7), np.eye(3), radius=6.0)
    for volume, engine, doubted in (
        (small, ThresholdEngine(), True),
        (glass, ThresholdEngine(-700.0), False),
        (large, ThresholdEngine(), False),
    ):
        result = analyse(volume, Seed(CENTER), engine, settings=QUICK)
        assert (result.predicted_class == "AAH-AIS") is (volume is not large)
        assert ("class_unlike_type" in [notice.code for notice in result.notices]) is doubted


def test_a_click_between_two_nodules_is_unstable():
    grid = grid_around(CENTER, (90, 90, 90), (0.7, 0.7, 0.7), np.eye(3))
    pair = [smooth_ball(grid, CENTER + [side * 4.5, 0, 0], 3.5) for side in (-1, 1)]
    volume = Volume(np.maximum(pair[0].array, pair[1].array), grid)
    result = analyse(volume, Seed(CENTER + [-0.6, 0, 0]), ThresholdEngine(-200))
    assert result.stability.light == "red"
    assert result.stability.dice_min < 0.1
    assert "unstable_click" in [notice.code for notice in result.notices]
    assert result.verdict == "caution"


CORNERS = np.array([(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)]) / np.sqrt(3)
"""From the middle of a tetrahedron to its corners."""


@pytest.mark.parametrize(
    ("corner", "away", "others", "expected"),
    [
        # A smaller nodule is nearer to one moved click, and a large one is in its picture only.
        (0, 3.5, [(9.5, 2.6), (24, 6.5)], (4, 3 / 4)),
        (1, 3.5, [(9.5, 2.6), (24, 6.5)], (4, 3 / 4)),
        (3, 3.5, [(9.5, 2.6), (24, 6.5)], (4, 3 / 4)),
        # One moved click is too far out.
        (2, 7.0, [], (3, 3 / 4)),
        (0, 1.0, [], (4, 1.0)),
        # Only the moved click towards the nodule finds it: one volume has no spread.
        (0, -9.25, [], (1, 1 / 4)),
    ],
)
def test_stability_is_what_four_clicks_of_ones_own_would_find(corner, away, others, expected):
    grid = grid_around(CENTER, (90, 90, 76), (0.75, 0.75, 0.9), np.eye(3))
    offset = away * CORNERS[corner]
    balls = [smooth_ball(grid, CENTER, 4.0)]
    balls += [
        smooth_ball(grid, CENTER + np.sign(away) * CORNERS[corner] * at, r) for at, r in others
    ]
    volume = Volume(np.max([ball.array for ball in balls], axis=0), grid)
    engine = ThresholdEngine()
    steps: list[str] = []
    settings = AnalysisSettings(augmentations=1)
    own = analyse(volume, Seed(CENTER + offset), engine, settings=settings,
                  progress=lambda _, text: steps.append(text))  # fmt: skip
    moves = 3.0 * CORNERS
    moved = [
        analyse(volume, Seed(CENTER + offset + move), engine, settings=QUICK) for move in moves
    ]
    found = [each for each in moved if each.mask is not None]
    sizes = [each.measurements.volume_mm3 for each in found]
    rows = np.array([list(each.class_probabilities.values()) for each in found])
    same = [each.predicted_class == own.predicted_class for each in found]
    stability = own.stability
    assert (stability.offset_mm, stability.seeds, stability.found) == (3.0, 4, len(found))
    assert stability.same_class == pytest.approx(sum(same) / 4)
    assert (stability.found, stability.same_class) == pytest.approx(expected)
    # A moved click that leads back to the click's own patch is not looked at once more: its outline
    # is that of the patch it first saw, a fraction of a voxel beside.
    overlap = min(dice(own.mask, each.mask) for each in moved)
    assert stability.dice_min == pytest.approx(overlap, abs=0.05)
    spread = np.std(sizes, ddof=1) / np.mean(sizes) if len(sizes) > 1 else None
    assert stability.volume_cv == (None if spread is None else pytest.approx(spread, abs=0.03))
    several = rows.std(axis=0).tolist() if len(found) > 1 else [None] * 3
    assert list(stability.sd_class.values()) == pytest.approx(several, abs=0.05)
    assert [f"Moved click {n} of 4" for n in range(1, 5)] == [t for t in steps if "Moved" in t]


def test_a_corrected_outline_is_measured_as_drawn(a_ball_in_lung):
    engine = ThresholdEngine()
    result = analyse(a_ball_in_lung, Seed(CENTER), engine, settings=QUICK)
    half = result.mask.array.copy()
    half[:, :, half.shape[2] // 2 :] = 0
    edited = NoduleMask(half, result.mask.start, result.mask.grid)
    updated = update_mask(a_ball_in_lung, result, edited, engine)
    expected = half.sum() * a_ball_in_lung.grid.voxel_volume
    assert updated.measurements.volume_mm3 == pytest.approx(expected)
    assert updated.center_lps[0] < result.center_lps[0] - 1
    assert "edited_by_hand" in [notice.code for notice in updated.notices]
    assert updated.id == result.id
    empty = NoduleMask(np.zeros_like(half), result.mask.start, result.mask.grid)
    with pytest.raises(SeedError, match="empty"):
        update_mask(a_ball_in_lung, result, empty, engine)


def test_progress_grows_and_cancelling_stops_at_once(a_ball_in_lung):
    fractions = []
    analyse(a_ball_in_lung, Seed(CENTER), ThresholdEngine(), progress=lambda f, _: fractions.append(
        f))  # fmt: skip
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert fractions[-1] == 1

    engine = ThresholdEngine()

    def cancel(fraction: float, _: str) -> None:
        if fraction > 0.2:
            raise Cancelled

    with pytest.raises(Cancelled):
        analyse(a_ball_in_lung, Seed(CENTER), engine, progress=cancel)
    assert engine.patches < 10


def test_a_model_that_answers_another_question_is_refused(a_ball_in_lung):
    engine = ThresholdEngine()
    card = replace(engine.model.card, classes=("benign", "unsure", "malignant"))
    engine.model = replace(engine.model, card=card)
    with pytest.raises(ModelError, match="benign, unsure, malignant"):
        analyse(a_ball_in_lung, Seed(CENTER), engine, settings=QUICK)
    assert engine.patches == 0


def test_values_around_a_seed_are_those_within_the_radius():
    grid = Grid((20, 20, 20), np.zeros(3), np.full(3, 0.5), rotation(0.2, 0.3, 0.4))
    array = np.arange(8000, dtype=np.int16).reshape(grid.shape)
    point = grid.to_world([9.2, 8.7, 10.1])
    near = grid.distance_to(point) <= 2.5
    found = values_around(Volume(array, grid), Seed(point), 2.5)
    assert sorted(found) == sorted(array[near])


def test_a_device_that_had_to_be_replaced_is_said(a_ball_in_lung):
    engine = ThresholdEngine()
    engine.fallback = "The GPU's memory was full: the CPU took over."
    result = analyse(a_ball_in_lung, Seed(CENTER), engine, settings=QUICK)
    assert ("device_fallback", "info") in [(n.code, n.severity) for n in result.notices]
    assert result.verdict == "ok"


class TwoMinds(ThresholdEngine):
    """Sees less in every patch after the first."""

    def run(self, patches):
        self._units = float(to_network_units(-400.0 if self.patches == 0 else -200.0))
        return super().run(patches)


def test_the_spread_is_that_of_each_runs_own_measurements(a_ball_in_lung):
    both = analyse(
        a_ball_in_lung, Seed(CENTER), TwoMinds(), settings=AnalysisSettings(2, stability=False)
    )
    each = [
        analyse(a_ball_in_lung, Seed(CENTER), ThresholdEngine(hu), settings=QUICK).measurements
        for hu in (-400.0, -200.0)
    ]
    for name, found in both.uncertainty.sd_measurements.items():
        first, second = (measured.to_json()[name] for measured in each)
        assert found == pytest.approx(abs(first - second) / 2, abs=1e-6), name
    assert both.uncertainty.sd_measurements["volume_mm3"] > 10
    volumes = sorted(measured.volume_mm3 for measured in each)
    assert both.uncertainty.volume_range_mm3 == pytest.approx(volumes)
    assert both.uncertainty.volume_sd_mm3 == pytest.approx(np.std(volumes))
