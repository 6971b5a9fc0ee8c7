"""Dialogs of the page: which series to open, unsaved work, what computes, and the program's end."""

from trame.widgets import html

from .page_tools import do, icon_button


def lost_page(title: str, kept: str, again: str) -> str:
    """The page that takes the place of ours when the connection ends.

    trame's own is white and says less. It looks by itself, every other second, whether the program
    answers again, and loads the page anew then.

    Args:
        title: what happened.
        kept: what is not lost.
        again: how to start the program again, as the end of a sentence.
    """
    return f"""
<div class="ds-lost" role="alert">
  <h2>{title}</h2>
  <p>The program has ended, or the connection to it is lost.</p>
  <p>{kept}</p>
  <p>If the program still runs, this page comes back by itself. If it has ended, {again}</p>
  <div class="ds-buttons">
    <button class="ds-button ds-strong" onclick="location.reload()">Reload</button>
  </div>
</div>
"""


LOST = lost_page(
    "DenseSharp does not answer any more",
    "What was saved lies in the results folder. Work that was not saved is lost when the program "
    "has ended; when it still runs, it is kept.",
    "start it again with <code>densesharp view</code> and the saved <code>scene.mrb</code>, and "
    "open the address that it prints.",
)
"""Takes the place of the page when the connection ends."""

# Keyboard users begin in a dialog that opens by itself.
_FOCUS = '@vue:mounted="$event.el.focus()"'
_FOCUS_FIRST = '@vue:mounted="index || $event.el.focus()"'

ASKED = "series.length || leaving || question.text"
"""Whether one of these questions is open: nothing behind it can be reached until it is answered."""


def build_dialogs() -> None:
    """All dialogs but the list of keys."""
    _build_series()
    _build_leaving()
    _build_question()
    _build_settings()


def _build_series() -> None:
    """Which of several CT series to open; shown while there is something to choose."""
    with html.Div(v_if="series.length", classes="ds-veil"), _dialog("Series"):
        html.H2("Several CT series were found. Which one?")
        html.P("For nodules choose a thin lung reconstruction, without contrast if there is one.")
        with html.Button(
            v_for="(entry, index) in series",
            key="entry.key",
            classes="ds-series",
            click=do("series", "entry.key"),
            raw_attrs=[_FOCUS_FIRST],
        ):
            html.B("{{ entry.when }}")
            html.Span("{{ entry.title }}", classes="ds-grow")
            html.Span("{{ entry.text }}")
        html.Button("Cancel", classes="ds-button", click=do("no_series"))


def _build_leaving() -> None:
    """Whether to save before another CT is opened; shown while that one waits."""
    with html.Div(v_if="leaving", classes="ds-veil"), _dialog("Not saved"):
        html.H2("Save before another CT is opened?")
        html.P("Nodules, names, outlines or decisions changed since this CT was last saved.")
        with html.Div(classes="ds-buttons"):
            html.Button(
                "Save and open", classes="ds-button ds-strong", click=do("leave_saved"),
                raw_attrs=[_FOCUS],
            )  # fmt: skip
            html.Button("Open without saving", classes="ds-button ds-plain", click=do("leave"))
            html.Button("Stay here", classes="ds-button ds-plain", click=do("no_leave"))


def _build_question() -> None:
    """What only the reader can decide; the first answer loses nothing."""
    with html.Div(v_if="question.text", classes="ds-veil"), _dialog("Question"):
        html.H2("{{ question.text }}")
        with html.Div(classes="ds-buttons"):
            html.Button(
                "{{ answer.text }}",
                v_for="(answer, index) in question.answers",
                key="answer.key",
                classes=("'ds-button ' + (index ? 'ds-plain' : 'ds-strong')",),
                click=do("answer", "answer.key"),
                raw_attrs=[_FOCUS_FIRST],
            )


def _build_settings() -> None:
    """This computer or a server, with a test. What is typed stays in the page until it is used."""
    with html.Dialog(classes="ds-help", id="ds-settings"):
        html.H2("What computes")
        html.P("{{ model || 'No model is loaded.' }} {{ device ? '· ' + device : '' }}")
        with html.Div(classes="ds-fields"):
            html.Label("Server address", raw_attrs=['for="ds-server"'])
            html.Input(
                type="text", id="ds-server", placeholder="http://host:8321 or https://host",
                maxlength="200", spellcheck="false",
                value=("utils.densesharp?.kept('ds-server', server) ?? server",),
            )  # fmt: skip
            html.Label("Key", raw_attrs=['for="ds-key"'])
            html.Input(
                type="password", id="ds-key", maxlength="200", autocomplete="off",
                placeholder="not needed for a server on this computer",
            )  # fmt: skip
        html.P(
            "A server gets the 32 mm around a click, gray levels only: no name, no header, no "
            "place. Everything else is computed here.",
            classes="ds-dim",
        )
        html.P("{{ tested.text }}", v_if="tested.text", classes=("'ds-tested ds-' + tested.kind",))
        with html.Div(classes="ds-buttons"):
            for text, icon, click in (
                ("Test", "mdi-lan-connect", "utils.densesharp.server('test_server')"),
                ("Use this server", "mdi-server", "utils.densesharp.server('use_server')"),
                ("Use this computer", "mdi-laptop", do("use_local")),
            ):
                icon_button(icon, text, classes="ds-button ds-plain", click=click)
            html.Button("Close", classes="ds-button ds-strong", click="utils.densesharp.settings()")


def _dialog(name: str) -> html.Div:
    """The middle of a question; trame's own parameters know no roles."""
    roles = ['role="dialog"', 'aria-modal="true"', f'aria-label="{name}"']
    return html.Div(classes="ds-choice", raw_attrs=roles)
