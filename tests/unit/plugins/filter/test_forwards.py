# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What mattermost_firewall forwards: every mistake has its sentence, and every forward its rules."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.fieldops.mattermost.plugins.filter.flows import firewall_problems, forward_rules
from ansible_collections.fieldops.mattermost.tests.unit.firewall import firewall


def problems(*forwards: Any, default_forward: str = "drop") -> list[str]:
    web = {"name": "web", "direction": "in", "protocol": "tcp"}
    peer = "10.0.9.7 50000 10.0.5.10 22"
    return firewall_problems(
        firewall(web, forwards=list(forwards), default_forward=default_forward, ssh_connection=peer)
    )


def forward(**changes: Any) -> dict[str, Any]:
    return {"name": "web", "protocol": "tcp", **changes}


FULL = forward(
    ports=[443, "8000-8010"],
    sources=["10.1.0.0/16", "fd00:1::/64"],
    destinations=["10.2.0.10", "fd00:2::10"],
    in_interface="eth0",
    out_interface="wg-partners",
    masquerade=True,
    comment="to the partners",
)


@pytest.mark.parametrize(
    "good",
    [
        FULL,
        forward(protocol="any"),
        forward(protocol="icmp", sources=["10.1.0.0/16", "fd00::/8"], destinations=["10.2.0.1"]),
    ],
)
def test_good_input_has_no_problem(good: dict[str, Any]) -> None:
    assert problems(good) == []


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (None, "Forward 1 is empty: None."),
        (forward(name="To Bravo"), "Forward 1 (To Bravo) needs a name"),
        ({"name": "web"}, "Forward 1 (web) has no protocol; give one of tcp, udp, icmp, any."),
        (forward(protocol="sctp"), "Forward 1 (web) has the protocol 'sctp'; give one of tcp, udp, icmp, any."),
        (forward(addresses=["10.0.0.1"]), "has the unknown key addresses."),
        (forward(ports=["1-"]), "has the port '1-', which is no port number"),
        (forward(sources=["bravo.example.org"]), "has the source 'bravo.example.org', which is a host name"),
        (forward(destinations=["10.0.0.5/24"]), "has the destination '10.0.0.5/24', which has bits set"),
        (forward(destinations="10.0.0.5"), "has destinations '10.0.0.5'; give a list"),
        (forward(in_interface="eth 0"), "has the in_interface 'eth 0'; give its name on the host"),
        (forward(out_interface='eth0"'), "has the out_interface 'eth0\"'; give its name on the host"),
        (forward(sources=["10.0.0.1"], destinations=["fd00::1"]), "one address family and destinations of the other"),
        (forward(masquerade=True), "masquerades but has no out_interface; name the interface"),
        (forward(comment="a\\b"), "has a comment with a quotation mark, a backslash"),
    ],
)
def test_a_wrong_forward(wrong: Any, sentence: str) -> None:
    found = problems(wrong)
    assert len(found) == 1
    assert sentence in found[0]


def test_names_are_counters_and_occur_once() -> None:
    assert problems(forward(), forward(protocol="udp")) == [
        "Forward 2 (web) has a name that another forward has; each forward needs a counter of its own."
    ]


def test_forwards_need_a_default_that_looks_at_them() -> None:
    (found,) = problems(forward(), default_forward="none")
    assert found.endswith("with which nothing that is forwarded is looked at; set it to drop.")


@pytest.mark.parametrize(
    ("one", "matches"),
    [
        (forward(protocol="any"), [""]),
        (forward(ports=[443]), ["tcp dport 443 "]),
        (forward(sources=["10.1.0.0/16"], ports=[443]), ["ip saddr 10.1.0.0/16 tcp dport 443 "]),
        (forward(destinations=["fd00::1"], protocol="icmp"), ["ip6 daddr fd00::1 meta l4proto { icmp, icmpv6 } "]),
        (forward(sources=["10.1.0.1", "fd00::1"], destinations=["10.2.0.1"], protocol="any"), ["ip saddr 10.1.0.1 ip daddr 10.2.0.1 "]),
        (
            FULL,
            [
                'iifname "eth0" oifname "wg-partners" ip saddr 10.1.0.0/16 ip daddr 10.2.0.10 tcp dport { 443, 8000-8010 } ',
                'iifname "eth0" oifname "wg-partners" ip6 saddr fd00:1::/64 ip6 daddr fd00:2::10 tcp dport { 443, 8000-8010 } ',
            ],
        ),
    ],
)  # fmt: skip
def test_matches(one: dict[str, Any], matches: list[str]) -> None:
    assert forward_rules([one])[0]["matches"] == matches


def test_a_rule_has_what_the_template_needs() -> None:
    assert forward_rules([forward(masquerade=True, out_interface="eth1")]) == [
        {
            "name": "web",
            "counter": "forward_web",
            "masquerade": True,
            "comment": "",
            "matches": ['oifname "eth1" meta l4proto tcp '],
        }
    ]
