"""What goes over the wire: nothing lost, nothing more than the patch, nothing wrong gets in."""

import asyncio
import base64
import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from densesharp.errors import DeviceError
from densesharp.model.engines.interface import EngineOutput
from densesharp.nodule.patch import to_network_units
from densesharp.serve import messages as protocol
from densesharp.serve.client import RemoteEngine
from densesharp.serve.rate_limit import Metrics, RateLimit


def some_patches(count: int) -> np.ndarray:
    hu = np.random.default_rng(count).uniform(-1500, 1000, (count, 32, 32, 32))
    return to_network_units(hu)


@pytest.mark.parametrize("count", [1, 2, protocol.MAX_PATCHES])
def test_patches_arrive_as_they_were_sent_and_fit_the_limit(count):
    patches = some_patches(count)
    body = protocol.encode_patches(patches)
    assert len(body) < protocol.MAX_BYTES
    assert set(json.loads(body)) == {"patches"}
    np.testing.assert_array_equal(protocol.decode_patches(json.loads(body)["patches"]), patches)


def test_every_grey_level_survives():
    levels = np.arange(32**3, dtype=np.float32).reshape(1, 32, 32, 32) % 256 / 128 - 1
    body = json.loads(protocol.encode_patches(levels))
    np.testing.assert_array_equal(protocol.decode_patches(body["patches"]), levels)


def test_patches_that_would_change_on_the_way_are_not_sent():
    patches = some_patches(1)
    patches[0, 3, 3, 3] += 1e-3
    with pytest.raises(ValueError, match="grey levels"):
        protocol.encode_patches(patches)
    with pytest.raises(ValueError, match="1 to 16"):
        protocol.encode_patches(some_patches(17))


@given(
    st.one_of(st.text(), st.binary(max_size=200).map(lambda raw: base64.b64encode(raw).decode()))
)
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match=r"base64|whole patches"):
        protocol.decode_patches(text)


@given(st.integers(1, 3), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_answers_arrive_unchanged(count, members, seed):
    rng = np.random.default_rng(seed)
    shapes = ((3,), (4, 4, 4), (3, 2, 2, 2))
    output = EngineOutput(*(
        rng.normal(size=(count, members, *shape)).astype(np.float32) for shape in shapes
    ))  # fmt: skip
    read = protocol.decode_output(*protocol.encode_output(output))
    for sent, received in zip(output, read, strict=True):
        np.testing.assert_array_equal(received, sent)


@pytest.mark.parametrize(
    ("shapes", "body"),
    [
        ("", b""),
        ("[]", b""),
        ("{}", b""),
        ('{"logits": [1], "mask": [1], "activation": [1]}', b"1234"),
        ('{"logits": [1], "mask": [1], "activation": ["x"]}', b"1234" * 3),
    ],
)
def test_answers_that_do_not_fit_are_refused(shapes, body):
    with pytest.raises(ValueError, match=r".+"):
        protocol.decode_output(shapes, body)


async def answer_ok(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


def ask(guard, length: object = 10, client: str = "10.0.0.1", path: str = protocol.RUN_PATH):
    """Status and body that come back for one request."""
    events = []

    async def send(event):
        events.append(event)

    headers = [] if length is None else [(b"content-length", str(length).encode())]
    scope = {"type": "http", "path": path, "headers": headers, "client": (client, 1)}
    asyncio.run(guard(scope, None, send))
    return events[0]["status"], events[1]["body"]


def test_too_large_requests_and_such_without_a_size_are_refused():
    guard = RateLimit(answer_ok, Metrics(), rate=100)
    assert ask(guard, protocol.MAX_BYTES)[0] == 200
    assert ask(guard, protocol.MAX_BYTES + 1)[0] == 413
    assert ask(guard, None)[0] == 411
    assert ask(guard, "-1")[0] == 411


def test_one_computer_cannot_crowd_out_the_others():
    guard = RateLimit(answer_ok, Metrics(), rate=2)
    assert [ask(guard)[0] for _ in range(6)] == [200] * 4 + [429] * 2
    assert b"Too many requests" in ask(guard)[1]
    assert ask(guard, client="10.0.0.2")[0] == 200
    assert ask(guard, path=protocol.HEALTH_PATH)[0] == 200


def test_metrics_count_answers_and_times():
    metrics = Metrics()
    guard = RateLimit(answer_ok, metrics, rate=100)
    for _ in range(3):
        ask(guard)
    metrics.finished(503, 0.3)
    text = metrics.text()
    assert 'densesharp_requests_total{status="200"} 3' in text
    assert 'densesharp_requests_total{status="503"} 1' in text
    assert 'densesharp_request_seconds_bucket{le="0.25"} 3' in text
    assert 'densesharp_request_seconds_bucket{le="+Inf"} 4' in text
    assert "densesharp_requests_running 0" in text


def test_a_request_whose_worker_has_gone_is_given_back(monkeypatch):
    async def never(scope, receive, send):
        await asyncio.sleep(60)

    monkeypatch.setattr("densesharp.serve.rate_limit.ANSWER_S", 0.05)
    metrics = Metrics()
    assert ask(RateLimit(never, metrics, rate=100))[0] == 503
    assert metrics.answers[503] == 1
    assert metrics.running == 0


def test_a_client_needs_what_the_package_itself_imports_and_no_more():
    """A reader whose model runs on a server installs no torch, no OpenVINO, nothing."""
    code = (
        "import sys; before = set(sys.modules); import densesharp.serve.client\n"
        "names = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "print(*sorted(name for name in names - sys.stdlib_module_names if name[0] != '_'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    found = {name for name in done.stdout.split() if not name.startswith("swig_runtime")}
    assert found == {"densesharp", "numpy"}


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:99999", "http://127.0.0.1:abc", "http://127.0.0.1:0", "http://[::1",
        "http://" + "a" * 70, "http://a..b", "http://:8321", "ftp://host", "host:8321", "",
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_in_a_sentence(url):
    with pytest.raises(DeviceError, match="is no server address: write http://host:port") as caught:
        RemoteEngine(url, "key")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("key", ["sec\nret", "sec\r\nret", "secrét", "secret€", "sec\0ret"])
def test_a_key_that_cannot_be_sent_is_refused_and_not_shown(key):
    with pytest.raises(DeviceError, match="cannot be sent") as caught:
        RemoteEngine("http://127.0.0.1:9", key)
    error: BaseException | None = caught.value
    while error is not None:
        assert "sec" not in str(error)
        error = error.__cause__ or error.__context__


def test_white_space_around_address_and_key_is_taken_off(monkeypatch):
    sent = []

    def listen(self, method, path, body=None, headers=None):
        sent.append((self.host, headers[protocol.KEY_HEADER]))
        raise ConnectionRefusedError

    monkeypatch.setattr("http.client.HTTPConnection.request", listen)
    with pytest.raises(DeviceError, match="cannot be reached"):
        RemoteEngine(" http://127.0.0.1:9\n", " a long secret\r\n")
    assert sent == [("127.0.0.1", "a long secret")]
