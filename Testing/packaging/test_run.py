"""run.py: what it decides before it installs or runs anything."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import densesharp

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


def note_steps(module, monkeypatch) -> list:
    """What would be made and installed, instead of doing it."""
    steps = []
    monkeypatch.setattr(module, "make_environment", lambda: steps.append("new"))
    monkeypatch.setattr(
        module, "install", lambda extras, new, basic: steps.append((extras, new, basic))
    )
    return steps


def test_nothing_is_installed_twice(run_module, monkeypatch):
    pretend_installed(run_module, "test viewer")
    steps = note_steps(run_module, monkeypatch)
    run_module.set_up({"viewer"})
    assert steps == []


def test_install_says_at_its_end_what_is_there(run_module, capsys):
    pretend_installed(run_module, "study viewer")
    assert run_module.main(["install", "viewer"]) == 0
    assert "the basic packages, study, viewer\n" in capsys.readouterr().out


def test_more_extras_are_added_to_the_ones_that_are_there(run_module, monkeypatch):
    pretend_installed(run_module, "viewer")
    steps = note_steps(run_module, monkeypatch)
    run_module.set_up({"test"})
    assert steps == [({"viewer", "test"}, {"test"}, False)]


def test_a_changed_version_list_mends_the_environment(run_module, monkeypatch):
    machine = run_module.fingerprint().split(" ")[0]
    pretend_installed(run_module, "viewer", fingerprint=f"{machine} older-constraints")
    steps = note_steps(run_module, monkeypatch)
    run_module.set_up(set())
    assert steps == [({"viewer"}, set(), False)]


def test_another_python_or_folder_makes_the_environment_anew(run_module, monkeypatch):
    packages = run_module.fingerprint().split(" ")[1]
    pretend_installed(run_module, "viewer", fingerprint=f"another-machine {packages}")
    steps = note_steps(run_module, monkeypatch)
    run_module.set_up({"report"})
    assert steps == ["new", ({"report"}, {"report"}, True)]


@pytest.mark.parametrize(
    ("line", "extras"),
    [("demo", {"viewer"}), ("demo --no-viewer", set()), ("predict ct.nrrd", set()),
     ("train set --out run", {"train"}), ("train --help", set()),
     ("study new trial", {"study"}), ("study new trial --page", {"study", "viewer"}),
     ("study read trial --reader A", {"study", "viewer"}), ("study analyze t", {"study"}),
     ("cohort list.csv --out o", set()), ("cohort list.csv --dask tcp://a:1", {"cohort"}),
     ("install", set()), ("install train report", {"train", "report"})],
)  # fmt: skip
def test_a_command_brings_what_it_needs(run_module, line, extras):
    assert run_module.wanted_extras(line.split()) == extras


def test_the_tests_and_all_bring_everything(run_module):
    everything = run_module.wanted_extras(["install", "all"])
    assert {"viewer", "train", "study", "serve", "docs"} <= everything
    assert run_module.wanted_extras(["test"]) == everything | {"test"}


def test_an_unknown_extra_is_named_with_the_known_ones(run_module):
    with pytest.raises(run_module.SetupError, match=r"'trian' is none of: .*train"):
        run_module.wanted_extras(["install", "trian"])


def test_a_command_runs_in_the_callers_folder_and_gives_its_status(run_module, monkeypatch):
    ran = []

    def note(command, folder):
        ran.append((command[1:], folder))
        return 2

    monkeypatch.setattr(run_module, "set_up", lambda _: None)
    monkeypatch.setattr(run_module, "wait_for", note)
    assert run_module.main(["predict", "CT.nrrd", "--out", "here"]) == 2
    assert ran == [(["-m", "densesharp", "predict", "CT.nrrd", "--out", "here"], None)]


def test_the_version_needs_no_set_up():
    result = subprocess.run(
        [sys.executable, ROOT / "run.py", "--version"], capture_output=True, text=True, check=True
    )
    assert result.stdout == f"densesharp {densesharp.__version__}\n"


def test_what_is_installed_is_said_with_its_size_and_apart_from_stdout(
    run_module, monkeypatch, capfd
):
    run_module.VENV.mkdir()
    commands = []
    monkeypatch.setattr(run_module, "pip", lambda command: commands.append(command) or 0)
    run_module.install({"viewer", "train"}, {"train"}, basic=False)
    out, said = capfd.readouterr()
    assert out == ""
    assert re.search(r"Setting up training in .* about 1200 MB", said)
    (command,) = commands
    assert command[-1] == ".[train,viewer]"
    assert "--quiet" not in command
    assert run_module.installed_extras() is None  # no Python in it yet
    run_module.PYTHON.touch()
    assert run_module.installed_extras() == ({"train", "viewer"}, True)


def test_an_old_python_is_told_what_is_needed(run_module, monkeypatch, capsys):
    monkeypatch.setattr(run_module.sys, "version_info", (3, 9, 1))
    assert run_module.main(["demo"]) == 2
    assert "Python 3.10 or newer is needed" in capsys.readouterr().err


def test_a_too_new_python_is_told_what_still_works(run_module, monkeypatch):
    monkeypatch.setattr(run_module.sys, "version_info", (3, 14, 0))
    with pytest.raises(run_module.SetupError, match=r"3.10 to 3.13.*other commands work"):
        run_module.set_up({"viewer"})


@pytest.mark.parametrize(
    ("system", "machine", "refused"),
    [("darwin", "x86_64", {"viewer", "train", "serve", "torch"}), ("darwin", "arm64", set()),
     ("linux", "aarch64", {"viewer"}), ("linux", "x86_64", set()), ("win32", "AMD64", set())],
)  # fmt: skip
def test_what_has_no_build_for_a_computer_is_said_before_pip_fails(
    run_module, monkeypatch, system, machine, refused
):
    table = runpy.run_path(str(run_module.TABLE))
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert {name for name in table["EXTRAS"] if table["unavailable"]([name])} == refused


def test_where_pip_fails_the_offline_way_is_shown(run_module, monkeypatch):
    run_module.VENV.mkdir()
    monkeypatch.setattr(run_module, "pip", lambda _: 1)
    with pytest.raises(run_module.SetupError, match=r"pip's own words(.|\n)*PIP_FIND_LINKS"):
        run_module.install({"viewer"}, {"viewer"}, basic=True)
    assert not run_module.STAMP.exists()


def test_pip_speaks_on_stderr_and_not_of_what_is_there_already(run_module, capfd):
    code = "print('Requirement already satisfied: numpy'); print('Downloading torch (190 MB)')"
    assert run_module.pip([sys.executable, "-c", code]) == 0
    assert run_module.pip([sys.executable, "-c", "raise SystemExit(3)"]) == 3
    out, said = capfd.readouterr()
    assert out == ""
    assert said == "Downloading torch (190 MB)\n"


def test_without_venv_the_debian_package_is_named(run_module, monkeypatch):
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(run_module.SetupError, match=r"python3\.\d+-venv"):
        run_module.make_environment()


@pytest.mark.parametrize(
    "fault",
    [PermissionError(13, "Permission denied"), OSError(28, "No space left on device"),
     subprocess.CalledProcessError(1, ["ensurepip"])],
)  # fmt: skip
def test_an_environment_that_cannot_be_made_is_one_sentence(fault, run_module, monkeypatch, capsys):
    def fail(*_args, **_more):
        raise fault

    monkeypatch.setattr("venv.create", fail)
    assert run_module.main(["doctor"]) == 2
    said = capsys.readouterr().err
    assert f"{run_module.VENV} cannot be made" in said
    assert said.count("\n") == 1


def test_every_check_runs_and_the_long_searches_when_asked(run_module):
    normal, full = run_module.test_commands([]), run_module.test_commands(["--full"])
    (tests,) = normal
    assert tests[2] == "pytest"
    assert "--durations=25" in tests
    assert full[0] == [*tests, "--full", "--cov", "--cov-report=term"]
    assert full[1:] == [[str(run_module.PYTHON), "Testing/panel/covered_lines.py"]]
    assert [each[2] for each in run_module.check_commands()] == ["ruff", "ruff", "mypy"]


def test_other_arguments_go_to_pytest_alone(run_module):
    arguments = ["--full", "-q", "Testing/core"]
    assert run_module.test_commands(arguments) == [
        [str(run_module.PYTHON), "-m", "pytest", *arguments]
    ]


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
