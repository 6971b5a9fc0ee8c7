"""Numbers in sentences, and names that look alike."""

import unicodedata
from collections.abc import Iterable

# Letters of other alphabets that are drawn like Latin ones; in small letters.
_DRAWN_ALIKE = str.maketrans(
    "\u0430\u0432\u0435\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u0455\u0456\u0458"
    "\u03b1\u03b2\u03b5\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7",
    "abekmhopctyxsij" "abeiknoptux",
)  # fmt: skip


def counted(number: float, what: str) -> str:
    """How many, in words of English.

    Args:
        number: shown as a whole number.
        what: the thing counted, in the singular, whose plural ends in an s.

    Returns:
        Such as `1 reader`, `0 readers`.
    """
    shown = f"{number:.0f}"
    return f"{shown} {what}{'' if shown in ('1', '-1') else 's'}"


def plain_name(text: str) -> str:
    """A name with single blanks, composed letters and no signs that nobody sees."""
    seen = "".join(c for c in text if unicodedata.category(c) not in ("Cf", "Cc") or c.isspace())
    return unicodedata.normalize("NFC", " ".join(seen.split()))


def look_of(name: str) -> str:
    """What two names that look the same, or differ in capitals only, have in common."""
    wide = unicodedata.normalize("NFKC", plain_name(name)).casefold()
    return unicodedata.normalize("NFKC", " ".join(wide.translate(_DRAWN_ALIKE).split()))


def look_alikes(names: Iterable[str]) -> tuple[str, str] | None:
    """The first two different names that look alike; None where there are none."""
    seen: dict[str, str] = {}
    for name in dict.fromkeys(names):  # tables repeat them thousands of times
        first = seen.setdefault(look_of(name), name)
        if first != name:
            return first, name
    return None


def odd_signs(name: str) -> str:
    """Names of the signs beyond plain letters in a name, for a sentence; "" without any."""
    odd = sorted({c for c in name if not (c.isascii() and c.isprintable())})
    return ", ".join(unicodedata.name(c, f"U+{ord(c):04X}") for c in odd)
