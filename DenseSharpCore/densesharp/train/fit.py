"""One training run: presets, Lightning's trainer, checkpoints, logs, the model file.

A run lives in one folder:

    RUN/run.json                  settings and data, so that the run can be repeated
    RUN/last.ckpt                 newest checkpoint; a started run goes on from it
    RUN/from_0/metrics.csv        log for a spreadsheet; a run that went on at step n has from_n too
    RUN/events                    logs for TensorBoard
    RUN/model.safetensors         the result
"""

import copy
import json
import logging
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import lightning.pytorch as pl
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch.utils.data import DataLoader

from densesharp.errors import DeviceError, ModelError, TableError
from densesharp.files import atomic_path, ensure_folder, write_text
from densesharp.memory import keep_freed_memory
from densesharp.model.architecture import Architecture
from densesharp.model.densesharp import DenseSharp, export_weights, import_weights
from densesharp.model.model_file import ModelCard, load_model, save_model
from densesharp.progress import Progress, silent
from densesharp.train.augment import LIKE_PAPER, Augmentation
from densesharp.train.batches import Batches, SampleSource, make_batch
from densesharp.train.dataset import Sample
from densesharp.train.losses import Objective
from densesharp.train.module import Optimisation, TrainingModule, refresh_batch_norm
from densesharp.train.validation import Validation, Watcher, hold_out
from densesharp.words import counted

Precision = Literal["32-true", "bf16-mixed"]
"""As Lightning names number formats."""

REFRESH_BATCHES = 16
"""Batches that the running statistics of the result are averaged over."""


@dataclass(frozen=True)
class Settings:
    """Everything that decides a run but the data.

    Attributes:
        per_batch: nodules of each data set in a batch.
        augmentation: how patches are varied.
        objective: what is minimised.
        optimisation: how.
        precision: Lightning's name of the number format; `bf16-mixed` halves the time of a step
            where the hardware has it (see `choose_precision`).
        seed: of everything random.
        checkpoint_every: steps between checkpoints.
        validation: whether and how the run is watched on nodules it does not learn from.
    """

    per_batch: tuple[int, ...]
    augmentation: Augmentation
    objective: Objective
    optimisation: Optimisation
    precision: Precision = "32-true"
    seed: int = 0
    checkpoint_every: int = 50
    validation: Validation = field(default_factory=Validation)


def choose_precision(asked: Literal["auto", "fp32"] = "auto") -> Precision:
    """The number format: bf16, with steps of half the time, where the hardware has it."""
    return "bf16-mixed" if asked == "auto" and has_bf16() else "32-true"


def has_bf16() -> bool:
    """Whether the device that Lightning takes multiplies bf16 in hardware.

    Imitated in software, a step takes tens of times as long as in fp32.
    """
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if torch.backends.mps.is_available():
        return False
    try:
        from densesharp.model.engines.openvino_engine import has_native_bfloat16

        return has_native_bfloat16()
    except (ImportError, RuntimeError):  # without OpenVINO nobody can say; fp32 is always right
        return False


def like_paper(nodules: int) -> Settings:
    """The paper's training: 60 epochs of batches of 24, Adam at 1e-4, cross-entropy + 0.2 Dice.

    An epoch shows each nodule about once.
    """
    steps = 60 * -(-nodules // 24)
    return Settings((24,), LIKE_PAPER, Objective(), Optimisation(steps, 1e-4, "fixed"))


def best(steps: int = 1200, precision: Literal["auto", "fp32"] = "auto") -> Settings:
    """What works best in few steps on a CPU; see the ablation table in the documentation."""
    return Settings(
        per_batch=(12,),
        augmentation=Augmentation(shift_mm=5, zoom=(0.85, 1.15), grey=3.0),
        objective=Objective(mask_weight=1.0, cross_entropy=1.0),
        optimisation=Optimisation(steps, 3e-3, "cosine", averaging=0.99),
        precision=choose_precision(precision),
    )


def fit(
    datasets: Sequence[Sequence[Sample]],
    settings: Settings,
    run: str | Path,
    card: ModelCard,
    start: str | Path | None = None,
    devices: int = 1,
    nodes: int = 1,
    progress: Progress = silent,
) -> Path:
    """Train one network, or go on with a run that was stopped.

    Args:
        datasets: what to train on; batches hold `settings.per_batch` nodules of each.
        settings: how to train.
        run: folder of the run.
        card: what the model file shall say.
        start: a model file to go on from (its first member), instead of random weights.
        devices: GPUs (or processes) to train on in parallel. Each draws batches of its own, so
            that a step sees as many times the nodules.
        nodes: machines that run the same command in parallel (Lightning's DDP finds them by
            SLURM, torchrun, or MASTER_ADDR and NODE_RANK).
        progress: told after every step.

    Returns:
        The model file: the last step, or with a validation the best one by it.

    Raises:
        TableError: data sets and settings do not fit, or the run was started with other ones or
            from another model file.
        ModelError: `start` is of another architecture.
        DeviceError: there are not as many devices.
        OutputError: the disk is full or not writable; the last checkpoint is as it was.
    """
    if len(datasets) != len(settings.per_batch) or not all(datasets):
        raise TableError("Each data set needs nodules to train on and a share of the batch.")
    how = settings.validation
    if settings.optimisation.schedule == "plateau" and not how.share:
        message = "The plateau schedule follows a validation: give it a share of the patients."
        raise TableError(message)
    if settings.optimisation.mask_only and start is None:
        message = "To fit the mask branch alone, give the model whose other weights are kept."
        raise TableError(message)
    datasets, watched = hold_out(datasets, how.share, settings.seed)
    folder = Path(run)
    keep_freed_memory(all_of_it=True)
    # Lightning greets with what it could use, and with advertisements.
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    torch.manual_seed(settings.seed)
    network, start_sha256 = _network(start)
    described = _described(settings, [*datasets, watched] if watched else datasets, start_sha256)
    _check_same_run(folder, described)
    sources = [
        SampleSource(samples, count, settings.augmentation, settings.objective.soft)
        for samples, count in zip(datasets, settings.per_batch, strict=True)
    ]
    module = TrainingModule(settings.objective, settings.optimisation, network)
    finished = partial(_finished, sources, settings)
    watcher = Watcher(how, watched, settings.augmentation.edge, finished) if watched else None
    checkpoint = folder / "last.ckpt"
    first = _restore(checkpoint, module, watcher)
    batches = Batches(sources, settings.seed, first, settings.optimisation.steps)
    trainer = _trainer(folder, settings, watcher, devices, nodes, first, progress)
    # Only now, so that a run that cannot begin leaves nothing behind.
    ensure_folder(folder)
    if not (folder / "run.json").exists():
        write_text(folder / "run.json", json.dumps(described, indent=1) + "\n")
    if first < settings.optimisation.steps and not (watcher and watcher.stopped):
        with warnings.catch_warnings():
            # Batches take a few milliseconds; worker processes would only take cores away.
            warnings.filterwarnings("ignore", ".*does not have many workers.*")
            warnings.filterwarnings("ignore", ".*Checkpoint directory .* exists and is not empty.*")
            # Lightning 2.6 with PyTorch 2.13.
            warnings.filterwarnings("ignore", ".*LeafSpec.*", FutureWarning)
            # Parallel runs with channels-last weights; harmless.
            warnings.filterwarnings("ignore", ".*Grad strides do not match bucket view strides.*")
            trainer.fit(
                module,
                DataLoader(batches, batch_size=None),
                ckpt_path=checkpoint if first else None,
                weights_only=False,
            )
            trainer.save_checkpoint(checkpoint)
    result = folder / "model.safetensors"
    if trainer.is_global_zero:
        module.cpu()
        network = watcher.best_of(module.network) if watcher else finished(module)
        save_model(result, [export_weights(network)], replace(card, members=1))
    return result


def _finished(
    sources: Sequence[SampleSource], settings: Settings, module: TrainingModule
) -> DenseSharp:
    """The network a run would end with now: a copy, with its running statistics set anew."""
    network = copy.deepcopy(
        module.averaged if settings.optimisation.averaging else module.network
    ).requires_grad_(False)
    if settings.optimisation.mask_only:
        return network.eval()  # the running statistics are those of the network that was given
    patches = [
        make_batch(sources, settings.seed, settings.optimisation.steps + n).patches
        for n in range(REFRESH_BATCHES)
    ]
    refresh_batch_norm(network, [batch.to(module.device) for batch in patches])
    return network


def _network(start: str | Path | None) -> tuple[DenseSharp, str | None]:
    """The network to begin with, and the SHA-256 of the file it is from."""
    network = DenseSharp()
    if start is None:
        return network, None
    model = load_model(start)
    if model.card.architecture != Architecture():
        raise ModelError(f"'{start}' is of another architecture and cannot be trained on.")
    import_weights(network, model.members[0])
    return network, model.sha256


def _described(
    settings: Settings, datasets: Sequence[Sequence[Sample]], start_sha256: str | None
) -> dict[str, Any]:
    """What run.json holds."""
    data = [sorted(sample.name for sample in samples) for samples in datasets]
    content = {"settings": asdict(settings), "nodules": data, "start_sha256": start_sha256}
    described: dict[str, Any] = json.loads(json.dumps(content))  # lists, as a file gives them back
    return described


def _check_same_run(folder: Path, described: dict[str, Any]) -> None:
    """Check that a run that goes on has the settings, the data and the start it began with."""
    path = folder / "run.json"
    if not path.exists():
        return
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
        # Earlier versions did not note the start.
        before = {"start_sha256": described["start_sha256"], **before}
        was, wanted = before["settings"]["precision"], described["settings"]["precision"]
        before["settings"]["precision"] = wanted
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"'{path}' is damaged, so that its run cannot go on: choose another folder."
        raise TableError(message) from error
    if before != described:
        raise TableError(
            f"'{folder}' holds a run with other settings, data or start: choose another folder, "
            "or repeat the command that started it."
        )
    if was != wanted:
        names = {"32-true": "fp32", "bf16-mixed": "bf16"}
        way = "add --precision fp32" if was == "32-true" else "go on where it was begun"
        raise TableError(
            f"The run in '{folder}' was begun in {names.get(was, was)}, and here it would go on in "
            f"{names[wanted]}: {way}, or choose another folder."
        )


def _restore(checkpoint: Path, module: TrainingModule, watcher: Watcher | None) -> int:
    """Bring weights and watcher to a checkpoint; gives how many steps that run had done."""
    if not checkpoint.exists():
        return 0
    content = torch.load(checkpoint, weights_only=False, map_location="cpu")
    module.load_state_dict(content["state_dict"])
    if watcher:
        watcher.load_state_dict(content["callbacks"][watcher.state_key])
    return int(content["global_step"])


class _AtomicCheckpoints(TorchCheckpointIO):
    """A kill or a full disk while a checkpoint is written leaves the previous one as it was."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None
    ) -> None:
        with atomic_path(path) as temporary:
            super().save_checkpoint(checkpoint, temporary, storage_options)


def _trainer(
    folder: Path,
    settings: Settings,
    watcher: Watcher | None,
    devices: int,
    nodes: int,
    first: int,
    progress: Progress,
) -> pl.Trainer:
    callbacks: list[Callback] = [
        ModelCheckpoint(
            folder,
            filename="last",
            every_n_train_steps=settings.checkpoint_every,
            enable_version_counter=False,
        ),
        _StepProgress(progress),
        *([watcher] if watcher else []),
    ]
    loggers: list[Logger] = [
        CSVLogger(folder, f"from_{first}", version="", flush_logs_every_n_steps=10),
        TensorBoardLogger(folder, "events", version=""),
    ]
    try:
        return pl.Trainer(
            max_steps=settings.optimisation.steps,
            max_epochs=-1,
            accelerator="auto",
            devices=devices,
            num_nodes=nodes,
            precision=settings.precision,
            callbacks=callbacks,
            logger=loggers,
            log_every_n_steps=1,
            plugins=[_AtomicCheckpoints()],
            enable_model_summary=False,
            enable_progress_bar=False,
            use_distributed_sampler=False,
        )
    except MisconfigurationException as error:
        message = f"{devices} devices on {counted(nodes, 'machine')} cannot be used ({error})."
        raise DeviceError(message) from error


class _StepProgress(Callback):
    """Tells the first of parallel processes' progress after every step."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Say which step is done, and its loss."""
        if trainer.is_global_zero:
            done, steps = trainer.global_step, int(trainer.max_steps)
            loss = trainer.callback_metrics.get("loss")
            shown = f", loss {float(loss):.3f}" if loss is not None else ""
            self._progress(done / steps, f"Step {done} of {steps}{shown}")
