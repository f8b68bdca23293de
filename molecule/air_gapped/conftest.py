# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What the tests of this scenario share: the hosts, and a client that comes through the proxy as people do."""

from __future__ import annotations

import base64
import configparser
import http.client
import json
import os
import secrets
import socket
import ssl
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest
import testinfra
import yaml

HERE = Path(__file__).resolve().parent
COLLECTION = HERE.parents[1]
WORK = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
ADDRESSES = {
    "depot": "10.91.61.11",
    "database": "10.91.61.12",
    "server1": "10.91.61.13",
    "server2": "10.91.61.14",
    "proxy": "10.91.61.15",
}
SITE = "chat.example.mil"
ADMIN = ("operator", "rehearsal-Operator-2026")
MARIA = ("maria", "rehearsal-Maria-2026")
SECRETS = (ADMIN[1], "rehearsal/Data+base@2026", "rehearsal%2FData%2Bbase%402026")


class Person:
    """Somebody with a browser: HTTPS to the proxy, verified by the site CA, under the site's name."""

    def __init__(self, name: str, password: str) -> None:
        self.token = ""
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
        connection = https()
        connection.request(method, f"/api/v4{path}", data, headers)
        reply = connection.getresponse()
        content = reply.read()
        assert reply.status < 300, f"{method} {path}: {reply.status} {content[:300]!r}"
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


def tls(minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(WORK / "site-ca/ca.pem"))
    context.minimum_version = minimum
    return context


def https(address: str = ADDRESSES["proxy"], name: str = SITE) -> http.client.HTTPSConnection:
    """A connection to an address under a name, as a resolver would give it."""
    connection = http.client.HTTPSConnection(name, timeout=60, context=tls())
    connection._create_connection = lambda _address, *rest: socket.create_connection((address, 443), *rest)  # type: ignore[attr-defined]
    return connection


def effective_settings(host: Any) -> dict[str, Any]:
    """What the server on that host runs with, by its local socket."""
    script = (
        "import http.client,socket,sys\n"
        "c=http.client.HTTPConnection('localhost');c.sock=socket.socket(socket.AF_UNIX);c.sock.connect('/run/mattermost/local.socket')\n"
        "c.request('GET','/api/v4/config');sys.stdout.write(c.getresponse().read().decode())"
    )
    return json.loads(host.check_output("python3 -c %s", script))


def playbook(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a playbook of the collection against the scenario's inventory, as an operator would."""
    command = ["ansible-playbook", "-i", str(HERE / "inventory"), *arguments]
    env = {
        **os.environ,
        "ANSIBLE_PIPELINING": "true",
        "ANSIBLE_FORKS": "10",
        "ANSIBLE_FORCE_COLOR": "0",
        "ANSIBLE_NOCOLOR": "1",
    }
    return subprocess.run(command, capture_output=True, text=True, env=env, check=False)


def strays() -> dict[str, int]:
    """Packets that isolated hosts sent towards the outside, by sender, as the router counted them."""
    listed = subprocess.run(
        ["nft", "--json", "list", "set", "inet", "fieldops_air_gapped", "strays"],
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, int] = {}
    for entry in json.loads(listed.stdout)["nftables"]:
        for element in entry.get("set", {}).get("elem", []):
            sender = element["elem"]["val"]["concat"][0]
            found[sender] = found.get(sender, 0) + element["elem"]["counter"]["packets"]
    return found


def releases() -> configparser.ConfigParser:
    index = configparser.ConfigParser()
    index.read(WORK / "releases/releases.ini")
    return index


@pytest.fixture(scope="session")
def hosts() -> dict[str, Any]:
    return {name: testinfra.get_host(f"podman://air-gapped-{name}") for name in ADDRESSES}


@pytest.fixture(scope="session")
def settings() -> list[dict[str, Any]]:
    return yaml.safe_load((COLLECTION / "roles/air_gapped/vars/settings.yml").read_text())["__air_gapped_settings"]


@pytest.fixture(scope="session")
def admin() -> Person:
    return Person(*ADMIN)


@pytest.fixture(scope="session")
def room(admin: Person) -> dict[str, Any]:
    """A team, a channel and a second person; made once and found again by later tests of the same site."""
    try:
        team = admin.ask("GET", "/teams/name/watch")
        channel = admin.ask("GET", "/teams/name/watch/channels/name/bridge")
    except AssertionError:
        team = admin.ask("POST", "/teams", {"name": "watch", "display_name": "Watch", "type": "I"})
        channel = admin.ask(
            "POST", "/channels", {"team_id": team["id"], "name": "bridge", "display_name": "Bridge", "type": "P"}
        )
        user = admin.ask("POST", "/users", {"username": MARIA[0], "email": "maria@example.mil", "password": MARIA[1]})
        admin.ask("POST", f"/teams/{team['id']}/members", {"team_id": team["id"], "user_id": user["id"]})
        admin.ask("POST", f"/channels/{channel['id']}/members", {"user_id": user["id"]})
    return {"team": team, "channel": channel}


def websocket_handshake(origin: str) -> int:
    """Status of a WebSocket upgrade through the proxy."""
    connection = https()
    key = base64.b64encode(uuid.uuid4().bytes).decode()
    headers = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": key,
        "Origin": origin,
    }
    connection.request("GET", "/api/v4/websocket", headers=headers)
    return connection.getresponse().status
