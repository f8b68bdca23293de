# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The input of mission_partner: every mistake has its sentence; every host its flows."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.fieldops.mattermost.plugins.filter import mission_partner as filters
from ansible_collections.fieldops.mattermost.plugins.filter import mission_partner_flows as network
from ansible_collections.fieldops.mattermost.plugins.filter import mission_partner_peers as partners
from ansible_collections.fieldops.mattermost.plugins.filter.flows import firewall_problems
from ansible_collections.fieldops.mattermost.tests.unit.firewall import firewall

KEY = "x36iPiAym5KCTYpzeHSzqULVSB4ja/ZtFeI4unzNTwU="


def member(name: str, address: str, *components: str) -> dict[str, Any]:
    return {
        "name": name,
        "address": address,
        "components": [f"mattermost_{component}" for component in components],
        "distribution": "Debian",
        "release": "12",
    }


GATE = member("gate", "10.20.0.10", "proxy", "wireguard")
CHAT = member("chat", "10.20.0.11", "server")
DATA = member("data", "10.20.0.12", "database")
PARTNERS = [
    {"name": "alpha", "site_url": "https://chat.alpha.example", "team": "operations"},
    {"name": "bravo", "site_url": "https://chat.bravo.example", "team": "coalition"},
]


def peer(**changes: Any) -> dict[str, Any]:
    return {
        "name": "bravo",
        "site_host": "chat.bravo.example",
        "address": "10.99.0.2",
        "ca": "PEM",
        "in_play": False,
        "in_inventory": False,
        "networks": ["10.99.0.2"],
        "public_key": KEY,
        "endpoint": "198.51.100.8:51820",
        "keepalive": 25,
        "preshared_key": "",
        **changes,
    }


def given(**changes: Any) -> dict[str, Any]:
    tunnel = {"enabled": True, "address": "10.99.0.1/24", "peers": {}, **changes.pop("tunnel", {})}
    return {
        "name": "alpha",
        "hosts": ["gate", "chat", "data"],
        "play_hosts": ["gate", "chat", "data"],
        "members": [GATE, CHAT, DATA],
        "groups": {
            "mattermost_proxy": ["gate"],
            "mattermost_wireguard": ["gate"],
            "mattermost_server": ["chat"],
            "mattermost_database": ["data"],
        },
        "site_url": "https://chat.alpha.example",
        "release_url": "https://mirror.example/mattermost.tar.gz",
        "release_path": "",
        "release_path_exists": False,
        "release_sha256": "a" * 64,
        "version": "11.7.9",
        "partners": PARTNERS,
        "peers": [peer()],
        "partner_networks": {"bravo": ["10.99.0.2"], "alpha": ["10.99.0.1"]},
        "exchange_dir": "/srv/exchange",
        "password_names": ["bravo"],
        "hosts_managed": True,
        "tunnel": tunnel,
        "database_host": "",
        "database_ca_given": False,
        "database_password_length": 20,
        "admin_password_length": 20,
        "passwords_differ": True,
        "load_balancers": [],
        "load_balancer_confines_partners": False,
        "client_networks": ["10.20.8.0/24"],
        "management_sources": [],
        "servers_of": {"mission_partner_dns_servers": []},
        "own_pki": False,
        "hosts_without_tls": ["gate"],
        "uid": 0,
        "settings": [{"key": "ServiceSettings.X", "value": True, "why": "because"}],
        "settings_extra": {"mission_partner_settings_extra": {}},
        "exceptions": [],
        **changes,
    }


def test_good_input_has_no_problem() -> None:
    assert filters.mission_partner_problems(given()) == []
    alone = given(
        partners=[], peers=[], partner_networks={}, tunnel={"enabled": False, "address": ""}, client_networks=[]
    )
    assert filters.mission_partner_problems(alone) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"release_url": ""}, "Give one of mission_partner_release_url and mission_partner_release_path"),
        ({"release_path": "/x"}, "Give one of mission_partner_release_url and mission_partner_release_path"),
        ({"release_url": "ftp://x"}, "mission_partner_release_url is 'ftp://x'; give an address with http"),
        ({"release_url": "", "release_path": "/x"}, "mission_partner_release_path is /x, which is no file"),
        (
            {"release_sha256": "abc"},
            "mission_partner_release_sha256 must be the 64 hexadecimal digits of the release to install.",
        ),
        ({"version": "11"}, "mission_partner_version is '11'"),
        ({"site_url": "http://chat"}, "mission_partner_site_url is 'http://chat'; give https://"),
        (
            {"groups": {**given()["groups"], "mattermost_wireguard": ["gate", "chat"]}},
            "The group mattermost_wireguard has 2 hosts (gate, chat); one is supported.",
        ),
        (
            {"partner_networks": {"bravo": ["10.99.0.2"], "delta": ["10.99.0.4"]}},
            "mission_partner_partner_networks names delta, which is no partner",
        ),
        (
            {"partner_networks": {"bravo": ["10.99.0.2/24"]}},
            "mission_partner_partner_networks.bravo has '10.99.0.2/24', which has bits set beyond its prefix; write 10.99.0.0/24",
        ),
        (
            {
                "partners": [*PARTNERS, {"name": "charlie"}],
                "partner_networks": {"bravo": ["10.9.0.0/16"], "charlie": ["10.9.8.7"]},
            },
            "mission_partner_partner_networks.bravo has 10.9.0.0/16, which overlaps 10.9.8.7/32 of mission_partner_partner_networks.charlie",
        ),
        (
            {"partner_networks": {"bravo": ["10.20.0.0/16"]}},
            "which overlaps 10.20.8.0/24 of this site's client networks; an address belongs to one of them.",
        ),
        (
            {"partner_networks": {"bravo": ["10.9.0.0/16", "10.9.8.7"]}},
            "mission_partner_partner_networks.bravo has 10.9.0.0/16, which overlaps its 10.9.8.7/32; keep one.",
        ),
        (
            {"management_sources": ["10.99.0.2"]},
            "bravo has 10.99.0.2/32, which overlaps 10.99.0.2/32 of mission_partner_management_sources",
        ),
        (
            {"servers_of": {"mission_partner_tunnel_guests": ["10.99.0.2"]}},
            "mission_partner_partner_networks.bravo has 10.99.0.2/32, which overlaps 10.99.0.2/32 of mission_partner_tunnel_guests",
        ),
        (
            {"peers": [peer(endpoint="198.51.100.7")]},
            "The endpoint of bravo is '198.51.100.7'; give the gateway's address and port",
        ),
        (
            {"peers": [peer(endpoint="gate.example:1")]},
            "The endpoint of bravo is 'gate.example:1'; give the gateway's address",
        ),
        ({"partner_networks": {"bravo": ["10.99.0.0/24"]}}, "of the tunnel's own address"),
        (
            {"client_networks": []},
            "mission_partner_client_networks is empty: name the networks of this site's own people",
        ),
        (
            {"site_url": "https://other.example"},
            "mission_partner_links says that alpha is at https://chat.alpha.example, mission_partner_site_url is https://other.example",
        ),
        (
            {"peers": [peer(networks=[])]},
            "alpha is linked with bravo, but mission_partner_partner_networks has no address of bravo",
        ),
        (
            {
                "groups": {**given()["groups"], "mattermost_proxy": []},
                "load_balancers": ["10.20.0.40"],
            },
            "nothing says that the load balancer confines partners' servers to the paths of connected workspaces",
        ),
        ({"exchange_dir": ""}, "bravo is not in this play, so its invitation travels as a file"),
        ({"password_names": []}, "mission_partner_passwords has none for bravo"),
        ({"peers": [peer(address="")]}, "Nothing says at which address chat.bravo.example is"),
        (
            {"tunnel": {"address": "10.99.0.1"}},
            "mission_partner_tunnel_address is '10.99.0.1'; give this site's address on the link net",
        ),
        ({"tunnel": {"address": "here"}}, "mission_partner_tunnel_address is 'here'"),
        (
            {"peers": [peer(public_key="")]},
            "mission_partner_tunnel_peers.bravo has no public_key, and bravo is not in this play.",
        ),
        ({"tunnel": {"peers": {"delta": {}}}}, "mission_partner_tunnel_peers names delta, which is no partner"),
        (
            {"tunnel": {"enabled": False, "peers": {"bravo": {}}}},
            "mission_partner_tunnel_peers names bravo, but no host is in mattermost_wireguard.",
        ),
        ({"admin_password_length": 3}, "mission_partner_admin_password is shorter than 14"),
        ({"own_pki": True}, "mission_partner_ca_certificate is given, but gate has no mission_partner_tls_certificate"),
        (
            {"settings_extra": {"mission_partner_settings_extra": {"ServiceSettings": {"X": False}}}},
            "mission_partner_settings_extra sets ServiceSettings.X to False, which the scenario forbids (because).",
        ),
    ],
)
def test_each_mistake_has_its_sentence(changes: dict[str, Any], sentence: str) -> None:
    problems = filters.mission_partner_problems(given(**changes))
    assert [problem for problem in problems if sentence in problem], problems


def test_a_load_balancer_that_confines_partners_will_do() -> None:
    behind = {"groups": {**given()["groups"], "mattermost_proxy": []}, "load_balancers": ["10.20.0.40"]}
    assert filters.mission_partner_problems(given(**behind, load_balancer_confines_partners=True)) == []
    assert filters.mission_partner_problems(given(**behind, partners=[], peers=[], partner_networks={})) == []


def test_several_organisations_in_one_inventory_are_told_apart() -> None:
    groups = {"mattermost_server": ["a", "b", "other"], "mattermost_proxy": ["b"]}
    hostvars = {"a": {"mission_partner_name": "alpha"}, "b": {"mission_partner_name": "bravo"}, "other": {}}
    found = filters.mission_partner_groups(groups, hostvars, "alpha")
    assert found["mattermost_server"] == ["a"]
    assert found["mattermost_proxy"] == found["mattermost_database"] == []


def known(**changes: Any) -> dict[str, Any]:
    return {"partner_networks": {}, "tunnel_peers": {}, "inventory": {}, "authorities": {}, "kept": {}, **changes}


def test_a_partner_that_does_not_answer_keeps_what_it_had() -> None:
    links, table = [{"peer": "bravo", "state": "present"}], {"partners": PARTNERS}
    said = {"tunnel_address": "10.99.0.2/24", "tunnel_endpoint": "198.51.100.8:51820", "ca": "PEM"}
    networks = {"partner_networks": {"bravo": ["10.99.0.2"]}}
    more = known(**networks, inventory={"bravo": said}, kept={"bravo": {"public_key": KEY, "endpoint": "192.0.2.1:9"}})
    found = partners.mission_partner_peers(links, table, {}, more)
    assert found == [peer(in_inventory=True)]
    assert filters.mission_partner_problems(given(peers=found, exchange_dir="", password_names=[])) == []
    assert partners.mission_partner_strangers(found, True) == []
    unsaid = partners.mission_partner_peers(
        links, table, {}, {**more, "inventory": {"bravo": {**said, "ca": ""}}, "authorities": {"bravo": "FILE"}}
    )
    assert unsaid == [peer(in_inventory=True, ca="FILE")]
    # Without a key in the inventory or on the gateway there is no tunnel to keep.
    new = partners.mission_partner_peers(links, table, {}, known(**networks, inventory={"bravo": said}))
    assert partners.mission_partner_strangers(new, True) == ["bravo"]
    assert partners.mission_partner_strangers(new, False) == []
    # Nor is one that went silent in the middle of a run forgotten: what it had said by then goes first.
    half = partners.mission_partner_peers(links, table, {"bravo": {**said, "public_key": "", "ca": ""}}, more)
    assert half == [peer(in_inventory=True, in_play=True)]
    # What the gateway has of a partner elsewhere is no word of its: the table has that.
    elsewhere = partners.mission_partner_peers(links, table, {}, known(kept={"bravo": {"public_key": KEY}}))
    assert elsewhere[0]["public_key"] == "" and partners.mission_partner_strangers(elsewhere, True) == []


def test_the_inventory_tells_of_organisations_whether_they_answer_or_not() -> None:
    groups = {"mattermost_wireguard": ["gate-b"], "mattermost_server": ["chat-a", "chat-b", "chat-c"]}
    hostvars = {
        "gate-b": {"mission_partner_name": "bravo", "mission_partner_tunnel_address": "10.99.0.2/24"},
        "chat-a": {"mission_partner_name": "alpha"},
        "chat-b": {"mission_partner_name": "bravo"},
        "chat-c": {
            "mission_partner_name": "charlie",
            "mission_partner_ca_dir": "/ca",
            "mission_partner_ca_certificate": "PEM",
        },
    }
    found = partners.mission_partner_organisations(["bravo", "charlie", "delta"], groups, hostvars, "/inventory")
    assert found == [
        {
            "name": "bravo",
            "ca": "",
            "ca_file": "/inventory/site-ca-bravo/ca.pem",
            "tunnel_address": "10.99.0.2/24",
            "tunnel_endpoint": "",
        },
        {"name": "charlie", "ca": "PEM", "ca_file": "/ca/ca.pem", "tunnel_address": "", "tunnel_endpoint": ""},
    ]


def test_what_is_given_goes_before_what_a_partner_says_of_itself() -> None:
    links = [{"peer": "bravo", "state": "present"}, {"peer": "gone", "state": "absent"}]
    table = {"partners": [{**PARTNERS[1], "ca_certificate": "GIVEN"}]}
    site = {"tunnel_address": "10.99.0.2/24", "tunnel_endpoint": "198.51.100.8:51820", "public_key": KEY, "ca": "SAID"}
    more = known(
        partner_networks={"bravo": ["10.99.0.2"]},
        tunnel_peers={"bravo": {"endpoint": "203.0.113.9:4500"}},
        inventory={"bravo": {"tunnel_address": "10.99.0.9/24", "tunnel_endpoint": "203.0.113.9:1", "ca": "OLD"}},
        kept={"bravo": {"public_key": "OLD", "endpoint": ""}},
    )
    assert partners.mission_partner_peers(links, table, {"bravo": site}, more) == [
        peer(ca="GIVEN", in_play=True, in_inventory=True, endpoint="203.0.113.9:4500")
    ]
    alone = partners.mission_partner_peers(links, {"partners": PARTNERS}, {}, known())
    assert alone == [peer(ca="", address="", networks=[], public_key="", endpoint="")]


def test_authorities_of_partners_who_left_are_trusted_no_longer() -> None:
    links = [{"peer": "bravo", "state": "present"}, {"peer": "gone", "state": "absent"}]
    assert partners.mission_partner_authorities([peer()], links) == [
        {"name": "bravo", "ca": "PEM"},
        {"name": "gone", "ca": ""},
    ]
    emptied, silent = peer(ca=""), peer(ca="", in_inventory=True)
    assert partners.mission_partner_authorities([emptied], links[:1]) == [{"name": "bravo", "ca": ""}]
    assert partners.mission_partner_authorities([silent], links[:1]) == []


def test_ends_of_the_tunnel_are_gateways_and_guests() -> None:
    ends = partners.mission_partner_tunnel_peers(
        [peer()], [{"name": "adviser", "public_key": "K", "address": "10.99.0.201"}]
    )
    assert [(end["name"], end["allowed_ips"], end["endpoint"]) for end in ends] == [
        ("bravo", ["10.99.0.2"], "198.51.100.8:51820"),
        ("adviser", ["10.99.0.201/32"], ""),
    ]


def options(**changes: Any) -> dict[str, Any]:
    empty = "load_balancers dns_servers ntp_servers log_servers mail_servers identity_servers file_store_addresses package_sources"
    return {
        **{name: [] for name in empty.split()},
        "push_services": [],
        "tunnel_guests": [],
        "client_networks": ["10.20.8.0/24"],
        "database_host": "",
        "database_port": 5432,
        "release_url": "",
        "homeserver": {"addresses": [], "url": ""},
        "load_balancer_confines_partners": False,
        "peers": [peer(), peer(name="charlie", networks=["10.99.0.3"], endpoint="198.51.100.9:51820")],
        "tunnel": {"interface": "wg-partners", "port": 51820},
        **changes,
    }


def flows(host: str, members: list[dict[str, Any]], **changes: Any) -> dict[str, tuple[Any, ...]]:
    found = network.mission_partner_flows(members, host, options(**changes))
    return {flow["name"]: (flow["direction"], flow["ports"], flow["addresses"]) for flow in found}


SITE = [GATE, CHAT, DATA]


def test_the_gateway_lets_partners_in_on_443_alone() -> None:
    found = flows("gate", SITE)
    assert found == {
        "server_out": ("out", [8065], ["10.20.0.11"]),
        "people_in": ("in", [80, 443], ["10.20.8.0/24"]),
        "partners_in": ("in", [443], ["10.99.0.2/31"]),
        "tunnel_in": ("in", [51820], ["198.51.100.8", "198.51.100.9"]),
        "tunnel_out": ("out", [51820], ["198.51.100.8", "198.51.100.9"]),
    }


def test_a_partner_at_an_unknown_address_may_call_from_anywhere_but_only_the_tunnel() -> None:
    found = flows("gate", SITE, peers=[peer(endpoint="")])
    assert found["tunnel_in"] == ("in", [51820], [])
    assert "tunnel_out" not in found
    guests = flows("gate", SITE, tunnel_guests=["10.99.0.201"])
    assert guests["tunnel_in"] == ("in", [51820], [])
    assert guests["tunnel_guests_in"] == ("in", [443], ["10.99.0.201"])


def test_a_server_reaches_its_database_and_its_partners() -> None:
    found = flows(
        "chat", SITE, mail_servers=["10.20.0.25"], file_store_addresses=["10.20.0.30"], identity_servers=["10.20.0.40"]
    )
    assert found == {
        "database_out": ("out", [5432], ["10.20.0.12"]),
        "server_in": ("in", [8065], ["10.20.0.10"]),
        "partners_out": ("out", [443], ["10.99.0.2/31"]),
        "mail_out": ("out", [25, 465, 587], ["10.20.0.25"]),
        "identity_out": ("out", [443, 389, 636], ["10.20.0.40"]),
        "files_out": ("out", [443, 2049, 9000], ["10.20.0.30"]),
    }


def test_the_database_is_for_the_servers_alone() -> None:
    assert flows("data", SITE) == {"database_in": ("in", [5432], ["10.20.0.11"])}


def test_media_and_push_have_flows_of_their_own() -> None:
    site = [*SITE, member("media", "10.20.0.13", "calls"), member("push", "10.20.0.14", "push_proxy")]
    chat, media = flows("chat", site), flows("media", site)
    assert chat["calls_out"] == ("out", [8045, 4545], ["10.20.0.13"])
    assert chat["push_out"] == ("out", [8066], ["10.20.0.14"])
    assert media["calls_in"] == ("in", [8045, 4545], ["10.20.0.11"])
    assert media["media_in_udp"] == ("in", [8443], ["10.20.8.0/24"])
    assert flows("push", site, push_services=["17.0.0.0/8"])["push_services_out"] == (
        "out",
        [443, 2197],
        ["17.0.0.0/8"],
    )


def test_ports_are_those_that_the_hosts_say() -> None:
    media = {**member("media", "10.20.0.13", "calls"), "ports": {"rtcd": 9045, "media": 9443}}
    records = {**member("records", "10.20.0.16", "calls"), "ports": {"offloader": 9545}}
    push = {**member("push", "10.20.0.14", "push_proxy"), "ports": {"push": 9066}}
    site = [*SITE, media, records, push]
    chat, node, recorder = flows("chat", site), flows("media", site), flows("records", site)
    assert chat["calls_out"] == ("out", [9045, 9545], ["10.20.0.13", "10.20.0.16"])
    assert chat["push_out"][1] == flows("push", site)["push_in"][1] == [9066]
    assert node["calls_in"][1] == [9045]
    assert recorder["calls_in"][1] == [9545]
    # A recorder takes part in calls as people do.
    assert node["media_in_udp"] == ("in", [9443], ["10.20.8.0/24", "10.20.0.16"])
    assert recorder["media_out_udp"] == ("out", [9443], ["10.20.0.13"])
    assert flows("gate", site)["recorders_in"] == ("in", [443], ["10.20.0.16"])
    assert "recorder_out" in recorder and "recorder_out" not in node
    assert "media_in_udp" not in recorder


def forwards(host: str, members: list[dict[str, Any]], **changes: Any) -> dict[str, tuple[Any, ...]]:
    found = network.mission_partner_forwards(members, host, options(**changes))
    return {way["name"]: (way["protocol"], way["ports"], way["sources"], way["destinations"]) for way in found}


RECORDS = {
    **member("records", "10.20.0.16", "calls"),
    "ports": {"offloader": 4545},
    "containers": ["172.17.0.0/16"],
}
MEDIA = {**member("media", "10.20.0.13", "calls"), "ports": {"rtcd": 8045, "media": 8443}}


def test_recorders_in_a_network_of_their_own_are_forwarded() -> None:
    ways = forwards("records", [*SITE, MEDIA, RECORDS], dns_servers=["10.20.0.53"])
    assert ways == {
        "recorders_site": ("tcp", [443], ["172.17.0.0/16"], ["10.20.0.10"]),
        "recorders_udp": ("udp", [8443], ["172.17.0.0/16"], ["10.20.0.13"]),
        "recorders_tcp": ("tcp", [8443], ["172.17.0.0/16"], ["10.20.0.13"]),
        "names_udp": ("udp", [53], ["172.17.0.0/16"], ["10.20.0.53"]),
        "names_tcp": ("tcp", [53], ["172.17.0.0/16"], ["10.20.0.53"]),
    }
    assert flows("records", [*SITE, MEDIA, RECORDS])["names_in_udp"] == ("in", [53], ["172.17.0.0/16"])
    shared = {**RECORDS, "containers": []}
    assert forwards("records", [*SITE, MEDIA, shared], dns_servers=["10.20.0.53"]) == {}
    assert "names_in_udp" not in flows("records", [*SITE, MEDIA, shared])


def test_recorders_find_the_site_at_a_load_balancer_as_well() -> None:
    behind = [CHAT, DATA, MEDIA, RECORDS]
    assert forwards("records", behind, load_balancers=["10.20.0.40"])["recorders_site"][3] == ["10.20.0.40"]
    assert flows("records", behind, load_balancers=["10.20.0.40"])["recorder_out"] == ("out", [443], ["10.20.0.40"])


def test_recorders_on_the_host_of_the_proxy_and_of_the_media_are_let_in_there() -> None:
    both = {**member("all", "10.20.0.10", "proxy", "calls"), "containers": ["172.17.0.0/16"]}
    found = flows("all", [both, CHAT, DATA])
    assert found["recorders_in"] == ("in", [443], ["172.17.0.0/16"])
    assert found["media_in_udp"] == ("in", [8443], ["10.20.8.0/24", "172.17.0.0/16"])
    assert "recorders_site" not in forwards("all", [both, CHAT, DATA])


@pytest.mark.parametrize("host", ["gate", "records", "media", "chat"])
def test_the_firewall_takes_what_hosts_let_through_and_forward(host: str) -> None:
    more = {"dns_servers": ["10.20.0.53"], "tunnel_guests": ["10.99.0.201"]}
    site = [*SITE, MEDIA, RECORDS]
    found = network.mission_partner_flows(site, host, options(**more))
    ways = network.mission_partner_forwards(site, host, options(**more))
    assert firewall_problems(firewall(*found, forwards=ways, default_forward="drop")) == []


def test_guests_with_a_tunnel_take_part_in_calls() -> None:
    guests = {"tunnel_guests": ["10.99.0.201"]}
    site = [*SITE, MEDIA, RECORDS]
    ways = forwards("gate", site, **guests)
    assert ways["guests_udp"] == ("udp", [8443], ["10.99.0.201"], ["10.20.0.13"])
    assert ways["guests_tcp"] == ("tcp", [8443], ["10.99.0.201"], ["10.20.0.13"])
    assert flows("media", site, **guests)["media_in_udp"][2] == ["10.20.8.0/24", "10.20.0.16", "10.99.0.201"]
    assert "guests_udp" not in forwards("gate", SITE, **guests)
    assert "guests_udp" not in forwards("gate", site)
    together = [{**GATE, "components": [*GATE["components"], "mattermost_calls"]}, CHAT, DATA]
    assert "guests_udp" not in forwards("gate", together, **guests)
    assert flows("gate", together, **guests)["media_in_udp"][2] == ["10.20.8.0/24", "10.99.0.201"]


def test_partners_come_to_a_load_balancer_that_confines_them() -> None:
    behind, there = [member("gate", "10.20.0.10", "wireguard"), CHAT, DATA], {"load_balancers": ["10.20.0.40"]}
    assert "federation_in" not in forwards("gate", behind, **there)
    ways = forwards("gate", behind, **there, load_balancer_confines_partners=True, tunnel_guests=["10.99.0.201"])
    assert ways["federation_in"] == ("tcp", [443], ["10.99.0.2/31"], ["10.20.0.40"])
    assert ways["guests_in"] == ("tcp", [443], ["10.99.0.201"], ["10.20.0.40"])


def test_a_homeserver_is_called_and_calls() -> None:
    homeserver = {"addresses": ["10.20.4.60"], "url": "http://matrix.example.org:8008"}
    assert flows("chat", SITE, homeserver=homeserver)["homeserver_out"] == ("out", [8008], ["10.20.4.60"])
    assert flows("gate", SITE, homeserver=homeserver)["homeserver_in"] == ("in", [443], ["10.20.4.60"])


def test_servers_reach_the_release_and_a_database_by_their_names() -> None:
    names = {"mirror.example": ["10.20.4.5"], "db.example": ["10.20.6.9"]}
    chat = {**CHAT, "addresses_of": names}
    given = {"release_url": "https://mirror.example:8443/mattermost.tar.gz", "database_host": "db.example"}
    found = flows("chat", [GATE, chat], **given)
    assert found["release_out"] == ("out", [8443], ["10.20.4.5"])
    assert found["database_out"] == ("out", [5432], ["10.20.6.9"])


def test_without_partners_everybody_may_come() -> None:
    assert "tunnel_in" not in flows("gate", SITE, peers=[])
    assert flows("gate", SITE, peers=[], client_networks=[])["people_in"] == ("in", [80, 443], [])
    assert "people_in" not in flows("gate", SITE, client_networks=[])


def test_the_gateway_forwards_federation_and_nothing_else() -> None:
    out = network.mission_partner_forwards(SITE, "gate", options())
    assert [(way["name"], way["sources"], way["destinations"], way["ports"], way["masquerade"]) for way in out] == [
        ("federation_out", ["10.20.0.11"], ["10.99.0.2/31"], [443], True)
    ]
    assert network.mission_partner_forwards(SITE, "chat", options()) == []
    apart = [member("gate", "10.20.0.10", "wireguard"), member("front", "10.20.0.15", "proxy"), CHAT, DATA]
    ways = network.mission_partner_forwards(apart, "gate", options(tunnel_guests=["10.99.0.201"]))
    assert {way["name"]: (way["sources"], way["destinations"]) for way in ways} == {
        "federation_out": (["10.20.0.11"], ["10.99.0.2/31"]),
        "federation_in": (["10.99.0.2/31"], ["10.20.0.15"]),
        "guests_in": (["10.99.0.201"], ["10.20.0.15"]),
    }


def test_all_on_one_host_needs_no_forwarding_and_no_route() -> None:
    one = [member("all", "10.20.0.10", "proxy", "wireguard", "server", "database")]
    assert network.mission_partner_forwards(one, "all", options()) == []
    assert flows("all", one)["partners_out"] == ("out", [443], ["10.99.0.2/31"])


def test_routes_lead_over_the_gateway() -> None:
    assert network.mission_partner_routes([peer(), peer(networks=["10.99.0.3"])], "10.20.0.10") == [
        {"to": "10.99.0.2/31", "via": "10.20.0.10"}
    ]
    assert network.mission_partner_routes([peer()], "10.20.0.10", ["10.99.0.201"]) == [
        {"to": "10.99.0.2/32", "via": "10.20.0.10"},
        {"to": "10.99.0.201/32", "via": "10.20.0.10"},
    ]
