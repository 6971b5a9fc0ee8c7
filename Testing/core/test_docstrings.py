"""One convention for docstrings: what goes in, in lower case, and what comes out."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "DenseSharpCore" / "densesharp"

# Beginnings of a summary that says what is done; any other names the result itself.
VERBS = {
    "Add", "Align", "Analyse", "Answer", "Ask", "Average", "Bring", "Build", "Calibrate",
    "Check", "Choose", "Classify", "Collect", "Combine", "Compare", "Compute", "Convolve",
    "Correct", "Create", "Cut", "Decide", "Describe", "Draw", "Estimate", "Evaluate", "Export",
    "Find", "Fit", "Give", "Judge", "Load", "Look", "Make", "Measure", "Merge", "Move", "Open",
    "Outline", "Parse", "Predict", "Put", "Read", "Rearrange", "Register", "Resample", "Run",
    "Scan", "Set", "Simulate", "Split", "Stack", "Start", "Store", "Take", "Train", "Try",
    "Turn", "Undo", "Wait", "Write",
}  # fmt: skip
# Arrays and plain values, which a summary describes in a few words.
PLAIN = {
    "None", "bool", "int", "float", "str", "bytes", "object", "Path", "NoReturn", "NDArray",
    "Float", "Floats", "FloatArray", "Field", "Tensor", "Array", "Iterator", "Iterable",
    "Sequence", "Callable", "Literal", "Self", "Figure", "ModuleType", "Any", "list", "set",
    "type", "TextIO",
}  # fmt: skip


def functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    """Public functions and methods with the place where they stand."""
    for path in sorted(CORE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        groups = [tree, *(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name[0] != "_")]
        for group in groups:
            for node in group.body:
                if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                    yield f"{path.relative_to(CORE).as_posix()}:{node.lineno} {node.name}", node


def is_explained(node: ast.FunctionDef) -> bool:
    """A property, or a method that another class explains."""
    marks = {ast.unparse(mark) for mark in node.decorator_list}
    text = ast.get_docstring(node) or ""
    framework = {
        "forward", "get_batch_requests", "batch", "encode_response", "to_json", "from_json",
    }  # fmt: skip
    return (
        bool(marks & {"property", "overload"}) or text.startswith("See ") or node.name in framework
    )


def needs_returns(node: ast.FunctionDef) -> bool:
    kind = re.split(r"[\[ |]", ast.unparse(node.returns) if node.returns else "None")[0]
    first = (ast.get_docstring(node) or "").split(" ")[0].strip(",:.")
    return first in VERBS and kind not in PLAIN


def few(offenders: list[str], of: int) -> bool:
    return len(offenders) <= 0.05 * of


def test_functions_of_three_or_more_arguments_explain_them():
    wanted, offenders = 0, []
    for place, node in functions():
        given = [a.arg for a in node.args.posonlyargs + node.args.args + node.args.kwonlyargs]
        given = [name for name in given if name not in ("self", "cls")]
        if len(given) < 3 or is_explained(node):
            continue
        wanted += 1
        text = ast.get_docstring(node) or ""
        named = re.findall(r"(?m)^    ([\w, ]+):", text.partition("Args:\n")[2])
        named = {name.strip() for entry in named for name in entry.split(",")}
        if not set(given) <= named:
            offenders.append(f"{place}: {', '.join(n for n in given if n not in named)}")
    assert wanted > 150
    assert few(offenders, wanted), "\n".join(offenders)


def test_functions_that_do_something_explain_the_record_they_give():
    wanted, offenders = 0, []
    for place, node in functions():
        if is_explained(node) or not needs_returns(node):
            continue
        wanted += 1
        if "Returns:" not in (ast.get_docstring(node) or ""):
            offenders.append(f"{place} -> {ast.unparse(node.returns)}")
    assert wanted > 50
    assert few(offenders, wanted), "\n".join(offenders)


def test_entries_begin_in_lower_case():
    offenders = []
    proper = {"Dice", "Gwet", "Brier", "Holm", "Lightning", "Series", "True", "False", "Matthews"}
    for place, node in functions():
        text = (ast.get_docstring(node) or "").partition("Args:\n")[2]
        for name, word in re.findall(r"(?m)^    (\w+): ([A-Z][a-z]+)\b", text.partition("\n\n")[0]):
            if word not in proper:
                offenders.append(f"{place}: {name}: {word} ...")
    assert offenders == []
