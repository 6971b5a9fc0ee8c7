"""Level and coverage of nested and crossed designs, single means, marks, regions and curves.

    python Testing/benchmarks/level_of_designs.py [NAME ...] [--sets 1000] [--seed 1]

Like `level_and_coverage.py`, whose lines these are.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from level_and_coverage import Draw, holds, main, rejects

from densesharp.stats.binormal import BINORMAL_AUC, fit_binormal
from densesharp.stats.contaminated import CONTAMINATED_AUC
from densesharp.stats.curve_figures import expected_utility, partial_area
from densesharp.stats.mark_figures import LOCATING, mark_figure
from densesharp.stats.marks import Marks
from densesharp.stats.mrmc import analyse
from densesharp.stats.mrmc_document import mrmc_document
from densesharp.stats.roe_metz import RoeMetz, in_levels, roe_metz, simulate_readings
from densesharp.stats.search_model import SearchModel, simulate_marks


def designs() -> Iterator[tuple[str, Draw]]:
    """Areas without any difference in nested and split-plot designs, 6 readers, 40 + 40 cases."""
    model = roe_metz("HH", [0.85, 0.85])
    reader, treatment = np.arange(6)[None, :, None], np.arange(2)[:, None, None]
    case = np.arange(80)
    kept = {
        "factorial": np.ones((2, 6, 80), dtype=bool),
        "cases nested in readers": case % 40 // 4 % 6 == reader,
        "cases nested in treatments": case % 2 == treatment,
        "readers nested in treatments": reader % 2 == treatment,
        "split plot, two groups": case % 2 == reader % 2,
    }
    for name, some in kept.items():
        whole = np.broadcast_to(some, (2, 6, 80))

        def draw(rng: np.random.Generator, read: np.ndarray = whole) -> dict[str, bool | None]:
            drawn = simulate_readings(model, 6, 40, 40, rng)
            part = drawn.of_cases(read.any(axis=(0, 1)))
            ratings = np.where(read, drawn.ratings, np.nan)[:, :, read.any(axis=(0, 1))]
            found = analyse(replace(part, ratings=ratings))
            return {
                "level of RRRC": rejects(found.rrrc.differences["1", "2"]),
                "coverage of a mean": holds(found.rrrc.means["1"], 0.85),
            }

        yield name, draw


def means() -> Iterator[tuple[str, Draw]]:
    """The mean of one treatment, readers and cases random."""
    settings = (("LL", 0.85, 6, 40, 40), ("HH", 0.85, 6, 40, 40), ("HH", 0.95, 5, 50, 50),
                ("LL", 0.95, 4, 100, 30), ("LL", 0.95, 6, 10, 90), ("HL", 0.9, 3, 20, 20),
                ("HH", 0.97, 3, 40, 40))  # fmt: skip
    for structure, area, readers, others, diseased in settings:
        model, size = roe_metz(structure, [area]), (readers, others, diseased)

        def draw(
            rng: np.random.Generator,
            model: RoeMetz = model,
            size: tuple[int, int, int] = size,
            area: float = area,
        ) -> dict[str, bool | None]:
            form = analyse(simulate_readings(model, *size, rng)).rrrc
            return {
                "coverage": holds(form.means["1"], area),
                "on the logit scale": holds(form.means_logit["1"], area),
            }

        yield (
            f"structure {structure}, area {area:g}, {readers} readers, {others} + {diseased}",
            draw,
        )


def marks() -> Iterator[tuple[str, Draw]]:
    """Figures of marks without any difference, 5 readers who differ, 40 + 40 cases."""
    models = [SearchModel(1.8, 1.0, 0.7, -1.0)] * 2
    for name in ("wafroc", "afroc", "hr-auc", "hr-se", "hr-sp", "max-llf", "max-nlf", "exp-nlf",
                 *LOCATING):  # fmt: skip

        def draw(rng: np.random.Generator, name: str = name) -> dict[str, bool | None]:
            one = name in LOCATING
            lesions = 1 + rng.choice(3, size=40, p=[1, 0, 0] if one else [0.7, 0.2, 0.1])
            drawn = simulate_marks(models, 5, 40, lesions.tolist(), rng, 0.15)
            drawn = located_once(drawn) if one else drawn
            found = analyse(drawn.numbered(), mark_figure(name, drawn, 0.3))
            return {"level of RRRC": rejects(found.rrrc.differences["1", "2"])}

        yield name, draw


def located_once(drawn: Marks) -> Marks:
    """The highest mark of every case alone; where there is none, one that is low and wrong."""
    best, false = drawn.located.max(axis=3), drawn.false.max(axis=3, initial=-9.0)
    right = best > false
    return replace(
        drawn,
        paradigm="LROC",
        located=np.where(right, best, -np.inf)[..., None],
        false=np.where(right, -np.inf, false)[..., None],
    )


def regions() -> Iterator[tuple[str, Draw]]:
    """Areas of regions of interest without any difference, 40 + 40 cases of four regions each."""
    lesions = np.repeat([0, 1, 2], [40, 24, 16])
    names = tuple(f"{k:02d}" for k in range(80))
    of = tuple(tuple(str(n + 1) for n in range(count)) for count in lesions)
    has = np.arange(4) < lesions[:, None]
    weights = has[:, :2] / np.maximum(lesions, 1)[:, None]
    for readers in (3, 5):

        def draw(rng: np.random.Generator, readers: int = readers) -> dict[str, bool | None]:
            seen = 1.2 * has + 0.4 * rng.normal(size=(80, 1)) + 0.5 * rng.normal(size=(80, 4))
            seen = seen + 0.3 * rng.normal(size=(2, 1, 80, 1))
            seen = seen + 0.2 * has * rng.normal(size=(1, readers, 1, 1))
            seen = seen + 0.1 * has * rng.normal(size=(2, readers, 1, 1))
            seen = seen + 0.6 * rng.normal(size=(2, readers, 80, 4))
            located = np.where(has, seen, -np.inf)[..., :2]
            false = np.where(has, -np.inf, seen)
            read = np.ones((2, readers, 80), dtype=bool)
            drawn = Marks("FROC", ("1", "2"), tuple("12345"[:readers]), names, lesions, of,
                          weights, located, false, read)  # fmt: skip
            found = analyse(drawn.numbered(), mark_figure("roi", drawn))
            return {"level of RRRC": rejects(found.rrrc.differences["1", "2"])}

        yield f"{readers} readers", draw


def factors() -> Iterator[tuple[str, Draw]]:
    """Two crossed factors without any effect, one compared over the other, 40 + 40 cases."""
    for first, readers in ((2, 5), (3, 4)):
        model = roe_metz("HH", [0.8] * (2 * first))
        treatments = tuple(f"{a} x {b}" for a in range(first) for b in range(2))

        def draw(
            rng: np.random.Generator, readers: int = readers, model: RoeMetz = model,
            treatments: tuple[str, ...] = treatments,
        ) -> dict[str, bool | None]:  # fmt: skip
            drawn = simulate_readings(model, readers, 40, 40, rng)
            drawn = replace(drawn, treatments=treatments)
            return {
                f"level of the {factor}": rejects(mrmc_document(drawn, compared=factor).rrrc)
                for factor in ("first", "second")
            }

        yield f"{first} x 2 treatments, {readers} readers", draw


def curves() -> Iterator[tuple[str, Draw]]:
    """Partial areas and utilities without any difference, five steps or any score."""
    for levels, structure in ((5, "LH"), (0, "HH")):
        model = roe_metz(structure, [0.8, 0.8])

        def draw(
            rng: np.random.Generator, model: RoeMetz = model, levels: int = levels
        ) -> dict[str, bool | None]:
            drawn = simulate_readings(model, 4, 40, 40, rng)
            drawn = in_levels(drawn, levels) if levels else drawn
            figures = {
                "partial area, specificity 0.8 to 1": partial_area(0.8, 1.0),
                "utility, slope 1": expected_utility(1.0),
            }
            return {
                name: rejects(analyse(drawn, figure).rrrc.differences["1", "2"])
                for name, figure in figures.items()
            }

        yield f"4 readers, 40 + 40 cases, {f'{levels} steps' if levels else 'any score'}", draw


def binormal() -> Iterator[tuple[str, Draw]]:
    """Binormal areas without any difference, five steps, 4 readers, 40 + 40 cases."""
    model = roe_metz("LH", [0.8, 0.8])

    def draw(rng: np.random.Generator) -> dict[str, bool | None]:
        drawn = in_levels(simulate_readings(model, 4, 40, 40, rng), 5)
        fit = fit_binormal(drawn.ratings[0, 0], drawn.truth)
        found, proper = analyse(drawn, BINORMAL_AUC), analyse(drawn, CONTAMINATED_AUC)
        return {
            "level of RRRC": rejects(found.rrrc.differences["1", "2"]),
            "of contaminated binormal areas": rejects(proper.rrrc.differences["1", "2"]),
            "of empirical areas": rejects(analyse(drawn).rrrc.differences["1", "2"]),
            "of the fit test": rejects(fit.fit),
        }

    yield "structure LH", draw


if __name__ == "__main__":
    main({
        "designs": designs, "means": means, "marks": marks, "regions": regions,
        "factors": factors, "curves": curves, "binormal": binormal,
    })  # fmt: skip
