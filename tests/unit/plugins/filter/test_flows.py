# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The flows of mattermost_firewall: every mistake has its sentence, and every flow its rules."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.fieldops.mattermost.plugins.filter.flows import FilterModule, firewall_problems, flow_rules
from ansible_collections.fieldops.mattermost.tests.unit.firewall import firewall

PEER = "10.0.9.7 50000 10.0.5.10 22"


def given(*flows: Any, **changes: Any) -> dict[str, Any]:
    return firewall(*flows, **{"ssh_connection": PEER, **changes})


def flow(**changes: Any) -> dict[str, Any]:
    return {"name": "web", "direction": "in", "protocol": "tcp", **changes}


def test_good_input_has_no_problem() -> None:
    full = flow(ports=[443, "8000-8010"], addresses=["10.0.0.0/8", "fd00::1"], action="drop", log=True, comment="web")
    full["interface"] = "wg-partners"
    assert firewall_problems(given(full, flow(name="ping", protocol="icmp"))) == []


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({}, "Flow 1 is empty: {}."),
        ("https", "Flow 1 is empty: 'https'."),
        (flow(name=""), "Flow 1 needs a name"),
        (flow(name="Web Site"), "Flow 1 (Web Site) needs a name"),
        (flow(direction="sideways"), "has the direction 'sideways'; give one of in, out."),
        ({"name": "web", "direction": "in"}, "Flow 1 (web) has no protocol; give one of tcp, udp, icmp, any."),
        (flow(action="reject"), "has the action 'reject'; give one of accept, drop."),
        (flow(prot="tcp"), "has the unknown key prot."),
        (flow(ports=443), "has ports 443; give a list, such as [443]."),
        (flow(ports=[0]), "has the port 0, which is outside 1 to 65535."),
        (flow(ports=[65536]), "has the port 65536, which is outside 1 to 65535."),
        (flow(ports=["20-10"]), "has the port '20-10', which runs backwards; write 10-20."),
        (flow(ports=["http"]), "has the port 'http', which is no port number"),
        (flow(ports=["1-"]), "has the port '1-', which is no port number"),
        (flow(ports=[True]), "has the port True, which is no port number."),
        (flow(protocol="icmp", ports=[1]), "has ports, which the protocol icmp does not have"),
        (flow(addresses="10.0.0.1"), "has addresses '10.0.0.1'; give a list"),
        (flow(addresses=[""]), "has the address '', which is empty"),
        (flow(addresses=["db.example.com"]), "has the address 'db.example.com', which is a host name"),
        (flow(addresses=["10.0.0.5/24"]), "which has bits set beyond its prefix; write 10.0.0.0/24"),
        (flow(addresses=["10.0.0.0/33"]), "which has the prefix /33"),
        (flow(addresses=["10.0.0"]), "which is no IPv4 or IPv6 address or network."),
        (flow(addresses=["fd00:::1"]), "which is no IPv4 or IPv6 address or network."),
        (flow(interface="eth0; drop"), "has the interface 'eth0; drop'; give its name on the host"),
        (flow(interface="a-name-of-sixteen"), "at most 15 letters"),
        (flow(interface=".."), "has the interface '..'"),
        (flow(comment='say "hi"'), "has a comment with a quotation mark"),
        (flow(comment="x" * 121), "longer than 120 bytes."),
    ],
)
def test_a_wrong_flow(wrong: Any, sentence: str) -> None:
    problems = firewall_problems(given(wrong))
    assert len(problems) == 1
    assert sentence in problems[0]


def test_names_are_counters_and_occur_once() -> None:
    assert firewall_problems(given(flow(), flow(direction="out"))) == [
        "Flow 2 (web) has a name that another flow has; each flow needs a counter of its own."
    ]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"management_sources": ["gate.example.com"]}, "mattermost_firewall_management_sources has 'gate.example.com'"),
        ({"log_rate": "often"}, "mattermost_firewall_log_rate is 'often'"),
        ({"table": "my table"}, "mattermost_firewall_table is 'my table'"),
        ({"ssh_port": 0}, "mattermost_firewall_ssh_port is 0, which is outside 1 to 65535."),
        ({"confirm_timeout": 5}, "mattermost_firewall_confirm_timeout is 5"),
    ],
)
def test_a_wrong_setting(changes: dict[str, Any], sentence: str) -> None:
    problems = firewall_problems(given(**changes))
    assert len(problems) == 1
    assert sentence in problems[0]


def test_all_problems_come_at_once() -> None:
    problems = firewall_problems(given(flow(direction="up", ports=[0]), {}, log_rate="often"))
    assert len(problems) == 4


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"ssh_connection": "::ffff:10.0.9.7 1 ::ffff:10.0.5.10 22"},
        {"ssh_connection": "", "management_sources": ["10.0.9.1"]},
        {"management_sources": [], "default_in": "accept"},
        {"management_sources": ["10.1.0.1"], "flows": [flow(ports=[22], addresses=["10.0.9.0/24"])]},
        {"management_sources": ["10.1.0.1"], "flows": [flow(protocol="any")]},
    ],
)
def test_the_operator_gets_in(changes: dict[str, Any]) -> None:
    assert firewall_problems(given(**changes)) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"management_sources": []},
        {"ssh_port": 2222},
        {"management_sources": ["10.1.0.1"], "flows": [flow(ports=[22], addresses=["10.8.0.0/16"])]},
        {"management_sources": ["10.1.0.1"], "flows": [flow(ports=[443])]},
        {"management_sources": ["10.1.0.1"], "flows": [flow(ports=[22], action="drop")]},
        {"management_sources": ["10.1.0.1"], "flows": [flow(direction="out")]},
        {"management_sources": ["10.1.0.1"], "flows": [flow(interface="wg-partners")]},
    ],
)
def test_a_lock_out_that_can_be_foreseen(changes: dict[str, Any]) -> None:
    problems = firewall_problems(given(**changes))
    assert len(problems) == 1
    assert problems[0].startswith("You are connected from 10.0.9.7 to port 22, and these rules would shut you out")


def test_without_ssh_the_management_sources_are_required() -> None:
    problems = firewall_problems(given(ssh_connection="", management_sources=[]))
    assert problems[0].startswith("mattermost_firewall_management_sources is empty")


@pytest.mark.parametrize(
    ("one", "matches"),
    [
        (flow(), ["meta l4proto tcp "]),
        (flow(ports=[443]), ["tcp dport 443 "]),
        (flow(ports=[80, "8000-8005", "8006-8010", 8003]), ["tcp dport { 80, 8000-8010 } "]),
        (flow(protocol="any"), [""]),
        (flow(protocol="icmp"), ["meta l4proto { icmp, icmpv6 } "]),
        (
            flow(protocol="udp", ports=["53"], addresses=["10.0.0.1", "10.0.0.1/32"]),
            ["ip saddr 10.0.0.1 udp dport 53 "],
        ),
        (
            flow(ports=[443], addresses=["10.0.0.1"], interface="wg-partners"),
            ['iifname "wg-partners" ip saddr 10.0.0.1 tcp dport 443 '],
        ),
        (flow(protocol="any", direction="out", interface="eth1"), ['oifname "eth1" ']),
        (flow(protocol="any", direction="out", addresses=["fd00::/64"]), ["ip6 daddr fd00::/64 "]),
        (
            flow(protocol="any", addresses=["10.2.0.0/24", "fd00::1", "10.0.0.0/25", "10.0.0.128/25"]),
            ["ip saddr { 10.0.0.0/24, 10.2.0.0/24 } ", "ip6 saddr fd00::1 "],
        ),
    ],
)
def test_matches(one: dict[str, Any], matches: list[str]) -> None:
    assert flow_rules([one])[0]["matches"] == matches


def test_a_rule_has_what_the_template_needs() -> None:
    assert flow_rules([flow(action="drop", log=True)]) == [
        {
            "name": "web",
            "counter": "flow_web",
            "direction": "in",
            "action": "drop",
            "log": True,
            "comment": "",
            "matches": ["meta l4proto tcp "],
        }
    ]


def test_the_filters_have_names() -> None:
    assert set(FilterModule().filters()) == {
        "firewall_problems",
        "flow_rules",
        "forward_rules",
        "address_matches",
    }
