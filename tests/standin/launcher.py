# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Start and stop a server from a release tarball on this machine, stand-in or real: for tests."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import tarfile
import time
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

# Nothing a test starts calls out, except where a test is about that.
QUIET = {
    "MM_SERVICESETTINGS_ENABLESECURITYFIXALERT": "false",
    "MM_ANNOUNCEMENTSETTINGS_ADMINNOTICESENABLED": "false",
    "MM_ANNOUNCEMENTSETTINGS_USERNOTICESENABLED": "false",
    "MM_LOGSETTINGS_ENABLEDIAGNOSTICS": "false",
    "MM_LOGSETTINGS_ENABLESENTRY": "false",
    "MM_PLUGINSETTINGS_ENABLEREMOTEMARKETPLACE": "false",
    "MM_EMAILSETTINGS_SENDPUSHNOTIFICATIONS": "false",
}
ADMIN = {"username": "sysadmin", "email": "sysadmin@example.test", "password": "Sys-Adm1n-pass-2026"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """One unpacked release and, between start() and stop(), its process."""

    def __init__(self, tarball: Path, folder: Path, dsn: str, env: Dict[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(tarball) as archive:
            archive.extractall(folder)
        self.home = folder / "mattermost"
        self.output = folder / "output.log"
        self.socket = str(folder / "local.socket")
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.process: Optional[subprocess.Popen[bytes]] = None
        self.token = ""
        self.env = {
            "PATH": os.environ["PATH"],
            "MM_SQLSETTINGS_DATASOURCE": dsn,
            "MM_SERVICESETTINGS_LISTENADDRESS": f"127.0.0.1:{self.port}",
            "MM_SERVICESETTINGS_ENABLELOCALMODE": "true",
            "MM_SERVICESETTINGS_LOCALMODESOCKETLOCATION": self.socket,
            **QUIET,
            **env,
        }
        self.env = {name: value for name, value in self.env.items() if value is not None}

    @property
    def config_file(self) -> Path:
        return self.home / "config" / "config.json"

    def config(self) -> Dict[str, Any]:
        """What is on disk."""
        found: Dict[str, Any] = json.loads(self.config_file.read_text(encoding="utf-8"))
        return found

    def start(self, *arguments: str, wait: bool = True) -> Server:
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [str(self.home / "bin" / "mattermost"), *arguments],
                cwd=self.home,
                env=self.env,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        if wait:
            self.wait()
        return self

    def wait(self, limit: float = 60) -> None:
        """Until the server answers, on its local socket too: that opens after the port."""
        local = self.env.get("MM_SERVICESETTINGS_ENABLELOCALMODE") == "true"
        end = time.monotonic() + limit
        while time.monotonic() < end:
            if self.process is None or self.process.poll() is not None:
                raise AssertionError("the server has ended:\n" + self.log())
            with contextlib.suppress(OSError):
                if self.call("GET", "/system/ping")[0] == 200 and (not local or self._opened()):
                    return
            time.sleep(0.02)
        raise AssertionError("the server does not answer:\n" + self.log())

    def _opened(self) -> bool:
        _connect(self.socket).close()
        return True

    def exit_status(self, limit: float = 20) -> int:
        """Of a server that is expected to end by itself."""
        assert self.process is not None
        return self.process.wait(limit)

    def stop(self, number: int = signal.SIGTERM) -> Optional[int]:
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            status = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self.process = None
        return status

    def kill(self) -> None:
        """End it without ceremony: for a test that is over."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def restart(self) -> Server:
        self.stop()
        return self.start()

    def log(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace") if self.output.exists() else ""

    def make_admin(self) -> Server:
        """The first account, which becomes the administrator, and a session for it."""
        assert self.call("POST", "/users", ADMIN)[0] == 201, self.log()
        self.token = self.login(ADMIN["username"], ADMIN["password"])
        return self

    def login(self, name: str, password: str) -> str:
        status, _body, headers = self.send("POST", "/users/login", {"login_id": name, "password": password})
        assert status == 200, _body
        return headers["token"]

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> Tuple[int, Any]:
        """(status, decoded answer); options: token, local, headers, raw."""
        status, data, _headers = self.send(method, path, body, **options)
        try:
            return status, json.loads(data)
        except ValueError:
            return status, data

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str = "",
        local: bool = False,
        headers: Optional[Dict[str, str]] = None,
        raw: Optional[bytes] = None,
        prefix: str = "/api/v4",
    ) -> Tuple[int, bytes, Dict[str, str]]:
        connection = _connect(self.socket) if local else http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        sent = dict(headers or {})
        if token:
            sent["Authorization"] = "Bearer " + token
        data = raw if raw is not None else (None if body is None else json.dumps(body).encode())
        try:
            connection.request(method, prefix + path, data, sent)
            answer = connection.getresponse()
            return answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}
        finally:
            connection.close()

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        """A call as the administrator that has to succeed."""
        status, answer = self.call(method, path, body, token=self.token)
        assert status in (200, 201), (method, path, status, answer)
        return answer

    def local(self, method: str, path: str, body: Any = None) -> Any:
        """A call over the local-mode socket that has to succeed."""
        status, answer = self.call(method, path, body, local=True)
        assert status in (200, 201), (method, path, status, answer)
        return answer

    def mmctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        env = {"PATH": os.environ["PATH"], "MMCTL_LOCAL_SOCKET_PATH": self.socket}
        command: List[str] = [str(self.home / "bin" / "mmctl"), "--local", *arguments]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def _connect(path: str) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(30)
    connection.sock.connect(path)
    return connection
