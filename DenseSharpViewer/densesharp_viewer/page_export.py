"""Under the card, always in sight: the decision, and what is handed out."""

from trame.widgets import html

from .aria import aria
from .page_tools import do, icon_button

_IDENTITY = (
    "Off: name, number and dates are left out and the patient is pseudonymized. On: for a clinical "
    "archive."
)

_SEND = "Send outlines (SEG) and measurements (SR), with the patient and the study as they are, to"


def build_export() -> None:
    """What is done with a result, in sight however far the card is scrolled.

    Rejected nodules stay out of report and DICOM objects.
    """
    with html.Section(v_if="nodules.length", classes="ds-export"):
        with html.Div(v_if="card", classes="ds-buttons"):
            _decision("accepted", "mdi-check-bold", "Accept", "Accept this nodule (A)")
            _decision("rejected", "mdi-close-thick", "Reject", "Reject this nodule (R)")
            _button(
                "Copy", "mdi-content-copy", "utils.densesharp.copy(card.sentence)",
                "Copy the sentence for the report",
            )  # fmt: skip
        with html.Div(classes="ds-buttons"):
            _button(
                "Report", "mdi-file-document-outline", do("report"),
                "Write the report on this CT (HTML and PDF) into the results folder",
            )  # fmt: skip
            _button(
                "DICOM", "mdi-database-export-outline", do("dicom", "keep_identity"),
                "Write outlines (SEG) and measurements (SR) into the results folder",
            )  # fmt: skip
            icon_button(
                "mdi-cloud-upload-outline", "Send", v_if="cases.server",
                classes="ds-button ds-plain ds-once", click=do("send"),
                title=(f"'{_SEND} ' + cases.server",),
            )  # fmt: skip
            with html.Label(classes="ds-check", title=_IDENTITY):
                html.Input(
                    type="checkbox", checked=("keep_identity",),
                    change=do("keep_identity", "$event.target.checked"),
                )  # fmt: skip
                html.Span("with identity")
        with html.P(v_if="saved_in", classes="ds-dim ds-path"):
            html.Span("Saved in {{ saved_in }} ")
            with html.Span(v_if="reported"):
                for text, address in (("Show the report", "/report.html"), ("PDF", "/report.pdf")):
                    html.A(text, href=address, target="_blank", rel="noopener", classes="ds-link")


def _decision(decision: str, icon: str, text: str, title: str) -> None:
    on = f"card.decision === '{decision}'"
    icon_button(
        icon, text, title=title, click=do("decide", "card.id", f"'{decision}'"),
        classes=(f"'ds-button ds-plain ds-once ds-{decision}' + ({on} ? ' ds-on' : '')",),
        **aria(pressed=(f"{on} ? 'true' : 'false'",)),
    )  # fmt: skip


def _button(text: str, icon: str, click: str, title: str) -> None:
    icon_button(icon, text, classes="ds-button ds-plain", click=click, title=title)
