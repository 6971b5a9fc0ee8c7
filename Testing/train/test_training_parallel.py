"""Parallel runs (Lightning's DDP) on two processes of this machine: what two GPUs or nodes do."""

import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from densesharp.model.model_file import load_model
from densesharp.train.batches import SampleSource, make_batch
from densesharp.train.dataset import Sample
from densesharp.train.fit import like_paper
from densesharp.train.module import TrainingModule

WORDS = "--like-paper --batch 3 --edge 12 --seed 4"


def command(dataset: Path, out: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "densesharp", "train", str(dataset), "--out", str(out),
            *WORDS.split(), *more]  # fmt: skip


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", **more}


def trained(run: Path) -> dict[str, torch.Tensor]:
    state = torch.load(run / "last.ckpt", weights_only=False)["state_dict"]
    return {
        name.removeprefix("network."): tensor
        for name, tensor in state.items()
        if name.startswith("network.") and "running" not in name and "num_batches" not in name
    }


def by_hand(samples: list[Sample], ranks: tuple[int, ...]) -> dict[str, torch.Tensor]:
    """One step of Adam along the mean gradient of these processes' batches."""
    settings = like_paper(len(samples))
    torch.manual_seed(4)
    module = TrainingModule(settings.objective, settings.optimisation)
    optimizer = torch.optim.Adam(module.network.parameters(), 1e-4, eps=1e-7)
    how = replace(settings.augmentation, edge=12)
    for rank in ranks:
        batch = make_batch([SampleSource(samples, 3, how)], 4, 0, rank)
        output = module(batch.patches)
        losses = settings.objective(output.logits, output.mask_logits, batch.targets, batch.masks)
        (losses.total / len(ranks)).backward()
    optimizer.step()
    return dict(module.network.named_parameters())


def agreement(expected: dict[str, torch.Tensor], found: dict[str, torch.Tensor]) -> float:
    """Share of the weights that went the same way; Adam's first step is 1e-4 along each."""
    assert set(expected) == set(found)
    gaps = torch.cat([(expected[name].detach() - found[name]).flatten() for name in found])
    return float((gaps.abs() < 2e-6).float().mean())


def test_two_processes_step_along_the_mean_gradient_of_their_batches(
    folder_of_balls: Path, fifteen_balls: list[Sample], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    subprocess.run(
        command(folder_of_balls, run, "--steps", "1", "--devices", "2"),
        check=True, env=environment(),
    )  # fmt: skip
    found = trained(run)
    both, alone = by_hand(fifteen_balls, (0, 1)), by_hand(fifteen_balls, (0,))
    assert agreement(both, found) > 0.99
    assert agreement(alone, found) < 0.9


@pytest.mark.full
def test_a_parallel_run_learns_validates_and_goes_on(folder_of_balls: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ("--steps", "3", "--devices", "2", "--validation", "0.2", "--validate-every", "2")
    words += ("--learning-rate", "0.003")
    subprocess.run(command(folder_of_balls, run, *words), check=True, env=environment())
    lines = (run / "from_0" / "metrics.csv").read_text().splitlines()
    column = lines[0].split(",").index("loss")
    losses = [float(cells[column]) for line in lines[1:] if (cells := line.split(","))[column]]
    assert len(losses) == 3
    assert losses[-1] < losses[0] - 0.3
    first = load_model(run / "model.safetensors")
    subprocess.run(command(folder_of_balls, run, *words), check=True, env=environment())
    assert load_model(run / "model.safetensors").sha256 == first.sha256


@pytest.mark.full
def test_two_nodes_do_the_same_as_two_processes(folder_of_balls: Path, tmp_path: Path) -> None:
    subprocess.run(
        command(folder_of_balls, tmp_path / "devices", "--steps", "2", "--devices", "2"),
        check=True, env=environment(),
    )  # fmt: skip
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    words = command(folder_of_balls, tmp_path / "nodes", "--steps", "2", "--nodes", "2")
    nodes = [
        subprocess.Popen(
            words,
            env=environment(MASTER_ADDR="127.0.0.1", MASTER_PORT=port, NODE_RANK=str(rank)),
        )
        for rank in range(2)
    ]
    try:
        assert [node.wait(timeout=300) for node in nodes] == [0, 0]
    finally:
        for node in nodes:
            node.kill()
    devices, machines = trained(tmp_path / "devices"), trained(tmp_path / "nodes")
    for name, value in devices.items():
        assert torch.allclose(value, machines[name], atol=1e-6), name
