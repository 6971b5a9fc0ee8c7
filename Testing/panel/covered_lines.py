"""Fails when a line of the Slicer modules was run by no test.

    python -m pytest --cov && python Testing/panel/covered_lines.py

Reads what the coverage of the test run left behind. A line that never runs is the one mistake that
nothing else here catches: a misspelt member of Qt, CTK or MRML raises only when it is reached.
"""

import sys
from pathlib import Path

import coverage

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import slicer_standin

ROOT = Path(__file__).resolve().parents[2]
MODULES = (ROOT / "DenseSharpSlicer", ROOT / "DenseSharpScene")


def never_run(data: coverage.Coverage) -> list[str]:
    """`file:line, line` of every file with lines that no test ran."""
    found = []
    for path in sorted(path for folder in MODULES for path in folder.rglob("*.py")):
        *_, missing, _ = data.analysis2(str(path))
        if missing:
            lines = ", ".join(str(line) for line in missing)
            found.append(f"{path.relative_to(ROOT).as_posix()}:{lines}")
    return found


def main() -> int:
    """Say what was never run; 1 when there is something."""
    reason = slicer_standin.missing()
    if reason:
        sys.stdout.write(f"The Slicer panel was not tested: {reason}\n")
        return 0
    data = coverage.Coverage()
    data.load()
    found = never_run(data)
    for line in found:
        sys.stdout.write(f"No test runs {line}\n")
    if not found:
        sys.stdout.write("Every line of the Slicer modules was run by a test.\n")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
