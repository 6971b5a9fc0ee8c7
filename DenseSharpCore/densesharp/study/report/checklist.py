"""What STARD-AI and CLAIM ask a report for, and where this one has it."""

from __future__ import annotations

from densesharp.study.analysis.study_results import StudyResults
from densesharp.study.report.blocks import TableBlock

AUTHORS = "for the authors to write"

_PRIMARY = "Hypotheses and objectives; primary endpoint named before reading"

_TOPICS = (
    ("Title or abstract names the study as one of diagnostic accuracy with AI", None),
    ("Intended use of the model and its place in the clinical path", None),
    (_PRIMARY, "Summary"),
    ("Prospective or retrospective collection; setting and dates", None),
    ("Eligibility, sampling and source of cases; how they were de-identified", None),
    ("Model: name, version or hash, input, output, training data", "Design"),
    ("Independence of these cases from the model's training cases", None),
    ("Index test: reading conditions, what readers saw and when", "Design"),
    ("Readers: number, experience, training on the form", "Design"),
    ("Blinding, order, washout", "Design"),
    ("Reference standard, its rationale, and who judged it", None),
    ("Handling of missing and indeterminate readings", "Methods"),
    ("Sample size and how it was chosen", None),
    ("Statistical methods, with multiplicity and software", "Methods"),
    ("Flow of cases and readings", "Design"),
    ("Characteristics of cases; distribution of classes", "Design"),
    ("Time between reference standard and index test", None),
    ("Cross tabulation against the reference standard", "Classes"),
    ("Estimates of accuracy with intervals, per reader and on average", "ROC analysis"),
    ("ROC curves with operating points; distribution of ratings", "ROC analysis"),
    ("Calibration of probabilities", "ROC analysis"),
    ("Errors of the model and their effect on readers", "Classes"),
    ("Variation between readers; agreement", "Agreement"),
    ("Segmentation measures with their definition", "Outlines"),
    ("Reading time", "Reading time"),
    ("Limitations: bias, uncertainty, generalizability, fairness", None),
    ("Registration, protocol, funding, interests, access to code and data", None),
)


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
        [topic, "not in this study" if section in absent else section or AUTHORS]
        for topic, section in _TOPICS
    ]
    if not results.study.design_verified:
        # Only a design with a hash shows what was named before.
        rows = [[topic, AUTHORS if topic == _PRIMARY else where] for topic, where in rows]
    caption = (
        "Topics of STARD-AI (2025) and CLAIM (2024 update) in our words, and where this report "
        "answers them. Journals want the original lists with their item numbers."
    )
    return TableBlock("checklist", caption, ("Topic", "Where"), rows)
