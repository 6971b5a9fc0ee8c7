"""Models and patches for the engine tests."""

import numpy as np
import pytest
from random_models import random_model


@pytest.fixture(scope="session")
def a_model():
    return random_model()


@pytest.fixture(scope="session")
def an_ensemble_of_two():
    return random_model(members=2, seed=5)


@pytest.fixture(scope="session")
def a_tiny_model():
    return random_model(growth=2, bottleneck=2, blocks=(1, 1, 1), stem=4)


@pytest.fixture(scope="session")
def patches():
    """Noise, a soft ball, and air."""
    ball = np.exp(-((np.indices((32, 32, 32)) - 15.5) ** 2).sum(0) / 60.0) * 1.6 - 0.6
    noise = np.random.default_rng(7).uniform(-1.0, 1.0, (32, 32, 32))
    return np.stack([noise, ball, np.full((32, 32, 32), -1.0)]).astype(np.float32)
