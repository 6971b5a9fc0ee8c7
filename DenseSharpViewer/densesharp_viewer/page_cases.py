"""The worklist: where in it the reader is, the next case, and all cases on `Home`."""

from trame.widgets import html
from trame.widgets import vuetify3 as v

from .aria import aria
from .page_tools import do, icon_button

STATES = (
    ("new", "mdi-circle-outline"),
    ("open", "mdi-circle-half-full"),
    ("read", "mdi-check"),
    ("not opened", "mdi-alert-outline"),
    ("not saved", "mdi-content-save-alert-outline"),
)


def build_cases() -> None:
    """One line above the list of nodules; nothing without a worklist."""
    with html.Section(v_if="cases.rows.length", classes="ds-cases"):
        icon_button(
            "mdi-chevron-left", classes="ds-icon ds-once", click=do("previous_case"),
            title="Previous case (Page Up)",
        )  # fmt: skip
        with html.Button(
            classes="ds-button ds-grow",
            click="utils.densesharp.worklist()",
            title="All cases of the worklist (Home)",
        ):
            html.B("{{ cases.at < 0 ? '–' : cases.at + 1 }} / {{ cases.rows.length }}")
            html.Span(
                "{{ cases.coming ? 'Reading ' + cases.coming + ' …' : cases.name }}",
                classes="ds-grow ds-case-name",
            )
            html.Span("{{ cases.left }} to read", classes="ds-dim")
        with html.Button(
            classes="ds-button ds-plain ds-once",
            click=do("next_case"),
            title="Save, mark this case as read and open the next (Page Down)",
        ):
            html.Span("Next")
            v.VIcon("mdi-chevron-right", size="small")


def build_worklist() -> None:
    """All cases with their state; a click opens one."""
    with html.Dialog(classes="ds-help", id="ds-worklist", **aria(label="Worklist")):
        html.H2("Worklist: {{ cases.left }} of {{ cases.rows.length }} to read")
        with (
            html.Div(classes="ds-worklist"),
            html.Button(
                v_for="(row, index) in cases.rows",
                key="row.id",
                classes=("'ds-series' + (index === cases.at ? ' ds-on' : '')",),
                click="utils.densesharp.worklist(row.id)",
            ),
        ):
            for state, icon in STATES:
                v.VIcon(icon, v_if=f"row.state === '{state}'", size="small")
            html.B("{{ row.name }}", classes="ds-grow")
            html.Span("{{ row.when }}")
            html.Span(
                "{{ row.sent ? 'sent ' + row.sent.replace('T', ' ') : '' }}", classes="ds-dim"
            )
            html.Span("{{ row.state }}", classes="ds-dim")
        html.P("Leaving a case saves it. Only Next marks it as read.", classes="ds-dim")
        html.Button("Close", classes="ds-button ds-strong", click="utils.densesharp.worklist()")
