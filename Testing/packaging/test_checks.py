"""Style and types, as `python run.py check` looks at them; here they run beside the tests."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHECKS = runpy.run_path(str(ROOT / "run.py"))["check_commands"]()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: " ".join(check[2:4]))
def test_style_and_types(check):
    done = subprocess.run(
        [sys.executable, *check[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
