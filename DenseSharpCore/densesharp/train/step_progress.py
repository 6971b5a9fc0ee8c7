"""Lightning's steps as the progress that every front end shows."""

from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback

from densesharp.progress import Progress


class StepProgress(Callback):
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
