"""The small form about the patient, for Brock and the guidelines."""

import math
from typing import Any

from trame.widgets import html

from densesharp.nodule.guidelines.context import ContextError
from densesharp_scene import patient

from .aria import aria
from .page_tools import do

YES_NO = (("", "not known"), ("yes", "yes"), ("no", "no"))
SEX = (("", "not known"), ("yes", "female"), ("no", "male"))
COMPARISON = (
    ("", "not known"), ("baseline", "first CT"), ("new", "new"), ("growing", "growing"),
    ("stable", "stable"),
)  # fmt: skip

FORM = (
    ("age", "Age", None),
    ("female", "Sex", SEX),
    ("nodules", "Nodules in both lungs", None),
    ("family_history", "Lung cancer in the family", YES_NO),
    ("emphysema", "Emphysema", YES_NO),
    ("high_risk", "High risk (Fleischner)", YES_NO),
    ("screening", "Screening CT", YES_NO),
    ("known_cancer", "Known cancer", YES_NO),
    ("immunosuppressed", "Immunosuppressed", YES_NO),
    ("upper_lobe", "This nodule: upper lobe", YES_NO),
    ("spiculated", "This nodule: spiculated", YES_NO),
    ("comparison", "This nodule: since the last CT", COMPARISON),
)
"""Field of `Context`, its label, and its choices; None for a number."""

NAMES = tuple(name for name, _, _ in FORM)


def shown(record: Any | None, nodule_id: str) -> dict[str, str]:
    """The form as the page fills it."""
    known = patient.known_fields(patient.context_of(record, nodule_id))
    return {name: _text(known[name]) for name in NAMES}


def value_of(name: str, text: str) -> Any:
    """What a reader entered, as `Context` takes it.

    Raises:
        ContextError: it is none of the choices, or no number.
    """
    text = text.strip()
    if not text:
        return None
    choices = next(choices for field, _, choices in FORM if field == name)
    if choices is None:
        return _number(name, text)
    if text not in [value for value, _ in choices]:
        raise ContextError(f"'{text}' is none of the choices.")
    return {"yes": True, "no": False}.get(text, text)


def build_form() -> None:
    """The form, closed until it is asked for."""
    with html.Details(v_if="card.advice.length", classes="ds-more ds-patient-form"):
        html.Summary("Patient, for the guidelines")
        with html.Div(classes="ds-fields"):
            for name, label, choices in FORM:
                html.Label(label, raw_attrs=[f'for="ds-patient-{name}"'])
                known = f"patient.{name} ?? ''"  # not in place of what is being typed
                asked = {
                    "id": f"ds-patient-{name}",
                    "value": (f"utils.densesharp?.kept('ds-patient-{name}', {known}) ?? {known}",),
                    "change": do("patient", f"'{name}'", "$event.target.value"),
                    **aria(label=label),
                }
                if choices is None:
                    html.Input(type="text", maxlength="5", inputmode="decimal", **asked)
                    continue
                with html.Select(**asked):
                    for value, words in choices:
                        html.Option(words, value=value)


def _number(name: str, text: str) -> float:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or (name == "nodules" and value != int(value)):
        wanted = "an age in years" if name == "age" else "a whole number of nodules"
        raise ContextError(f"'{text}' cannot be used: give {wanted}.")
    return int(value) if name == "nodules" else value


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)
