"""Attacks on a running viewer: each must meet a closed door."""

import asyncio
import gc
import io
import json

import aiohttp
import pytest
from wslink.chunking import UnChunker, generate_chunks

from densesharp_viewer.page_app import unless_page_left


@pytest.fixture(scope="module")
def cookie(served):
    """What a browser that opened the right address holds."""

    async def greet():
        async with (
            aiohttp.ClientSession() as session,
            session.get(served.url, allow_redirects=False) as answer,
        ):
            return {name: morsel.value for name, morsel in answer.cookies.items()}

    return asyncio.run(greet())


class Client:
    """Speaks the viewer's protocol without a browser."""

    def __init__(self, socket) -> None:
        self._socket, self._numbers = socket, iter(range(1, 10**6))
        self._unchunk = UnChunker()
        self._unchunk.set_max_message_size(64 * 2**20)

    async def call(self, method, *args, rpc="rpc:c0", kwargs=None):
        """Returns (result, error) of a remote call."""
        number = f"{rpc}:{next(self._numbers)}"
        message = {
            "wslink": "1.0", "id": number, "method": method, "args": list(args),
            "kwargs": kwargs or {},
        }  # fmt: skip
        for chunk in generate_chunks(_pack(message), 10**6):
            await self._socket.send_bytes(chunk)
        while True:
            received = await asyncio.wait_for(self._socket.receive(), 20)
            if received.type != aiohttp.WSMsgType.BINARY:
                raise ConnectionError(received.type)
            answer = self._unchunk.process_chunk(received.data)
            if answer is not None and answer.get("id") == number:
                return answer.get("result"), answer.get("error")


def _pack(message):
    import msgpack

    return msgpack.packb(message)


def connected(served, cookie, work, secret=None):
    """Connects as the page does, says hello, and runs `work(client)`."""

    async def run():
        headers = {"Origin": served.base}
        async with aiohttp.ClientSession(cookies=cookie) as session:
            url = served.base.replace("http", "ws") + "/ws"
            for _ in range(40):
                try:
                    socket = await session.ws_connect(url, headers=headers, max_msg_size=0)
                    break
                except aiohttp.WSServerHandshakeError as error:
                    if error.status != 409:
                        raise
                    await asyncio.sleep(0.2)
            async with socket:
                client = Client(socket)
                hello = await client.call(
                    "wslink.hello", {"secret": secret or served.token}, rpc="system:c0"
                )
                return hello, await work(client) if work else None

    return asyncio.run(run())


def status(served, path="/", method="GET", **kwargs):
    async def ask():
        async with (
            aiohttp.ClientSession(cookies=kwargs.pop("cookies", None)) as session,
            session.request(method, served.base + path, allow_redirects=False, **kwargs) as answer,
        ):
            return answer.status, await answer.text(), answer.headers

    return asyncio.run(ask())


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1:1", "localhost"])
def test_other_hosts_are_refused(served, host):
    """DNS rebinding: a foreign name that points to this computer."""
    assert status(served, headers={"Host": host})[0] == 421


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_other_pages_are_refused(served, cookie, origin):
    assert status(served, "/ws", headers={"Origin": origin}, cookies=cookie)[0] == 403
    answer = status(served, "/upload", "POST", headers={"Origin": origin}, cookies=cookie)
    assert answer[0] == 403


def test_without_token_the_page_says_what_to_do(served):
    code, text, _ = status(served)
    assert code == 403
    assert "Open the address" in text
    assert served.token not in text
    assert status(served, "/?secret=wslink-secret")[0] == 403
    assert status(served, "/?secret=")[0] == 403


def test_a_reload_without_token_goes_back_to_the_page(served, cookie):
    code, _, headers = status(served, "/index.html", cookies=cookie)
    assert code == 302
    assert headers["Location"].startswith("/?secret=")


@pytest.mark.parametrize("path", ["/report.html", "/report.pdf"])
def test_a_report_is_given_to_the_page_only(served, cookie, path):
    """It shows a patient; and a file that lies there from before is not this CT's report."""
    assert status(served, path)[0] == 403
    assert status(served, path, cookies={next(iter(cookie)): "t-guess"})[0] == 403
    code, text, _ = status(served, path, cookies=cookie)
    assert (code, text) == (404, "No report was saved for this CT yet.")


def test_headers_keep_others_out(served, cookie):
    headers = status(served, f"/?secret={served.token}")[2]
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "http" not in policy.replace(served.base, "")
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    given = headers["Set-Cookie"]
    assert "HttpOnly" in given
    assert "SameSite=Strict" in given


def websocket_headers(origin=None):
    headers = {
        "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }  # fmt: skip
    return {**headers, "Origin": origin} if origin else headers


def test_a_socket_without_origin_or_cookie_is_refused(served, cookie):
    assert status(served, "/ws", headers=websocket_headers(), cookies=cookie)[0] == 403
    assert status(served, "/ws", headers=websocket_headers(served.base))[0] == 403


def test_a_plain_request_to_the_socket_does_not_lock_the_reader_out(served, cookie):
    """The library would count it as a page that is open for good."""
    foreign = {"Sec-Fetch-Site": "cross-site", "Referer": "http://evil.example/"}
    half = {**websocket_headers(served.base), "Sec-WebSocket-Key": "short"}
    assert status(served, "/ws")[0] == 403
    assert status(served, "/ws", headers=foreign)[0] == 403
    assert status(served, "/%77s", "HEAD")[0] == 403
    assert status(served, "/ws", cookies=cookie)[0] == 426
    assert status(served, "/ws", headers=half, cookies=cookie)[0] == 426
    assert status(served, f"/index.html?secret={served.token}")[0] == 200
    hello, _ = connected(served, cookie, None)
    assert hello[1] is None


@pytest.mark.parametrize("secret", ["wslink-secret", "x"])
def test_a_wrong_secret_reaches_nothing(served, cookie, secret):
    async def work(client):
        return await client.call("trame.state.get")

    (_, hello_error), (result, error) = connected(served, cookie, work, secret)
    assert "Authentication" in hello_error["message"]
    assert result is None
    assert "Unauthorized" in error["message"]


@pytest.mark.parametrize(
    "method",
    [
        "application.exit", "application.exit.later", "trame.rca.push", "trame.rca.drop",
        "trame.force.push", "trame.rca.video.negotiate",
    ],
)  # fmt: skip
def test_dangerous_calls_do_not_exist(served, cookie, method):
    async def work(client):
        return await client.call(method, "Red", {}, "x")

    _, (_, error) = connected(served, cookie, work)
    assert "Unregistered" in error["message"]
    assert served.process.poll() is None


def test_the_state_cannot_be_written(served, cookie):
    async def work(client):
        before, _ = await client.call("trame.state.get")
        await client.call(
            "trame.state.update",
            [{"key": "device", "value": "evil"}, {"key": "trame__scripts", "value": ["x.js"]}],
        )
        after, _ = await client.call("trame.state.get")
        return before["state"], after["state"]

    _, (before, after) = connected(served, cookie, work)
    assert after["device"] == before["device"] != "evil"
    assert after["trame__scripts"] == before["trame__scripts"]


def test_the_state_names_the_case_but_no_path(served, cookie, sphere_file):
    async def work(client):
        return await client.call("trame.state.get")

    _, (answer, _) = connected(served, cookie, work)
    shown = json.dumps(answer["state"], default=str)
    assert "CT 128" in shown
    assert answer["state"]["exam"]["patient"] == sphere_file[0].name
    for secret in (str(sphere_file[0].parent), "/tmp/", "/home", served.token):
        assert secret not in shown


@pytest.mark.parametrize(
    ("method", "args"),
    [
        ("trame.trigger", ("trigger__1", [], {})),
        ("trame.trigger", ("act", ["delete", "../../etc"], {})),
        ("trame.trigger", ("act", ["brush", 1e9], {})),
        ("trame.trigger", ("act", ["brush", "5"], {})),
        ("trame.trigger", ("act", ["layout", "evil"], {})),
        ("trame.trigger", ("act", ["reader", "x" * 500], {})),
        ("trame.trigger", ("act", ["no such action"], {})),
        ("trame.trigger", ("act", [], {})),
        ("trame.trigger", ("act", [{"a": 1}], {})),
        ("trame.trigger", ("act", ["step", 1, 2], {})),
        ("trame.trigger", ("act", ["series", 5], {})),
        ("trame.trigger", ("act", ["series", "/etc/passwd"], {})),
        ("trame.trigger", ("act", ["dicom", "yes"], {})),
        ("trame.trigger", ("act", ["use_server", "http://x/" + "x" * 500, ""], {})),
        ("trame.trigger", ("act", ["test_server", None, ""], {})),
        ("trame.trigger", ("act", ["undo"], {"nodule_id": "x"})),
        ("trame.trigger", (None, None, None)),
        ("trame.lifecycle.update", ("server_exited",)),
        ("trame.rca.size", ("Red", "x", {"w": 1e9, "h": 1e9})),
        ("trame.rca.size", ("Red", "x", "wide")),
        ("trame.rca.event", ("Red", "x", {"type": "KeyPress", "key": "e"})),
        ("trame.rca.event", ("Red", "x", {"type": "LeftButtonPress", "x": float("inf")})),
        ("trame.rca.event", ("Red", "x", None)),
        ("trame.state.get", ("too", "many")),
    ],
)
def test_wrong_calls_do_nothing_and_tell_nothing(served, cookie, method, args):
    async def work(client):
        answer = await client.call(method, *args)
        alive, _ = await client.call("trame.state.get")
        return answer, alive["state"]

    _, ((result, error), state) = connected(served, cookie, work)
    assert (result, error) == (None, None)
    assert state["layout"] == "four"
    assert 0.5 <= state["brush_mm"] <= 20
    assert served.process.poll() is None


def test_a_huge_message_is_not_taken(served, cookie):
    """After the log-in the library would allow four gigabytes."""

    async def work(client):
        with pytest.raises((ConnectionError, asyncio.TimeoutError, OSError)):
            await asyncio.wait_for(client.call("trame.state.update", "x" * 5_000_000), 5)

    connected(served, cookie, work)
    _, (answer, _) = connected(served, cookie, lambda client: client.call("trame.state.get"))
    assert answer["state"]["layout"] == "four"


def test_a_second_reader_is_refused_politely(served, cookie):
    async def work(_client):
        async with aiohttp.ClientSession(cookies=cookie) as session:
            async with session.get(served.url, allow_redirects=False) as answer:
                page = answer.status, await answer.text()
            headers = websocket_headers(served.base)
            async with session.get(served.base + "/ws", headers=headers) as answer:
                return page, answer.status

    _, ((code, text), socket_code) = connected(served, cookie, work)
    assert code == socket_code == 409
    assert "already open in another window" in text


def upload(served, cookie, files, **headers):
    form = aiohttp.FormData()
    for name, content in files:
        form.add_field("files", content, filename=name)
    return status(
        served, "/upload", "POST", data=form, cookies=cookie,
        headers={"Origin": served.base, **headers},
    )  # fmt: skip


@pytest.mark.parametrize("name", ["scene.mrb", "scene.mrml", "image.mhd", "image.nhdr", "a.zip"])
def test_uploaded_files_that_can_name_other_files_are_refused(served, cookie, name):
    code, text, _ = upload(served, cookie, [(name, b"x")])
    assert code == 413
    assert "Only CT images" in text


def test_uploads_need_the_cookie_and_come_from_the_page(served, cookie):
    assert upload(served, {}, [("a.nrrd", b"x")])[0] == 403
    answer = status(served, "/upload", "POST", data=b"x", cookies=cookie)
    assert answer[0] == 403
    answer = status(
        served, "/upload", "POST", data=b"x", cookies=cookie, headers={"Origin": served.base}
    )
    assert answer[0] == 415


@pytest.mark.parametrize("path", ["/../../etc/passwd", "/densesharp_assets/../app.py", "/.git"])
def test_files_beside_the_page_are_not_served(served, cookie, path):
    assert status(served, path, cookies=cookie)[0] in (403, 404)


def test_names_of_uploads_lead_nowhere_and_sizes_are_counted(tmp_path):
    """A client's name never becomes a path; too much data leaves nothing behind."""
    from aiohttp import web
    from aiohttp.test_utils import TestClient, TestServer

    from densesharp_viewer.uploads import Uploads

    opened = []
    uploads = Uploads(opened.append, limit=1000)

    class WebServer:
        app = web.Application()

    uploads.install(WebServer)

    async def broken_off():
        """A page that is closed while its file is on its way."""
        yield b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.nrrd"\r\n\r\naaa'
        raise ConnectionError

    async def run():
        async with TestClient(TestServer(WebServer.app)) as client:
            codes = []
            headers = {"Content-Type": "multipart/form-data; boundary=x"}
            with pytest.raises((ConnectionError, aiohttp.ClientError)):
                await client.post("/upload", data=broken_off(), headers=headers)
            for name, size in (("../../evil.nrrd", 10), ("/abs/ct.NII.GZ", 10), ("x", 2000)):
                form = aiohttp.FormData(quote_fields=False)  # as browsers send it
                form.add_field("files", b"a" * size, filename=name)
                codes.append((await client.post("/upload", data=form)).status)
            return codes

    assert asyncio.run(run()) == [200, 200, 413]
    assert [path.name for path in opened] == ["evil.nrrd", "ct.nii.gz"]
    base = opened[0].parents[2]
    assert sorted(p.name for p in base.rglob("*") if p.is_file()) == ["ct.nii.gz", "evil.nrrd"]
    assert len(list(base.iterdir())) == 2  # what was refused or broken off is gone
    uploads.remove()
    assert not base.exists()


def test_earlier_uploads_are_deleted_when_another_ct_is_open(session, ct_with_a_sphere, tmp_path):
    """Not before: a file that is no CT leaves the open one, and its DICOM files, as they are."""
    import SimpleITK
    from aiohttp import web
    from aiohttp.test_utils import TestClient, TestServer
    from viewer_helpers import settle

    from densesharp_viewer.uploads import Uploads

    volume, _ = ct_with_a_sphere
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(volume.array), str(tmp_path / "ct.nrrd"))
    ct, base, left = (tmp_path / "ct.nrrd").read_bytes(), [], []

    def opened(path):
        base.append(path.parents[2])
        session.open_file(path)

    uploads = Uploads(opened)
    session.on_replaced = uploads.keep

    class WebServer:
        app = web.Application()

    uploads.install(WebServer)

    async def run():
        async with TestClient(TestServer(WebServer.app)) as client:
            for content in (ct, b"no image", ct):
                form = aiohttp.FormData()
                form.add_field("files", io.BytesIO(content), filename="a.nrrd")
                await client.post("/upload", data=form)
                settle(session)
                left.append(sorted(folder.name for folder in base[0].iterdir()))

    asyncio.run(run())
    assert left == [["upload_001"], ["upload_001", "upload_002"], ["upload_003"]]
    uploads.remove()


def test_a_page_that_goes_away_as_it_is_answered_is_no_error(monkeypatch):
    """Else the terminal shows the traceback of the library's broken connection."""
    from aiohttp import ClientConnectionResetError, web

    from densesharp_viewer.security import PageGuard

    async def nobody(*_):
        return None

    async def gone(_request):
        raise ClientConnectionResetError("Cannot write to closing transport")

    guard = PageGuard("t", ("127.0.0.1",), frozenset())
    monkeypatch.setattr(guard, "_refuse_address", lambda _request: None)
    monkeypatch.setattr(guard, "_refuse_reader", nobody)
    assert isinstance(asyncio.run(guard._middleware()(None, gone)), web.Response)


def test_a_page_that_is_closed_while_pictures_are_sent_is_no_fault(caplog):
    """wslink sends each in a task of its own, which nobody waits for."""

    async def send(error: Exception) -> None:
        raise error

    async def both() -> None:
        asyncio.get_running_loop().set_exception_handler(unless_page_left)
        for error in (aiohttp.ClientConnectionResetError("Cannot write to closing transport"),
                      ValueError("a fault of ours")):  # fmt: skip
            task = asyncio.ensure_future(send(error))
            await asyncio.wait([task])
            del task
        gc.collect()

    asyncio.run(both())
    told = [str(record.exc_info[1]) for record in caplog.records if record.exc_info]
    assert told == ["a fault of ours"]
