# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What the tests of this scenario share: the sites, their people, and what may be reached from where."""

from __future__ import annotations

import configparser
import contextlib
import functools
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import testinfra

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "shared"))

import ports
import sites
from sites import WORK, Person, Refused, Site

COLLECTION = sites.COLLECTION
GATEWAYS = {"alpha": "alpha-gateway", "bravo": "bravo-gateway", "charlie": "charlie-host"}
SERVERS = {"alpha": "alpha-server", "bravo": "bravo-gateway", "charlie": "charlie-host"}
TUNNEL = {"alpha": "10.99.0.1", "bravo": "10.99.0.2", "charlie": "10.99.0.3"}
LINK = {"alpha": "10.91.73.11", "bravo": "10.91.73.12", "charlie": "10.91.73.13"}
INSIDE = {"alpha": "10.91.70.11", "bravo": "10.91.71.11", "charlie": "10.91.72.11"}
TEAMS = {"alpha": "operations", "bravo": "coalition", "charlie": "liaison"}
ALPHA = {"alpha-gateway": INSIDE["alpha"], "alpha-server": "10.91.70.12", "alpha-database": "10.91.70.13"}
ROUTER, STRANGER = "10.91.70.1", "10.91.73.66"
HOSTS = ("alpha-gateway", "alpha-server", "alpha-database", "bravo-gateway", "bravo-database", "charlie-host")
# Partners are given some time: a server collects changes for seconds, and asks every minute whether a partner is there.
PATIENCE = 150
T = TypeVar("T")

INTO_THE_TUNNEL = ("oifname", "wg-partners")

# One datagram to each port, some thousand a second, all from one port, and not to that: a datagram that goes from it to it would pass as
# the answer to one of the other direction.
FROM = 1
DATAGRAM_PORTS = frozenset(range(1, 65536)) - {FROM}
DATAGRAMS = """
import socket, time
ask = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
ask.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
ask.bind(("", SOURCE))
for number, port in enumerate(PORTS):
    try:
        ask.sendto(b"", (TARGET, port))
    except OSError:
        pass
    if number % 50 == 49:
        time.sleep(0.01)
"""
# Right before and right after the target's own filter: whether a datagram came, and whether it was let through. Silence would prove neither.
WATCH = """
table inet {table} {{
  set came {{ type inet_service; size 65536; flags dynamic; }}
  set passed {{ type inet_service; size 65536; flags dynamic; }}
  chain before {{
    type filter hook input priority -1; policy accept;
    ip saddr {sender} ip daddr {target} udp sport {port} add @came {{ udp dport }}
  }}
  chain after {{
    type filter hook input priority 1; policy accept;
    ip saddr {sender} ip daddr {target} udp sport {port} add @passed {{ udp dport }}
  }}
}}
"""


def licensed() -> bool:
    """Whether the rehearsal has a licence; a real server without one can be stood up, but not federated."""
    index = configparser.ConfigParser()
    index.read(WORK / "releases/releases.ini")
    return bool(index["licence"]["file"])


needs_licence = pytest.mark.skipif(not licensed(), reason="a real release without a licence does not federate")


def container(host: str) -> str:
    return f"mission-partner-{host}"


def run(host: str, *argv: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program on a host, as its administrator."""
    command = ["podman", "exec", "-i", container(host), *argv]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)


def open_ports(start: str, target: str) -> list[int]:
    """Every TCP port of the target that takes a connection from there; from `here` it is the podman host, a client of every site."""
    return ports.open_ports(target, None if start == "here" else functools.partial(run, start))


def at(target: str) -> str:
    """The host that has an address."""
    gateways = {places[name]: GATEWAYS[name] for places in (TUNNEL, LINK, INSIDE) for name in GATEWAYS}
    return {**gateways, **{address: host for host, address in ALPHA.items()}}[target]


def sender(start: str, target: str) -> str:
    """The address from which a start calls a target: a gateway that of the tunnel, or its own on the link net."""
    places = TUNNEL if target in TUNNEL.values() else LINK
    return {"here": ROUTER, "stranger": STRANGER, **{GATEWAYS[name]: places[name] for name in GATEWAYS}}[start]


def datagrams(start: str, target: str) -> tuple[set[int], set[int]]:
    """The UDP ports of the target that datagrams came to from there, and those of them that its filter let through.

    One that was lost on the way proves nothing, and is sent again.
    """
    host, table = at(target), f"rehearsal_{secrets.token_hex(4)}"
    watch = WATCH.format(table=table, sender=sender(start, target), target=target, port=FROM)
    done = run(host, "nft", "-f", "-", stdin=watch)
    assert done.returncode == 0, done.stderr
    try:
        came: set[int] = set()
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            send(start, target, sorted(DATAGRAM_PORTS - came))
            time.sleep(1)
            came = watched(host, table, "came")
            if came == DATAGRAM_PORTS:
                break
        return came, watched(host, table, "passed")
    finally:
        run(host, "nft", "delete", "table", "inet", table)


def send(start: str, target: str, ports: list[int]) -> None:
    script = f"SOURCE, TARGET, PORTS = {FROM}, {target!r}, {ports!r}\n{DATAGRAMS}"
    if start == "here":
        done = subprocess.run([sys.executable, "-"], input=script, capture_output=True, text=True, check=False)
    else:
        done = run(start, "python3", "-", stdin=script)
    assert done.returncode == 0, done.stderr


def watched(host: str, table: str, name: str) -> set[int]:
    done = run(host, "nft", "--json", "list", "set", "inet", table, name)
    assert done.returncode == 0, done.stderr
    return {port for row in json.loads(done.stdout)["nftables"] for port in row.get("set", {}).get("elem", [])}


@contextlib.contextmanager
def bent(host: str, *match: str) -> Iterator[None]:
    """A host whose own filter lets out what matches, or else everything into the tunnel, as that of a partner who means harm.

    What stops it then is the other end.
    """
    chain = ["inet", "mattermost", "outgoing"]
    mark = f"bent by the rehearsal {secrets.token_hex(4)}"
    rule = [*(match or INTO_THE_TUNNEL), "accept", "comment", f'"{mark}"']
    assert run(host, "nft", "insert", "rule", *chain, *rule).returncode == 0
    try:
        yield
    finally:
        rules = json.loads(run(host, "nft", "--json", "list", "chain", *chain).stdout)["nftables"]
        for handle in [row["rule"]["handle"] for row in rules if row.get("rule", {}).get("comment") == mark]:
            assert run(host, "nft", "delete", "rule", *chain, "handle", str(handle)).returncode == 0


def reaches(start: str, target: str, port: int) -> bool:
    """Whether a connection comes about."""
    script = f"import socket; socket.create_connection(({target!r}, {port}), 2)"
    if start == "here":
        return subprocess.run([sys.executable, "-c", script], capture_output=True, check=False).returncode == 0
    return run(start, "python3", "-c", script).returncode == 0


def until(question: Callable[[], T | None], *, what: str, seconds: float = PATIENCE) -> T:
    """The first answer that is something, in time."""
    return sites.until(question, what=what, seconds=seconds)


def comes_to_reach(start: str, target: str, port: int) -> None:
    """A connection comes about, if not at once: WireGuard repeats a handshake that was lost only after five seconds."""
    until(lambda: reaches(start, target, port) or None, what=f"{start} to {target} port {port}", seconds=30)


class Partner:
    """An organisation: its site, its operator and one of its people."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.site = Site(f"chat.{name}.example", INSIDE.get(name, INSIDE["charlie"]), WORK / f"site-ca-{name}/ca.pem")
        self.operator = Person(self.site, f"{name}-operator", f"rehearsal-Operator-{name}")
        self.team = self.operator.ask("GET", f"/teams/name/{TEAMS.get(name, 'liaison')}")
        self.person = self.people(f"{name}-ann")

    def people(self, name: str, *, channels: Iterable[str] = ()) -> Person:
        """Somebody in the team, made once."""
        password = f"rehearsal-Person-{name}"
        try:
            user = self.operator.ask("GET", f"/users/username/{name}")
        except Refused:
            new = {"username": name, "email": f"{name}@{self.name}.example", "password": password}
            user = self.operator.ask("POST", "/users", new)
        member = {"team_id": self.team["id"], "user_id": user["id"]}
        self.operator.ask("POST", f"/teams/{self.team['id']}/members", member)
        for channel in channels:
            self.join(channel, user["id"])
        return Person(self.site, name, password)

    def channel(self, name: str) -> dict[str, Any] | None:
        try:
            return self.operator.ask("GET", f"/teams/{self.team['id']}/channels/name/{name}")
        except Refused as no:
            assert no.status == 404, no
            return None

    def join(self, channel: str, user: str) -> None:
        found = self.channel(channel)
        assert found, f"{self.name} has no channel {channel}"
        self.operator.ask("POST", f"/channels/{found['id']}/members", {"user_id": user})

    def post(self, channel: str, text: str, **more: Any) -> dict[str, Any]:
        """Somebody of the organisation writes."""
        found = self.channel(channel)
        assert found, f"{self.name} has no channel {channel}"
        self.join(channel, self.person.id)
        return self.person.ask("POST", "/posts", {"channel_id": found["id"], "message": text, **more})

    def posts(self, channel: str) -> list[dict[str, Any]]:
        found = self.channel(channel)
        if not found:
            return []
        listed = self.operator.ask("GET", f"/channels/{found['id']}/posts?per_page=200")
        return [listed["posts"][post_id] for post_id in listed["order"]]

    def sees(self, channel: str, text: str) -> dict[str, Any] | None:
        return next((post for post in self.posts(channel) if post["message"] == text), None)


@pytest.fixture(scope="session")
def hosts() -> dict[str, Any]:
    return {name: testinfra.get_host(f"podman://{container(name)}") for name in HOSTS}


@pytest.fixture(scope="session")
def alpha() -> Partner:
    return Partner("alpha")


@pytest.fixture(scope="session")
def bravo() -> Partner:
    return Partner("bravo")


@pytest.fixture(scope="session")
def charlie() -> Partner:
    return Partner("charlie")
