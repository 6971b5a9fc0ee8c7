"""Writing a study's results folder.

results.json          everything that was found
figures/NAME.svg      every figure, and NAME.csv with the numbers in it
tables/NAME.csv       every table of the report
report.html           one self-contained page
report.pdf            the same to print
SHA256SUMS            hashes of all files, as `sha256sum -c` takes them
"""

import json
from collections.abc import Sequence
from pathlib import Path

from densesharp.errors import StudyError
from densesharp.files import ensure_folder, sha256, write_text
from densesharp.progress import Progress, silent
from densesharp.stats.estimates import to_json
from densesharp.stats.from_json import from_json
from densesharp.stats.tables import write_rows
from densesharp.study.analysis.study_results import SCHEMA, StudyResults
from densesharp.study.figures.all_figures import draw_all
from densesharp.study.report.blocks import Block, Picture, TableBlock, unfolded
from densesharp.study.report.content import content
from densesharp.study.report.study_html import render_html

RESULTS, SUMS = "results.json", "SHA256SUMS"


def write_results(results: StudyResults, folder: str | Path, progress: Progress = silent) -> Path:
    """Write results.json and everything made from it.

    Args:
        results: of the analysis.
        folder: to write to, made if needed.
        progress: told what goes on.

    Returns:
        The folder.

    Raises:
        OutputError: the folder cannot be written to.
    """
    path = ensure_folder(folder)
    text = json.dumps(to_json(results), indent=1, allow_nan=False)
    write_text(path / RESULTS, text + "\n")
    _write_hashes(path, [path / RESULTS])
    write_report(results, path, progress)
    return path


def write_report(results: StudyResults, folder: Path, progress: Progress = silent) -> None:
    """Draw the figures and write tables, HTML and PDF beside results.json.

    Args:
        results: of the analysis.
        folder: that holds results.json.
        progress: told what goes on.

    Raises:
        OutputError: the folder cannot be written to.
        StudyError: the libraries that write PDF are not installed.
    """
    try:
        from densesharp.study.report.study_pdf import write_pdf
    except ModuleNotFoundError as error:
        raise StudyError(
            f"The report needs the package '{error.name}': install it with "
            "pip install jinja2 reportlab svglib, then run 'densesharp study report'."
        ) from error

    figures, tables = ensure_folder(folder / "figures"), ensure_folder(folder / "tables")
    progress(0.2, "Drawing figures")
    pictures = {one.name: Picture(*one) for one in draw_all(results, figures)}
    blocks: list[Block] = content(results, pictures)
    for block in unfolded(blocks):
        if isinstance(block, TableBlock):
            write_rows(tables / f"{block.name}.csv", block.header, iter(block.rows))
    title = results.study.title
    software = f"{results.software.name} {results.software.version}"
    progress(0.6, "Writing the report")
    write_text(folder / "report.html", render_html(title, software, blocks, figures))
    write_pdf(folder / "report.pdf", title, software, blocks, figures)
    names = [folder / name for name in (RESULTS, "report.html", "report.pdf")]
    _write_hashes(folder, [*names, *sorted(figures.iterdir()), *sorted(tables.iterdir())])


def read_results(folder: str | Path) -> StudyResults:
    """Read results.json of a results folder.

    Returns:
        The results as records.

    Raises:
        StudyError: there is none, it was changed, or it is of another version of the software.
    """
    path = Path(folder) / RESULTS
    if not path.is_file():
        raise StudyError(f"'{folder}' holds no results: run 'densesharp study analyze' first.")
    try:
        text = path.read_bytes()
        content = json.loads(text.decode("utf-8"))
        schema = content.get("schema")
        results = from_json(StudyResults, content) if schema == SCHEMA else None
    except (AttributeError, OSError, ValueError) as error:
        raise StudyError(f"'{path}' is damaged: restore it, or analyse the study again.") from error
    if results is None:
        raise StudyError(
            f"'{path}' has format {schema}, this software reads format {SCHEMA}: "
            "analyse the study again."
        )
    if sha256(text) != _noted(path.with_name(SUMS), sha256(text)):
        raise StudyError(
            f"'{path}' was changed after the analysis, by {SUMS}: restore it, or analyse the study "
            "again."
        )
    return results


def _noted(sums: Path, unknown: str) -> str:
    """The hash of results.json in SHA256SUMS; `unknown` where the file was copied alone."""
    if not sums.is_file():
        return unknown
    lines = sums.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line[:64] for line in lines if line[66:] == RESULTS), "")


def _write_hashes(folder: Path, files: Sequence[Path]) -> None:
    lines = [f"{sha256(path)}  {path.relative_to(folder).as_posix()}" for path in files]
    write_text(folder / SUMS, "\n".join(lines) + "\n")
