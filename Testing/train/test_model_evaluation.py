"""Evaluation and calibration: numbers against cases worked out by hand."""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from densesharp.cli import evaluate as command
from densesharp.errors import ModelError
from densesharp.model.engines import open_engine
from densesharp.model.model_file import ModelFile, load_model, save_model
from densesharp.resources import model_path
from densesharp.simulate.simulated_set import Recipe, write_dataset
from densesharp.stats.estimates import to_json
from densesharp.stats.from_json import from_json
from densesharp.train import combine as combining
from densesharp.train import evaluation
from densesharp.train import evaluation_summary as summary
from densesharp.train.augment import middle_patch
from densesharp.train.combine import CLASSIFIER_BIAS, combine, fit_temperature
from densesharp.train.dataset import Sample, read_dataset
from densesharp.train.evaluation import SHIFTS, _inner, _solid_share, evaluate
from densesharp.train.evaluation_readers import ReadersRow
from densesharp.train.evaluation_records import Outcome
from densesharp.train.evaluation_report import (
    EvaluatedModel,
    Evaluation,
    OutlinedPlaces,
    markdown,
    show,
)
from phantoms import ThresholdEngine

AN_OUTCOME = Outcome(
    name="a", label=0, subset=0, patient="a", texture=1, diameter_mm=7.0, mean_hu=-600.0,
    fits=True, probabilities=(0.7, 0.2, 0.1), dice=0.8, hd95_mm=1.0, volume_ratio=1.1,
    shifted_dice=(0.8, 0.7), plain_dice=0.8, solid_share=0.1,
    inner_solid_share=0.2, refused=False,
)  # fmt: skip

AN_EVALUATION = Evaluation(
    EvaluatedModel("m", "0", 1), 1, summary.masks([AN_OUTCOME]), {}, None, None,
    OutlinedPlaces(0, 0), summary.robustness([AN_OUTCOME]),
    summary.density([AN_OUTCOME], "solid_share"),
    summary.density([AN_OUTCOME], "inner_solid_share"), [], {}, summary.ClassCalibration(),
)  # fmt: skip
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def two_simulated_nodules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("set")
    write_dataset(folder, 2, Recipe(seed=12, diagnoses=("AIS", "IAC"), edge=48))
    return folder


def outcomes(count: int = 30) -> list[Outcome]:
    rng = np.random.default_rng(0)
    made = []
    for n in range(count):
        label = n % 3
        p = np.full(3, 0.1)
        p[label if n % 5 else (label + 1) % 3] = 0.8  # every fifth is wrong
        texture = (1, 3, 5)[label]
        made.append(
            replace(
                AN_OUTCOME,
                name=str(n),
                patient=str(n),
                label=label,
                subset=n % 5,
                texture=texture,
                probabilities=tuple(p),
                diameter_mm=float(6 + 4 * label + rng.normal()),
                solid_share=0.2 * label,
                inner_solid_share=-0.2 * label,
            )
        )
    return made


def test_class_rows_count_right() -> None:
    ideal = {str(n): np.eye(3)[n % 3] for n in range(30)}
    rows = summary.classes(outcomes(), ideal)
    assert rows["DenseSharp"].accuracy.value == pytest.approx(0.8)
    assert rows["ceiling (perfect reader)"].accuracy.value == 1
    assert rows["diameter only"].accuracy.value > 0.8  # 4 mm apart, noise of 1 mm
    assert rows["mean HU only"].accuracy.value < 0.5  # all the same
    gap = rows["ceiling (perfect reader)"].network_minus_accuracy
    assert gap.value == pytest.approx(-0.2)


def test_calibration_error_of_overconfident_answers() -> None:
    result = summary.calibration(outcomes())
    assert result.ece.value == pytest.approx(0.0, abs=1e-9)  # says 0.8, right in 0.8
    sure = [replace(o, probabilities=tuple(np.eye(3)[o.predicted])) for o in outcomes()]
    assert summary.calibration(sure).ece.value == pytest.approx(0.2)


def test_density_and_robustness() -> None:
    assert summary.density(outcomes(), "solid_share").value == pytest.approx(1.0)
    assert summary.density(outcomes(), "inner_solid_share").value == pytest.approx(-1.0)
    assert summary.robustness(outcomes()).mean_loss.value == pytest.approx(0.05)
    # What averaging over orientations brings is no part of what a moved click loses.
    averaged = replace(AN_OUTCOME, dice=0.9, plain_dice=0.76)
    assert summary.robustness([averaged]).mean_loss.value == pytest.approx(0.01)
    still = replace(AN_OUTCOME, shifted_dice=(), plain_dice=None)
    assert summary.robustness([still]).mean_loss.value is None


def test_the_outermost_voxels_can_be_left_out_of_the_solid_share() -> None:
    """A ball of 0 HU that partial volume dims in its outermost voxels; a line has no inside."""
    ball = np.linalg.norm(np.stack(np.indices((20, 20, 20)), -1) - 9.6, axis=-1) <= 4
    inside = ndimage.binary_erosion(ball)
    hu = np.where(inside, 0.0, -600.0)
    assert _solid_share(hu, ball) == pytest.approx(inside.sum() / ball.sum())
    assert _solid_share(hu, _inner(ball)) == 1.0
    line = np.zeros_like(ball)
    line[9, 9, 5:15] = True
    assert (_inner(line) == line).all()
    assert _solid_share(hu, np.zeros_like(ball)) is None
    assert _solid_share(np.array([-301.0, -300.0]), np.array([True, True])) == 0.5
    assert (_inner(np.ones((3, 3, 7), dtype=bool))).sum() == 5
    assert (_inner(np.ones((3, 3, 6), dtype=bool))).all()  # four would be left


def balls(edge: int = 48, **hu_within: float) -> Sample:
    """Concentric balls about the middle of a cube of lung: `r5=-100` is 5 mm of -100 HU; the
    reader's outline has a radius of 6 mm."""
    distance = np.linalg.norm(np.stack(np.indices((edge,) * 3), -1) - (edge - 1) / 2, axis=-1)
    hu = np.full(distance.shape, -850.0)
    for radius, value in hu_within.items():
        hu[distance < float(radius[1:])] = value
    grey = np.rint((hu + 1024) / 1424 * 255).astype(np.uint8)
    return Sample("a", 1, 4, "p", grey, distance < 6, texture=3)


@pytest.fixture
def dense_voxels_as_mask(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """A model that outlines what is above -625 HU; gives the members each engine was made of."""
    members: list[tuple[object, ...]] = []

    def opened(model: ModelFile, **_: object) -> ThresholdEngine:
        assert model.card.members == len(model.members)
        members.append(model.members)
        return ThresholdEngine(-625, 5)

    monkeypatch.setattr(evaluation, "open_engine", opened)
    return members


def test_an_outcome_compares_what_was_found_with_the_readers_outline(
    dense_voxels_as_mask: list[tuple[object, ...]],
) -> None:
    sample = balls(r5=-400, r3=-100)
    found, solid = sample.voxel > 70, sample.voxel > 140
    (outcome,) = evaluate([sample], load_model(model_path()))
    both, own = found.sum(), sample.seg.sum()
    assert outcome.dice == pytest.approx(2 * both / (both + own))  # all of it lies in the outline
    assert outcome.volume_ratio == pytest.approx(both / own)
    assert outcome.hd95_mm == pytest.approx(1)  # the surfaces are 1 mm apart
    assert sorted(SHIFTS) == sorted(
        [(5, 0, 0), (-5, 0, 0), (0, 5, 0), (0, -5, 0), (0, 0, 5), (0, 0, -5)]
    )
    assert outcome.shifted_dice == pytest.approx([outcome.dice] * 6, abs=0.02)
    assert outcome.solid_share == pytest.approx(solid.sum() / both)
    inner = ndimage.binary_erosion(found)
    assert outcome.inner_solid_share == pytest.approx((solid & inner).sum() / inner.sum())
    assert outcome.diameter_mm == pytest.approx(12, abs=0.15)
    shell = own - both
    expected = (solid.sum() * -100 + (both - solid.sum()) * -400 + shell * -850) / own
    assert outcome.mean_hu == pytest.approx(expected, abs=3)  # a grey value is 5.6 HU wide
    assert (outcome.fits, outcome.refused, outcome.predicted) == (True, False, 1)
    assert sum(outcome.probabilities) == pytest.approx(1)


def test_a_nodule_that_is_not_found_counts_as_no_overlap(
    dense_voxels_as_mask: list[tuple[object, ...]],
) -> None:
    (outcome,) = evaluate([balls()], load_model(model_path()))
    assert outcome.refused
    assert (outcome.dice, outcome.volume_ratio, outcome.shifted_dice) == (0, 0, (0.0,) * 6)
    assert outcome.hd95_mm is outcome.solid_share is outcome.inner_solid_share is None


def test_less_than_ten_cubic_millimetres_are_refused_as_by_predict(
    dense_voxels_as_mask: list[tuple[object, ...]],
) -> None:
    small = balls(r1=-100)  # the eight voxels about the middle
    assert (small.voxel > 140).sum() == 8
    larger = replace(small, voxel=small.voxel.copy())
    larger.voxel[23:25, 23, 22] = small.voxel.max()  # ten voxels
    outcomes = evaluate([small, larger], load_model(model_path()), shifts=False)
    assert [outcome.refused for outcome in outcomes] == [True, False]
    assert outcomes[0].dice > 0


def test_a_mask_fits_up_to_the_patchs_edge(
    dense_voxels_as_mask: list[tuple[object, ...]],
) -> None:
    lines = []
    for length in (32, 33):
        sample = balls(r5=-100)
        sample.seg[24, 24, 8 : 8 + length] = True
        lines.append(sample)
    outcomes = evaluate(lines, load_model(model_path()), shifts=False)
    assert [outcome.fits for outcome in outcomes] == [True, False]


def test_each_fold_is_run_by_the_member_that_never_saw_it(
    dense_voxels_as_mask: list[tuple[object, ...]],
) -> None:
    one = load_model(model_path())
    first, second = {"of fold": np.zeros(1)}, {"of fold": np.ones(1)}
    both = replace(one, card=replace(one.card, members=2), members=(first, second))
    samples = [replace(balls(r5=-100), name=str(n), subset=n % 2) for n in (1, 0, 1)]
    told: list[float] = []
    outcomes = evaluate(
        samples, both, by_fold=True, shifts=False, progress=lambda share, _: told.append(share)
    )
    assert told == pytest.approx([1 / 3, 2 / 3, 1])
    assert dense_voxels_as_mask == [(first,), (second,)]
    assert [(outcome.name, outcome.subset) for outcome in outcomes] == [
        ("0", 0),
        ("1", 1),
        ("1", 1),
    ]
    for subset in (-1, 2):
        with pytest.raises(ModelError, match="one member per fold"):
            evaluate([replace(samples[0], subset=subset)], both, by_fold=True)


def test_groups_of_masks() -> None:
    rows = summary.masks([AN_OUTCOME, replace(AN_OUTCOME, fits=False, dice=0.4)])
    assert rows["mask fits the patch"].n == 1
    assert rows["all"].mean_dice.value == pytest.approx(0.6)


def test_a_missing_number_says_why() -> None:
    assert "not estimable (" in show(summary.density([], "solid_share"))


@pytest.mark.parametrize("truth", [0.5, 1.0, 2.5])
def test_the_temperature_that_made_the_labels_is_found(truth: float) -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, (4000, 1, 3))
    p = np.exp(logits[:, 0] / truth)
    p /= p.sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(3, p=row) for row in p])
    assert fit_temperature(logits, labels) == pytest.approx(truth, rel=0.12)


def test_the_temperature_fits_what_predict_shows(
    two_simulated_nodules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its logits are those of the eight mirrored patches that `predict` averages over."""
    seen = []
    real = combining.fit_temperature
    monkeypatch.setattr(
        combining, "fit_temperature", lambda *given: seen.append(given) or real(*given)
    )
    samples = read_dataset(two_simulated_nodules)
    told: list[tuple[float, str]] = []
    card = combine(
        [model_path()],
        tmp_path / "one.safetensors",
        load_model(model_path()).card,
        samples,
        progress=lambda *step: told.append(step),
    )
    assert told == [(n / 2, f"Calibrating: nodule {n + 1} of 2") for n in range(2)]
    ((logits, labels),) = seen
    assert logits.shape == (2, 8, 3)
    assert labels.tolist() == [0, 2]
    engine = open_engine(load_model(tmp_path / "one.safetensors"), precision="fp32")
    patch, _ = middle_patch(samples[0].voxel, samples[0].seg)
    mirrored = [np.flip(patch, [a for a in range(3) if flips[a]]) for flips in np.ndindex(2, 2, 2)]
    for one in mirrored:
        distance = np.abs(logits[0] - engine.run(one[None].copy()).logits[0]).max(axis=1)
        assert distance.min() < 1e-3
    assert 0.1 < card.temperature < 10


def test_combined_networks_stand_for_the_papers_case_mix(
    two_simulated_nodules: Path, tmp_path: Path
) -> None:
    samples = read_dataset(two_simulated_nodules)
    model = load_model(model_path())
    out = tmp_path / "two.safetensors"
    card = combine([model_path(), model_path()], out, model.card, samples)
    written = load_model(out)
    assert written.card == card
    assert len(written.members) == 2
    shift = written.members[1][CLASSIFIER_BIAS] - model.members[0][CLASSIFIER_BIAS]
    # 205 AAH or AIS, 316 MIA and 130 IAC (paper, table 1); trained with as many of each.
    assert shift == pytest.approx(np.log(np.array([205, 316, 130]) / 651 * 3), abs=1e-5)


def test_averaged_networks_are_one_with_the_mean_of_every_weight(
    two_simulated_nodules: Path, tmp_path: Path
) -> None:
    samples = read_dataset(two_simulated_nodules)
    model = load_model(model_path())
    own = model.members[0]
    shifted = {**own, "densenet.stem.weight": own["densenet.stem.weight"] * 1.5}
    save_model(tmp_path / "shifted.safetensors", [shifted], model.card)
    out = tmp_path / "mean.safetensors"
    both = [model_path(), tmp_path / "shifted.safetensors"]
    card = combine(both, out, model.card, samples, average=True)
    assert card.members == 1
    stem = load_model(out).members[0]["densenet.stem.weight"]
    assert stem == pytest.approx(own["densenet.stem.weight"] * 1.25, abs=1e-6)


def test_the_command_writes_its_tables(two_simulated_nodules: Path, tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    command.configure(parser)
    words = [str(two_simulated_nodules), "--out", str(tmp_path / "out"), "--no-shifts"]
    assert command.run(parser.parse_args(words)) == 0
    results = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert results["nodules"] == 2
    assert results["masks"]["all"]["mean_dice"]["value"] > 0.3
    assert "ceiling (perfect reader)" in results["classes"]
    for name in ("evaluation.md", "nodules.csv", "dice.png", "reliability.png"):
        assert (tmp_path / "out" / name).stat().st_size > 0


def test_a_fold_without_its_member_is_refused(two_simulated_nodules: Path) -> None:
    samples = [replace(s, subset=7) for s in read_dataset(two_simulated_nodules)]
    with pytest.raises(ModelError, match="one member per fold"):
        evaluate(samples, load_model(model_path()), by_fold=True)


def test_tables_of_no_classes_are_left_out() -> None:
    assert "## Classes" not in markdown(AN_EVALUATION)


def test_records_write_the_stored_figures_to_the_letter() -> None:
    """The keys of evaluation.json, their order and what is left out."""
    stored = json.loads((ROOT / "docs/reference/evaluation.json").read_text(encoding="utf-8"))
    lidc, simulated = (stored[part]["result"] for part in ("lidc", "simulated"))
    parts = [
        *((summary.MaskRow, row) for part in (lidc, simulated) for row in part["masks"].values()),
        *((ReadersRow, row) for rows in lidc["readers"].values() for row in rows.values()),
        *((summary.RatingRow, row) for row in lidc["class_by_rating"]),
        *((summary.ClassRow, row) for row in simulated["classes"].values()),
        (summary.Robustness, lidc["robustness"]),
        (summary.Robustness, {"mean_loss": {"value": None, "reason": "none"}}),
        (summary.ClassCalibration, simulated["calibration"]),
        (summary.ClassCalibration, {}),
    ]
    assert len(parts) > 40
    for kind, data in parts:
        assert json.dumps(to_json(from_json(kind, data))) == json.dumps(data)
