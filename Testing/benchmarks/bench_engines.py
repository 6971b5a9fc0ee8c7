"""Engines and training steps against their peers, in turns, on one set of weights."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from timing import NETWORK_TESTS, Worker, take_turns

ENGINES = ("openvino-fp32", "openvino-bf16", "torch-fp32", "torch-bf16", "torch-plain")
MATRIX_GFLOP = 2 * 2048**3 / 1e9
NETWORK_GFLOP = 9.50  # multiply-adds of one patch after the exact rearrangements, times two


def weights_file(folder):
    """Random weights of the original's network, as Keras 2.1 wrote them."""
    path = Path(folder) / "weights.h5"
    subprocess.run(
        [sys.executable, str(NETWORK_TESTS / "original_keras.py"), str(path)],
        check=True,
        env={**os.environ, "KERAS_BACKEND": "torch"},
    )
    return path


def bench_engines(threads, keras_python, rounds):
    """Time per patch of each engine for batches of 1, 8, 32; differences of their outputs."""
    with tempfile.TemporaryDirectory() as folder:
        path = weights_file(folder)
        engines = [Worker("our_worker.py", peer, threads, arguments=[path]) for peer in ENGINES]
        if keras_python:
            engines.append(
                Worker("keras_worker.py", "keras-compiled", threads, keras_python, [path])
            )
        matrices = [
            Worker("our_worker.py", peer, threads) for peer in ("matmul-numpy", "matmul-torch")
        ]
        result = {
            "threads": threads,
            "start": {worker.peer: worker.start for worker in engines},
            "batch": {"1": take_turns([*engines, *matrices], 1, rounds)},
            "differences": differences(engines, folder),
        }
        for batch in (8, 32):
            result["batch"][str(batch)] = take_turns(engines, batch, max(3, rounds // batch), 1)
        for worker in [*engines, *matrices]:
            worker.close()
    return result | {"ratios": ratios(result["batch"]["1"], threads)}


def differences(workers, folder):
    """Largest change of probability and mask against the plain port, over four patches."""
    answers = {}
    for worker in workers:
        path = Path(folder) / f"{worker.peer}.npz"
        worker.ask(answer=str(path))
        with np.load(path) as arrays:
            found = dict(arrays)
        if "logits" in found:
            powers = np.exp(found["logits"] - found["logits"].max(1, keepdims=True))
            found["probabilities"] = powers / powers.sum(1, keepdims=True)
        answers[worker.peer] = found
    plain = answers["torch-plain"]
    return {
        peer: {
            name: float(np.abs(found[name] - plain[name]).max())
            for name in ("probabilities", "mask")
        }
        for peer, found in answers.items()
    }


def ratios(times, threads):
    """What issue-level goals speak of; processor time on one thread, wall time on more."""
    clock = "cpu_ms" if threads == 1 else "wall_ms"
    best = {peer: found[clock]["min"] for peer, found in times.items()}
    ours = best["openvino-fp32"]
    matrix = min(best["matmul-numpy"], best["matmul-torch"]) * NETWORK_GFLOP / MATRIX_GFLOP
    found = {
        "torch-plain / openvino-fp32": best["torch-plain"] / ours,
        "torch-fp32 / openvino-fp32": best["torch-fp32"] / ours,
        "openvino-fp32 / openvino-bf16": ours / best["openvino-bf16"],
        "openvino-fp32 / best matrix multiply": ours / matrix,
    }
    if "keras-compiled" in best:
        found["keras-compiled / openvino-fp32"] = best["keras-compiled"] / ours
        found["keras-compiled / torch-fp32"] = best["keras-compiled"] / best["torch-fp32"]
    return {name: round(value, 2) for name, value in found.items()}


def bench_training(threads, keras_python, rounds, batch=24):
    """Time of one training step; one process at a time, because each takes up to 9 GB."""
    peers = ["train-fp32", "train-bf16", "train-plain", *(["keras-train"] if keras_python else [])]
    samples = {peer: [] for peer in peers}
    for _ in range(rounds):
        for peer in peers:
            if peer == "keras-train":
                worker = Worker("keras_worker.py", peer, threads, keras_python)
            else:
                worker = Worker("our_worker.py", peer, threads)
            # A peer's first step builds graphs and memory; the second is timed.
            samples[peer].append(take_turns([worker], batch, 1, warm=1)[peer])
            worker.close()
    return {"threads": threads, "batch": batch, **best_of(samples, batch)}


def best_of(samples, batch):
    """Seconds a step: the least of all rounds, and all of them."""
    steps = {}
    for peer, taken in samples.items():
        steps[peer] = {
            f"{clock}_s": [round(found[f"{clock}_ms"]["min"] * batch / 1e3, 2) for found in taken]
            for clock in ("wall", "cpu")
        } | {"rss_mb": max(found["rss_mb"] for found in taken)}
    least = {peer: min(found["cpu_s"]) for peer, found in steps.items()}
    ratios = {f"{peer} / train-fp32": round(least[peer] / least["train-fp32"], 2) for peer in least}
    if "keras-train" in least:
        ratios["keras-train / train-bf16"] = round(least["keras-train"] / least["train-bf16"], 2)
    return {"steps": steps, "ratios": ratios}
