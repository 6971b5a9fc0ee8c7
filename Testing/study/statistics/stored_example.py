"""The example study's results and tables as they were stored, to show that nothing changed them.

`python Testing/study/statistics/stored_example.py` stores them again after a change that was meant.
"""

import io
import re
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

STORED = Path(__file__).with_name("stored_example.tar.xz")

_NUMBER = re.compile(r"-?\d+\.?\d*(?:e-?\d+)?")
_PICTURE = re.compile(r"base64,[^\"]+|max-width: \d+px")
_VERSION = re.compile(r'("version": |densesharp )"?[\w.+]+"?')


def written(out: Path) -> dict[str, str]:
    """File -> text of a results folder: results, tables, the figures' numbers, the page's text."""
    names = ["results.json", "report.html"]
    names += sorted(p.relative_to(out).as_posix() for p in out.glob("*/*.csv"))
    texts = {name: (out / name).read_text(encoding="utf-8") for name in names}
    texts["report.html"] = _PICTURE.sub("", texts["report.html"])
    return {name: _VERSION.sub(r"\1", text) for name, text in texts.items()}


def stored() -> dict[str, str]:
    """The same as it was stored."""
    with tarfile.open(STORED) as archive:
        return {
            member.name: file.read().decode()
            for member in archive
            if (file := archive.extractfile(member)) is not None
        }


def differences(now: str, before: str) -> Iterator[str]:
    """Where two texts differ; numbers may differ as processors and libraries round."""
    if _NUMBER.sub("#", now) != _NUMBER.sub("#", before):
        pairs = zip(now.splitlines(), before.splitlines(), strict=False)
        yield next(
            (f"{b!r} became {n!r}" for n, b in pairs if _NUMBER.sub("#", n) != _NUMBER.sub("#", b)),
            "lines were added or lost",
        )
        return
    for one, other in zip(_NUMBER.findall(now), _NUMBER.findall(before), strict=True):
        if one != other and abs(float(one) - float(other)) > 1e-6 * max(abs(float(other)), 1e-3):
            yield f"{other} became {one}"


def store() -> None:
    """Analyse the example as the tests do and store what is written."""
    from example_study import write_example
    from study_run import run

    with tempfile.TemporaryDirectory() as scratch:
        base = Path(scratch)
        export = write_example(base, cases=36, masks=6)
        options = ("--truth", base / "truth.csv", "--out", base / "out", "--dice-margin", 0.05)
        run("analyze", export, *options)
        with tarfile.open(STORED, "w:xz", preset=9) as archive:
            for name, text in written(base / "out").items():
                content = _shorter(text).encode()
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))


def _shorter(text: str) -> str:
    """Long numbers with eight digits, more than are compared."""

    def eight(found: re.Match[str]) -> str:
        number = found.group()
        return f"{float(number):.8g}" if re.search(r"\.\d{8}", number) else number

    return _NUMBER.sub(eight, text)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    store()
