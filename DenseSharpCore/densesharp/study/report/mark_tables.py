"""The section of marks: FROC and LROC figures of merit."""

from collections.abc import Callable, Mapping, Sequence

from densesharp.stats import formatting
from densesharp.stats.formatting import p_text
from densesharp.stats.mrmc_records import MrmcDocument
from densesharp.study.analysis.endpoints import figure_title
from densesharp.study.analysis.mark_results import MarkResults
from densesharp.study.report.blocks import TableBlock
from densesharp.study.report.cells import cut_note, estimate_table, shown
from densesharp.study.report.task_tables import compared


def marks_table(marks: MarkResults, conditions: Sequence[str]) -> TableBlock:
    """Every figure of merit: readers' means by condition, and the difference of two."""
    pair = compared(conditions)

    def mean(condition: str) -> Callable[[MrmcDocument], str]:
        return lambda one: shown(one.rrrc.printed().get(condition))

    columns = {condition: mean(condition) for condition in conditions}
    caption = (
        f"Figures of merit of {marks.paradigm} marks, means of the readers; random readers and "
        "random cases. p: two-sided, of no difference, not corrected for their number."
    )
    if pair:
        first, second = pair

        def difference(one: MrmcDocument) -> str:
            low, high = one.method.limits or (0.0, 1.0)
            gap = high - low
            return shown(formatting.bounded(one.of(first, second).rrrc, -gap, gap))

        columns[f"{first} minus {second}"] = difference
        columns["p"] = lambda one: p_text(one.of(first, second).rrrc.p)
        caption += cut_note(
            one.of(first, second).rrrc for one in marks.figures.values() if not one.method.limits
        )
    rows = [(figure_title(name, None), one) for name, one in marks.figures.items()]
    return estimate_table("marks", caption, "Figure", columns, rows)


def reader_marks_table(marks: MarkResults) -> TableBlock:
    """The main figure of merit, reader by reader."""
    name, document = next(iter(marks.figures.items()))
    values: Mapping[str, Mapping[str, float | None]] = document.values
    rows = [
        (reader, [by_reader.get(reader) for by_reader in values.values()])
        for reader in document.study.readers
    ]
    columns: dict[str, Callable[[list[float | None]], str]] = {
        condition: lambda row, at=at: formatting.number(row[at])  # type: ignore[misc]
        for at, condition in enumerate(values)
    }
    return estimate_table(
        "marks_readers", f"{figure_title(name, None)} of each reader.", "Reader", columns, rows
    )
