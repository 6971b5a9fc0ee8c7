"""What a command needs beside the basic packages: known, said before it runs, and enough."""

import ast
import importlib.util
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from densesharp.cli import COMMANDS, command_module, main
from densesharp.cli.extras import EXTRAS, NEEDS, how_to_get, missing, needed, not_installed
from densesharp.cli.study import SUBCOMMANDS

ROOT = Path(__file__).resolve().parents[2]

COMPLETE = {  # a command line that argparse accepts, for every command that needs more
    "view": "view", "report": "report folder", "simulate": "simulate --out set",
    "dataset": "dataset t.csv --out set", "evaluate": "evaluate set --out o",
    "combine": "combine a b --out m --calibrate set --trained-on x", "train": "train set --out run",
    "explore": "explore set --out o", "import-keras": "import-keras w.h5 --out m",
    "study": "study analyze t --out o", "study read": "study read t --reader A",
    "mrmc": "mrmc r.csv", "agree": "agree r.csv", "serve": "serve",
    "completion": "completion bash",
}  # fmt: skip


@pytest.fixture
def without(monkeypatch):
    """Make the modules of an extra look as if they were not installed."""

    def hide(*names: str) -> None:
        hidden = {module for name in names for module in EXTRAS[name].modules}
        found = importlib.util.find_spec
        monkeypatch.setattr(
            "importlib.util.find_spec",
            lambda name, *rest: None if name in hidden else found(name, *rest),
        )

    return hide


@pytest.mark.parametrize("command", COMPLETE)
def test_a_command_without_its_packages_gives_the_line_to_type(command, without, capsys):
    without(*NEEDS[command])
    assert main(COMPLETE[command].split()) == 2
    said = capsys.readouterr().err
    typed = COMPLETE[command].split()[: 2 if command.startswith("study") else 1]
    assert said.startswith(f"densesharp: '{' '.join(typed)}' needs packages that are not installed")
    assert said.count("\n") == 2
    line = said.splitlines()[1]
    assert "run.py" in line or "-m pip install" in line


def test_every_command_with_needs_is_tried_here():
    assert set(COMPLETE) == set(NEEDS) - {"demo"}


def test_a_wrong_command_line_is_said_before_packages_are_asked_for(without, capsys):
    without("train")
    with pytest.raises(SystemExit):
        main(["train"])
    assert "--out" in capsys.readouterr().err


def test_in_a_checkout_the_line_runs_the_command_too(monkeypatch):
    monkeypatch.setattr(sys, "prefix", str(ROOT / ".venv"))
    assert how_to_get(["train"], ["train", "my set"]) == f"python {ROOT / 'run.py'} train 'my set'"


def test_on_windows_the_line_is_quoted_for_its_console(monkeypatch):
    monkeypatch.setattr(sys, "prefix", str(ROOT / ".venv"))
    monkeypatch.setattr(sys, "platform", "win32")
    assert how_to_get(["train"], ["train", "my set"]).endswith(' train "my set"')


def test_elsewhere_the_line_names_the_packages_themselves(monkeypatch):
    monkeypatch.setattr(sys, "prefix", "/somewhere")
    line = how_to_get(["explore"])
    assert line.startswith(f'"{sys.executable}" -m pip install ')
    assert '"plotly>=6.0"' in line
    assert "densesharp[" not in line


def test_the_viewer_on_a_too_new_python_is_said_to_have_no_build(without, monkeypatch):
    without("viewer")
    monkeypatch.setattr(sys, "version_info", (3, 14, 0))
    assert "Python 3.10 to 3.13" in not_installed(["view"])


def test_every_extra_of_the_project_is_in_the_table_and_installs_its_modules():
    """The modules that are looked for come with the packages that the extra names."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    block = text.partition("[project.optional-dependencies]\n")[2].partition("\n[")[0]
    block = re.sub(r"(?m)^#.*\n", "", block)
    extras = {}
    for part in block.split("]\n"):
        name, equals, value = part.partition(" = [")
        if equals:
            extras[name.strip()] = ast.literal_eval("[" + value + "]")
    assert set(extras) - {"test"} == set(EXTRAS)
    providers = metadata.packages_distributions()
    for name, extra in EXTRAS.items():
        wanted = {Requirement(one).name.lower().replace("_", "-") for one in extras[name]}
        for module in extra.modules:
            if module in providers:
                found = {one.lower().replace("_", "-") for one in providers[module]}
                assert found & wanted, f"{name} does not install {module}"


def test_help_and_the_demo_without_viewer_need_nothing():
    assert needed(["study", "read", "--help"]) == ()
    assert needed(["demo", "--no-viewer"]) == ()
    assert needed([]) == ()


BLOCKED = """
import sys, importlib
blocked, modules = {blocked!r}, {modules!r}
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocker())
for module in modules:
    importlib.import_module(module)
"""


def core_imports(name: str) -> list[str]:
    """The modules of this package that a command's module imports when it runs."""
    spec = importlib.util.find_spec(name)
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    found = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return sorted(one for one in found if one and one.startswith("densesharp."))


def lines_by_extras() -> dict[tuple[str, ...], list[str]]:
    groups: dict[tuple[str, ...], list[str]] = {}
    for line in [*(c for c in COMMANDS if c != "study"), *(f"study {s}" for s in SUBCOMMANDS)]:
        groups.setdefault(needed(line.split()), []).append(line)
    return groups


@pytest.mark.parametrize("extras", lines_by_extras(), ids="+".join)
def test_what_commands_import_comes_with_their_extras(extras):
    own = {module for extra in extras for module in EXTRAS[extra].modules}
    if "viewer" in extras:
        own |= {"jinja2", "reportlab"}
    everything = {module for extra in EXTRAS.values() for module in extra.modules}
    lines = lines_by_extras()[extras]
    modules = [
        m for line in lines for m in core_imports(command_module(line.replace(" ", ".")).__name__)
    ]
    code = BLOCKED.format(blocked=everything - own, modules=sorted(set(modules)))
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr[-400:]


def test_missing_names_what_cannot_be_imported(without):
    without("serve")
    assert missing("serve") == ["litserve", "torch"]


def test_the_doctor_says_of_each_extra_what_it_is_for_and_how_to_get_it(without):
    from densesharp.cli.doctor import extras

    without("study", "viewer")
    found = {finding.part.removeprefix("extra "): finding for finding in extras()}
    assert set(found) == set(EXTRAS)
    for name, finding in found.items():
        assert finding.text.startswith(EXTRAS[name].what)
    assert "mrmc" in found["study"].text
    assert found["study"].state == "note"
    assert "not installed, about 360 MB; " in found["study"].text
    assert "run.py" in found["study"].text or "pip install" in found["study"].text


def test_the_doctor_says_whether_the_viewer_can_draw(without, monkeypatch):
    from densesharp.cli import doctor

    monkeypatch.setattr(sys, "platform", "linux")
    for loads, said in ((True, "ok"), (False, "problem")):
        monkeypatch.setattr(doctor, "loads", lambda _, answer=loads: answer)
        assert [finding.state for finding in doctor.graphics()] == [said]
    monkeypatch.setattr(sys, "platform", "win32")  # which draws without more libraries
    assert [finding.state for finding in doctor.graphics()] == ["ok"]
    without("viewer")
    assert list(doctor.graphics()) == []


def test_a_library_is_there_or_not():
    from densesharp.cli.doctor import loads

    assert not loads("libno-such-library.so")
    assert loads("kernel32" if sys.platform == "win32" else "libSystem.dylib" if
                 sys.platform == "darwin" else "libc.so.6")  # fmt: skip


@pytest.mark.parametrize(
    ("system", "gpu", "extra", "cpu_build"),
    [
        ("linux", None, "train", True), ("linux", None, "serve", True),
        ("linux", "/usr/bin/nvidia-smi", "train", False), ("linux", None, "explore", False),
        ("win32", None, "train", False), ("darwin", None, "torch", False),
    ],
)  # fmt: skip
def test_without_a_gpu_pip_takes_the_build_for_processors(
    monkeypatch, system, gpu, extra, cpu_build
):
    """On Linux pip's own choice brings several GB for NVIDIA's GPUs."""
    monkeypatch.setattr("sys.prefix", "/elsewhere")
    monkeypatch.setattr("sys.platform", system)
    monkeypatch.setattr("shutil.which", lambda _: gpu)
    line = how_to_get([extra])
    assert line.endswith(" --extra-index-url https://download.pytorch.org/whl/cpu") == cpu_build
    assert ('"torch>=' in line) == (extra != "explore")
