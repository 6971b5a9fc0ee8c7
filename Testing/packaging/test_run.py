"""run.py: what it decides before it installs or runs anything."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run_module(monkeypatch, tmp_path):
    """run.py as a module whose environment would lie in a temporary folder."""
    sys.path.insert(0, str(ROOT))
    try:
        module = __import__("run")
    finally:
        sys.path.remove(str(ROOT))
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "PYTHON", tmp_path / ".venv" / "python")
    monkeypatch.setattr(module, "STAMP", tmp_path / ".venv" / "stamp.txt")
    return module


def pretend_installed(module, extras: str, fingerprint: str | None = None) -> None:
    module.VENV.mkdir()
    module.PYTHON.touch()
    module.STAMP.write_text((fingerprint or module.fingerprint()) + "\n" + extras)


def test_nothing_is_installed_twice(run_module, monkeypatch):
    pretend_installed(run_module, "test viewer")
    monkeypatch.setattr(run_module, "install", lambda extras: pytest.fail(f"installed {extras}"))
    run_module.set_up({"viewer"})


def test_more_extras_are_added_to_the_ones_that_are_there(run_module, monkeypatch):
    pretend_installed(run_module, "viewer")
    asked = []
    monkeypatch.setattr(run_module, "install", asked.append)
    run_module.set_up({"test"})
    assert asked == [{"viewer", "test"}]


def test_a_changed_version_list_rebuilds_the_environment(run_module, monkeypatch):
    pretend_installed(run_module, "viewer", fingerprint="of an older constraints.txt")
    steps = []
    monkeypatch.setattr(run_module, "make_environment", lambda: steps.append("new"))
    monkeypatch.setattr(run_module, "install", lambda extras: steps.append(sorted(extras)))
    run_module.set_up({"viewer"})
    assert steps == ["new", ["viewer"]]


def test_an_old_python_is_told_what_is_needed(run_module, monkeypatch):
    monkeypatch.setattr(run_module.sys, "version_info", (3, 9, 1))
    with pytest.raises(run_module.SetupError, match=r"Python 3\.10 or newer is needed"):
        run_module.set_up(set())


def test_a_too_new_python_is_told_what_still_works(run_module, monkeypatch):
    monkeypatch.setattr(run_module.sys, "version_info", (3, 14, 0))
    with pytest.raises(run_module.SetupError, match=r"3.10 to 3.13.*predict"):
        run_module.set_up({"viewer"})


def test_pips_last_words_and_the_offline_way_are_shown(run_module, monkeypatch):
    run_module.VENV.mkdir()
    failure = subprocess.CompletedProcess([], 1, stderr="line\n" * 20 + "ERROR: no such host\n")
    monkeypatch.setattr(run_module.subprocess, "run", lambda *_, **__: failure)
    with pytest.raises(run_module.SetupError, match=r"no such host(.|\n)*PIP_FIND_LINKS"):
        run_module.install({"viewer"})
    assert not run_module.STAMP.exists()


def test_without_venv_the_debian_package_is_named(run_module, monkeypatch):
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(run_module.SetupError, match=r"python3\.\d+-venv"):
        run_module.make_environment()


def test_help_names_the_two_commands():
    result = subprocess.run(
        [sys.executable, ROOT / "run.py"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert "python run.py demo" in result.stdout
    assert "python run.py test" in result.stdout


def test_run_py_needs_the_standard_library_only():
    code = f"import runpy, sys; runpy.run_path({str(ROOT / 'run.py')!r}, run_name='probe')"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)
    assert "fingerprint" in runpy.run_path(str(ROOT / "run.py"), run_name="probe")
