"""A model beside several readers: agreements worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import map_coordinates
from test_model_evaluation import AN_EVALUATION, outcomes

from densesharp.image.grid import cube_grid
from densesharp.nodule.pipeline import analyse
from densesharp.nodule.records import Seed
from densesharp.nodule.settings import AnalysisSettings
from densesharp.train import evaluation
from densesharp.train.dataset import Sample
from densesharp.train.evaluation import evaluate, outlined_places
from densesharp.train.evaluation_answers import judge
from densesharp.train.evaluation_readers import Reach, among_readers, reach, readers_tables
from densesharp.train.evaluation_records import Extent, StoredAnswer
from densesharp.train.evaluation_report import OutlinedPlaces, answer_lines, markdown
from densesharp.train.evaluation_summary import groups_of
from densesharp.train.own_grid import own_masks
from phantoms import ThresholdEngine, grid_around, rotation


def rods(*lengths: int) -> np.ndarray:
    """Masks that are the first voxels of a row of ten."""
    return np.stack([np.arange(10).reshape(1, 1, 10) < length for length in lengths])


def test_each_reader_in_turn_is_left_out() -> None:
    among = among_readers(rods(4)[0], rods(2, 4, 8))
    assert among.count == 3
    assert among.consensus == 1  # two of three marked the first four
    assert among.volume_ratio == 1
    assert among.one == pytest.approx(4 / 6)
    assert among.mean == pytest.approx((4 / 6 + 1 + 8 / 12) / 3)
    # Of two others, what one of them marked counts: the longer rod, 8, 8 and 4.
    assert among.others == pytest.approx((8 / 12 + 8 / 12 + 1) / 3)
    assert among.reader == pytest.approx((4 / 10 + 8 / 12 + 8 / 12) / 3)
    assert among.pairs == pytest.approx((4 / 6 + 4 / 10 + 8 / 12) / 3)


def test_one_mask_alone_says_nothing_of_readers_among_themselves() -> None:
    among = among_readers(rods(6)[0], rods(4))
    assert (among.one, among.mean, among.consensus) == (0.8, 0.8, 0.8)
    assert among.volume_ratio == 1.5
    assert among.others is among.reader is among.pairs is None


def test_the_table_shows_model_and_reader_by_group_and_slice() -> None:
    three, four, one = (
        among_readers(rods(4)[0], rods(2, 4, 8)),
        among_readers(rods(4)[0], rods(*[4] * 4)),
        among_readers(rods(4)[0], rods(8)),
    )
    made = [
        replace(
            of,
            among=four if n < 6 else three if n < 20 else None,
            inner=three if n < 2 else one if n == 2 else None,
            slice_mm=(1.0, 2.5)[n % 2],
        )
        for n, of in enumerate(outcomes(30))
    ]
    tables = readers_tables(made, groups_of(made))
    assert list(tables) == ["among", "inner"]
    rows = tables["among"]
    assert rows["all"].n == 20
    assert rows["fits, four readers or more"].n == 6
    assert rows["fits, four readers or more"].others == 1
    assert rows["fits, slices 0-1.3 mm"].n == rows["fits, slices > 2.1 mm"].n == 10
    assert "fits, slices 1.3-2.1 mm" not in rows
    gap = (three.others - three.reader) * 14 / 20
    assert rows["all"].model_minus_reader.value == pytest.approx(gap)
    mixed = tables["inner"]["all"]
    assert (mixed.n, mixed.several) == (3, 2)
    assert mixed.one == pytest.approx((4 / 6 + 4 / 6 + 8 / 12) / 3)
    assert mixed.others == pytest.approx(three.others)  # of the two with several readers
    assert mixed.volume_ratio == 1
    assert readers_tables(outcomes(3), groups_of(outcomes(3))) == {}


TURNED = rotation(0.2, -0.1, 0.3)
OWN = grid_around((1.3, -0.7, 0.4), (40, 36, 12), (0.7, 0.7, 2.5), TURNED)
"""A CT's own grid beside the cube of 1 mm: oblique, with slices of 2.5 mm."""


def test_an_outline_is_compared_on_the_cts_own_voxels_by_both_rules(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cube = cube_grid((0, 0, 0), 48)
    shell = np.linalg.norm(cube.points, axis=-1)
    voxel = np.rint((np.where(shell < 8.2, 0, -850) + 1024) / 1424 * 255).astype(np.uint8)
    away = np.linalg.norm(OWN.points, axis=-1)
    inside = [away < radius for radius in (7.0, 8.0, 9.0)]
    own = own_masks(dict(zip("abc", inside, strict=True)), OWN, "inner")
    sample = Sample("a", -1, 0, "p", voxel, shell < 8, own=own, slice_mm=2.5)
    monkeypatch.setattr(
        evaluation, "_engines", lambda samples, *_: [(ThresholdEngine(-625, 5), samples)]
    )
    model: object = None
    (outcome,) = evaluate([sample], model, shifts=False)  # type: ignore[arg-type]

    # Independently: scipy reads the ball of 1 mm at the centers of the oblique voxels.
    index = (OWN.points + 23.5)[..., ::-1]
    shares = map_coordinates((shell < 8.2).astype(float), np.moveaxis(index, -1, 0), order=1)
    ours = shares >= 0.5

    def overlap(a: np.ndarray, b: np.ndarray) -> float:
        return 2 * (a & b).sum() / (a.sum() + b.sum())

    def with_ring(mask: np.ndarray) -> np.ndarray:
        ring = mask.copy()
        for axis in (1, 2):
            for step in (1, -1):
                ring |= np.roll(mask, step, axis)
        return ring

    for found, masks in (
        (outcome.inner, inside),
        (outcome.outer, [with_ring(mask) for mask in inside]),
    ):
        assert found is not None
        assert found.one == pytest.approx(overlap(ours, masks[0]))
        assert found.mean == pytest.approx(np.mean([overlap(ours, mask) for mask in masks]))
        assert found.consensus == pytest.approx(overlap(ours, masks[1]))  # balls: two of three
        assert found.volume_ratio == pytest.approx(ours.sum() / masks[1].sum())
        left_out = [masks[2], masks[2], masks[1]]  # of two, what one marked: the larger ball
        assert found.others == pytest.approx(np.mean([overlap(ours, one) for one in left_out]))
        each = [overlap(*pair) for pair in zip(masks, left_out, strict=True)]
        assert found.reader == pytest.approx(np.mean(each))
    assert outcome.inner is not None
    assert 1.0 < outcome.inner.volume_ratio < 1.2  # a ball of 8.2 mm against one of 8
    assert outcome.among is None
    # What any reader marked is the largest ball with its ring: all of the model's lies inside.
    assert outcome.extent is not None
    assert outcome.extent.beyond_mm == 0
    slices = [mask.any(axis=(1, 2)).sum() * 2.5 for mask in (ours, inside[1])]
    assert outcome.extent.taller_mm == pytest.approx(slices[0] - slices[1])
    voxel_mm3 = 0.7 * 0.7 * 2.5
    assert outcome.extent.smallest_mm3 == pytest.approx(inside[0].sum() * voxel_mm3)
    assert outcome.extent.largest_mm3 == pytest.approx(inside[2].sum() * voxel_mm3)


def test_how_far_an_outline_reaches_beyond_every_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    cube = cube_grid((0, 0, 0), 48)
    points = cube.points
    ball = np.linalg.norm(points, axis=-1) < 6
    rod = (abs(points[..., :2]) < 1.2).all(axis=-1) & (points[..., 2] > 0) & (points[..., 2] < 11)
    voxel = np.where(ball | rod, 190, 30).astype(np.uint8)
    own = own_masks({"a": ball}, cube, "inner")
    sample = Sample("a", -1, 0, "p", voxel, ball, own=own)
    monkeypatch.setattr(
        evaluation, "_engines", lambda samples, *_: [(ThresholdEngine(-400, 20), samples)]
    )
    (outcome,) = evaluate([sample], None, shifts=False)  # type: ignore[arg-type]
    extent = outcome.extent
    assert extent is not None
    # The rod's last voxels lie at 10.5 mm, the ball's topmost ones at 5.5, in the same columns.
    assert extent.beyond_mm == pytest.approx(5)
    assert extent.taller_mm == pytest.approx(5)
    # Voxels of the ball from -5.5 to 5.5 mm, and one of its outline on every side in a slice.
    assert extent.drawn_mm == pytest.approx(14)
    # Four voxels in each of the rod's slices from 7.5 to 10.5 mm, of the ball's and the rod's all.
    assert extent.beyond_share == pytest.approx(16 / (ball | rod).sum())
    assert extent.longer_mm is not None
    assert 3.5 < extent.longer_mm < 5  # 5 mm; thin spikes are measured a little too short
    assert reach([outcome]) == Reach(1, 0, 1, extent.longer_mm, extent.taller_mm)
    leaking = replace(outcome, extent=replace(extent, beyond_share=0.051, longer_mm=None))
    assert reach([leaking]) == Reach(1, 1, 1, None, extent.taller_mm)
    assert reach([replace(outcome, fits=False)]) is None


def test_answers_are_judged_by_what_the_readers_drew() -> None:
    among = among_readers(rods(4)[0], rods(4, 4))
    good, bad = replace(among, consensus=0.7), replace(among, consensus=0.69)
    extent = Extent(
        smallest_mm3=90, largest_mm3=110, beyond_mm=0, beyond_share=0, longer_mm=0, taller_mm=0,
        drawn_mm=32,
    )  # fmt: skip
    wide = replace(extent, drawn_mm=32.5)
    ok = StoredAnswer("ok", (), "solid", (80, 120))
    of_class = StoredAnswer("caution", ("class_uncertain",), "part-solid", (100, 120))
    of_outline = StoredAnswer("caution", ("outline_unsure",), "ground-glass", (80, 109))
    large = StoredAnswer("caution", ("larger_than_cube",), "solid", (1, 9e9))
    nothing = StoredAnswer("refused", ("no_nodule",))
    given = [  # texture, fits, Dice, answer
        (5, True, good, ok), (5, True, good, of_class), (3, True, good, of_outline),
        (4, True, bad, of_outline), (1, True, bad, ok), (2, True, bad, nothing),
        (5, False, good, large), (5, False, good, ok),
    ]  # fmt: skip
    (plain,) = outcomes(1)
    made = [
        replace(plain, texture=texture, fits=fits, inner=inner, extent=extent, answer=answer)
        for texture, fits, inner, answer in given
    ]
    # The inside fits the patch, its outline does not: it counts as too large.
    made.append(replace(made[0], extent=wide, answer=large))
    found = judge([*made, plain])
    assert found is not None
    assert found.bad == (2, 3)
    assert found.good == (2, 3)
    assert found.good_outline == (1, 3)
    assert found.too_large == (2, 3)
    assert found.covered == (2, 6)
    assert found.types["solid"] == {"ground-glass": 0, "part-solid": 1, "solid": 4, "none": 0}
    assert found.types["part-solid"]["ground-glass"] == 2
    assert found.types["ground-glass"] == {
        "ground-glass": 0, "part-solid": 0, "solid": 1, "none": 1,
    }  # fmt: skip
    assert judge([plain]) is None
    assert "| outlines that fit, Dice with the consensus under 0.7, doubted | 2 of 3 |" in (
        answer_lines(found)
    )


def test_the_answer_is_that_of_predict(monkeypatch: pytest.MonkeyPatch) -> None:
    cube = cube_grid((0, 0, 0), 64)
    ball = np.linalg.norm(cube.points, axis=-1) < 6
    voxel = np.where(ball, 190, 30).astype(np.uint8)
    sample = Sample("a", -1, 0, "p", voxel, ball, own=own_masks({"a": ball}, cube, "inner"))
    engine = ThresholdEngine(-400, 20)
    monkeypatch.setattr(evaluation, "_engines", lambda samples, *_: [(engine, samples)])
    (outcome,) = evaluate(
        [sample], None, shifts=False, augmentations=2, answers=True  # type: ignore[arg-type]
    )  # fmt: skip
    result = analyse(
        evaluation.as_volume(sample), Seed((0, 0, 0)), engine,
        settings=AnalysisSettings(augmentations=2),
    )  # fmt: skip
    assert outcome.answer is not None
    assert result.measurements is not None
    assert outcome.answer.verdict == result.verdict
    assert outcome.answer.nodule_type == result.measurements.nodule_type == "solid"
    assert outcome.answer.interval_mm3 == result.measurements.volume_interval_mm3
    assert result.uncertainty is not None
    assert outcome.answer.agreement == result.uncertainty.outline_agreement is not None
    assert set(outcome.answer.reasons) == {n.code for n in result.notices if n.severity != "info"}
    air = replace(sample, voxel=np.zeros_like(voxel))
    (outcome,) = evaluate([air], None, shifts=False, answers=True)  # type: ignore[arg-type]
    assert outcome.answer == StoredAnswer("refused", ("seed",))


def test_places_are_counted_and_are_no_nodules(
    balls_of_three_sizes: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    ball = replace(balls_of_three_sizes[2], readers=np.stack([balls_of_three_sizes[2].seg] * 2))
    empty = np.zeros_like(ball.seg)
    vessel = replace(ball, name="vessel", seg=empty, readers=None)
    lung = replace(vessel, name="lung", voxel=np.full_like(ball.voxel, 30))
    monkeypatch.setattr(evaluation, "_engines", lambda samples, *_: [(ThresholdEngine(), samples)])
    model: object = None
    (outcome,) = evaluate([ball, vessel, lung], model, shifts=False)  # type: ignore[arg-type]
    assert outcome.name == ball.name
    assert outcome.among is not None
    assert outcome.among.one == outcome.dice
    assert outcome.among.reader == 1
    assert outlined_places([ball, vessel, lung], model) == (1, 2)  # type: ignore[arg-type]


def test_the_report_names_readers_and_places() -> None:
    from densesharp.train import evaluation_summary as summary

    made = [replace(o, among=among_readers(rods(4)[0], rods(2, 4, 8))) for o in outcomes(6)]
    masks, readers = summary.masks(made), readers_tables(made, groups_of(made))
    text = markdown(replace(AN_EVALUATION, nodules=6, masks=masks, readers=readers,
                            places=OutlinedPlaces(3, 7)))  # fmt: skip
    assert "at 1 mm, the network's grid" in text
    assert "| all | 6 (6) | 0.667 | 0.778 | 1.000 | 0.778 | 0.578 | 0.578 | 0.200" in text
    assert "Outlined at 3 of 7 places without a nodule." in text
