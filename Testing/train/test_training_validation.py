"""Watching a run: by patient, never by the test fold; plateau, early stopping, the best network."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from densesharp.cli import main
from densesharp.errors import TableError
from densesharp.model.model_file import ModelCard, load_model
from densesharp.train import batches, fit, validation
from densesharp.train.augment import Augmentation
from densesharp.train.batch_metrics import count, metrics
from densesharp.train.dataset import UNKNOWN, Sample
from densesharp.train.fit import Settings, like_paper
from densesharp.train.losses import Objective
from densesharp.train.module import TrainingModule
from densesharp.train.validation import Validation, Watcher, hold_out, middles

CARD = ModelCard("test", "balls in noise")


@pytest.fixture(autouse=True)
def short_refresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "REFRESH_BATCHES", 1)


def reduced(steps: int, validation: Validation, **optimisation: Any) -> Settings:
    settings = like_paper(12)
    return replace(
        settings,
        per_batch=(3,),
        augmentation=Augmentation(1, (1.0, 1.0), edge=12),
        optimisation=replace(settings.optimisation, steps=steps, **optimisation),
        checkpoint_every=1,
        validation=validation,
    )


def rows_of(run: Path) -> list[dict[str, str]]:
    with (run / "from_0" / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@given(st.lists(st.sampled_from("abcdefgh"), min_size=8, max_size=30), st.integers(0, 9))
def test_no_patient_is_both_learnt_from_and_watched(patients: list[str], seed: int) -> None:
    cube = np.zeros((1, 1, 1), np.uint8)
    half = len(patients) // 2
    samples = [Sample(str(n), n % 3, 0, p, cube, cube > 0) for n, p in enumerate(patients)]
    try:
        left, taken = hold_out([samples[:half], samples[half:]], 0.3, seed)
    except TableError:
        return  # a data set whose patients were all taken
    assert not {s.patient for group in left for s in group} & {s.patient for s in taken}
    names = [s.name for group in [*left, taken] for s in group]
    assert sorted(names, key=int) == [s.name for s in samples]


def test_classes_are_spread_and_the_share_is_kept(fifteen_balls: list[Sample]) -> None:
    (left,), taken = hold_out([fifteen_balls], 0.2, 0)
    assert sorted(sample.label for sample in taken) == [0, 1, 2]
    assert len(left) == 12
    assert hold_out([fifteen_balls], 0.0, 0) == ([fifteen_balls], [])


@pytest.mark.parametrize("share", [0.05, 0.1, 0.15, 0.25, 0.3, 0.33, 0.4, 0.5])
@pytest.mark.parametrize("patients", [20, 60, 200])
def test_any_share_is_what_was_asked_for(patients: int, share: float) -> None:
    cube = np.zeros((1, 1, 1), np.uint8)
    samples = [Sample(str(n), n % 3, 0, str(n), cube, cube > 0) for n in range(patients)]
    _, taken = hold_out([samples], share, 0)
    assert len(taken) == pytest.approx(share * patients, abs=1)
    for label in range(3):
        assert sum(s.label == label for s in taken) == pytest.approx(len(taken) / 3, abs=1)


@pytest.mark.parametrize(("share", "words"), [(0.7, "from 0 to 0.5"), (-0.1, "from 0 to 0.5")])
def test_an_impossible_share_is_refused(
    fifteen_balls: list[Sample], share: float, words: str
) -> None:
    with pytest.raises(TableError, match=words):
        hold_out([fifteen_balls], share, 0)


def test_too_few_patients_are_refused(fifteen_balls: list[Sample]) -> None:
    with pytest.raises(TableError, match="too few patients"):
        hold_out([fifteen_balls[:1]], 0.5, 0)


def test_the_command_watches_no_nodule_of_the_fold_that_is_left_out(
    folder_of_balls: Path, fifteen_balls: list[Sample], tmp_path: Path
) -> None:
    words = "--steps 1 --edge 12 --batch 3 --fold 2 --validation 0.25 --like-paper"
    assert main(["train", str(folder_of_balls), "--out", str(tmp_path), *words.split()]) == 0
    learnt, watched = json.loads((tmp_path / "run.json").read_text())["nodules"]
    assert not set(learnt) & set(watched)
    assert {s.name for s in fifteen_balls if s.subset != 2} == {*learnt, *watched}
    card = load_model(tmp_path / "model.safetensors").card
    assert "--fold 2" in card.training_command
    assert "--validation 0.25" in card.training_command


def test_every_batch_and_validation_is_logged_with_all_metrics(
    fifteen_balls: list[Sample], tmp_path: Path
) -> None:
    settings = reduced(5, Validation(0.2, every=2))
    fit.fit([fifteen_balls], settings, tmp_path, CARD)
    rows = rows_of(tmp_path)
    groups, metrics = (
        ("class", "invasive", "iac", "mask"),
        ("accuracy", "precision", "recall", "f1"),
    )
    names = [f"{group}_{metric}" for group in groups for metric in metrics]
    names += ["loss", "loss_class", "loss_mask"]
    trained = [row for row in rows if row["loss"]]
    watched = [row for row in rows if row["val_loss"]]
    assert [int(row["step"]) for row in trained] == [0, 1, 2, 3, 4]
    assert [int(row["step"]) for row in watched] == [1, 3, 4]  # steps 2, 4 and the last, 5
    for row in trained:
        assert all(np.isfinite(float(row[name])) for name in names)
    events = EventAccumulator(str(tmp_path / "events"))
    events.Reload()
    assert {*names, *(f"val_{name}" for name in names)} <= set(events.Tags()["scalars"])
    assert [event.step for event in events.Scalars("val_loss")] == [1, 3, 4]
    for row in watched:
        assert all(np.isfinite(float(row[f"val_{name}"])) for name in names)
        total = float(row["val_loss_class"]) + 0.2 * float(row["val_loss_mask"])
        assert float(row["val_loss"]) == pytest.approx(total, rel=1e-5)


class _Means:
    """A network with an answer from a few voxels of each patch."""

    def to(self, _: object) -> _Means:
        return self

    def __call__(self, patches: torch.Tensor) -> SimpleNamespace:
        flat = patches.flatten(1)
        return SimpleNamespace(logits=9 * flat[:, [0, 700, 999]], mask_logits=3 * patches)


def test_a_validation_in_parts_is_one_over_all_nodules(
    fifteen_balls: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where parts have fewer known classes than others, or none; the last part is small."""
    monkeypatch.setattr(validation, "BATCH", 4)
    samples = [
        replace(sample, label=UNKNOWN) if n in (0, 1, 2, 3, 7) else sample
        for n, sample in enumerate(fifteen_balls)
    ]
    module = SimpleNamespace(device="cpu", objective=Objective(mask_weight=0.3))
    strategy = SimpleNamespace(reduce=lambda tensor, **_: tensor)
    trainer = SimpleNamespace(global_rank=0, world_size=1, strategy=strategy)
    network = _Means()
    watcher = Watcher(Validation(0.2), samples, 12, lambda _: network)
    values = watcher._validate(trainer, module, network)
    patches, targets, masks = middles(samples, 12)
    output = network(patches)
    losses = module.objective(output.logits, output.mask_logits, targets, masks)
    assert values["loss"] == pytest.approx(losses.total.item(), rel=1e-5)
    assert values["loss_class"] == pytest.approx(losses.classes.item(), rel=1e-5)
    assert values["loss_mask"] == pytest.approx(losses.mask.item(), rel=1e-5)
    whole = metrics(count(output.logits, targets, output.mask_logits, masks))
    assert {name: values[name] for name in whole} == whole


@pytest.mark.parametrize(
    ("monitor", "seen"),
    [("loss", [0.9, 0.5, 0.7, 0.5]), ("class_accuracy", [0.3, 0.6, 0.5, 0.6]),
     ("mask_f1", [0.3, 0.6, 0.5, 0.6])],
)  # fmt: skip
def test_a_loss_shall_fall_and_accuracy_and_f_rise(
    fifteen_balls: list[Sample], monkeypatch: pytest.MonkeyPatch, monitor: Any, seen: list[float]
) -> None:
    values = iter(seen)
    monkeypatch.setattr(Watcher, "_validate", lambda *_: {"loss": 1.0, monitor: next(values)})
    module = TrainingModule(Objective(), like_paper(12).optimisation)
    how = Validation(0.2, every=1, patience=2, monitor=monitor)
    watcher = Watcher(how, fifteen_balls, 12, lambda given: given.network)
    stops = []
    for step in range(1, 5):
        trainer = SimpleNamespace(global_step=step, loggers=[], should_stop=False)
        watcher.on_train_batch_end(trainer, module)
        stops.append(trainer.should_stop)
    assert watcher.best is not None
    assert abs(watcher.best) == seen[1]
    assert stops == [False, False, False, True]  # as good as the best is no improvement


def scripted(monkeypatch: pytest.MonkeyPatch, losses: Sequence[float]) -> None:
    """Let the validations see these losses, one after the other, the last one for ever."""
    seen = iter(losses)
    monkeypatch.setattr(
        Watcher, "_validate", lambda *_: {"loss": next(seen, losses[-1]), "class_accuracy": 0.5}
    )


def test_the_learning_rate_falls_to_a_third_on_a_plateau(
    fifteen_balls: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, [1.0])
    # The first value is the best; Keras' and PyTorch's patience of 10 means the eleventh after it.
    for steps, factor in ((11, 1.0), (12, 0.334)):
        run = tmp_path / str(steps)
        settings = reduced(steps, Validation(0.2, every=1), schedule="plateau")
        settings = replace(settings, checkpoint_every=50)
        fit.fit([fifteen_balls], settings, run, CARD)
        state = torch.load(run / "last.ckpt", weights_only=False)["optimizer_states"][0]
        assert state["param_groups"][0]["lr"] == pytest.approx(1e-4 * factor)


def test_a_plateau_without_validation_is_refused(
    fifteen_balls: list[Sample], tmp_path: Path
) -> None:
    with pytest.raises(TableError, match="follows a validation"):
        fit.fit([fifteen_balls], reduced(1, Validation(), schedule="plateau"), tmp_path, CARD)


def test_accuracy_cannot_be_watched_without_classes(
    fifteen_balls: list[Sample], tmp_path: Path
) -> None:
    samples = [replace(sample, label=UNKNOWN) for sample in fifteen_balls]
    with pytest.raises(TableError, match="No class of the watched nodules is known"):
        fit.fit([samples], reduced(1, Validation(0.2, monitor="class_accuracy")), tmp_path, CARD)


def test_a_run_without_improvement_stops_and_gives_its_best_network(
    fifteen_balls: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, [0.9, 0.5, 0.7, 0.6, 0.1])
    settings = reduced(9, Validation(0.2, every=1, patience=2))
    result = fit.fit([fifteen_balls], settings, tmp_path / "stops", CARD)
    steps = [int(row["step"]) for row in rows_of(tmp_path / "stops") if row["loss"]]
    assert steps == [0, 1, 2, 3]  # two validations in a row were no better than the second
    best = load_model(result).members[0]

    # The same as a run that ends after the second step.
    scripted(monkeypatch, [0.9, 0.5])
    two = replace(settings, optimisation=replace(settings.optimisation, steps=2))
    monkeypatch.setattr(fit, "make_batch", lambda *args: batches.make_batch(*args[:2], 9))
    expected = load_model(fit.fit([fifteen_balls], two, tmp_path / "two", CARD)).members[0]
    for name, array in expected.items():
        if "running" not in name:  # those are averaged over other batches
            assert np.allclose(array, best[name], atol=1e-6), name

    # The same command again trains no further and gives the same.
    again = fit.fit([fifteen_balls], settings, tmp_path / "stops", CARD)
    assert np.array_equal(load_model(again).members[0]["densenet.stem.weight"],
                          best["densenet.stem.weight"])  # fmt: skip
    assert not (tmp_path / "stops" / "from_4").exists()


def test_a_watched_run_that_was_killed_goes_on_as_an_unbroken_one(
    fifteen_balls: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = reduced(
        5, Validation(0.2, every=2, patience=9, monitor="mask_f1"), schedule="plateau",
        averaging=0.9, learning_rate=1e-3,
    )  # fmt: skip
    whole = fit.fit([fifteen_balls], settings, tmp_path / "whole", CARD)

    class KilledError(Exception):
        pass

    original = batches.make_batch

    def killed_at_step_three(*args: Any) -> batches.Batch:
        if args[2] == 3:
            raise KilledError
        return original(*args)

    monkeypatch.setattr(batches, "make_batch", killed_at_step_three)
    with pytest.raises(KilledError):
        fit.fit([fifteen_balls], settings, tmp_path / "broken", CARD)
    monkeypatch.setattr(batches, "make_batch", original)
    resumed = fit.fit([fifteen_balls], settings, tmp_path / "broken", CARD)
    first, second = load_model(whole).members[0], load_model(resumed).members[0]
    for name, array in first.items():
        assert np.allclose(array, second[name], atol=1e-6), name
    watchers = [
        torch.load(tmp_path / run / "last.ckpt", weights_only=False)["callbacks"]["Watcher"]
        for run in ("whole", "broken")
    ]
    assert watchers[0]["best"] == pytest.approx(watchers[1]["best"], abs=1e-6)
    assert watchers[0]["plateau"]["num_bad_epochs"] == watchers[1]["plateau"]["num_bad_epochs"]
