"""Models with random weights, made without torch."""

import numpy as np

from densesharp.model.architecture import Architecture
from densesharp.model.model_file import ModelCard, ModelFile


def random_weights(architecture, seed):
    """Kernels as wide as he_uniform, batch-norm statistics far from their start."""
    generator = np.random.default_rng(seed)

    def draw(name, shape):
        if name.endswith("running_var"):
            return generator.uniform(0.3, 2.0, shape)
        if len(shape) > 1:
            fan = np.prod(shape[1:])
            return generator.uniform(-1.0, 1.0, shape) * np.sqrt(6.0 / fan)
        if name.endswith("weight"):
            return generator.uniform(0.5, 1.5, shape)
        return generator.normal(0.0, 0.2, shape)

    return {
        name: draw(name, shape).astype(np.float32)
        for name, shape in architecture.tensor_shapes().items()
    }


def random_model(members=1, seed=0, **arguments):
    architecture = Architecture(**arguments)
    classes = tuple(f"class {n}" for n in range(architecture.classes))
    card = ModelCard("random", "nothing", architecture, members, classes)
    weights = tuple(random_weights(architecture, seed + n) for n in range(members))
    return ModelFile(card, weights, "0" * 64)
