"""A worker for everything that runs in DenseSharp's own environment.

`python our_worker.py PEER THREADS [WEIGHTS.h5]`, spoken to by `timing.Worker`.
"""

import sys
import time

STARTED = time.perf_counter()

import numpy as np  # noqa: E402
from timing import NETWORK_TESTS, patches, serve  # noqa: E402

sys.path.insert(0, str(NETWORK_TESTS))

MATRIX = 2048


def a_model(path):
    from densesharp.model.keras_weights import read_keras_weights
    from densesharp.model.model_file import ModelCard, ModelFile

    weights, architecture = read_keras_weights(path)
    return ModelFile(ModelCard("bench", "nothing", architecture), (weights,), "0")


def engine_worker(peer, threads, path):
    """openvino-fp32, openvino-bf16, torch-fp32, torch-bf16"""
    kind, precision = peer.split("-")
    if kind == "openvino":
        from densesharp.model.engines.openvino_engine import OpenVinoEngine

        engine = OpenVinoEngine(a_model(path), precision, threads)
    else:
        from densesharp.model.engines.torch_engine import TorchEngine

        engine = TorchEngine(a_model(path), "cpu", precision, threads)

    def answer(x):
        output = engine.run(x)
        return {"logits": output.logits[:, 0], "mask": output.mask[:, 0]}

    return lambda batch: engine.run(patches_of(batch)), answer


def plain_worker(threads, path):
    """The layers one by one, in eager torch, as a port would first be written."""
    import torch
    from plain_port import plainly

    from densesharp.model.densesharp import DenseSharp, import_weights

    torch.set_num_threads(threads)
    network = DenseSharp().eval()
    import_weights(network, a_model(path).members[0])

    def run(x):
        with torch.inference_mode():
            logits, mask = plainly(network, torch.from_numpy(x)[:, None])
            return {"logits": logits.numpy(), "mask": mask.sigmoid()[:, 0].numpy()}

    return lambda batch: run(patches_of(batch)), run


def matrix_worker(kind):
    """One product of 2048 x 2048 matrices, 17.2 GFLOP, in numpy's or torch's BLAS."""
    a = np.random.default_rng(0).random((MATRIX, MATRIX), dtype=np.float32)
    if kind == "numpy":
        return lambda _: a @ a, None
    import torch

    b = torch.from_numpy(a)
    return lambda _: b @ b, None


def training_worker(peer, threads):
    """train-fp32, train-bf16: one step of our training; train-plain: of the plain port, eager."""
    import torch
    from plain_port import plainly

    from densesharp.memory import keep_freed_memory
    from densesharp.model.densesharp import DenseSharp
    from densesharp.train.losses import Objective

    torch.set_num_threads(threads)
    network = DenseSharp().train()
    plain = peer == "train-plain"
    if not plain:
        keep_freed_memory(all_of_it=True)
        network = network.to(memory_format=torch.channels_last_3d)
    optimizer = torch.optim.Adam(network.parameters(), 1e-4, eps=1e-7, foreach=True)
    objective = Objective()

    def step(batch):
        x = torch.from_numpy(patches_of(batch))[:, None]
        masks = (x > 0).float()
        targets = torch.eye(3)[torch.arange(batch) % 3]
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=peer == "train-bf16"):
            if plain:
                logits, mask = plainly(network, x)
            else:
                output = network(x.contiguous(memory_format=torch.channels_last_3d))
                logits, mask = output.logits, output.mask_logits
            loss = objective(logits, mask, targets, masks).total
        loss.backward()
        optimizer.step()
        return loss.item()

    return step, None


CACHE = {}


def patches_of(batch):
    if batch not in CACHE:
        CACHE[batch] = patches(batch)
    return CACHE[batch]


def main(peer, threads, path=None):
    if peer.startswith("matmul-"):
        call, answer = matrix_worker(peer.removeprefix("matmul-"))
    elif peer.startswith("train-"):
        call, answer = training_worker(peer, threads)
    elif peer == "torch-plain":
        call, answer = plain_worker(threads, path)
    else:
        call, answer = engine_worker(peer, threads, path)
    serve(call, answer, STARTED)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
