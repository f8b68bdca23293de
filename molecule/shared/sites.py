# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What the tests of the scenarios share: a site as people reach it, the people, plays as an operator runs them, and the router's count."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

T = TypeVar("T")
COLLECTION = Path(__file__).resolve().parents[2]
WORK = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
CALL_OUT = "import socket\ntry:\n    socket.create_connection(('192.0.2.1', 443), 1)\nexcept OSError as error:\n    print(error)"


@dataclass(frozen=True)
class Site:
    """Where a site is, under which name, and the authority that vouches for it."""

    name: str
    address: str
    ca: Path

    def tls(self, minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2) -> ssl.SSLContext:
        """TLS as a careful client wants it."""
        context = ssl.create_default_context(cafile=str(self.ca))
        context.minimum_version = minimum
        return context

    def https(self) -> http.client.HTTPSConnection:
        """A connection to the address under the name, as a resolver would give it."""
        connection = http.client.HTTPSConnection(self.name, timeout=60, context=self.tls())
        connection._create_connection = lambda _address, *rest: socket.create_connection((self.address, 443), *rest)  # type: ignore[attr-defined]
        return connection


class Refused(AssertionError):
    """The server said no; `status` says how."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Person:
    """Somebody with a browser: HTTPS to the proxy, verified by the site CA, under the site's name."""

    def __init__(self, site: Site, name: str, password: str) -> None:
        self.site, self.token = site, ""
        answer, headers = self.ask("POST", "/users/login", {"login_id": name, "password": password}, whole=True)
        self.token, self.id = headers["Token"], answer["id"]

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        whole: bool = False,
        raw: bytes | None = None,
        kind: str = "application/json",
    ) -> Any:
        data = raw if raw is not None else (json.dumps(body).encode() if body is not None else None)
        headers = {"Content-Type": kind} | ({"Authorization": f"Bearer {self.token}"} if self.token else {})
        connection = self.site.https()
        connection.request(method, f"/api/v4{path}", data, headers)
        reply = connection.getresponse()
        content = reply.read()
        if reply.status >= 300:
            raise Refused(reply.status, f"{method} {path}: {reply.status} {content[:300]!r}")
        answer = json.loads(content) if "json" in reply.headers.get("Content-Type", "") else content
        return (answer, reply.headers) if whole else answer

    def upload(self, channel: str, name: str, content: bytes) -> str:
        boundary = secrets.token_hex(12)
        raw = b"".join(
            (
                f'--{boundary}\r\nContent-Disposition: form-data; name="channel_id"\r\n\r\n{channel}\r\n'.encode(),
                f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n'
                "Content-Type: application/octet-stream\r\n\r\n".encode(),
                content,
                f"\r\n--{boundary}--\r\n".encode(),
            )
        )
        answer = self.ask("POST", "/files", raw=raw, kind=f"multipart/form-data; boundary={boundary}")
        return answer["file_infos"][0]["id"]


def until(question: Callable[[], T | None], *, what: str, seconds: float, more: Callable[[], str] = str) -> T:
    """The first answer that is something, in time; `more` is what to say besides when none came."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := question():
            return answer
        time.sleep(0.5)
    pytest.fail(f"{what}: not within {seconds} s{more()}")


def playbook(scenario: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a playbook of the collection against a scenario's inventory, as an operator would."""
    command = ["ansible-playbook", "-i", str(scenario / "inventory"), *arguments]
    env = {
        **os.environ,
        "ANSIBLE_PIPELINING": "true",
        "ANSIBLE_FORKS": "10",
        "ANSIBLE_FORCE_COLOR": "0",
        "ANSIBLE_NOCOLOR": "1",
    }
    return subprocess.run(command, capture_output=True, text=True, env=env, check=False)


def strays(table: str) -> dict[str, int]:
    """Packets that isolated hosts sent towards the outside, by sender, as the router counted them."""
    listed = subprocess.run(
        ["nft", "--json", "list", "set", "inet", table, "strays"], capture_output=True, text=True, check=True
    )
    found: dict[str, int] = {}
    for entry in json.loads(listed.stdout)["nftables"]:
        for element in entry.get("set", {}).get("elem", []):
            sender = element["elem"]["val"]["concat"][0]
            found[sender] = found.get(sender, 0) + element["elem"]["counter"]["packets"]
    return found


def canary_is_counted(table: str, network: str, *, address: str, router: str) -> bool:
    """Whether the router counts a host without a filter that calls out: without it, counting nobody proves nothing."""
    before = strays(table).get(address, 0)
    command = ["podman", "run", "--rm", f"--network={network}", f"--ip={address}", "--cap-add=NET_ADMIN"]
    script = f'ip route replace default via {router} && python3 -c "{CALL_OUT}"'
    image = "localhost/fieldops-mattermost/bookworm:latest"
    subprocess.run([*command, image, "sh", "-c", script], check=True, capture_output=True)
    return strays(table).get(address, 0) > before
