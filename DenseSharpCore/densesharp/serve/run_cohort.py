# mypy: untyped-calls-exclude="distributed"
"""Thousands of CTs: one record per case, failures noted, restarts and shards without an engine.

The record of a case is written in one step when everything about it is known, so a run can be
stopped, killed or repeated at any time; what is finished is not done again.
"""

import functools
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from densesharp.errors import DenseSharpError, DeviceError, OutputError
from densesharp.files import atomic_path, ensure_folder
from densesharp.image.sampling import to_sitk, write_image
from densesharp.image.volume import Volume
from densesharp.io import read_volume
from densesharp.model.engines import Engine, Precision, available_cores, open_engine
from densesharp.model.model_file import load_model
from densesharp.nodule.pipeline import analyse
from densesharp.nodule.records import NoduleResult
from densesharp.progress import Progress, silent
from densesharp.report.result_files import result_document
from densesharp.serve.case_list import (
    FOLDER,
    CohortCase,
    CohortRun,
    is_finished,
    mask_name,
    write_record,
)
from densesharp.serve.cohort_summary import remove_merged

CONNECT_S = 10.0
ATTEMPTS = 3
"""How often a case is given to another Dask worker when one vanishes."""


@dataclass
class Tally:
    """How far a run is.

    Attributes:
        cases: number of cases to do now.
        done: finished with a result.
        failed: finished with a reason.
        outdated: whether a table of all cases was removed, because records change.
    """

    cases: int
    done: int = 0
    failed: int = 0
    outdated: bool = False
    _begin: float = field(default_factory=time.monotonic)

    def count(self, status: str, progress: Progress) -> None:
        """Count a finished case and tell it."""
        self.done += status == "done"
        self.failed += status == "failed"
        finished = self.done + self.failed
        left = (time.monotonic() - self._begin) / finished * (self.cases - finished)
        text = f"{finished} of {self.cases} CTs, {self.failed} failed, {_duration(left)} left"
        progress(finished / self.cases, text)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def unfinished(cases: Sequence[CohortCase], settings: CohortRun, out: Path) -> list[CohortCase]:
    """The cases that have no result yet.

    Args:
        cases: the list.
        settings: of the run.
        out: the run's folder.
    """
    return [case for case in cases if not is_finished(case, settings, out)]


def run_here(
    cases: Sequence[CohortCase], settings: CohortRun, out: Path, progress: Progress = silent
) -> Tally:
    """Run cases one after the other in this process; the next CT is read meanwhile.

    Two CTs are in memory at most.

    Args:
        cases: to do; finished ones are skipped. Where some are not, table and summary of all cases
            are removed: records change.
        settings: the same for all.
        out: folder of the records, `cases/CASE.json`.
        progress: told after each case; may cancel.

    Returns:
        How many were done and failed.

    Raises:
        OutputError: the folder cannot be written to.
        DeviceError: the device does not work.
        ModelError: the model file cannot be used.
    """
    ensure_folder(out / FOLDER)
    todo = unfinished(cases, settings, out)
    tally = Tally(len(todo))
    if not todo:
        return tally
    progress(0.0, f"{len(todo)} CTs to do, {len(cases) - len(todo)} finished before")
    # No views need a core here, and reading takes little of one.
    engine = open_engine(
        load_model(settings.model), settings.device, settings.precision, available_cores()
    )
    tally.outdated = remove_merged(out)
    with ThreadPoolExecutor(1, thread_name_prefix="reading") as reader:
        ahead = reader.submit(_read, todo[0])
        for number, case in enumerate(todo, start=1):
            # The CT before is let go here, and the next is begun only when this one has come.
            reading = ahead
            wait([reading])
            if number < len(todo):
                ahead = reader.submit(_read, todo[number])
            tally.count(_finish(case, reading.result, settings, out, engine), progress)
    return tally


def _read(case: CohortCase) -> Volume:
    return read_volume(case.image, series=case.series)


def run_one(case: CohortCase, settings: CohortRun, out: str) -> str:
    """Run one case, unless it is finished: what a Dask worker is given.

    Args:
        case: the case.
        settings: of the run.
        out: the run's folder.

    Returns:
        "done" or "failed"; the record says more.
    """
    folder = Path(out)
    ensure_folder(folder / FOLDER)
    if is_finished(case, settings, folder):
        return "done"
    engine = _engine_of_thread(
        settings.model, settings.device, settings.precision, threading.get_ident()
    )
    return _finish(case, functools.partial(_read, case), settings, folder, engine)


@functools.lru_cache(maxsize=4)
def _engine_of_thread(model: str, device: str, precision: Precision, _thread: int) -> Engine:
    """An engine is used in one thread only, and opened once there.

    It takes one core, as Dask expects of a task: a worker of many threads runs many cases.
    """
    return open_engine(load_model(model), device, precision, threads=1)


def _finish(
    case: CohortCase, read: Callable[[], Volume], settings: CohortRun, out: Path, engine: Engine
) -> str:
    """Analyse a case and write its record; what goes wrong with it becomes its record."""
    try:
        content = _analyse(case, read(), settings, out, engine)
    except OutputError:
        raise
    except DenseSharpError as error:
        content = {"status": "failed", "reason": str(error)}
    except (
        MemoryError,
        ArithmeticError,
        LookupError,
        TypeError,
        ValueError,
        RuntimeError,
    ) as error:
        # One odd CT must not end a run over thousands; the kind of error says where to look.
        reason = f"An error of this program ({type(error).__name__}: {error}): please report it."
        content = {"status": "failed", "reason": reason}
    write_record(case, settings, out, content)
    return str(content["status"])


def _analyse(
    case: CohortCase, volume: Volume, settings: CohortRun, out: Path, engine: Engine
) -> dict[str, Any]:
    """The content of a case's record; its masks are written."""
    results, failures = [], []
    for point in case.points:
        try:
            seed = point.seed(volume.grid)
            results.append(
                analyse(volume, seed, engine, nodule_id=point.nodule, settings=settings.analysis)
            )
        except DenseSharpError as error:
            failures.append({"nodule": point.nodule, "reason": str(error)})
    if not results:
        reasons = " ".join(entry["reason"] for entry in failures)
        return {"status": "failed", "reason": reasons}
    for result in results:
        _write_mask(case, result, out)
    document = result_document(results, volume, engine)
    return {"status": "done", "failures": failures, "result": document}


def _write_mask(case: CohortCase, result: NoduleResult, out: Path) -> None:
    """The outline as a small NRRD with the CT's own voxels, cut to the nodule."""
    target = out / FOLDER / mask_name(case.id, result.id)
    if result.mask is None:
        target.unlink(missing_ok=True)
        return
    with atomic_path(target) as path:
        write_image(to_sitk(result.mask.array, result.mask.grid), path)


def run_on_dask(
    cases: Sequence[CohortCase],
    settings: CohortRun,
    out: Path,
    address: str,
    progress: Progress = silent,
) -> Tally:
    """Run cases on a Dask cluster whose workers see the same folders.

    A case whose worker vanishes goes to another one; a case that ends several workers is recorded
    as failed.

    Args:
        cases: to do; finished ones are skipped. Where some are not, table and summary of all cases
            are removed: records change.
        settings: the same for all.
        out: folder of the records.
        address: of the scheduler, such as `tcp://host:8786`.
        progress: told after each case; may cancel.

    Returns:
        How many were done and failed.

    Raises:
        DeviceError: the scheduler cannot be reached, or Dask is not installed.
        OutputError: the folder cannot be written to.
    """
    try:
        from distributed import Client, KilledWorker, as_completed
    except ImportError as error:
        raise DeviceError("Dask is not installed: pip install distributed.") from error
    ensure_folder(out / FOLDER)
    todo = unfinished(cases, settings, out)
    tally = Tally(len(todo))
    if not todo:
        return tally
    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        message = f"No Dask scheduler answers at '{address}': start one, or check the address."
        raise DeviceError(message) from error
    tally.outdated = remove_merged(out)
    with client:
        futures = {
            client.submit(
                run_one, case, settings, str(out.resolve()), pure=False, retries=ATTEMPTS
            ): case
            for case in todo
        }
        for future in as_completed(futures, loop=client.loop):
            try:
                status = future.result()
            except KilledWorker:
                reason = "Several workers ended while they ran this CT: is their memory too small?"
                write_record(futures[future], settings, out, {"status": "failed", "reason": reason})
                status = "failed"
            tally.count(status, progress)
            future.release()
    return tally
