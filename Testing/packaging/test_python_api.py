"""The public names: they load late, their examples run, and their page is what they say."""

import doctest
import inspect
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import densesharp
from densesharp.resources import sample_path, sample_truth

API = runpy.run_path(str(Path(__file__).with_name("python_api.py")))
NAMES = (*API["FUNCTIONS"], *API["RECORDS"])


@pytest.fixture(scope="module")
def names_of_the_examples():
    volume = densesharp.read_volume(sample_path())
    seed = densesharp.Seed.from_ras(sample_truth()["nodules"][0]["center_ras"])
    engine = densesharp.open_engine(device="cpu", precision="fp32")
    return {
        "densesharp": densesharp, "np": np, "Path": Path, "sample_path": sample_path,
        "volume": volume, "seed": seed, "engine": engine,
        "result": densesharp.analyse(volume, seed, engine),
    }  # fmt: skip


def examples() -> list[doctest.DocTest]:
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = []
    for name in NAMES:
        value = getattr(densesharp, name)
        found += finder.find(value, name, module=inspect.getmodule(value), globs={})
    return [test for test in found if test.examples]


@pytest.mark.parametrize("test", examples(), ids=lambda test: test.name)
def test_the_examples_of_the_public_names_run(test, names_of_the_examples, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = []
    test.globs = dict(names_of_the_examples)
    options = doctest.ELLIPSIS
    result = doctest.DocTestRunner(optionflags=options).run(test, out=said.append)
    assert result.failed == 0, "".join(said)


def test_there_are_at_least_twenty_examples():
    assert sum(len(test.examples) for test in examples()) >= 20
    assert len(examples()) >= 20


def test_the_page_is_made_from_the_docstrings():
    written = API["PAGE"].read_text(encoding="utf-8")
    assert written == API["page"](), "run: python Testing/packaging/python_api.py --write"


def test_every_public_name_is_on_the_page():
    constants = {"CLASS_NAMES", "DenseSharpError", "__version__"}
    assert set(densesharp.__all__) == {*NAMES, *constants}


def test_the_functions_are_there_before_their_modules_are_loaded():
    code = (
        "import sys, densesharp\n"
        "assert 'densesharp.io' not in sys.modules\n"
        "assert set(densesharp.__all__) <= set(dir(densesharp))\n"
        "from densesharp import read_volume, AnalysisSettings\n"
        "assert 'densesharp.io' in sys.modules\n"
        "try:\n    densesharp.nonsense\n"
        "except AttributeError as error:\n    print(error)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == "module 'densesharp' has no attribute 'nonsense'\n"
