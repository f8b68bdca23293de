# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a gateway lets through from one network to another: what is wrong with it, and its rules for nftables."""

from __future__ import annotations

from typing import Any

from ansible_collections.fieldops.mattermost.plugins.plugin_utils import rules

KEYS = {
    "name",
    "protocol",
    "ports",
    "sources",
    "destinations",
    "in_interface",
    "out_interface",
    "masquerade",
    "comment",
}


def forward_problems(forwards: list[Any], default_forward: str) -> list[str]:
    """All that is wrong with what is forwarded, a sentence each."""
    problems = rules.named_problems("Forward", forwards, _forward)
    if forwards and default_forward == "none":
        problems.append(
            "mattermost_firewall_forwards has rules, but mattermost_firewall_default_forward is none, with which nothing that "
            "is forwarded is looked at; set it to drop."
        )
    return problems


def _forward(forward: dict[str, Any]) -> list[str]:
    problems = [
        *rules.unknown_problems(forward, KEYS),
        *rules.choice_problems(forward, {"protocol": rules.PROTOCOLS}),
        *rules.port_problems(forward),
        *rules.address_problems(forward, "source", "sources"),
        *rules.address_problems(forward, "destination", "destinations"),
        *rules.interface_problems(forward, "in_interface"),
        *rules.interface_problems(forward, "out_interface"),
        *rules.comment_problems(forward),
    ]
    if not problems and not _families(forward):
        problems.append("has sources of one address family and destinations of the other, so that no packet fits")
    if forward.get("masquerade") and not forward.get("out_interface"):
        problems.append(
            "masquerades but has no out_interface; name the interface whose address the other side is to see"
        )
    return problems


def _families(forward: dict[str, Any]) -> list[str]:
    """The match on addresses once per family that both ends have; one empty match when neither end is given."""
    sources, destinations = forward.get("sources") or [], forward.get("destinations") or []
    left, right = rules.family_matches(sources, "saddr"), rules.family_matches(destinations, "daddr")
    if not sources and not destinations:
        return [""]
    return [
        left.get(family, "") + right.get(family, "")
        for family in ("ip", "ip6")
        if (family in left or not sources) and (family in right or not destinations)
    ]


def forward_rules(forwards: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each forward with the name of its counter and the matches (one per address family) that its rules start with."""
    result = []
    for forward in forwards:
        interfaces = rules.interface_match("iifname", forward.get("in_interface"))
        interfaces += rules.interface_match("oifname", forward.get("out_interface"))
        what = rules.protocol_match(forward)
        result.append(
            {
                "name": forward["name"],
                "counter": f"forward_{forward['name']}",
                "masquerade": bool(forward.get("masquerade")),
                "comment": str(forward.get("comment") or ""),
                "matches": [interfaces + addresses + what for addresses in _families(forward)],
            }
        )
    return result
