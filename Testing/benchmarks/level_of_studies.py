"""Level and coverage of everything that a study's report prints, by whole studies without effects.

    python Testing/benchmarks/level_of_studies.py [SETTING ...] [--sets 1000] [--whole]
        [--write FILE]

Every estimate of `analyse_study` with an interval or a p is found by walking the results, so that
none can be forgotten. Aided and unaided readings and the model alone come from one law, so that
each p of a difference should be below 0.05 in 5 % of the studies and each interval of a difference
hold 0 in 95 %. Other intervals should hold the mean of their estimates over all studies (with
readers who are alike, also over these); calibration lines, whose estimates few cases draw away
from it, that of many cases. Settings: `alike` (readers do not differ but by chance), `differ` (also
in their gain: what is about these readers only is then expected to miss; the model, which has no
scale of its own, then differs from their mean by most figures, so that such differences should
hold the mean of their estimates and have no null), `patients` (as `alike`, each patient with two
nodules). 4 readers, 80 cases.
"""

import argparse
import dataclasses
import json
import re
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from densesharp.nodule.records import CLASS_NAMES
from densesharp.stats import reading_time
from densesharp.stats.calibration import calibration_line
from densesharp.stats.estimates import Estimate
from densesharp.study.analysis import binary_tasks, classes
from densesharp.study.analysis.analyse_study import analyse_study
from densesharp.study.exported.export_design import DesignCase, ExportDesign
from densesharp.study.exported.study_data import Model, StudyData, paper_tasks

READERS, CASES = tuple("WXYZ"), 80
SETTINGS = ("alike", "differ", "patients")

NO_EFFECT = re.compile(
    r"(?<!bias\.)difference|rrrc$|frrc$|rrfc$|comparisons|changes\.(?!.*sd_|.*followed|.*spontaneous|.*share|.*bias\.difference)|"
    r"time\.model\.effects|missing|each_reader|"
    r"endpoints|against_readers|model_alone"
)
"""What is 0 on average; `intercept` aside, and the share that followed a wrong model minus that
which changed although it was right: a model errs in hard cases, where all change more often."""

OTHER_NULL = re.compile(
    r"agreement|repeats|calibration|intercept|bias\.difference|kappa\.|readers_icc|auc(_v_statistic)?(\.CONDITION)?$"
)
"""Tests of something else than no difference, which is not so here."""


OF_MODEL = re.compile(r"against_readers|model_alone")


def study(rng: np.random.Generator, setting: str, cases: int = CASES) -> StudyData:
    """A crossover of four readers without any effect."""
    apart = 0.3 if setting == "differ" else 0.0
    # The model is a reader under a condition of its own.
    size = (3, len(READERS) + 1, cases)
    patient = np.arange(cases) // 2 if setting == "patients" else np.arange(cases)

    def alike(spread: float, *shape: int) -> np.ndarray:
        """Of which half belongs to the patient."""
        own = rng.normal(size=(*shape, cases))
        shared = rng.normal(size=(*shape, cases))[..., patient]
        return spread * (own + shared) / np.sqrt(2)

    truth = np.digitize(alike(1.0), (-0.4, 0.5))
    score = truth + alike(0.4) + alike(0.25, 3, 1) + alike(0.25, 1, size[1]) + alike(0.4, *size[:2])
    of_readers = np.arange(size[1])[:, None] < len(READERS)
    score = score + apart * of_readers * rng.normal(size=(1, size[1], 1))
    score = score + apart / 2 * of_readers * rng.normal(size=(3, size[1], 1))
    percent = [np.round(100 / (1 + np.exp(-2 * (score - at)))) for at in (0.5, 1.5)]
    chosen = (score > 0.5).astype(int) + (score > 1.5)
    invasive, iac = (part[2, -1] / 100 for part in percent)
    model = Model(chosen[2, -1], np.column_stack([1 - invasive, invasive - iac, iac]))
    shape = (2, len(READERS), cases)
    log = 3.5 + alike(0.3) + alike(0.2, 2, 1) + 0.3 * rng.normal(size=shape)
    log = log + apart * rng.normal(size=(1, 4, 1)) + apart / 2 * rng.normal(size=(2, 4, 1))
    first = (np.arange(cases) + np.arange(4)[:, None]) % 2
    names = tuple(f"C{k:03d}" for k in range(cases))
    again = score[1, :-1] + 0.4 * rng.normal(size=shape[1:])
    listed = [DesignCase(name, strata={"size": "small" if k % 4 < 2 else "large"})
              for k, name in enumerate(names)]  # fmt: skip
    return StudyData(
        "null",
        ExportDesign(kind="crossover", listed=tuple(listed)),
        ("aided", "unaided"),
        READERS,
        dict(zip(READERS, ("a", "a", "b", "b"), strict=True)),
        names,
        CLASS_NAMES,
        truth,
        paper_tasks(*(part[:2, :-1] for part in percent), model),
        chosen[:2, :-1],
        np.exp(log),
        session=np.stack([1.0 + first, 2.0 - first]),
        position=np.array([[rng.permutation(cases) + 1.0 for _ in READERS] for _ in range(2)]),
        repeats=(again > 0.5).astype(int) + (again > 1.5),
        model=model,
        patients=patient if setting == "patients" else None,
    )


def estimates(found: Any, path: str = "") -> Iterator[tuple[str, Estimate]]:
    """Every estimate below a record, with its place."""
    if isinstance(found, Estimate):
        yield path, found
    elif dataclasses.is_dataclass(found) and not isinstance(found, type):
        parts = {one.name: getattr(found, one.name) for one in dataclasses.fields(found)}
        if {"p", "ci", "difference", "figure"} <= set(parts):
            yield f"{path}.{parts['figure']}", Estimate(parts["difference"], None, parts["ci"],
                                                        p=parts["p"])  # fmt: skip
        elif {"statistic", "df1", "p", "ci"} <= set(parts):
            yield f"{path}.test of equality", Estimate(parts["statistic"], p=parts["p"])
        for name, part in parts.items():
            yield from estimates(part, f"{path}.{name}" if path else name)
    elif isinstance(found, Mapping):
        for name, part in found.items():
            yield from estimates(part, f"{path}.{name}")
    elif isinstance(found, list | tuple):
        for number, part in enumerate(found):
            yield from estimates(part, f"{path}.{number}")


def plain(path: str) -> str:
    """The place without the names of readers, conditions, classes and numbers."""
    for pattern, name in (
        (r"\.[WXYZ] / [WXYZ](?=\.|$)", ".PAIR"),
        (r"\.[WXYZ] / (model|pathology)(?=\.|$)", r".READER / \1"),
        (r"\.[WXYZ](?=\.|$)", ".READER"),
        (r"\.(un)?aided(?=\.|$)(?!$)", ".CONDITION"),
        (r"(means|means_logit|auc|auc_v_statistic|weighted_f1)\.(un)?aided$", r"\1.CONDITION"),
        (r"\.\d+(?=\.|$)", ".N"),
        (r"tasks\.(invasive|iac)", "tasks.TASK"),
        (r"areas\.(invasive|iac)", "areas.TASK"),
        (r"first_session_auc\.(invasive|iac)", "first_session_auc.TASK"),
        (r"groups\.[ab]\.", "groups.GROUP."),
    ):
        path = re.sub(pattern, name, path)
    return path


Rows = dict[str, np.ndarray]
"""Path -> value, limits and p, shape (sets, 4), NaN where there is none."""


def simulate(draw: Callable[[], Any], sets: int, told: Callable[[Rows, int], None]) -> Rows:
    """The estimates of many drawn results; `told` of them every 50."""
    rows: Rows = defaultdict(lambda: np.full((sets, 4), np.nan))
    for number in range(sets):
        for path, one in estimates(draw()):
            if one.value is not None and (one.ci is not None or one.p is not None):
                ends = one.ci or (np.nan, np.nan)
                rows[path][number] = one.value, *ends, np.nan if one.p is None else one.p
        if number % 50 == 49 or number == sets - 1:
            told(rows, number + 1)
    return rows


Truths = dict[str, float]
"""Path without the readers' names -> what its intervals should hold."""


def lines(setting: str) -> Truths:
    """The calibration lines of many cases."""
    rng, found = np.random.default_rng(7), defaultdict(list)
    for _ in range(100):
        data = study(rng, setting, 1000)
        for task in data.tasks:
            outcome = data.positive(task)
            sources = dict(zip(data.conditions, task.ratings / 100, strict=True))
            for name, chance in (sources | {"model": task.model[None] / 100}).items():
                edge = 1e-4 if name == "model" else 0.005
                line = calibration_line(chance.ravel(), np.tile(outcome, len(chance)), edge)
                for what, one in zip(("intercept", "slope"), line, strict=True):
                    found[f"tasks.{task.name}.calibration.{name}.{what}"].append(one.value)
    return {path: float(np.mean(values)) for path, values in found.items()}


def summary(
    rows: Rows, untested: re.Pattern[str], known: Truths, no_effect: bool
) -> dict[str, dict[str, float]]:
    """Plain place -> how many intervals and tests there were, coverage and level.

    Args:
        rows: what was found.
        untested: places whose p is of something that is not so in these sets.
        known: what intervals should hold, where it is known.
        no_effect: whether the model alone reads as the readers do.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for path in rows:
        groups[plain(path)].append(path)
    out = {}
    for name, paths in sorted(groups.items()):
        middle = {}
        null = no_effect or not OF_MODEL.search(name)
        if not (null and NO_EFFECT.search(name)) or "intercept" in name:
            by = defaultdict(list)
            for path in paths:
                by[re.sub(r"\.[WXYZ](?=\.|$)", ".R", path)].append(rows[path][:, 0])
            middle = {key: float(np.nanmean(np.concatenate(part))) for key, part in by.items()}
            middle |= known
        held, low = [], []
        for path in paths:
            _, start, end, p = rows[path].T
            true = middle.get(re.sub(r"\.[WXYZ](?=\.|$)", ".R", path), 0.0)
            there = ~np.isnan(start)
            held.append(((start <= true) & (true <= end))[there])
            low.append((p < 0.05)[~np.isnan(p)])
        found = {}
        if sum(map(len, held)):
            inside = np.concatenate(held)
            found |= {"intervals": len(inside), "coverage": float(inside.mean())}
        if sum(map(len, low)) and null and not untested.search(name):
            below = np.concatenate(low)
            found |= {"tests": len(below), "level": float(below.mean())}
        if found:
            out[name] = found
    return out


@contextmanager
def without_what_is_slow() -> Iterator[None]:
    """Leave out the mixed model of right calls, profile intervals, smooth curves, bands, and the
    bootstrap of areas; draw less often elsewhere."""
    empty: dict[str, Estimate] = {}
    with (
        patch.object(classes, "crossed_logistic", lambda *_: empty),
        patch.object(reading_time, "profile_intervals", lambda *_, **__: empty),
        patch.object(binary_tasks, "binormal_curves", lambda *_: None),
        patch.object(binary_tasks, "_band", lambda *_: None),
        patch.object(binary_tasks, "resampled_difference", lambda *_: None),
        patch.object(classes, "REPLICATES", 200),
    ):
        yield


def main(
    draw: Callable[[np.random.Generator, str], Any],
    settings: Sequence[str],
    untested: Callable[[str], re.Pattern[str]],
    known: Callable[[str], Truths] = lambda _: {},
) -> None:
    """Simulate what was asked for; figures are written as they come.

    Args:
        draw: one set of a setting, analysed.
        settings: their names.
        untested: see `summary`, by setting.
        known: see `summary`, by setting.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("settings", nargs="*", default=list(settings))
    parser.add_argument("--sets", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--whole", action="store_true", help="with all that is slow, too")
    parser.add_argument("--write", type=Path, metavar="FILE")
    args = parser.parse_args()
    found = json.loads(args.write.read_text()) if args.write and args.write.exists() else {}
    with warnings.catch_warnings(), nullcontext() if args.whole else without_what_is_slow():
        warnings.simplefilter("ignore")
        for setting in args.settings:
            rng, truths = np.random.default_rng(args.seed), known(setting)

            def told(rows: Rows, sets: int, setting: str = setting, truths=truths) -> None:
                of = summary(rows, untested(setting), truths, setting != "differ")
                found[setting] = {"sets": sets, "found": of}
                if args.write:
                    args.write.write_text(json.dumps(found, indent=1) + "\n")

            simulate(lambda rng=rng, setting=setting: draw(rng, setting), args.sets, told)
            for name, one in found[setting]["found"].items():
                shown = "; ".join(f"{what} {value:.3f}" for what, value in one.items())
                sys.stdout.write(f"{setting}: {name}: {shown}\n")


if __name__ == "__main__":
    main(
        lambda rng, setting: analyse_study(study(rng, setting)),
        SETTINGS,
        lambda _: OTHER_NULL,
        lines,
    )
