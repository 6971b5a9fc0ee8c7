"""What the report says, in order, made from results.json."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from densesharp.stats.formatting import bounded as possible
from densesharp.stats.formatting import number
from densesharp.study.analysis.class_results import Changes
from densesharp.study.analysis.study_results import StudyResults
from densesharp.study.analysis.task_results import ModelTask, ReaderGroup
from densesharp.study.report import design_tables, mark_tables, reader_tables, task_tables
from densesharp.study.report.blocks import Block, Bullets, Fold, Heading, Paragraph, Picture
from densesharp.study.report.cells import area, bounded, shown, with_reason
from densesharp.study.report.checklist import checklist
from densesharp.study.report.methods import estimand, formulas, methods
from densesharp.study.report.summary import summary
from densesharp.words import counted

Pictures = Mapping[str, Picture]

NOTICE = (
    "Research use only, not for diagnosis. The numbers describe the readers, cases and reading "
    "conditions of this study."
)


def content(results: StudyResults, pictures: Pictures) -> list[Block]:
    """All blocks of the report: the primary endpoint first, what few need folded."""
    blocks: list[Block] = [Paragraph(NOTICE, strong=True)]
    blocks += summary(results)
    blocks += _design(results, pictures)
    first, *others = _by_endpoint(results)
    for name in (first, *others) if first else ():
        blocks += _task(name, results, pictures, whole=name == first)
    for section in (_marks, _model_alone, _classes, _agreement, _outlines, _time, _sessions):
        blocks += section(results, pictures)
    blocks.append(Heading("Methods"))
    blocks += [Paragraph(text) for text in methods(results)]
    blocks.append(Fold("Formulas", [Bullets(formulas(results))]))
    blocks += [Heading("Checklist"), checklist(results)]
    blocks += _provenance(results)
    return blocks


def _by_endpoint(results: StudyResults) -> list[str]:
    """The questions, that of the primary endpoint first; one empty name where there are none."""
    named = results.endpoint and results.endpoint.task
    return sorted(results.tasks, key=lambda name: name != named) or [""]


def _fold(title: str, blocks: Iterable[Block | None]) -> Iterator[Block]:
    """A fold of what is there, if anything is."""
    found = [block for block in blocks if block is not None]
    if found:
        yield Fold(title, found)


def _show(pictures: Pictures, *names: str) -> Iterator[Block]:
    for name in names:
        if name in pictures:
            yield pictures[name]


def _design(results: StudyResults, pictures: Pictures) -> Iterator[Block]:
    yield Heading("Design")
    yield design_tables.study_table(results.study)
    yield design_tables.characteristics_table(results.study, results.subgroups or ())
    yield Paragraph(estimand(results))
    yield from _show(pictures, "flow")
    if results.study.interim:
        yield Paragraph("The flow chart counts the readers who have read and the cases read.")


def _task(name: str, results: StudyResults, pictures: Pictures, *, whole: bool) -> Iterator[Block]:
    """One question; of those that are not primary the PDF has areas and curves only."""
    task, conditions = results.tasks[name], results.study.conditions
    pair = task_tables.compared(conditions)
    yield Heading(f"ROC analysis: {task.title}")
    yield Paragraph(f"{task.positive_cases} positive and {task.negative_cases} negative cases.")
    yield from _show(pictures, f"roc_{name}")
    yield task_tables.area_table(name, task, conditions)
    forms = task_tables.forms_table(name, task, pair) if pair else None
    forest = pictures.get(f"forest_{name}")
    if whole:
        yield from (block for block in (forest, forms) if block)
    if len(conditions) > 2:
        yield task_tables.pairs_table(name, task.auc)
    if results.subgroups and whole:
        yield design_tables.subgroup_table(name, results.subgroups, conditions)
    if task.groups:
        yield Bullets([_group(group, part) for group, part in task.groups.items()])
    if task.model:
        yield task_tables.standalone_table(name, task.model)
        yield Paragraph(_at_specificity(task.model))
    yield from _fold(
        f"{task.title}: operating points, ratings, variance components",
        (
            *(() if whole else (forest, forms)),
            task_tables.points_table(name, task),
            pictures.get(f"ratings_{name}"),
            task_tables.components_table(name, task.auc),
        ),
    )
    if task.binormal:
        yield from _fold(
            f"{task.title}: binormal curves",
            (pictures.get(f"binormal_{name}"), task_tables.binormal_table(name, task.binormal)),
        )
    if task.calibration:
        yield from _fold(
            f"{task.title}: probabilities",
            (
                pictures.get(f"reliability_{name}"),
                task_tables.calibration_table(name, task.calibration),
                pictures.get(f"decision_{name}"),
            ),
        )


def _group(name: str, part: ReaderGroup) -> str:
    means = ", ".join(f"{c} {area(one)}" for c, one in part.means.items())
    text = f"{name} readers ({', '.join(part.readers)}), mean AUC: {means}"
    for row in part.differences:
        text += f"; {row.first} minus {row.second} {bounded(row.frrc)}"
    return text + ". Descriptive, for exactly these readers."


def _at_specificity(model: ModelTask) -> str:
    there = model.sensitivity_there
    if there.value is None:
        return f"Sensitivity at the readers' specificity: not estimable. {there.reason}"
    return (
        f"At the readers' average specificity ({number(model.readers_average_specificity)}) the "
        f"model's sensitivity is {number(there.value)}."
    )


def _marks(results: StudyResults, pictures: Pictures) -> Iterator[Block]:
    marks = results.marks
    if not marks:
        return
    yield Heading(f"Marks: {marks.paradigm} analysis")
    task = next(iter(results.tasks.values()))
    yield Paragraph(
        f"{counted(marks.lesions, 'lesion')} in {counted(task.positive_cases, 'case')}."
    )
    yield from _show(pictures, "marks")
    yield mark_tables.marks_table(marks, results.study.conditions)
    yield mark_tables.reader_marks_table(marks)


def _model_alone(results: StudyResults, pictures: Pictures) -> Iterator[Block]:  # noqa: ARG001
    if results.model_alone:
        yield Heading("Model alone against the readers")
        yield task_tables.model_alone_table(results.model_alone)


def _classes(results: StudyResults, pictures: Pictures) -> Iterator[Block]:
    classes = results.classes
    if not classes:
        return
    yield Heading("Classes")
    yield from _show(pictures, "confusion")
    yield reader_tables.class_table(classes)
    f1 = classes.weighted_f1
    yield Paragraph(
        "Mean weighted F1 of these readers: "
        + ", ".join(f"{name} {shown(one)}" for name, one in f1.items())
        + " (bootstrap over cases, t on the logit scale)."
    )
    if classes.probabilities:
        yield from _fold(
            "Three-class probabilities", [reader_tables.probability_table(classes.probabilities)]
        )
    changes = classes.changes
    if changes:
        yield from _show(pictures, "reclassification")
        yield reader_tables.change_table(changes)
        if changes.automation_bias:
            yield reader_tables.automation_table(changes.automation_bias)
        yield from _fold("Regressions of right classes", _regressions(changes))


def _regressions(changes: Changes) -> Iterator[Block]:
    caption = "Log odds of a right class (GEE, clusters are cases), for exactly these readers."
    if "aided_x_second_session" in changes.gee:
        caption += (
            " Sessions are coded -1/2 and 1/2: aided is the mean of its effects in the two "
            "sessions, and the interaction is the effect in the second minus that in the first."
        )
    yield reader_tables.effects_table("gee", caption, changes.gee)
    if changes.gee_random_readers:
        caption = (
            "Log odds of a right class for readers like these (logistic regression, clusters are "
            "readers and cases)."
        )
        yield reader_tables.effects_table("gee_readers", caption, changes.gee_random_readers)
    caption = (
        "Sensitivity analysis: log odds of a right class (logistic mixed model, crossed "
        "readers and cases, variational Bayes; intervals take the effects' variances as known), "
        "for exactly these readers."
    )
    model = changes.mixed_model_sensitivity
    yield reader_tables.effects_table("mixed_model_sensitivity", caption, model)
    found = (*changes.gee.values(), *model.values())
    reasons = {one.reason for one in found if one.value is None and one.reason}
    yield from (Paragraph(f"Not estimable: {reason}") for reason in sorted(reasons))


def _agreement(results: StudyResults, pictures: Pictures) -> Iterator[Block]:
    agreement = results.agreement
    if not agreement:
        return
    yield Heading("Agreement")
    yield from _show(pictures, "agreement")
    yield reader_tables.agreement_table(agreement)
    if agreement.repeats:
        yield from _fold("Repeated readings", [reader_tables.repeats_table(agreement.repeats)])


def _outlines(results: StudyResults, pictures: Pictures) -> Iterator[Block]:
    outlines = results.outlines
    if not outlines:
        return
    yield Heading("Outlines")
    yield Paragraph(f"{outlines.cases} cases have outlines of readers.")
    yield from _show(pictures, "outlines")
    yield reader_tables.outline_table(outlines)
    spread = outlines.within_spread
    if spread.difference.value is not None:
        text = (
            f"Mean Dice model with readers {shown(spread.model_reader)}, readers with "
            f"each other {shown(spread.reader_reader)}, difference "
            f"{shown(spread.difference)} (bootstrap over cases)."
        )
        if spread.not_worse is not None:
            inside = "within" if spread.not_worse else "not shown to be within"
            text += f" With a margin of {spread.margin:g} the model is {inside} reader spread."
        yield Paragraph(text)
    yield reader_tables.size_table(outlines)
    names = ("dice_matrix", "volume_agreement", "diameter_agreement")
    yield from _fold("Pairs of outlines and sizes", map(pictures.get, names))


def _time(results: StudyResults, pictures: Pictures) -> Iterator[Block]:
    time = results.time
    if not time:
        return
    yield Heading("Reading time")
    yield from _show(pictures, "time")
    yield reader_tables.time_table(time)
    model = time.model
    if model:
        yield Paragraph(f"Time aided over time unaided: {shown(model.ratio)}.")
        caption = (
            "Mixed model of the logarithm of active seconds. Aided, and what groups differ in, "
            "are for readers like these, by their own gains."
        )
        if time.group_reason:
            caption += f" {time.group_reason}"
        yield reader_tables.effects_table("time_model", caption, model.effects)
        yield from _fold("Spread of reading times", [reader_tables.spread_table(model.spreads)])


def _sessions(results: StudyResults, pictures: Pictures) -> Iterator[Block]:  # noqa: ARG001
    sessions = results.sessions
    if not sessions:
        return
    yield Heading("Checks of the crossover")
    if sessions.accuracy:
        yield reader_tables.session_table(sessions.accuracy)
    lines = [
        f"First session only, {results.tasks[task].title}: AUC {pair} {with_reason(possible(one))}"
        for task, part in sessions.first_session_auc.items()
        for pair, one in part.differences.items()
    ]
    if lines:
        yield Bullets(lines)
    yield Paragraph(
        "The interaction aided x second session in the regression of right classes is the "
        "carryover: read the primary comparison with care if it is far from zero."
    )


def _provenance(results: StudyResults) -> Iterator[Block]:
    software = results.software
    yield Heading("Software and inputs")
    yield Bullets(
        [f"{software.name} {software.version}"]
        + [f"{name}: sha256 {digest}" for name, digest in results.inputs.items()]
    )
    yield Paragraph(
        "What is folded on the page report.html is left out of the PDF; every table lies in the "
        "folder tables, every number in results.json."
    )
