"""A real PostgreSQL server for tests: own data folder, loopback only, gone afterwards."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

USER, PASSWORD = "study", "for-this-test-only"


def program(name: str) -> str | None:
    """Path of a PostgreSQL program, from PATH or where Debian's package `postgresql` puts it."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return shutil.which(name) or next(map(str, places), None)


def why_not() -> str:
    """The reason for not having a server here; empty when one can be started."""
    if program("initdb") is None or program("pg_ctl") is None:
        return "no PostgreSQL server here (Debian package: postgresql)"
    if os.geteuid() == 0 and _unprivileged_user() is None:
        return "PostgreSQL refuses to run as root and there is no other user to run it as"
    return ""


def _unprivileged_user() -> pwd.struct_passwd | None:
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    return None


def _run(*command: str) -> None:
    """Run a server program as a user who is not root."""
    user = _unprivileged_user() if os.geteuid() == 0 else None
    result = subprocess.run(
        command,
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
        extra_groups=[] if user else None,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=120,
        check=False,
    )
    if result.returncode:
        raise RuntimeError(f"{command[0]}: {result.stderr.decode()[-1000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running_server() -> Iterator[str]:
    """Start a server and give the address of its database `postgres`."""
    folder = Path(tempfile.mkdtemp(prefix="study-postgresql-"))
    if os.geteuid() == 0:
        user = _unprivileged_user()
        os.chown(folder, user.pw_uid, user.pw_gid)
    password = folder / "password"
    password.write_text(PASSWORD)
    password.chmod(0o644)
    data, port = folder / "data", _free_port()
    initdb, pg_ctl = program("initdb"), program("pg_ctl")
    options = f"-h 127.0.0.1 -p {port} -k {folder} -c fsync=off"
    try:
        _run(initdb, "-D", str(data), "-U", USER, "-A", "scram-sha-256", "-E", "UTF8",
             "--pwfile", str(password))  # fmt: skip
        _run(pg_ctl, "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{port}/postgres"
        finally:
            _run(pg_ctl, "-D", str(data), "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
