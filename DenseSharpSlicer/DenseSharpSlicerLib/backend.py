"""The model in this process, as the worker's jobs use it; opened and run on the worker's thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from densesharp.pipeline import Options, analyse, update_mask
from densesharp.progress import Progress
from densesharp.records import NoduleMask, NoduleResult, Seed, Volume

if TYPE_CHECKING:
    from densesharp.engine import Engine


class LocalBackend:
    """Loads the model on first use and answers for seeds and corrected masks.

    Args:
        model_file: the model; None takes the bundled one.
        device: "auto", "cpu", "cuda", "mps".
        options: orientations, click stability, threshold.
    """

    def __init__(
        self,
        model_file: Path | None = None,
        device: str = "auto",
        options: Options | None = None,
    ) -> None:
        self.options = options or Options()
        self._model_file = model_file
        self._device = device
        self._engine: Engine | None = None

    @property
    def engine(self) -> Engine | None:
        """The open engine; None before `open` has run."""
        return self._engine

    @property
    def device(self) -> str:
        """What runs the model, for the standing line; empty before it is open."""
        return self._engine.description if self._engine else ""

    @property
    def model(self) -> str:
        """The model's name, for the standing line; empty before it is open."""
        return self._engine.model.card.name if self._engine else ""

    @property
    def fallback(self) -> str:
        """Why another device had to take over; empty when none had to."""
        return (self._engine.fallback or "") if self._engine else ""

    def open(self, progress: Progress) -> Engine:
        """Load the model and run it once, so that the first click is as quick as the next.

        Raises:
            ModelError: the model file is damaged or does not fit.
            DeviceError: the device does not work here.
        """
        if self._engine is None:
            from densesharp.engine import open_engine
            from densesharp.network.model_file import load_model
            from densesharp.resources import model_path

            progress(0.0, "Loading the model")
            engine = open_engine(load_model(self._model_file or model_path()), device=self._device)
            progress(0.5, "Warming up")
            engine.run(np.zeros((1, 32, 32, 32), dtype=np.float32))
            self._engine = engine
        return self._engine

    def analyse(
        self,
        volume: Volume,
        seed: Seed,
        nodule_id: str,
        progress: Progress,
        on_first: Callable[[NoduleResult], None],
    ) -> NoduleResult:
        """A click's whole answer, as `pipeline.analyse` gives it; `on_first` gets the first."""
        engine = self.open(progress)
        return analyse(
            volume,
            seed,
            engine,
            nodule_id=nodule_id,
            options=self.options,
            progress=progress,
            on_first=on_first,
        )

    def update_mask(
        self, volume: Volume, result: NoduleResult, mask: NoduleMask, progress: Progress
    ) -> NoduleResult:
        """The answer for a mask that a reader corrected (see `pipeline.update_mask`)."""
        engine = self.open(progress)
        progress(0.5, "Measuring the corrected outline")
        return update_mask(volume, result, mask, engine, self.options)

    def write(
        self, results: Sequence[NoduleResult], volume: Volume, folder: Path, progress: Progress
    ) -> int:
        """Write masks, meshes, pictures, tables and the report; returns how many files lie there.

        Raises:
            OutputError: the folder cannot be written to.
        """
        from densesharp.export.files import write_results

        engine = self.open(progress)
        progress(0.5, "Writing the results")
        write_results(list(results), volume, engine, folder)
        return sum(1 for entry in folder.iterdir() if entry.is_file())
