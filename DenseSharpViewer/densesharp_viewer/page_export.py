"""Below the card: report and DICOM of this CT."""

from __future__ import annotations

from trame.widgets import html
from trame.widgets import vuetify3 as v

from .page_tools import do

_IDENTITY = (
    "Off: name, number and dates are left out and the patient is pseudonymised. On: for a clinical "
    "archive."
)


def build_export() -> None:
    """Buttons for what leaves the viewer; rejected nodules stay out of it."""
    with html.Section(v_if="nodules.length", classes="ds-export"):
        html.H3("This CT")
        with html.Div(classes="ds-buttons"):
            _button(
                "Report", "mdi-file-document-outline", do("report"),
                "Write the report on this CT (HTML and PDF) into the results folder",
            )  # fmt: skip
            _button(
                "DICOM", "mdi-database-export-outline", do("dicom", "keep_identity"),
                "Write outlines (SEG) and measurements (SR) into the results folder",
            )  # fmt: skip
            with html.Label(classes="ds-check", title=_IDENTITY):
                html.Input(
                    type="checkbox", checked=("keep_identity",),
                    change=do("keep_identity", "$event.target.checked"),
                )  # fmt: skip
                html.Span("with the patient's identity")
        with html.P(v_if="reported"):
            for text, address in (("Show the report", "/report.html"), ("PDF", "/report.pdf")):
                html.A(text, href=address, target="_blank", rel="noopener", classes="ds-link")


def _button(text: str, icon: str, click: str, title: str) -> None:
    with html.Button(classes="ds-button ds-plain", click=click, title=title):
        v.VIcon(icon, size="small")
        html.Span(text)
