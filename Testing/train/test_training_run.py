"""A reduced training run: it learns, it can be stopped and resumed, its result is a model file."""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from densesharp.cli import train as command
from densesharp.errors import ModelError, TableError
from densesharp.model.model_file import ModelCard, load_model
from densesharp.train import batches
from densesharp.train.augment import Augmentation
from densesharp.train.batches import SampleSource, make_batch
from densesharp.train.dataset import UNKNOWN, Sample
from densesharp.train.fit import Precision, Settings, best, fit, like_paper

CARD = ModelCard("test", "balls in noise")
REACHED_LOSS = 0.9
"""Of the reduced run after 12 steps; an untrained network starts at about 1.6."""


def reduced(steps: int, checkpoint_every: int = 50) -> Settings:
    settings = best(steps)
    return replace(
        settings,
        per_batch=(3,),
        precision="32-true",
        augmentation=Augmentation(1, (1.0, 1.0), edge=16),
        checkpoint_every=checkpoint_every,
    )


def test_a_reduced_run_reaches_its_loss(balls_of_three_sizes: list[Sample], tmp_path: Path) -> None:
    told: list[tuple[float, str]] = []
    path = fit(
        [balls_of_three_sizes], reduced(12), tmp_path / "run", CARD,
        progress=lambda fraction, text: told.append((fraction, text)),
    )  # fmt: skip
    assert [fraction for fraction, _ in told] == pytest.approx([n / 12 for n in range(1, 13)])
    assert told[-1][1].startswith("Step 12 of 12, loss ")
    assert load_model(path).card.name == "test"
    lines = (tmp_path / "run" / "from_0" / "metrics.csv").read_text().splitlines()
    names, last = lines[0].split(","), lines[-1].split(",")
    assert float(last[names.index("loss")]) < REACHED_LOSS
    assert list((tmp_path / "run" / "events").glob("events*"))


def test_a_resumed_run_goes_on_exactly_as_an_unbroken_one(
    balls_of_three_sizes: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = reduced(4, checkpoint_every=2)
    whole = fit([balls_of_three_sizes], settings, tmp_path / "whole", CARD)

    class KilledError(Exception):
        pass

    original = batches.make_batch

    def killed_at_step_three(*args, **kwargs):
        if args[2] == 3:
            raise KilledError
        return original(*args, **kwargs)

    monkeypatch.setattr(batches, "make_batch", killed_at_step_three)
    with pytest.raises(KilledError):
        fit([balls_of_three_sizes], settings, tmp_path / "broken", CARD)
    monkeypatch.setattr(batches, "make_batch", original)
    resumed = fit([balls_of_three_sizes], settings, tmp_path / "broken", CARD)
    first, second = load_model(whole).members[0], load_model(resumed).members[0]
    for name, array in first.items():
        assert np.allclose(array, second[name], atol=1e-6), name


def test_a_run_with_other_settings_in_the_same_folder_is_refused(
    balls_of_three_sizes: list[Sample], tmp_path: Path
) -> None:
    fit([balls_of_three_sizes], reduced(1), tmp_path / "run", CARD)
    with pytest.raises(TableError, match="other settings"):
        fit([balls_of_three_sizes], reduced(2), tmp_path / "run", CARD)


def with_precision(settings: Settings, name: Precision) -> Settings:
    return replace(settings, precision=name)


def test_a_run_does_not_change_its_precision_in_silence(
    balls_of_three_sizes: list[Sample], tmp_path: Path
) -> None:
    exact = reduced(1)
    fit([balls_of_three_sizes], exact, tmp_path / "run", CARD)
    with pytest.raises(TableError, match=r"begun in fp32.* in bf16: add --precision fp32"):
        fit([balls_of_three_sizes], with_precision(exact, "bf16-mixed"), tmp_path / "run", CARD)
    path = tmp_path / "run" / "run.json"
    path.write_text(path.read_text().replace("32-true", "bf16-mixed"))
    with pytest.raises(TableError, match=r"begun in bf16.* in fp32: go on where it was begun"):
        fit([balls_of_three_sizes], exact, tmp_path / "run", CARD)
    path.write_text("{")
    with pytest.raises(TableError, match="damaged"):
        fit([balls_of_three_sizes], exact, tmp_path / "run", CARD)


def test_a_run_goes_on_from_its_own_start_only(
    balls_of_three_sizes: list[Sample], tmp_path: Path
) -> None:
    start = fit([balls_of_three_sizes], reduced(1), tmp_path / "start", CARD)
    run = tmp_path / "run"
    fit([balls_of_three_sizes], reduced(1), run, CARD, start)
    with pytest.raises(TableError, match="data or start"):
        fit([balls_of_three_sizes], reduced(1), run, CARD)
    moved = start.rename(tmp_path / "moved.safetensors")
    fit([balls_of_three_sizes], reduced(1), run, CARD, moved)
    # Earlier versions did not note the start.
    content = json.loads((run / "run.json").read_text())
    assert content.pop("start_sha256") == load_model(moved).sha256
    (run / "run.json").write_text(json.dumps(content))
    fit([balls_of_three_sizes], reduced(1), run, CARD, moved)


def test_a_damaged_start_leaves_nothing_behind(
    balls_of_three_sizes: list[Sample], tmp_path: Path
) -> None:
    (tmp_path / "start.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelError):
        fit([balls_of_three_sizes], reduced(1), tmp_path / "run", CARD,
            tmp_path / "start.safetensors")  # fmt: skip
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("has", [True, False])
def test_bf16_is_taken_only_where_the_processor_has_it(
    monkeypatch: pytest.MonkeyPatch, has: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr("densesharp.model.engines.openvino_engine.has_native_bfloat16", lambda: has)
    assert best().precision == ("bf16-mixed" if has else "32-true")
    assert best(precision="fp32").precision == like_paper(9).precision == "32-true"


def test_without_openvino_training_is_in_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> bool:
        raise ImportError

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("densesharp.model.engines.openvino_engine.has_native_bfloat16", missing)
    assert best().precision == "32-true"


@pytest.mark.parametrize("has", [True, False])
def test_a_graphics_processor_is_asked_itself_and_not_for_an_imitation(
    monkeypatch: pytest.MonkeyPatch, has: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or has
    )
    assert best().precision == ("bf16-mixed" if has else "32-true")


def test_the_command_takes_the_precision_and_the_model_card_repeats_it() -> None:
    parser = argparse.ArgumentParser()
    command.configure(parser)
    args = parser.parse_args(["set", "--out", "run", "--precision", "fp32"])
    assert command._settings(args, 9).precision == "32-true"
    assert "--precision fp32" in command._command(args)
    assert "precision" not in command._command(parser.parse_args(["set", "--out", "run"]))


def test_the_command_takes_the_weights_of_the_masks_loss_and_the_card_repeats_them() -> None:
    parser = argparse.ArgumentParser()
    command.configure(parser)
    args = parser.parse_args(["set", "--out", "run", "--cross-entropy", "4", "--volume", "0.15"])
    objective = command._settings(args, 9).objective
    assert (objective.cross_entropy, objective.volume) == (4, 0.15)
    assert "--cross-entropy 4.0 --volume 0.15" in command._command(args)


def test_a_share_of_the_batch_is_needed_for_each_data_set(
    balls_of_three_sizes: list[Sample], tmp_path: Path
) -> None:
    with pytest.raises(TableError, match="share of the batch"):
        fit([balls_of_three_sizes, []], reduced(1), tmp_path / "run", CARD)


def test_a_batch_depends_on_seed_and_step_only_and_is_balanced(
    balls_of_three_sizes: list[Sample],
) -> None:
    source = SampleSource(balls_of_three_sizes, 6, Augmentation(3, (0.8, 1.15), edge=16))
    first, again, next_one = (make_batch([source], 7, step) for step in (5, 5, 6))
    assert torch.equal(first.patches, again.patches)
    assert not torch.equal(first.patches, next_one.patches)
    assert first.targets.sum(dim=0).tolist() == [2, 2, 2]


def test_classes_are_drawn_equally_often_however_many_nodules_each_has(
    fifteen_balls: list[Sample],
) -> None:
    of_class = [[s for s in fifteen_balls if s.label == label] for label in range(3)]
    unknown = [replace(sample, label=UNKNOWN) for sample in of_class[1] + of_class[2]]
    source = SampleSource(
        [*of_class[0][:1], *of_class[2], *unknown], 6, Augmentation(0, (1, 1), edge=16)
    )
    for step in range(5):
        targets = make_batch([source], 7, step).targets
        assert targets.sum(dim=0).tolist() == [2, 0, 2]  # and two without class


def test_mixup_stays_within_its_source(fifteen_balls: list[Sample]) -> None:
    plain, mixing = Augmentation(0, (1, 1), edge=16), Augmentation(0, (1, 1), edge=16, mixup=0.9)
    small = [sample for sample in fifteen_balls if sample.label == 0]
    large = [sample for sample in fifteen_balls if sample.label == 2]
    for step in range(5):
        before, after = (
            make_batch([SampleSource(small, 2, plain), SampleSource(large, 3, how),
                        SampleSource(small, 1, plain)], 7, step)
            for how in (plain, mixing)
        )  # fmt: skip
        for rows in (slice(0, 2), slice(5, 6)):
            assert torch.equal(before.patches[rows], after.patches[rows])
        assert torch.equal(before.targets, after.targets)  # mixed with one of its own class
        assert torch.allclose(before.patches[2:5].sum(dim=0), after.patches[2:5].sum(dim=0))


def test_mixup_mixes_patch_class_and_mask_alike(balls_of_three_sizes: list[Sample]) -> None:
    how = Augmentation(0, (1.0, 1.0), edge=16)
    plain, again, mixed_up = (
        make_batch([SampleSource(balls_of_three_sizes, 6, augmentation)], 7, 5)
        for augmentation in (how, how, replace(how, mixup=0.9))
    )
    assert torch.equal(plain.patches, again.patches)
    # The same share and the same partners explain all three.
    rng = np.random.default_rng([7, 5, 0, batches.MIXUP_STREAM])
    share, partners = rng.beta(0.9, 0.9), rng.permutation(6)
    assert 0 < share < 1
    for before, after in zip(plain, mixed_up, strict=True):
        expected = share * before.numpy() + (1 - share) * before.numpy()[partners]
        assert np.allclose(after.numpy(), expected, atol=1e-6)
    assert mixed_up.targets.sum(dim=1).tolist() == pytest.approx([1.0] * 6)


def test_mixup_by_hand() -> None:
    values = torch.tensor([[0.0, 1.0], [4.0, 3.0]])
    expected = [[3.0, 2.5], [1.0, 1.5]]  # a quarter of itself, three quarters of the other
    assert batches.mixed(values, torch.tensor([1, 0]), 0.25).tolist() == expected


def test_the_papers_preset_is_the_papers() -> None:
    settings = like_paper(523)
    assert settings.per_batch == (24,)
    assert settings.optimisation.steps == 60 * 22
    assert settings.optimisation.learning_rate == 1e-4
    assert settings.optimisation.schedule == "fixed"
    assert settings.objective.mask_weight == 0.2
    assert settings.augmentation.shift_mm == 3
    assert settings.augmentation.zoom == (0.8, 1.15)


def test_what_is_no_part_of_a_preset_is_off() -> None:
    for settings in (like_paper(523), best()):
        assert settings.augmentation.mixup == settings.objective.ordinal == 0
        assert settings.objective.beta == settings.objective.smooth == 1
        assert settings.validation.share == settings.validation.patience == 0
