"""Files as accidents leave them: bytes changed, cut, inserted or removed, JSON with odd values.

And a disk that is full.
"""

import contextlib
import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from densesharp.errors import DenseSharpError

Plan = list[tuple[str, float, bytes]]

changes = st.lists(
    st.tuples(
        st.sampled_from(["set", "set", "set", "cut", "insert", "remove", "digit"]),
        st.floats(0, 1, exclude_max=True),
        st.one_of(
            st.binary(min_size=1, max_size=6),
            st.sampled_from([b",", b"\n", b'"', b";", b"nan", b"1e999", b"-"]),
        ),
    ),
    min_size=1,
    max_size=6,
)
calm = settings(
    max_examples=settings.default.max_examples // 2,  # each reads a file
    deadline=60_000,  # a hang, not a busy machine
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


def mutate(raw: bytes, plan: Plan, first: int | None = None) -> bytes:
    """Change, cut, insert or remove bytes; `first` limits the places to the header."""
    data = bytearray(raw)
    for what, where, value in plan:
        at = int(where * min(len(data), first or len(data)))
        if what == "set":
            data[at : at + len(value)] = value
        elif what == "cut":
            del data[at:]
        elif what == "insert":
            data[at:at] = value
        elif what == "remove":
            del data[at : at + len(value)]
        else:
            digits = [n for n, byte in enumerate(data[: first or None]) if chr(byte).isdigit()]
            if digits:
                data[digits[int(where * len(digits))]] = ord("0") + value[0] % 10
    return bytes(data)


@contextlib.contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file that this process writes can become larger than some bytes."""
    resource = pytest.importorskip("resource", reason="files have no limit of size here")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


ODD = [None, True, -1, 0, 1e308, float("nan"), float("inf"), "", "x", [], {}, [1, 2], {"a": 1}]
rewrites = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.sampled_from([*ODD, KeyError])),
    min_size=1,
    max_size=3,
)


def rewrite(raw: bytes, plan: list[tuple[float, object]]) -> bytes:
    """Replace values anywhere in a JSON document by odd ones, or remove them (`KeyError`)."""
    document = json.loads(raw)
    for where, value in plan:
        places = list(_places(document))
        container, key = places[int(where * len(places))]
        if value is KeyError:
            del container[key]
        else:
            container[key] = copy.deepcopy(value)
        if not document:
            break
    return json.dumps(document).encode()


def _places(value):
    keys = value if isinstance(value, dict) else range(len(value) if isinstance(value, list) else 0)
    for key in list(keys):
        yield value, key
        yield from _places(value[key])


def stays_calm(path: Path, read: Callable[[], object], as_json: bool = False) -> None:
    """Check that whatever happens to a file, reading it gives a result or one sentence."""
    kept = path.read_bytes()
    read()
    plans = st.one_of(changes, rewrites) if as_json else changes

    @calm
    @given(plans)
    def check(plan):
        path.write_bytes(mutate(kept, plan) if len(plan[0]) == 3 else rewrite(kept, plan))
        said = "it could be read"
        try:
            read()
        except DenseSharpError as error:
            said = str(error)
        assert said.strip()

    check()
    path.write_bytes(kept)
