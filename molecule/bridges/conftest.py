# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What the tests of this scenario share: the host, the server's settings, the homeserver as people and the bridge use it, plays."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
import testinfra
import yaml

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "shared"))

import sites

WORK = sites.WORK
GIVEN = yaml.safe_load((HERE / "inventory/group_vars/all.yml").read_text())
SECRETS = {name: GIVEN[f"mattermost_bridge_{name}"] for name in ("matrix_as_token", "matrix_hs_token", "xmpp_password")}
REGISTRATION = "/etc/matrix-synapse/mattermost-bridge.yaml"
CONTAINER = "bridges-chat"
SOCKET = """
import http.client, socket, sys
c = http.client.HTTPConnection("localhost"); c.sock = socket.socket(socket.AF_UNIX); c.sock.connect("/run/mattermost/local.socket")
c.request("GET", "/api/v4" + sys.argv[1]); sys.stdout.write(c.getresponse().read().decode())
"""
ASK = """
import json, sys, urllib.error, urllib.request
method, url, token, body = json.loads(sys.argv[1])
request = urllib.request.Request(url, method=method, data=json.dumps(body).encode() if body is not None else None)
request.add_header("Content-Type", "application/json")
if token:
    request.add_header("Authorization", "Bearer " + token)
try:
    reply = urllib.request.urlopen(request, timeout=30)
except urllib.error.HTTPError as error:
    reply = error
print(json.dumps([reply.status, json.loads(reply.read() or b"{}")]))
"""
T = TypeVar("T")


def run(*argv: str, stdin: str | None = None) -> str:
    """What a program on the host prints."""
    done = subprocess.run(
        ["podman", "exec", "-i", CONTAINER, *argv], input=stdin, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def ask(method: str, url: str, token: str = "", body: Any = None) -> tuple[int, Any]:
    """Status and answer of a request from the host."""
    status, answer = json.loads(run("python3", "-c", ASK, json.dumps([method, url, token, body])))
    return status, answer


def plugin_settings(plugin: str) -> dict[str, Any]:
    """What the server keeps for a plugin, by lower-cased names, over the local socket."""
    config = json.loads(run("python3", "-c", SOCKET, "/config"))
    return {name.lower(): value for name, value in config["PluginSettings"]["Plugins"][plugin].items()}


def plugins_active() -> list[str]:
    return [plugin["id"] for plugin in json.loads(run("python3", "-c", SOCKET, "/plugins"))["active"]]


def received() -> list[dict[str, Any]]:
    """What has come to the bridge's route."""
    return [
        json.loads(line) for line in run("sh", "-c", "cat /var/log/listener.jsonl 2>/dev/null || true").splitlines()
    ]


def until(question: Callable[[], T], *, what: str, seconds: float = 60) -> T:
    """The first answer that is something, in time."""
    return sites.until(question, what=what, seconds=seconds, more=lambda: f"; came: {received()[-5:]}")


def playbook(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The bridges' play, as an operator runs it."""
    return sites.playbook(HERE, *arguments, str(HERE / "bridge.yml"))


class Matrix:
    """Somebody at the homeserver, or the bridge itself by its token."""

    BASE = "http://127.0.0.1:8008/_matrix/client/v3"

    def __init__(self, token: str) -> None:
        self.token = token

    @classmethod
    def person(cls, name: str) -> Matrix:
        """A new account."""
        password = "rehearsal-Person-matrix"
        make = ["/opt/synapse/bin/register_new_matrix_user", "--config", "/etc/matrix-synapse/homeserver.yaml"]
        run(*make, "--user", name, "--password", password, "--no-admin", "http://127.0.0.1:8008")
        login = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": name}, "password": password}
        return cls(cls("").ask("POST", "/login", login)["access_token"])

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = ask(method, self.BASE + path, self.token, body)
        assert status == 200, (path, status, answer)
        return answer

    def room(self, **more: Any) -> str:
        return self.ask("POST", "/createRoom", {"preset": "private_chat", **more})["room_id"]

    def say(self, room: str, text: str) -> None:
        body = {"msgtype": "m.text", "body": text}
        self.ask("PUT", f"/rooms/{room}/send/m.room.message/{uuid.uuid4().hex}", body)


@pytest.fixture(scope="session")
def chat() -> Any:
    return testinfra.get_host(f"podman://{CONTAINER}")
