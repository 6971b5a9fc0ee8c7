"""`densesharp report`: a report on one scan, as HTML and PDF, from a result folder."""

import argparse
from pathlib import Path

from densesharp.cli.terminal import add_json_argument, finish

_YES_NO = {
    "known_cancer": "a cancer, now or earlier",
    "immunosuppressed": "immune system suppressed",
    "screening": "the CT was made for lung cancer screening",
    "high_risk": "high risk of lung cancer (Fleischner)",
    "family_history": "lung cancer in the family",
    "emphysema": "emphysema on the CT",
    "upper_lobe": "the nodule lies in an upper lobe",
    "spiculated": "the nodule has spicules",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("folder", type=Path, help="folder written by predict")
    parser.add_argument("--html", type=Path, metavar="FILE", help="default: FOLDER/report.html")
    parser.add_argument("--pdf", type=Path, metavar="FILE", help="default: FOLDER/report.pdf")
    add_json_argument(parser)
    patient = parser.add_argument_group("what is known about the patient, for the guidelines")
    patient.add_argument("--age", type=float, metavar="YEARS")
    patient.add_argument("--sex", choices=("female", "male"))
    patient.add_argument("--nodules", type=int, metavar="N", help="nodules in both lungs")
    patient.add_argument(
        "--comparison",
        choices=("baseline", "new", "growing", "stable"),
        help="the nodule against the last CT",
    )
    for name, text in _YES_NO.items():
        option = "--" + name.replace("_", "-")
        patient.add_argument(option, action=argparse.BooleanOptionalAction, help=text)


def run(args: argparse.Namespace) -> int:
    """Write both files and say where they are."""
    from densesharp.nodule.guidelines import Context
    from densesharp.report.document import read_report, write_html
    from densesharp.report.pdf import write_pdf

    known = {name: getattr(args, name) for name in (*_YES_NO, "age", "nodules", "comparison")}
    female = None if args.sex is None else args.sex == "female"
    context = Context(female=female, **known)
    # Without an answer the hints stay as they were when the scan was analysed.
    report = read_report(args.folder, None if context == Context() else context)
    html = args.html or args.folder / "report.html"
    pdf = args.pdf or args.folder / "report.pdf"
    write_html(html, report)
    write_pdf(pdf, report)
    text = f"Report: {html}\nReport: {pdf}\n"
    finish(text, {"html": str(html), "pdf": str(pdf)}, args.json)
    return 0
