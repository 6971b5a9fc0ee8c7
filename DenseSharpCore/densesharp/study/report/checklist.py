"""What STARD-AI and CLAIM ask a report for, and where this one has it."""

from __future__ import annotations

from densesharp.study.analysis.study_results import StudyResults
from densesharp.study.report.blocks import TableBlock

AUTHORS = "for the authors to write"

_PRIMARY = "Hypotheses and objectives; primary endpoint named before reading"

_SIZE = "Sample size and how it was chosen"

_TOPICS = (
    ("1", "1", "Title or abstract names the study as one of diagnostic accuracy with AI", None),
    ("3", "3", "Intended use of the model and its place in the clinical path", None),
    ("4", "4, 6", _PRIMARY, "Summary"),
    ("5, 8", "5, 7", "Prospective or retrospective collection; setting and dates", None),
    ("6, 7, 9", "8, 10, 12", "Eligibility, sampling and source of cases; de-identification", None),
    ("10a", "22", "Model: name, version or hash, input, output, training data", "Design"),
    ("", "20, 21, 32", "Independence of these cases from the model's training cases", None),
    ("10a", "", "Index test: reading conditions, what readers saw and when", "Design"),
    ("13a", "16", "Readers: number, experience, training on the form", "Design"),
    ("13a, 13b", "", "Blinding, order, washout", "Summary, Design"),
    ("10b, 11", "14, 15, 16", "Reference standard, its rationale, and who judged it", None),
    ("15, 16", "13", "Handling of missing and indeterminate readings", "ROC analysis, Methods"),
    ("18", "19", _SIZE, "Design"),
    ("14", "28, 29", "Statistical methods, with multiplicity and software", "Methods"),
    ("17", "30", "Analyses of variability and sensitivity", "ROC analysis"),
    ("19", "33", "Flow of cases and readings", "Design"),
    ("20, 21a", "34", "Characteristics of cases; distribution of classes", "Design"),
    ("22", "", "Time between reference standard and index test", None),
    ("23", "35", "Cross tabulation against the reference standard", "Classes"),
    ("24", "35, 36", "Estimates of accuracy with intervals, per reader and on average",
     "ROC analysis"),
    ("24", "35", "ROC curves with operating points; distribution of ratings", "ROC analysis"),
    ("24", "35", "Calibration of probabilities", "ROC analysis"),
    ("", "37", "Errors of the model and their effect on readers", "Classes"),
    ("17", "18", "Variation between readers; agreement", "Agreement"),
    ("24", "28", "Segmentation measures with their definition", "Outlines"),
    ("", "", "Reading time", "Reading time"),
    ("26, 27", "38, 39", "Limitations: bias, uncertainty, generalizability, fairness", None),
    ("28-30", "40-42", "Registration, protocol, funding, interests, access to code and data", None),
)  # fmt: skip


def checklist(results: StudyResults) -> TableBlock:
    """The topics with the section that answers them, as far as this study has it."""
    absent = {
        section
        for section, found in (
            ("Classes", results.classes),
            ("Agreement", results.agreement),
            ("Outlines", results.outlines),
            ("Reading time", results.time),
        )
        if not found
    }
    rows = [
        [stard, claim, topic, "not in this study" if section in absent else section or AUTHORS]
        for stard, claim, topic, section in _TOPICS
    ]
    if not results.study.design_verified:
        # Only a design with a hash shows what was named before.
        rows = [[*row[:3], AUTHORS if row[2] == _PRIMARY else row[3]] for row in rows]
    if not results.study.sample_size:
        rows = [[*row[:3], AUTHORS if row[2] == _SIZE else row[3]] for row in rows]
    caption = (
        "Topics in our words with the item numbers of STARD 2015 and of CLAIM 2020, and where this "
        "report answers them. STARD-AI (2025) keeps STARD's items and adds to them, CLAIM's update "
        "of 2024 counts some anew: journals want the original lists."
    )
    return TableBlock("checklist", caption, ("STARD", "CLAIM", "Topic", "Where"), rows)
