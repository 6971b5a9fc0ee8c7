"""The page `docs/reference/python-api.md`, made from the docstrings of the public names.

python Testing/packaging/python_api.py --write
"""

import ast
import inspect
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

import densesharp

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "python-api.md"
FUNCTIONS = ("read_volume", "open_engine", "analyse", "update_mask", "follow_up", "write_results")
RECORDS = (
    "Volume", "Grid", "Notice", "Seed", "NoduleResult", "Measurements", "NoduleMask", "Prediction",
    "Patch", "FollowUp", "AnalysisSettings",
)  # fmt: skip
SECTIONS = ("Args", "Attributes", "Returns", "Raises", "Examples")
HEAD = """# Python

Made from the docstrings by `python Testing/packaging/python_api.py --write`.
From a file to a result:

```python
import densesharp
from densesharp.resources import sample_path

volume = densesharp.read_volume(sample_path())
result = densesharp.analyse(volume, densesharp.Seed.from_ras((72.2, -33.7, -18.6)))
densesharp.write_results([result], volume, None, "result")
```

Arrays are `[k, j, i]` (slice, row, column), points LPS mm; `Seed.from_ras` takes what 3D Slicer
shows. Every error that a user can mend is a `densesharp.DenseSharpError` whose text says what is
wrong and what to do. `import densesharp` loads nothing heavy. The examples below go on
from `volume`, `seed`, `engine` and `result` of the bundled, simulated sample; the tests run them.
Research use only, not for diagnosis.
"""


def members(record: type) -> list[tuple[str, Any]]:
    """The record's own public methods and properties, in the order of its file."""
    return [
        (name, value)
        for name, value in vars(record).items()
        if not name.startswith("_")
        and isinstance(value, (property, classmethod)) | inspect.isfunction(value)
    ]


def signature(name: str, function: Any) -> str:
    """Name and arguments on lines of their own, as they are written in Python."""
    inner = inspect.unwrap(getattr(function, "__func__", function))
    found = inspect.signature(inner)
    (source,) = ast.parse(textwrap.dedent(inspect.getsource(inner))).body
    written = {one.arg: one.annotation for one in ast.walk(source) if isinstance(one, ast.arg)}
    written["return"] = source.returns  # type: ignore[attr-defined]
    kinds = {name: ast.unparse(kind) for name, kind in written.items() if kind is not None}
    parts, keyword = [], False
    for each in found.parameters.values():
        if each.name in ("self", "cls"):
            continue
        if each.kind is each.KEYWORD_ONLY and not keyword:
            parts.append("*")
            keyword = True
        default = "" if each.default is each.empty else f" = {shown(each.default)}"
        parts.append(f"{each.name}: {kinds[each.name]}{default}")
    returned = f" -> {kinds['return']}" if "return" in kinds else ""
    line = f"{name}({', '.join(parts)}){returned}"
    if len(line) <= 100:
        return line
    return f"{name}(\n" + "".join(f"    {part},\n" for part in parts) + f"){returned}"


def shown(default: Any) -> str:
    """A default as a reader understands it."""
    if inspect.isfunction(default):
        return str(default.__name__)
    return (
        f"{type(default).__name__}()" if hasattr(default, "__dataclass_fields__") else repr(default)
    )


def prose(docstring: str | None) -> str:
    """A docstring in Google style as Markdown."""
    lines, section, code = [], "", False
    for line in inspect.cleandoc(docstring or "").splitlines():
        title = line.removesuffix(":")
        if line.endswith(":") and title in SECTIONS:
            section = title
            lines += [f"*{title}*", ""]
            continue
        text = line.removeprefix("    ") if section else line
        if section in ("Args", "Attributes", "Raises"):
            entry = re.fullmatch(r"([\w, ]+): (.*)", text)
            lines.append(f"- `{entry[1]}`: {entry[2]}" if entry else f"  {text.strip()}".rstrip())
            continue
        if section == "Examples":
            begins = text.startswith(">>>")
            if begins and not code:
                lines.append("```pycon")
                code = True
            elif code and not text:
                lines.append("```")
                code = False
            text = re.sub(r"\s+# doctest:.*", "", text)
        lines.append(text)
    if code:
        lines.append("```")
    return "\n".join(lines).strip()


def page() -> str:
    """The whole page."""
    parts = [HEAD, "## Functions\n"]
    for name in FUNCTIONS:
        function = getattr(densesharp, name)
        parts.append(f"### {name}\n\n```text\n{signature(name, function)}\n```\n")
        parts.append(prose(function.__doc__) + "\n")
    parts.append("## Records\n\nFrozen, checked when they are made.\n")
    for name in RECORDS:
        record = getattr(densesharp, name)
        parts.append(f"### {name}\n\n{prose(record.__doc__)}\n")
        for part, value in members(record):
            if isinstance(value, property):
                head = f"`{part}`"
            else:
                head = f"`{signature(part, value)}`".replace("\n", " ")
            parts.append(f"**{head}** {prose(inspect.getdoc(value))}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    if "--write" in sys.argv:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(page())
