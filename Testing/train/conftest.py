"""Small nodules that training tests share: balls in noise, their class is their size."""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from densesharp.train.dataset import Sample


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Several threads for such small patches only wait for each other on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def _balls(count: int) -> list[Sample]:
    rng = np.random.default_rng(0)
    axis = np.arange(40) - 19.5
    radius = np.sqrt(sum(np.meshgrid(axis**2, axis**2, axis**2)))
    samples = []
    for n in range(count):
        seg = radius < (2.5, 4.5, 6.5)[n % 3]
        voxel = np.where(seg, 190, 40) + rng.normal(0, 5, seg.shape)
        grey = voxel.astype(np.uint8)
        samples.append(Sample(f"ball{n}", n % 3, n % 5, f"p{n}", grey, seg))
    return samples


@pytest.fixture(scope="session")
def balls_of_three_sizes() -> list[Sample]:
    """Six nodules, two of each class."""
    return _balls(6)


@pytest.fixture(scope="session")
def fifteen_balls() -> list[Sample]:
    """Fifteen nodules, one of each class in each of five subsets."""
    return _balls(15)


@pytest.fixture(scope="session")
def folder_of_balls(tmp_path_factory: pytest.TempPathFactory, fifteen_balls: list[Sample]) -> Path:
    """The fifteen balls as a data set on disk."""
    folder = tmp_path_factory.mktemp("balls")
    (folder / "nodule").mkdir()
    with (folder / "info.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("name", "diagnosis", "subset"))
        for sample in fifteen_balls:
            writer.writerow((sample.name, sample.class_name, sample.subset))
    for sample in fifteen_balls:
        np.savez(folder / "nodule" / f"{sample.name}.npz", voxel=sample.voxel, seg=sample.seg)
    return folder
