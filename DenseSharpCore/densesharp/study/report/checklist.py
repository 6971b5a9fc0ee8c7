"""What STARD-AI and CLAIM ask a report for, and where this one has it."""

from densesharp.study.analysis.study_results import StudyResults
from densesharp.study.report.blocks import TableBlock

AUTHORS = "for the authors to write"

_PRIMARY = "Hypotheses and objectives; primary endpoint named before reading"

_SIZE = "Sample size and how it was chosen"

_TOPICS = (
    ("1, 2", "1, 2", "Title and summary name a study of diagnostic accuracy with AI", None),
    ("3", "3", "Background; intended use of the model and its place in the workflow", None),
    ("4", "4", _PRIMARY, "Summary"),
    ("5", "5, 6", "Prospective or retrospective collection; goal of the study", None),
    ("6", "", "Approval by an ethics committee", None),
    ("7-10", "8", "Eligibility of patients and of data; setting, dates and sampling", None),
    ("11", "7, 10, 11", "Source of the data; selection of subsets; de-identification", None),
    ("12", "16-18", "Who annotated the reference standard, how, and how far they agreed", None),
    ("13, 14", "9, 13", "Scanners, software, acquisition and preprocessing", None),
    ("15a", "22, 23", "Model: name, hash, input, output, what it was trained on", "Design"),
    ("15b", "19, 20, 24-27", "Development of the model: partitions, training, selection", None),
    ("15a, 15c", "", "Reading conditions: what readers saw and when; classes, ratings", "Design"),
    ("15d", "", "Readers: number, groups, experience, training on the form", "Design"),
    ("16a-16c", "14, 15", "Reference standard, its classes, its rationale", None),
    ("17a, 17b", "", "Blinding, order, washout", "Summary, Design"),
    ("18", "28, 29", "Statistical methods, with multiplicity and software", "Methods"),
    ("19, 20", "12", "Handling of missing and indeterminate readings", "ROC analysis, Methods"),
    ("21", "30", "Analyses of variability and sensitivity", "ROC analysis"),
    ("22", "21", _SIZE, "Design"),
    ("23, 35", "", "Errors by subgroup, algorithmic bias, fairness, ethics of use", None),
    ("", "31", "Methods that explain the model's answers", None),
    ("24", "35", "Flow of cases and readings", "Design"),
    ("25, 26a, 26b", "36", "Characteristics of cases; distribution of classes", "Design"),
    ("27", "", "Time between reference standard and index test", None),
    ("28, 29", "32, 33", "Whether the cases stand for the intended use and are none of the "
     "model's training", None),
    ("30", "39", "Cross tabulation against the reference standard", "Classes"),
    ("31", "37, 38", "Estimates of accuracy with intervals, per reader and on average",
     "ROC analysis"),
    ("31", "37, 38", "ROC curves with operating points; ratings; calibration", "ROC analysis"),
    ("", "39", "Errors of the model and their effect on readers", "Classes"),
    ("21", "", "Variation between readers; agreement", "Agreement"),
    ("31", "37", "Segmentation measures with their definition", "Outlines"),
    ("", "", "Reading time", "Reading time"),
    ("32", "", "Adverse events", None),
    ("33, 34", "40, 41", "Limitations; implications for practice", None),
    ("36-39", "34, 42, 44", "Registration, protocol, funding, commercial interests", None),
    ("40a", "43", "Access to code, model and data", None),
    ("40b", "", "Outputs stored and open to audit", "Software and inputs"),
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
        "Topics in our words with the item numbers of STARD-AI (Sounderajah et al., Nat Med "
        "2025;31:3283-3289; 40 items) and of CLAIM 2024 (Tejani et al., Radiol Artif Intell "
        "2024;6:e240300; 44 items), and where this report answers them. Journals want the original "
        "lists filled in."
    )
    return TableBlock(
        "checklist", caption, ("STARD-AI", "CLAIM 2024", "Topic", "Where"), rows, sections=3
    )
