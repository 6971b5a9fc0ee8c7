"""A server and its client over real sockets: same numbers, clear refusals, nothing lost."""

import http.client
import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest
from live_server import KEY, free_port, group_of, inference_workers, live_server

from densesharp.errors import DeviceError, ModelError
from densesharp.model.architecture import Architecture
from densesharp.model.engines import available_cores, open_engine
from densesharp.model.model_file import PAPER_CLASSES, ModelCard, load_model, save_model
from densesharp.nodule.patch import to_network_units
from densesharp.serve import messages as protocol
from densesharp.serve.client import RemoteEngine

pytest.importorskip("litserve", reason="the extra 'serve' is not installed")


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    """Two random members of a small network."""
    architecture = Architecture(growth=2, bottleneck=2, blocks=(1, 1, 1), stem=4)
    rng = np.random.default_rng(3)
    members = [
        {
            name: rng.uniform(0.3, 0.8, shape).astype(np.float32)
            if "running_var" in name
            else rng.normal(0, 0.3, shape).astype(np.float32)
            for name, shape in architecture.tensor_shapes().items()
        }
        for _ in range(2)
    ]
    path = tmp_path_factory.mktemp("model") / "small.safetensors"
    card = ModelCard("small", "nothing", architecture, members=2, classes=PAPER_CLASSES)
    save_model(path, members, card)
    return path


@pytest.fixture(scope="module")
def server(model_file):
    port = free_port()
    with live_server(model_file, port) as process:
        yield f"http://127.0.0.1:{port}", process


@pytest.fixture
def url(server):
    return server[0]


def some_patches(count: int, seed: int = 0) -> np.ndarray:
    hu = np.random.default_rng(seed).uniform(-1100, 500, (count, 32, 32, 32))
    return to_network_units(hu)


def raw(url: str, method: str, path: str, body: bytes | None = None, **headers: str):
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    connection.request(
        method,
        path,
        body,
        {"X-API-Key": KEY, "Content-Type": "application/json"}
        | {name.replace("_", "-"): value for name, value in headers.items()},
    )
    reply = connection.getresponse()
    text = reply.read()
    connection.close()
    return reply.status, text


@pytest.mark.parametrize("count", [1, 5, 20])
def test_the_server_gives_what_the_model_gives_here(url, model_file, count):
    local = open_engine(load_model(model_file), "cpu", threads=available_cores())
    remote = RemoteEngine(url, KEY)
    assert remote.model.sha256 == local.model.sha256
    assert remote.model.card == local.model.card
    patches = some_patches(count)
    for here, there in zip(local.run(patches), remote.run(patches), strict=True):
        np.testing.assert_allclose(there, here, rtol=0, atol=1e-6)


def test_many_clients_get_each_their_own_answer(url, model_file):
    local = open_engine(load_model(model_file), "cpu", threads=available_cores())

    def ask(number: int) -> None:
        remote = RemoteEngine(url, KEY)
        patches = some_patches(1 + number % 3, number)
        np.testing.assert_allclose(
            remote.run(patches).logits, local_logits[number], rtol=0, atol=1e-5
        )

    local_logits = [local.run(some_patches(1 + n % 3, n)).logits for n in range(24)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(24)))


def test_a_request_holds_nothing_but_grey_levels(url, monkeypatch):
    sent = []
    original = http.client.HTTPConnection.request

    def listen(self, method, path, body=None, headers=None):
        sent.append((body, headers))
        return original(self, method, path, body, headers)

    monkeypatch.setattr(http.client.HTTPConnection, "request", listen)
    RemoteEngine(url, KEY).run(some_patches(1))
    body, headers = sent[-1]
    assert set(json.loads(body)) == {"patches"}
    assert set(headers) == {
        "Content-Type", "X-DenseSharp-Schema", "X-DenseSharp-Model", "X-API-Key"
    }  # fmt: skip


@pytest.mark.parametrize("key", [None, "", "wrong", "ä"])
@pytest.mark.parametrize("path", ["/v1/info", "/v1/health", "/v1/metrics"])
def test_nothing_is_told_without_the_key(url, key, path):
    headers = {"X-API-Key": (key or "").encode().decode("latin-1")} if key is not None else {}
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    connection.request("GET", path, headers=headers)
    assert connection.getresponse().status == 401
    connection.close()


def test_a_client_without_the_key_is_told_so(url):
    with pytest.raises(DeviceError, match="wants an API key"):
        RemoteEngine(url)


def test_another_model_or_version_is_refused(url, model_file):
    body = protocol.encode_patches(some_patches(1))
    sha256 = load_model(model_file).sha256
    run = protocol.RUN_PATH
    status, text = raw(url, "POST", run, body, X_DenseSharp_Schema="1")
    assert (status, b"runs model" in text) == (409, True)
    status, text = raw(url, "POST", run, body, X_DenseSharp_Schema="2", X_DenseSharp_Model=sha256)
    assert (status, b"protocol version 1, not 2" in text) == (400, True)
    with pytest.raises(ModelError, match="not the one asked for"):
        RemoteEngine(url, KEY, sha256="f" * 64)
    remote = RemoteEngine(url, KEY)
    object.__setattr__(remote.model, "sha256", "f" * 64)
    with pytest.raises(ModelError, match="runs another model now"):
        remote.run(some_patches(1))


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"{}", b'{"patches": 3}', b'{"patches": "AAAA"}', b'{"patches": "\xff"}'],
)
def test_broken_requests_are_refused_and_the_next_one_runs(url, model_file, body):
    sha256 = load_model(model_file).sha256
    status, text = raw(
        url, "POST", protocol.RUN_PATH, body, X_DenseSharp_Schema="1", X_DenseSharp_Model=sha256
    )
    assert status == 400
    assert "detail" in json.loads(text)
    assert len(RemoteEngine(url, KEY).run(some_patches(1)).logits) == 1


def test_too_large_requests_are_refused(url):
    with socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])), 30) as connection:
        head = f"POST {protocol.RUN_PATH} HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\n"
        size = protocol.MAX_BYTES + 1
        connection.sendall(f"{head}Content-Length: {size}\r\n\r\n".encode())
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"larger than" in answer


def test_health_info_and_metrics(url):
    RemoteEngine(url, KEY).run(some_patches(1))
    assert raw(url, "GET", protocol.HEALTH_PATH) == (200, b"ok")
    info = json.loads(raw(url, "GET", protocol.INFO_PATH)[1])["model"]
    assert (info["schema"], info["card"]["name"]) == (1, "small")
    text = raw(url, "GET", protocol.METRICS_PATH)[1].decode()
    answered = int(re.search(r'requests_total\{status="200"\} (\d+)', text)[1])
    assert answered >= 1


def test_nothing_is_lost_when_a_worker_is_killed(server):
    url, process = server
    RemoteEngine(url, KEY).run(some_patches(1))
    finished = []

    def reader(number: int) -> None:
        remote = RemoteEngine(url, KEY, timeout=120)
        for turn in range(6):
            patches = some_patches(2, 100 * number + turn)
            finished.append((number, turn, len(remote.run(patches).logits)))
            time.sleep(0.05)

    before = inference_workers(process)
    assert len(before) == 1
    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(reader, number) for number in range(4)]
        time.sleep(0.15)
        os.kill(before[0], signal.SIGKILL)
        for each in running:
            each.result(timeout=300)
    assert sorted(finished) == [(number, turn, 2) for number in range(4) for turn in range(6)]
    assert inference_workers(process) != before


def test_a_server_that_is_down_is_named(model_file):
    with pytest.raises(
        DeviceError, match=r"127\.0\.0\.1:\d+ cannot be reached: check that it runs"
    ):
        RemoteEngine(f"http://127.0.0.1:{free_port()}")


@pytest.mark.parametrize("url", ["", "hello", "ftp://x", "http://", "file:///etc/passwd"])
def test_what_is_no_address_is_refused(url):
    with pytest.raises(DeviceError, match="is no server address"):
        RemoteEngine(url)


def test_a_server_that_does_not_answer_is_given_up(monkeypatch):
    monkeypatch.setattr("densesharp.serve.client.ATTEMPTS", 1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(DeviceError, match=r"did not answer within 0\.2 seconds"):
            RemoteEngine(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.2)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html>hello</html>", "is no DenseSharp server"),
        (b'{"model": {"schema": 2}}', "speaks protocol version 2, this program 1"),
        (b'{"model": {"schema": 1}}', "no description of its model"),
        (b"null", "is no DenseSharp server"),
    ],
)
def test_other_servers_and_versions_are_told_apart(body, words):
    with answering((200, body)) as address, pytest.raises(DeviceError, match=words):
        RemoteEngine(address)


def test_a_busy_server_is_asked_again(monkeypatch):
    monkeypatch.setattr("densesharp.serve.client.time.sleep", lambda _: None)
    good = (200, b'{"model": {"schema": 2}}')
    with (
        answering((503, b""), (503, b""), good) as address,
        pytest.raises(DeviceError, match="speaks protocol version 2"),
    ):
        RemoteEngine(address)
    with answering(good, (503, b"")) as address, pytest.raises(DeviceError, match="version 2"):
        RemoteEngine(address)


@contextmanager
def answering(*answers: tuple[int, bytes]):
    """The address of a server with these answers, one after the other; the last one stays."""
    left = list(answers)

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, body = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    clean = {name: value for name, value in os.environ.items() if "DENSESHARP" not in name}
    return subprocess.run(
        [sys.executable, "-m", "densesharp", "serve", *arguments],
        env=clean | environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_other_computers_need_a_key(model_file):
    ended = command("--host", "0.0.0.0", "--model", str(model_file))
    assert ended.returncode == 2
    assert "needs an API key" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_server_refuses_a_key_that_no_client_can_send(model_file):
    ended = command("--model", str(model_file), DENSESHARP_SERVER_KEY="schlüssel")
    assert ended.returncode == 2
    assert "cannot be sent" in ended.stderr
    assert "schl" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_port_in_use_is_named(server, model_file):
    port = server[0].rsplit(":", 1)[1]
    ended = command("--port", port, "--model", str(model_file), "--device", "cpu")
    assert ended.returncode == 2
    assert f"Port {port} cannot be used" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_stopping_leaves_no_process_behind(model_file, number):
    """Nor does `kill -9`, of which the server cannot tell its processes."""
    with live_server(model_file, free_port()) as process:
        assert len(group_of(process)) >= 3
        process.send_signal(number)
        process.wait(60)
        for _ in range(300):
            if not group_of(process):
                break
            time.sleep(0.1)
        assert group_of(process) == {}


@pytest.mark.skipif(shutil.which("ab") is None, reason="Debian package apache2-utils is absent")
@pytest.mark.parametrize("clients", [1, 8])
def test_an_outside_load_tool_loses_no_request(url, model_file, tmp_path, clients):
    (tmp_path / "body.json").write_bytes(protocol.encode_patches(some_patches(1)))
    told = subprocess.run(
        ["ab", "-n", "64", "-c", str(clients), "-k", "-p", tmp_path / "body.json",
         "-T", "application/json", "-H", f"X-API-Key: {KEY}", "-H", "X-DenseSharp-Schema: 1",
         "-H", f"X-DenseSharp-Model: {load_model(model_file).sha256}", url + protocol.RUN_PATH],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert re.search(r"Complete requests:\s+64\b", told.stdout)
    assert re.search(r"Failed requests:\s+0\b", told.stdout)
    assert "Non-2xx" not in told.stdout
