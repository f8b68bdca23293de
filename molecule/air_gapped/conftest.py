# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What the tests of this scenario share: the hosts, and a client that comes through the proxy as people do."""

from __future__ import annotations

import base64
import configparser
import http.client
import json
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
import testinfra
import yaml

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "shared"))

import sites

COLLECTION, WORK = sites.COLLECTION, sites.WORK
ADDRESSES = {
    "depot": "10.91.61.11",
    "database": "10.91.61.12",
    "server1": "10.91.61.13",
    "server2": "10.91.61.14",
    "proxy": "10.91.61.15",
}
ROUTER, CANARY = "10.91.61.1", "10.91.61.99"
CALL_OUT = sites.CALL_OUT
SITE = "chat.example.mil"
SITE_AS_REACHED = sites.Site(SITE, ADDRESSES["proxy"], WORK / "site-ca/ca.pem")
ADMIN = ("operator", "rehearsal-Operator-2026")
MARIA = ("maria", "rehearsal-Maria-2026")
SECRETS = (ADMIN[1], "rehearsal/Data+base@2026", "rehearsal%2FData%2Bbase%402026")


class Person(sites.Person):
    """Somebody at this site."""

    site = SITE_AS_REACHED

    def __init__(self, name: str, password: str) -> None:
        super().__init__(self.site, name, password)


def https() -> http.client.HTTPSConnection:
    return SITE_AS_REACHED.https()


def effective_settings(host: Any) -> dict[str, Any]:
    """What the server on that host runs with, by its local socket."""
    script = (
        "import http.client,socket,sys\n"
        "c=http.client.HTTPConnection('localhost');c.sock=socket.socket(socket.AF_UNIX);c.sock.connect('/run/mattermost/local.socket')\n"
        "c.request('GET','/api/v4/config');sys.stdout.write(c.getresponse().read().decode())"
    )
    return json.loads(host.check_output("python3 -c %s", script))


def playbook(*arguments: str) -> subprocess.CompletedProcess[str]:
    return sites.playbook(HERE, *arguments)


def strays() -> dict[str, int]:
    """Packets towards the outside that the router has counted, by hosts of the site that sent them."""
    counted = sites.strays("fieldops_air_gapped")
    return {sender: count for sender, count in counted.items() if sender in ADDRESSES.values()}


def canary_is_counted() -> bool:
    return sites.canary_is_counted("fieldops_air_gapped", "fieldops-air-gapped-isolated", address=CANARY, router=ROUTER)


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
