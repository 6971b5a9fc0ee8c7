"""What changed since an earlier CT, on the card; and the dialog that opens one."""

from trame.widgets import html

from .aria import aria
from .page_tools import icon_button


def build_change() -> None:
    """Sentence, table and chart of the selected nodule; nothing without an earlier CT."""
    with html.Div(v_if="change.text", classes="ds-change"):
        html.H3("Since the earlier CT")
        html.P("{{ change.text }}", classes="ds-sentence")
        with html.Table(v_if="change.rows.length"):
            with html.Thead(), html.Tr():
                for title in ("", "Earlier", "Now", "Change"):
                    html.Th(title)
            with html.Tbody(), html.Tr(v_for="row in change.rows", key="row.label"):
                for name in ("label", "before", "now", "change"):
                    html.Td(f"{{{{ row.{name} }}}}")
        with html.Div(v_if="change.chart", classes="ds-chart"):
            html.Div(v_html="change.chart")
            html.P("Bars: what measurement error alone explains.", classes="ds-dim ds-small")


def build_prior_dialog() -> None:
    """Where an earlier CT comes from."""
    with html.Dialog(classes="ds-help", id="ds-prior", **aria(label="Earlier CT")):
        html.H2("Compare with an earlier CT")
        html.P("It is shown beside the open one, and the selected nodule is looked for in it.")
        with html.Div(classes="ds-buttons"):
            for text, icon, click in (
                ("File …", "mdi-file-outline", "utils.densesharp.earlier(false)"),
                ("Folder (DICOM) …", "mdi-folder-open-outline", "utils.densesharp.earlier(true)"),
            ):
                icon_button(icon, text, classes="ds-button ds-plain", click=click)
            html.Button("Close", classes="ds-button ds-strong", click="utils.densesharp.compare()")
