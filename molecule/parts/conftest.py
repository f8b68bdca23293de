# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What the tests of this scenario share: the site and its people, its hosts, what the inventory gave, what may be reached from where."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
import testinfra
import yaml

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "shared"))

import ports
import sites
from sites import WORK, Person, Refused, Site

ADDRESSES = {"alpha-host": "10.91.81.11", "alpha-media": "10.91.81.12", "services": "10.91.81.2"}
SITE = Site("chat.alpha.example", ADDRESSES["alpha-host"], WORK / "site-ca-alpha/ca.pem")
GIVEN: dict[str, Any] = {
    name: value
    for file in ("site", "parts")
    for name, value in yaml.safe_load((HERE / f"inventory/group_vars/alpha/{file}.yml").read_text()).items()
}
ARTEFACTS: dict[str, dict[str, str]] = json.loads((WORK / "releases/artefacts.json").read_text())
# Every secret of the inventory, by what it is for; all begin with a word that says where they belong.
SECRETS = sorted(set(re.findall(r"rehearsal[-/][^\s\"',}]+", json.dumps(GIVEN))))
ASK = """
import http.client, json, sys
where, method, path, body = json.loads(sys.argv[1])
c = http.client.HTTPConnection(where, timeout=10)
c.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
reply = c.getresponse()
print(json.dumps([reply.status, json.loads(reply.read())]))
"""
LOCAL = """
import http.client, socket, sys
c = http.client.HTTPConnection("localhost"); c.sock = socket.socket(socket.AF_UNIX); c.sock.connect("/run/mattermost/local.socket")
c.request("GET", "/api/v4" + sys.argv[1]); sys.stdout.write(c.getresponse().read().decode())
"""
T = TypeVar("T")


def run(host: str, *argv: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program on a host, as its administrator."""
    command = ["podman", "exec", "-i", f"parts-{host}", *argv]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)


def said(host: str, *argv: str) -> str:
    """What a program prints that has to succeed."""
    done = run(host, *argv)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def ask(host: str, where: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Status and answer of a request from a host."""
    status, answer = json.loads(said(host, "python3", "-c", ASK, json.dumps([where, method, path, body])))
    return status, answer


def local(path: str) -> Any:
    """What the server answers on its local socket, where nothing is masked."""
    return json.loads(said("alpha-host", "python3", "-c", LOCAL, path))


def open_ports(start: str, target: str) -> list[int]:
    """Every TCP port of a host that takes a connection from there; `here` is the podman host, a client of the site."""
    return ports.open_ports(target, None if start == "here" else functools.partial(run, start))


def reaches(start: str, target: str, port: int) -> bool:
    """Whether a connection comes about."""
    return (
        run(start, "python3", "-c", f"import socket; socket.create_connection(({target!r}, {port}), 2)").returncode == 0
    )


def counted(host: str, counter: str) -> int:
    """Packets that the host's filter has counted."""
    listed = json.loads(said(host, "nft", "--json", "list", "counter", "inet", "mattermost", counter))
    return next(row["counter"]["packets"] for row in listed["nftables"] if "counter" in row)


def until(question: Callable[[], T | None], *, what: str, seconds: float = 30) -> T:
    """The first answer that is something, in time."""
    return sites.until(question, what=what, seconds=seconds)


def played(*arguments: str) -> tuple[int, str]:
    """The scenario's playbook, or another one, as an operator runs it: its status, and all that it says."""
    done = sites.playbook(HERE, *arguments)
    return done.returncode, done.stdout + done.stderr


def person(operator: Person, name: str, *channels: str) -> Person:
    """Somebody of the site, made once, in the team and in these channels."""
    password = f"rehearsal-Person-{name}"
    team = operator.ask("GET", "/teams/name/operations")["id"]
    try:
        user = operator.ask("GET", f"/users/username/{name}")
    except Refused:
        new = {"username": name, "email": f"{name}@alpha.example", "password": password}
        user = operator.ask("POST", "/users", new)
    operator.ask("POST", f"/teams/{team}/members", {"team_id": team, "user_id": user["id"]})
    for channel in channels:
        found = operator.ask("GET", f"/teams/{team}/channels/name/{channel}")
        operator.ask("POST", f"/channels/{found['id']}/members", {"user_id": user["id"]})
    return Person(SITE, name, password)


@pytest.fixture(scope="session")
def operator() -> Person:
    return Person(SITE, "operator", GIVEN["mission_partner_admin_password"])


@pytest.fixture(scope="session")
def team(operator: Person) -> str:
    found: str = operator.ask("GET", "/teams/name/operations")["id"]
    return found


@pytest.fixture(scope="session")
def media() -> Any:
    return testinfra.get_host("podman://parts-alpha-media")
