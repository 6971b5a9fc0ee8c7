"""Dialogs of the page: which DICOM series to open, and what computes."""

from __future__ import annotations

from trame.widgets import html
from trame.widgets import vuetify3 as v

from .page_tools import do


def build_dialogs() -> None:
    """All dialogs but the list of keys."""
    _build_series()
    _build_settings()


def _build_series() -> None:
    """Which of several CT series to open; shown while there is something to choose."""
    with (
        html.Div(v_if="series.length", classes="ds-veil"),
        html.Div(classes="ds-choice", role="dialog", aria_modal="true", aria_label="Series"),
    ):
        html.H2("Several CT series were found. Which one?")
        html.P("For nodules choose a thin lung reconstruction, without contrast if there is one.")
        with html.Button(
            v_for="entry in series",
            key="entry.key",
            classes="ds-series",
            click=do("series", "entry.key"),
        ):
            html.B("{{ entry.title }}")
            html.Span("{{ entry.text }}")
        html.Button("Cancel", classes="ds-button", click=do("no_series"))


def _build_settings() -> None:
    """This computer or a server, with a test. What is typed stays in the page until it is used."""
    with html.Dialog(classes="ds-help", id="ds-settings"):
        html.H2("What computes")
        html.P("{{ model || 'No model is loaded.' }} {{ device ? '· ' + device : '' }}")
        with html.Div(classes="ds-fields"):
            html.Label("Server address", raw_attrs=['for="ds-server"'])
            html.Input(
                type="text", id="ds-server", placeholder="http://host:8321 or https://host",
                maxlength="200", value=("server",), spellcheck="false",
            )  # fmt: skip
            html.Label("Key", raw_attrs=['for="ds-key"'])
            html.Input(
                type="password", id="ds-key", maxlength="200", autocomplete="off",
                placeholder="not needed for a server on this computer",
            )  # fmt: skip
        html.P(
            "A server gets the 32 mm around a click, grey levels only: no name, no header, no "
            "place. Everything else is computed here.",
            classes="ds-dim",
        )
        html.P("{{ tested.text }}", v_if="tested.text", classes=("'ds-tested ds-' + tested.kind",))
        with html.Div(classes="ds-buttons"):
            _button("Test", "utils.densesharp.server('test_server')", "mdi-lan-connect")
            _button("Use this server", "utils.densesharp.server('use_server')", "mdi-server")
            _button("Use this computer", do("use_local"), "mdi-laptop")
            html.Button("Close", classes="ds-button ds-strong", click="utils.densesharp.settings()")


def _button(text: str, click: str, icon: str) -> None:
    with html.Button(classes="ds-button ds-plain", click=click):
        v.VIcon(icon, size="small")
        html.Span(text)
