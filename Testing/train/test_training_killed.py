"""Runs that end badly: SIGKILL at any moment, a full disk. Nothing is lost but the last steps."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from damage import full_disk
from densesharp.cli import main
from densesharp.errors import OutputError
from densesharp.model.model_file import load_model
from densesharp.train import fit

SIZE_LIMIT = 1_000_000
"""Bytes that a process with a full disk can write into one file; a checkpoint has 10 million."""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL and file size limits")


def command(dataset: Path, out: Path) -> list[str]:
    words = "--like-paper --batch 3 --edge 12 --steps 8 --checkpoint-every 2 --validation 0.2"
    return [sys.executable, "-m", "densesharp", "train", str(dataset), "--out", str(out),
            *words.split(), "--validate-every", "3"]  # fmt: skip


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def weights(run: Path) -> dict[str, np.ndarray]:
    return load_model(run / "model.safetensors").members[0]


@pytest.mark.full
def test_a_run_that_is_killed_goes_on_as_an_unbroken_one(
    folder_of_balls: Path, tmp_path: Path
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    subprocess.run(command(folder_of_balls, whole), check=True, env=environment())
    kills = 0
    for _ in range(2):
        seen = (broken / "last.ckpt").stat().st_mtime if kills else 0.0
        process = subprocess.Popen(command(folder_of_balls, broken), env=environment())
        while process.poll() is None:
            path = broken / "last.ckpt"
            if path.exists() and path.stat().st_mtime > seen:
                process.send_signal(signal.SIGKILL)
            time.sleep(0.01)
        if process.returncode == -signal.SIGKILL:
            kills += 1
            torch.load(broken / "last.ckpt", weights_only=False)  # is whole
    assert kills
    subprocess.run(command(folder_of_balls, broken), check=True, env=environment())
    expected, found = weights(whole), weights(broken)
    for name, array in expected.items():
        assert np.allclose(array, found[name], atol=1e-6), name


def test_a_full_disk_leaves_the_checkpoint_before_as_it_was(tmp_path: Path) -> None:
    writer, path = fit._AtomicCheckpoints(), tmp_path / "last.ckpt"
    writer.save_checkpoint({"step": 1}, path)
    with full_disk(SIZE_LIMIT), pytest.raises(OutputError, match="cannot be written"):
        writer.save_checkpoint({"step": 2, "weights": torch.zeros(1_000_000)}, path)
    assert torch.load(path, weights_only=False) == {"step": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["last.ckpt"]


def test_a_run_on_a_full_disk_ends_with_one_sentence(
    folder_of_balls: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with full_disk(SIZE_LIMIT):
        assert main(command(folder_of_balls, tmp_path / "run")[3:]) == 2
    said = capsys.readouterr().err
    last = said.strip().splitlines()[-1]
    assert last.startswith("densesharp: '")
    assert "last.ckpt' cannot be written" in last
    assert "Traceback" not in said
    names = {entry.name for entry in (tmp_path / "run").iterdir()}
    assert names == {"run.json", "from_0", "events"}


def test_a_kill_while_a_checkpoint_is_written_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, path = fit._AtomicCheckpoints(), tmp_path / "last.ckpt"
    writer.save_checkpoint({"step": 1}, path)

    def half_written(self: object, checkpoint: object, target: Path, options: object) -> None:
        target.write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fit.TorchCheckpointIO, "save_checkpoint", half_written)
    with pytest.raises(OutputError, match="No space left"):
        writer.save_checkpoint({"step": 2}, path)
    assert torch.load(path, weights_only=False) == {"step": 1}
