"""Comparing a tree of computed numbers with a JSON file of expected ones, number by number.

A *leaf* is a number in the file, or each of the two numbers in a text such as "(0.12,0.34)", which
is how some programs print intervals. A leaf is named by its path, like `auc/0/ci_lo`.
"""

import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

PAIR = re.compile(r"\((-?[\d.]+),\s*(-?[\d.]+)\)")


class Rule(NamedTuple):
    """How closely leaves must agree, and why not more closely."""

    pattern: str
    relative: float
    absolute: float
    why: str


FULL = Rule("*", 1e-6, 1e-12, "printed with all digits")


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Path and value of every number in a tree."""
    if isinstance(tree, Mapping):
        for key, item in tree.items():
            yield from leaves(item, f"{path}/{key}" if path else str(key))
    elif isinstance(tree, str):
        if match := PAIR.fullmatch(tree):
            yield from ((f"{path}/{i}", float(part)) for i, part in enumerate(match.groups()))
    elif isinstance(tree, Sequence | np.ndarray):
        for index, item in enumerate(tree):
            yield from leaves(item, f"{path}/{index}")
    elif tree is not None and not isinstance(tree, bool):
        yield path, float(tree)


def difference(wanted: float, found: float, rule: Rule) -> str | None:
    """What is wrong, or None."""
    if abs(found - wanted) <= max(rule.absolute, rule.relative * abs(wanted)):
        return None
    return f"expected {wanted!r}, found {found!r} (allowed: {rule.relative:g} of it)"


def rule_for(path: str, rules: Sequence[Rule]) -> Rule:
    """The first rule whose pattern fits, or all digits."""
    return next((rule for rule in rules if fnmatch.fnmatchcase(path, rule.pattern)), FULL)


class Outcome(NamedTuple):
    """The comparison of one file.

    Attributes:
        checked: How many numbers agree.
        wrong: Path -> what is wrong.
        missing: Paths of numbers that nobody computed.
        excluded: Path -> the pattern that excludes it.
    """

    checked: int
    wrong: dict[str, str]
    missing: list[str]
    excluded: dict[str, str]


def compare(
    wanted: Any, found: Any, rules: Sequence[Rule], exclusions: Mapping[str, str]
) -> Outcome:
    """Every number of the file against the computed tree.

    Args:
        wanted: The file's content.
        found: The same shape, as far as it was computed.
        rules: Where less than all digits is asked for.
        exclusions: Pattern of paths -> why these numbers are not checked.
    """
    computed = dict(leaves(found))
    checked, wrong, missing, excluded = 0, {}, [], {}
    for path, value in leaves(wanted):
        fitting = [p for p in exclusions if fnmatch.fnmatchcase(path, p)]
        if fitting:
            excluded[path] = fitting[0]
        elif path not in computed:
            missing.append(path)
        elif problem := difference(value, computed[path], rule_for(path, rules)):
            wrong[path] = problem
        else:
            checked += 1
    return Outcome(checked, wrong, missing, excluded)
