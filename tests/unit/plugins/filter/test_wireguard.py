# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The tunnels of mattermost_wireguard: every mistake has its sentence, and the tunnels' state is told."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import jinja2
import pytest
from ansible_collections.fieldops.mattermost.plugins.filter.wireguard import (
    FilterModule,
    canonical_routes,
    interface_address,
    route_problems,
    wireguard_kept,
    wireguard_links,
    wireguard_networks,
    wireguard_problems,
)


def key(number: int) -> str:
    return base64.b64encode(bytes([number] * 32)).decode()


def given(*peers: Any, **changes: Any) -> dict[str, Any]:
    return {
        "interface": "wg-partners",
        "address": "10.99.0.1/24",
        "port": 51820,
        "mtu": 1420,
        "private_key": "",
        "public_key": key(1),
        "peers": list(peers),
        "host_addresses": ["10.20.0.5", "fe80::1"],
        "keys_may_be_missing": False,
        **changes,
    }


def peer(**changes: Any) -> dict[str, Any]:
    return {
        "name": "bravo",
        "public_key": key(2),
        "endpoint": "203.0.113.7:51820",
        "allowed_ips": ["10.31.0.0/16"],
        **changes,
    }


CHARLIE = {
    "name": "charlie",
    "public_key": key(3),
    "endpoint": "[2001:db8::7]:51820",
    "allowed_ips": ["10.32.0.0/16", "fd00:3::/64"],
    "preshared_key": key(9),
    "keepalive": 0,
}


def test_good_input_has_no_problem() -> None:
    assert wireguard_problems(given(peer(), CHARLIE, private_key=key(7))) == []
    assert wireguard_problems(given()) == []
    assert wireguard_problems(given(peer(endpoint=""))) == []


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (None, "Peer 1 is empty: None."),
        (peer(name=""), "Peer 1 needs a name of lower-case letters"),
        (peer(name="Bravo Force"), "Peer 1 (Bravo Force) needs a name of lower-case letters"),
        (peer(key="x"), "has the unknown key key."),
        (peer(public_key=""), "Peer 1 (bravo) has no public_key of 44 characters"),
        (peer(public_key=key(2)[:-1]), "has no public_key of 44 characters"),
        (peer(public_key=key(2)[:-2] + "B="), "has no public_key of 44 characters"),
        (peer(preshared_key="short"), "has a preshared_key that is not 44 characters"),
        (peer(endpoint="203.0.113.7"), "has the endpoint '203.0.113.7', which has no port"),
        (peer(endpoint="2001:db8::7:51820"), "which has no port; write 203.0.113.7:51820, or [2001:db8::7]:51820."),
        (peer(endpoint="gate.example.org:51820"), "which has no address; WireGuard asks for a name's address once"),
        (peer(endpoint="203.0.113.7:0"), "which is outside 1 to 65535."),
        (peer(endpoint="203.0.113.7:1-2"), "which has a range of ports; give one."),
        (peer(keepalive=-1), "has the keepalive '-1'; give 0 to 65535 seconds."),
        (peer(keepalive=65536), "has the keepalive '65536'"),
        (peer(allowed_ips=[]), "has no allowed_ips; give a list"),
        (peer(allowed_ips="10.31.0.0/16"), "has no allowed_ips; give a list"),
        (peer(allowed_ips=["10.31.0.1/16"]), "allows '10.31.0.1/16', which has bits set beyond its prefix"),
        (peer(allowed_ips=["bravo.example.org"]), "allows 'bravo.example.org', which is a host name"),
        (peer(allowed_ips=["0.0.0.0/0"]), "allows all addresses"),
    ],
)
def test_a_wrong_peer(wrong: Any, sentence: str) -> None:
    problems = wireguard_problems(given(wrong))
    assert len(problems) == 1
    assert sentence in problems[0]


def test_secrets_are_not_repeated() -> None:
    secret = "c2VjcmV0IGtleSB0aGF0IG5vYm9keSBtYXkgc2Vl"
    problems = wireguard_problems(given(peer(preshared_key=secret), private_key=secret))
    assert len(problems) == 2
    assert secret not in " ".join(problems)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"interface": "a-name-of-sixteen"}, "mattermost_wireguard_interface is 'a-name-of-sixteen'"),
        ({"address": "10.99.0.1"}, "mattermost_wireguard_address is '10.99.0.1'; give an address with its prefix"),
        ({"address": "10.99.0/24"}, "mattermost_wireguard_address is '10.99.0/24'"),
        ({"port": 0}, "mattermost_wireguard_port is 0, which is outside 1 to 65535."),
        ({"mtu": 500}, "mattermost_wireguard_mtu is 500; give 1280 to 9000."),
        ({"private_key": "x"}, "mattermost_wireguard_private_key is not 44 characters"),
    ],
)
def test_a_wrong_setting(changes: dict[str, Any], sentence: str) -> None:
    problems = wireguard_problems(given(**changes))
    assert len(problems) == 1
    assert sentence in problems[0]


def test_a_name_occurs_once() -> None:
    assert wireguard_problems(given(peer(), {**CHARLIE, "name": "bravo"})) == [
        "Peer 2 (bravo) has a name that another peer has."
    ]


@pytest.mark.parametrize(
    ("second", "sentence"),
    [
        ({**CHARLIE, "public_key": key(2)}, "bravo and charlie have the same public_key"),
        ({**CHARLIE, "allowed_ips": ["10.31.7.0/24"]}, "bravo has 10.31.0.0/16 and charlie has 10.31.7.0/24, which overlap"),
        ({**CHARLIE, "public_key": key(1)}, "charlie has the public_key of this host itself."),
        ({**CHARLIE, "allowed_ips": ["10.99.0.0/24"]}, "10.99.0.1 is this host's own address, but lies in what charlie"),
        ({**CHARLIE, "allowed_ips": ["10.20.0.0/24"]}, "10.20.0.5 is this host's own address, but lies in what charlie"),
        ({**CHARLIE, "allowed_ips": ["203.0.113.0/24"]}, "The endpoint of bravo lies in what charlie is allowed"),
    ],
)  # fmt: skip
def test_peers_that_do_not_go_together(second: dict[str, Any], sentence: str) -> None:
    problems = wireguard_problems(given(peer(), second))
    assert len(problems) == 1
    assert sentence in problems[0]


def test_a_rehearsal_does_without_keys_that_are_not_made_yet() -> None:
    peers = [peer(public_key=""), {**CHARLIE, "public_key": ""}]
    assert wireguard_problems(given(*peers, public_key="", keys_may_be_missing=True)) == []
    assert len(wireguard_problems(given(*peers, public_key=""))) == 2


@pytest.mark.parametrize(
    ("routes", "sentences"),
    [
        ([], []),
        ([{"to": "10.31.0.0/16", "via": "10.20.0.5"}, {"to": "fd00::/64", "via": "fd01::1"}], []),
        ([{"to": "", "via": "10.20.0.5"}], ["Route 1 (to nowhere) leads to '', which is empty"]),
        ([{"to": "10.31.0.1/16", "via": "10.20.0.5"}], ["which has bits set beyond its prefix; write 10.31.0.0/16"]),
        ([{"to": "10.31.0.0/16", "via": "gateway"}], ["leads over 'gateway'; give the gateway's address."]),
        ([{"to": "10.31.0.0/16", "via": "fd01::1"}], ["leads over fd01::1, which is of the other address family."]),
        ([{"to": "fd00::/64", "via": "fe80::1"}], ["leads over fe80::1, which is good on one link only"]),
        ([{"to": "10.31.0.0/16", "via": "10.31.0.1"}], ["leads over 10.31.0.1, which lies behind it."]),
        (
            [{"to": "10.31.0.7", "via": "10.20.0.5"}, {"to": "10.31.0.7/32", "via": "10.20.0.6"}],
            ["Route 2 (10.31.0.7/32) is there twice."],
        ),
    ],
)
def test_routes(routes: list[dict[str, str]], sentences: list[str]) -> None:
    problems = route_problems(routes)
    assert len(problems) == len(sentences)
    assert all(sentence in problem for sentence, problem in zip(sentences, problems))


def test_addresses_are_written_as_ip_prints_them() -> None:
    assert canonical_routes([{"to": "10.31.0.7/32", "via": "10.20.0.5"}, {"to": "FD00::/64", "via": "fd01::0:1"}]) == [
        {"to": "10.31.0.7", "via": "10.20.0.5"},
        {"to": "fd00::/64", "via": "fd01::1"},
    ]
    assert wireguard_networks([peer(allowed_ips=["10.99.0.2/32", "2001:db8::/32"]), CHARLIE]) == [
        "10.32.0.0/16",
        "10.99.0.2",
        "2001:db8::/32",
        "fd00:3::/64",
    ]
    assert interface_address("FD00::0001/64") == "fd00::1/64"


@pytest.mark.parametrize(
    ("lines", "up", "seconds", "words"),
    [
        ([f"{key(2)} 3 25"], True, 3, "stands (handshake 3 seconds ago)"),
        ([f"{key(2)} 180 25"], True, 180, "stands"),
        ([f"{key(2)} 181 25"], False, 181, "does not stand: no answer from 203.0.113.7:51820."),
        ([f"{key(2)} -1 25"], False, -1, "does not stand: no answer"),
        ([f"{key(3)} 3 25"], False, -1, "does not stand: no answer"),
        ([""], False, -1, "does not stand: no answer"),
    ],
)
def test_the_state_of_a_tunnel(lines: list[str], up: bool, seconds: int, words: str) -> None:
    (link,) = wireguard_links(lines, [peer()])
    assert (link["name"], link["up"], link["seconds"]) == ("bravo", up, seconds)
    assert words in link["report"]


def test_a_tunnel_that_only_the_partner_opens() -> None:
    (link,) = wireguard_links([f"{key(2)} -1 25"], [peer(endpoint="")])
    assert link["report"].endswith("it has no endpoint, so its gateway has to open it.")


def test_what_the_role_has_written_is_read_back_without_secrets() -> None:
    template = Path(__file__).resolve().parents[4] / "roles/mattermost_wireguard/templates/peers.j2"
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    environment.filters.update({"fieldops.mattermost.networks": list, "comment": "# {}".format})
    peers = [
        {**peer(name="bravo"), "preshared_key": key(9)},
        {**peer(name="charlie", public_key=key(3), endpoint=""), "allowed_ips": ["10.99.0.3"]},
    ]
    text = environment.from_string(template.read_text(encoding="utf-8")).render(
        ansible_managed="Managed", mattermost_wireguard_port=51820, mattermost_wireguard_peers=peers
    )
    assert key(9) in text
    assert wireguard_kept(text) == {
        "bravo": {"public_key": key(2), "endpoint": peers[0]["endpoint"]},
        "charlie": {"public_key": key(3), "endpoint": ""},
    }
    assert wireguard_kept("") == {}


def test_the_filters_have_names() -> None:
    assert set(FilterModule().filters()) == {
        "wireguard_problems",
        "route_problems",
        "wireguard_networks",
        "canonical_routes",
        "interface_address",
        "wireguard_links",
        "wireguard_kept",
    }
