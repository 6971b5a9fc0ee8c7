"""The keys of the answer form, one table for the browser page and the panel in 3D Slicer.

A reader may use the viewer in the morning and read a study in the afternoon, so no key here has
a meaning of its own in the viewer, in Slicer's views, or among the study page's keys for the views.
"""

from collections.abc import Iterable

from densesharp.nodule.records import CLASS_NAMES
from densesharp.study.conduct.answer_form import CONFIDENCE_LEVELS

CLASS_KEYS = dict(zip("yui", CLASS_NAMES, strict=True))
"""Key -> class; three neighbors on the keyboard."""

INVASIVE_KEYS = {"q": -1, "w": 1}
"""Key -> direction in which it moves the probability of invasive."""

IAC_KEYS = {"c": -1, "d": 1}
"""Key -> direction in which it moves the probability of IAC."""

CONFIDENCE_KEYS = {str(level + 4): level for level in CONFIDENCE_LEVELS}
"""Key -> level; 1 to 4 choose a view in the viewer."""

SUBMIT, CANCEL, CORRECT = "Enter", "Escape", "Backspace"
PAUSE, TAKE_OUTLINE = "k", "0"


def shown(keys: Iterable[str]) -> str:
    """Keys as a list of keys names them."""
    return "  ".join(key.upper() for key in keys)


KEYS = (
    (shown(CLASS_KEYS), "class " + ", ".join(CLASS_NAMES)),
    (shown(INVASIVE_KEYS), "probability of invasive down, up"),
    (shown(IAC_KEYS), "probability of IAC down, up"),
    (shown(CONFIDENCE_KEYS), "confidence, from guess to certain"),
    (SUBMIT, "start the session, submit, confirm, next case"),
    (CANCEL, "not yet"),
    (PAUSE.upper(), "pause, go on"),
    (TAKE_OUTLINE, "take over the model's outline, where it is shown, to edit it"),
    (CORRECT, "correct the answer before, where the study allows it"),
)
"""Keys and their meaning, as the help lists them."""

SLICER_MODIFIER = "Alt+"
"""In 3D Slicer the plain letters and digits, of the keypad too, belong to its views and to Segment
Editor: F scrolls, T blends, Y redoes, 5 turns the 3D view. Answers are given with this one."""

QT_KEYS = {
    **{
        SLICER_MODIFIER + key.upper(): key
        for key in (*CLASS_KEYS, *INVASIVE_KEYS, *IAC_KEYS, *CONFIDENCE_KEYS, PAUSE, TAKE_OUTLINE)
    },
    "Return": SUBMIT,
    "Enter": SUBMIT,
    "Esc": CANCEL,
    SLICER_MODIFIER + "Backspace": CORRECT,
}
"""Qt's name of a key in 3D Slicer -> the name that `Presenter.key` takes."""
