# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Partners for a benchmark: a PostgreSQL of its own, licensed stand-ins on it, and a door to each that counts requests."""

from __future__ import annotations

import asyncio
import contextlib
import glob
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Iterator

STANDIN = Path(__file__).resolve().parents[1] / "standin"
sys.path.append(str(STANDIN))

from launcher import ADMIN, Server, free_port

VERSION = "11.6.0"
__all__ = ["ADMIN", "VERSION", "Postgres", "Sites", "built", "standing"]
SETTINGS = {
    "STANDIN_PING_SECONDS": "15",  # 60 on a real server: only the wait for the first ping would be longer
    "MM_CONNECTEDWORKSPACESSETTINGS_ENABLESHAREDCHANNELS": "true",
    "MM_CONNECTEDWORKSPACESSETTINGS_ENABLEREMOTECLUSTERSERVICE": "true",
}


def built(program: str, *arguments: str) -> Path:
    """What build.py or licence.py has made."""
    command = [sys.executable, str(STANDIN / program), *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Path(done.stdout.strip())


class Postgres:
    """A cluster in `folder` while the context lasts, with a database for whoever asks."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]))
        if not programs:
            raise SystemExit("There is no PostgreSQL in /usr/lib/postgresql: install the package postgresql.")
        self.programs = programs[-1]

    def __enter__(self) -> Postgres:
        self.folder.mkdir(mode=0o700)
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(self.folder, "postgres")
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=400"
        self._run("initdb", "-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8")
        self._run("pg_ctl", "-w", "-l", str(self.folder / "log"), "-o", options, "start")
        return self

    def __exit__(self, *_error: object) -> None:
        self._run("pg_ctl", "-m", "immediate", "stop")

    def database(self, name: str) -> str:
        """The connection string of a new, empty database."""
        command = ["psql", "-X", "-q", "-h", str(self.folder), "-p", str(self.port), "-U", "postgres"]
        subprocess.run([*command, "-c", f"CREATE DATABASE {name}"], check=True)
        return f"postgres://postgres@127.0.0.1:{self.port}/{name}?sslmode=disable"

    def _run(self, program: str, *arguments: str) -> None:
        command = [f"{self.programs}/{program}", "-D", str(self.folder / "data"), *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder)


class Door:
    """Hands connections on to a server and counts them. The modules open one for each request, so that it counts those."""

    def __init__(self, target: int) -> None:
        self.target, self.port, self.passed = target, 0, 0

    async def open(self) -> None:
        listener = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self.port = listener.sockets[0].getsockname()[1]

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.passed += 1
        with contextlib.suppress(OSError):
            behind = await asyncio.open_connection("127.0.0.1", self.target)
            await asyncio.gather(_copy(reader, behind[1]), _copy(behind[0], writer))
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """All that comes, and that nothing more will."""
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError, RuntimeError):
        writer.write_eof()


class Sites:
    """The servers of one measurement, in the order of the table, and their doors."""

    def __init__(self, servers: dict[str, Server]) -> None:
        self.servers = servers
        self.doors = {name: Door(server.port) for name, server in servers.items()}
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        for door in self.doors.values():
            asyncio.run_coroutine_threadsafe(door.open(), self._loop).result(10)

    @property
    def requests(self) -> int:
        return sum(door.passed for door in self.doors.values())

    def site_url(self, name: str) -> str:
        """Where the other servers find this one: without its door, so that only what Ansible asks is counted."""
        return self.servers[name].base

    def close(self) -> None:
        for server in self.servers.values():
            server.kill()
        self._loop.call_soon_threadsafe(self._loop.stop)


@contextlib.contextmanager
def standing(count: int, folder: Path, postgres: Postgres, tarball: Path, licence: Path) -> Iterator[Sites]:
    """So many licensed servers, each with its administrator and site URL, until the context ends."""
    servers: dict[str, Server] = {}
    try:
        for number in range(count):
            name = f"p{number + 1:02d}"
            server = Server(
                tarball, folder / name, postgres.database(f"{folder.name}-{name}".replace("-", "_")), SETTINGS
            )
            server.env["MM_SERVICESETTINGS_SITEURL"] = server.base
            shutil.copy(licence, server.home / "config" / "mattermost.mattermost-license")
            servers[name] = server.start(wait=False)
        for server in servers.values():
            server.wait(120)
            server.make_admin()
        sites = Sites(servers)
    except BaseException:
        for server in servers.values():
            server.kill()
        raise
    try:
        yield sites
    finally:
        sites.close()
