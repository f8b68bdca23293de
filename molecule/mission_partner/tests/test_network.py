# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What can be reached from where: the table of flows, and not a port more."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import (
    ALPHA,
    DATAGRAM_PORTS,
    FROM,
    GATEWAYS,
    INSIDE,
    LINK,
    ROUTER,
    SERVERS,
    TUNNEL,
    bent,
    comes_to_reach,
    datagrams,
    open_ports,
    reaches,
    run,
)
from sites import WORK, canary_is_counted, strays

MANAGEMENT, PEOPLE, PARTNERS, WIREGUARD = 22, [80, 443], 443, 51820


SWEEPS = {
    **{("stranger", LINK[name]): [] for name in LINK},
    (GATEWAYS["bravo"], TUNNEL["alpha"]): [PARTNERS],
    (GATEWAYS["charlie"], TUNNEL["alpha"]): [PARTNERS],
    (GATEWAYS["alpha"], TUNNEL["bravo"]): [PARTNERS],
    (GATEWAYS["alpha"], TUNNEL["charlie"]): [PARTNERS],
    ("here", ALPHA["alpha-gateway"]): [MANAGEMENT, *PEOPLE],
    ("here", ALPHA["alpha-server"]): [MANAGEMENT],
    ("here", ALPHA["alpha-database"]): [MANAGEMENT],
}
# Nobody takes datagrams from any of these. Partners' gateways have one port for each other on the link net, where the tunnel begins.
UDP_SWEEPS = {
    **{way: set() for way in SWEEPS},
    (GATEWAYS["bravo"], LINK["alpha"]): {WIREGUARD},
    (GATEWAYS["alpha"], LINK["charlie"]): {WIREGUARD},
}


@pytest.fixture(scope="module")
def sweeps() -> dict:
    """Every port of every target from every start, side by side: they mostly wait. Partners' own filters let all of it out.

    But not both ways at once: two hosts that each call the other's calling port do connect, as TCP has it.
    """
    found: dict = {}
    back = [way for way in SWEEPS if way[0] == GATEWAYS["alpha"]]
    with contextlib.ExitStack() as stack:
        for gateway in GATEWAYS.values():
            stack.enter_context(bent(gateway))
        for ways in ([way for way in SWEEPS if way not in back], back):
            with ThreadPoolExecutor() as pool:
                found.update(zip(ways, pool.map(lambda way: open_ports(*way), ways), strict=True))
        recover()
        return found


def recover() -> None:
    """A tunnel under thousands of questions a second drops some, its own handshakes too: what is to be open is asked for again."""
    for way, expected in SWEEPS.items():
        for port in expected:
            comes_to_reach(way[0], way[1], port)


@pytest.mark.parametrize("way", SWEEPS, ids=lambda way: f"{way[0]} to {way[1]}")
def test_every_port_but_those_of_the_table_is_closed(sweeps, way):
    """A stranger on the link net reaches nothing, a partner 443, own people the proxy, an operator ssh."""
    assert set(sweeps[way]) <= set(SWEEPS[way])


@pytest.fixture(scope="module")
def udp_sweeps(sweeps: dict) -> dict:
    """After the others. Gateways' own filters let these datagrams out."""
    with contextlib.ExitStack() as stack:
        for gateway in GATEWAYS.values():
            stack.enter_context(bent(gateway))
            stack.enter_context(bent(gateway, "udp", "sport", str(FROM)))
        with ThreadPoolExecutor(max_workers=4) as pool:
            found = dict(zip(UDP_SWEEPS, pool.map(lambda way: datagrams(*way), UDP_SWEEPS), strict=True))
        recover()
        return found


@pytest.mark.parametrize("way", UDP_SWEEPS, ids=lambda way: f"{way[0]} to {way[1]}")
def test_no_datagram_passes_but_the_tunnels(udp_sweeps, way):
    """Each came as far as the filter, and what it lets through are the tunnel's, from partners' gateways."""
    came, passed = udp_sweeps[way]
    assert came == DATAGRAM_PORTS, f"{len(DATAGRAM_PORTS - came)} were lost on the way"
    assert passed == UDP_SWEEPS[way]


def test_partners_who_are_not_linked_do_not_reach_one_another():
    with bent(GATEWAYS["bravo"]), bent(GATEWAYS["charlie"]):
        assert not reaches(GATEWAYS["bravo"], TUNNEL["charlie"], PARTNERS)
        assert not reaches(GATEWAYS["charlie"], TUNNEL["bravo"], PARTNERS)


def test_the_database_is_for_the_servers_alone():
    assert reaches("alpha-server", "10.91.70.13", 5432)
    assert not reaches("alpha-gateway", "10.91.70.13", 5432)
    assert not reaches("alpha-database", "10.91.70.12", 8065)


def test_a_partner_who_bends_his_own_tunnel_gets_no_further():
    """The other end decides what passes: routes and keys that bravo gives itself do not help it into alpha's network."""
    wg = ["wg", "set", "wg-partners", "peer"]
    key = next(
        line.split("\t")[0]
        for line in run("bravo-gateway", "wg", "show", "wg-partners", "allowed-ips").stdout.splitlines()
        if TUNNEL["alpha"] in line
    )
    run("bravo-gateway", *wg, key, "allowed-ips", f"{TUNNEL['alpha']}/32,10.91.70.0/24")
    run("bravo-gateway", "ip", "route", "add", "10.91.70.0/24", "dev", "wg-partners")
    try:
        with bent("bravo-gateway"):
            comes_to_reach("bravo-gateway", TUNNEL["alpha"], PARTNERS)
            assert not reaches("bravo-gateway", "10.91.70.13", 5432)
            assert not reaches("bravo-gateway", "10.91.70.12", 8065)
            assert not reaches("bravo-gateway", "10.91.70.11", 22)
    finally:
        run("bravo-gateway", "ip", "route", "del", "10.91.70.0/24", "dev", "wg-partners")
        run("bravo-gateway", *wg, key, "allowed-ips", f"{TUNNEL['alpha']}/32")


@pytest.mark.parametrize("server", list(SERVERS.values()))
def test_a_server_reaches_partners_and_nothing_else_outside(server):
    for target in ("192.0.2.1", "10.91.73.66", "10.91.74.11"):
        assert not reaches(server, target, 443)
    assert not reaches(server, TUNNEL["alpha"], 22)


def test_servers_reach_their_partners_over_the_tunnel():
    comes_to_reach("alpha-server", TUNNEL["bravo"], PARTNERS)
    comes_to_reach("alpha-server", TUNNEL["charlie"], PARTNERS)


def ask_as_partner(method: str, path: str) -> int:
    """Status of a request that comes from bravo's gateway to alpha's site."""
    script = f"""
import http.client, socket, ssl
context = ssl._create_unverified_context()
connection = http.client.HTTPSConnection("chat.alpha.example", context=context, timeout=10)
connection._create_connection = lambda address, *rest: socket.create_connection(({TUNNEL["alpha"]!r}, 443), *rest)
connection.request({method!r}, {path!r}, b"{{}}" if {method!r} == "POST" else None)
print(connection.getresponse().status)
"""
    done = run("bravo-gateway", "python3", "-c", script)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/api/v4/system/ping"),
        ("POST", "/api/v4/users/login"),
        ("GET", "/api/v4/remotecluster"),
        ("POST", "/api/v4/remotecluster/accept_invite"),
        ("GET", "/api/v4/remotecluster/ping/../../users"),
        ("GET", "/api/v4/websocket"),
    ],
)
def test_a_partners_server_is_refused_at_the_proxy(method, path):
    assert ask_as_partner(method, path) == 403


@pytest.mark.parametrize("path", ["ping", "msg", "confirm_invite"])
def test_a_partners_server_gets_to_federation_and_needs_its_token(path):
    assert ask_as_partner("POST", f"/api/v4/remotecluster/{path}") in (400, 401)


def test_tls_is_verified_by_the_partners_authority():
    context = ssl.create_default_context(cafile=str(WORK / "site-ca-alpha/ca.pem"))
    connection = http.client.HTTPSConnection("chat.alpha.example", context=context, timeout=10)
    connection._create_connection = lambda _address, *rest: socket.create_connection((INSIDE["alpha"], 443), *rest)  # type: ignore[attr-defined]
    connection.request("GET", "/api/v4/system/ping")
    assert connection.getresponse().status == 200
    trusted = run("alpha-server", "sh", "-c", "ls /usr/local/share/ca-certificates").stdout.split()
    assert trusted == ["mattermost-partner-bravo.crt", "mattermost-partner-charlie.crt"]


def test_the_router_would_have_counted_a_packet():
    assert canary_is_counted("fieldops_mission_partner", "fieldops-mp-alpha", address="10.91.70.99", router=ROUTER)


def test_no_packet_asked_the_router_to_leave_a_site():
    """What the tests above tried was refused on the hosts themselves; nothing came as far as the router."""
    senders = {*INSIDE.values(), "10.91.70.12", "10.91.70.13", "10.91.71.13", *LINK.values()}
    assert {sender for sender in strays("fieldops_mission_partner") if sender in senders} == set()
