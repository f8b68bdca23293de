# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""A PostgreSQL of the tests' own, and servers on it that are started from a tarball as a role would start them."""

from __future__ import annotations

import contextlib
import glob
import itertools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Callable, Iterator
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.append(str(ROOT / "tests" / "standin"))

from federation_sites import FAST, announce, settings
from launcher import Server, free_port


class Postgres:
    """Hands out empty databases; asks servers for a password, and offers TLS with the certificate `root`."""

    def __init__(self, port: int, folder: Path) -> None:
        self.port = port
        self.root = folder / "server.crt"
        self._folder = folder
        self._count = 0

    def database(self) -> str:
        """The connection string of a new, empty database."""
        self._count += 1
        name = f"standin{self._count}"
        self.run("postgres", f"CREATE DATABASE {name} OWNER mmuser")
        return f"postgres://mmuser:mmpw@127.0.0.1:{self.port}/{name}?sslmode=disable&connect_timeout=5"

    @staticmethod
    def name(dsn: str) -> str:
        return urlsplit(dsn).path.lstrip("/")

    def run(self, database: str, sql: str) -> str:
        return self.tool("psql", "-X", "-v", "ON_ERROR_STOP=1", "-At", "-d", database, "-c", sql).strip()

    def tool(self, program: str, *arguments: str) -> str:
        """A PostgreSQL client program, as the superuser."""
        command = [program, "-h", str(self._folder), "-p", str(self.port), "-U", "postgres", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]))
    if not programs:
        pytest.fail("no PostgreSQL in /usr/lib/postgresql: install the package postgresql (the bootstrap does)")
    folder = Path(tempfile.mkdtemp(prefix="standin-pg-", dir="/tmp"))
    as_postgres: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
        as_postgres = ["runuser", "-u", "postgres", "--"]
    port, data = free_port(), str(folder / "data")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=60 "
    options += f"-c ssl=on -c ssl_cert_file={folder}/server.crt -c ssl_key_file={folder}/server.key"

    def run(program: str, *arguments: str) -> None:
        command = [*as_postgres, f"{programs[-1]}/{program}", "-D", data, *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)

    run("initdb", "-U", "postgres", "--auth-local=trust", "--auth-host=scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8")
    certificate(folder, as_postgres)
    run("pg_ctl", "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        server = Postgres(port, folder)
        server.run("postgres", "CREATE ROLE mmuser LOGIN PASSWORD 'mmpw'")
        yield server
    finally:
        run("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(folder)


def certificate(folder: Path, as_postgres: list[str]) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    command += ["-keyout", str(folder / "server.key"), "-out", str(folder / "server.crt")]
    subprocess.run([*as_postgres, *command], check=True, capture_output=True, cwd=folder)


@pytest.fixture(scope="session")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """tarball("9.11.0", broken="exit", edition="enterprise"): built once for each set of arguments."""
    built: dict[tuple[str, str, str], Path] = {}

    def build(version: str = "9.11.0", broken: str = "", edition: str = "team") -> Path:
        if (version, broken, edition) not in built:
            folder = tmp_path_factory.mktemp("tarball")
            command = [sys.executable, str(ROOT / "tests/standin/build.py"), "--version", version]
            command += ["--output", str(folder), "--edition", edition, *(["--broken", broken] if broken else [])]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            built[version, broken, edition] = Path(done.stdout.strip())
        return built[version, broken, edition]

    return build


@pytest.fixture
def server(tmp_path: Path, postgres: Postgres, tarball: Callable[..., Path]) -> Iterator[Callable[..., Server]]:
    """server(version="11.6.0", dsn=..., name="b", env={...}): unpacked, not started; stopped after the test."""
    with contextlib.ExitStack() as stack:

        def make(
            version: str = "9.11.0",
            *,
            broken: str = "",
            edition: str = "team",
            dsn: str = "",
            name: str = "a",
            env: dict[str, str] | None = None,
            archive: Path | None = None,
        ) -> Server:
            found = Server(
                archive or tarball(version, broken, edition), tmp_path / name, dsn or postgres.database(), env or {}
            )
            stack.callback(found.kill)
            return found

        yield make


@pytest.fixture
def licence(tmp_path: Path) -> Callable[..., Path]:
    """licence("advanced", days=-1, users=5): a new licence file."""
    count = itertools.count()

    def make(sku: str = "enterprise", *, days: int = 365, users: int = 1000) -> Path:
        target = tmp_path / f"{sku}-{next(count)}.mattermost-license"
        command = [sys.executable, str(ROOT / "tests/standin/licence.py"), "--sku", sku, "--output", str(target)]
        subprocess.run([*command, f"--days={days}", f"--users={users}"], check=True, stdout=subprocess.DEVNULL)
        return target

    return make


@pytest.fixture
def licensed(server: Callable[..., Server], licence: Callable[..., Path]) -> Callable[..., Server]:
    """licensed("11.6.0", sku="advanced", config={...}): an Enterprise release with a licence, started, with its admin."""

    def start(version: str = "11.6.0", *, sku: str = "enterprise", config: Any = None, **options: Any) -> Server:
        found = server(version, **{"edition": "enterprise", **options})
        shutil.copy(licence(sku), found.home / "config" / "mattermost.mattermost-license")
        found.start().make_admin()
        if config:
            found.admin("PUT", "/config/patch", config)
        return found

    return start


@pytest.fixture
def unreachable() -> str:
    """The connection string of a database that is not there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    return f"postgres://mmuser:mmpw@127.0.0.1:{port}/none?sslmode=disable&connect_timeout=1"


@pytest.fixture
def site(licensed: Callable[..., Server]) -> Callable[..., Server]:
    """site("alpha", "9.11.0"): licensed, with connected workspaces on, started, knowing its own address."""

    def start(name: str, version: str = "11.6.0", **env: str) -> Server:
        found = licensed(version, name=name, env={**settings(version), **FAST, **env})
        announce(found)
        return found

    return start
