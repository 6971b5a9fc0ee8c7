"""The one door from a page to the program: named actions with checked arguments.

Whatever arrives here comes from a client and is checked by type and range before anything happens.
"""

import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

log = logging.getLogger(__name__)

Check = Callable[[Any], bool]
Action = tuple[Callable[..., Any], tuple[Check, ...]]


def one_of(*values: object) -> Check:
    """Exactly one of some texts or whole numbers; True is not 1."""
    return lambda value: any(type(value) is type(each) and value == each for each in values)


def number(low: float, high: float) -> Check:
    """A finite number in a range."""
    return lambda value: (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and math.isfinite(value)
        and low <= value <= high
    )


def text(longest: int) -> Check:
    """A text up to a length."""
    return lambda value: isinstance(value, str) and len(value) <= longest


def line(longest: int) -> Check:
    """A text up to a length, without line ends and control characters."""
    return lambda value: text(longest)(value) and value.isprintable()


def switch(value: Any) -> bool:
    """True or False."""
    return isinstance(value, bool)


class ActionTable(ABC):
    """Runs the actions of a table: name -> what is called, and a check of each argument."""

    def __init__(self, table: Mapping[str, Action]) -> None:
        self._table = table

    @property
    def names(self) -> frozenset[str]:
        """Names of all actions."""
        return frozenset(self._table)

    def run(self, name: Any = None, *args: Any) -> None:
        """Run one action; wrong names and arguments are refused."""
        entry = self._table.get(name) if isinstance(name, str) else None
        if entry is None:
            log.warning("Refused an unknown action")
            return
        function, checks = entry
        if len(args) != len(checks) or not all(
            check(arg) for check, arg in zip(checks, args, strict=True)
        ):
            log.warning("Refused arguments of the action %s", name)
            return
        self.do(name, lambda: function(*args))

    @abstractmethod
    def do(self, name: str, action: Callable[[], Any]) -> None:
        """Do what the page asked for."""
