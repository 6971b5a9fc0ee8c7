"""The model in this process, as the worker's jobs use it; opened and run on the worker's thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from densesharp.image.masks import NoduleMask
from densesharp.image.volume import Volume
from densesharp.nodule.by_click import Move, correct_by_clicks
from densesharp.nodule.glance import glance
from densesharp.nodule.pipeline import analyse, update_mask
from densesharp.nodule.records import NoduleResult, Seed
from densesharp.nodule.settings import AnalysisSettings
from densesharp.progress import Progress

if TYPE_CHECKING:
    from densesharp.model.engines import Engine


class LocalBackend:
    """Loads the model on first use and answers for seeds and corrected masks.

    Args:
        model_file: the model; None takes the bundled one.
        device: "auto", "cpu", "cuda", "mps".
        settings: orientations, click stability, threshold.

    Attributes:
        glances: the model may look where a pointer rests, without being asked.
    """

    glances = True

    def __init__(
        self,
        model_file: Path | None = None,
        device: str = "auto",
        settings: AnalysisSettings | None = None,
    ) -> None:
        self.settings = settings or AnalysisSettings()
        self._model_file = model_file
        self._device = device
        self._engine: Engine | None = None

    @property
    def device(self) -> str:
        """What runs the model, for the standing line; empty before it is open."""
        return self._engine.description if self._engine else ""

    @property
    def model(self) -> str:
        """The model's name, for the standing line; empty before it is open."""
        return self._engine.model.card.name if self._engine else ""

    @property
    def model_hash(self) -> str:
        """SHA-256 of the model file, for `ScanNodules.model`; empty before it is open."""
        return self._engine.model.sha256 if self._engine else ""

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
            from densesharp.model.engines import open_engine
            from densesharp.model.model_file import load_model
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
            settings=self.settings,
            progress=progress,
            on_first=on_first,
        )

    def update_mask(
        self, volume: Volume, result: NoduleResult, mask: NoduleMask, progress: Progress
    ) -> NoduleResult:
        """The answer for a mask that a reader corrected (see `pipeline.update_mask`)."""
        engine = self.open(progress)
        progress(0.5, "Measuring the corrected outline")
        return update_mask(volume, result, mask, engine, self.settings)

    def glance(self, volume: Volume, seed: Seed, progress: Progress) -> float | None:
        """What the model sees at a place in one pass (see `nodule.glance`)."""
        return glance(volume, seed, self.open(progress))

    def move_outline(
        self,
        volume: Volume,
        result: NoduleResult,
        mask: NoduleMask | None,
        moves: Sequence[Move],
        progress: Progress,
    ) -> tuple[NoduleResult, str]:
        """The answer after plus and minus clicks (see `by_click.correct_by_clicks`)."""
        engine = self.open(progress)
        progress(0.3, "Moving the outline")
        return correct_by_clicks(volume, result, mask, moves, engine, self.settings)

    def write(
        self, results: Sequence[NoduleResult], volume: Volume, folder: Path, progress: Progress
    ) -> int:
        """Write masks, meshes, pictures, table and report; returns how many files lie there.

        Raises:
            OutputError: the folder cannot be written to.
            ReportError: a package that reports need is missing; all else is written.
        """
        from densesharp.report.nodule_table import write_table
        from densesharp.report.pdf import write_report
        from densesharp.report.result_files import write_results

        engine = self.open(progress)
        progress(0.3, "Writing the results")
        write_results(list(results), volume, engine, folder)
        write_table(folder / "nodules.csv", results)
        progress(0.8, "Writing the report")
        write_report(folder)
        return sum(1 for entry in folder.iterdir() if entry.is_file())

    def write_dicom(
        self,
        results: Sequence[NoduleResult],
        volume: Volume,
        files: Path | Sequence[Path],
        folder: Path,
        progress: Progress,
        *,
        observer: str | None = None,
        keep_identity: bool = False,
    ) -> tuple[str, ...]:
        """Write outlines and measurements as DICOM SEG and SR; returns the files' names.

        Args:
            results: nodules of one CT.
            volume: that CT.
            files: the DICOM files it was loaded from, or their folder.
            folder: where to.
            progress: told what goes on; may cancel.
            observer: DICOM person name of the reader.
            keep_identity: write the patient's own name and id; else the patient is pseudonymised.

        Raises:
            ImageError: the files are not those of this CT, or no nodule has an outline.
            OutputError: the folder cannot be written to.
        """
        from densesharp.dicom.run_record import run_of
        from densesharp.dicom.write import on_series, write_dicom

        engine = self.open(progress)
        progress(0.2, "Reading DICOM headers")
        moved, series = on_series(results, volume, files)
        progress(0.7, "Writing DICOM objects")
        return write_dicom(
            moved, series, run_of(engine, self.settings), folder,
            observer=observer, keep_identity=keep_identity,
        )  # fmt: skip
