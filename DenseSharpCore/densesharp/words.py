"""Numbers in sentences."""


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
