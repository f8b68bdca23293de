# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters of the role mattermost_firewall: what is wrong with its input, and its input as nftables rules."""

from __future__ import annotations

import re
from typing import Any, Callable

from ansible_collections.fieldops.mattermost.plugins.plugin_utils import rules
from ansible_collections.fieldops.mattermost.plugins.plugin_utils.forwards import forward_problems, forward_rules
from ansible_collections.fieldops.mattermost.plugins.plugin_utils.network import covers, network_problem, port_range

CHOICES = {"direction": ("in", "out"), "protocol": rules.PROTOCOLS, "action": ("accept", "drop")}
KEYS = {"name", "direction", "protocol", "ports", "addresses", "interface", "action", "log", "comment"}
RATE = re.compile(r"[1-9][0-9]*/(second|minute|hour|day)")
TABLE = re.compile(r"[a-z][a-z0-9_]{0,30}")


def _flow(flow: dict[str, Any]) -> list[str]:
    return [
        *rules.unknown_problems(flow, KEYS),
        *rules.choice_problems({"action": "accept", **flow}, CHOICES),
        *rules.port_problems(flow),
        *rules.address_problems(flow, "address", "addresses"),
        *rules.interface_problems(flow, "interface"),
        *rules.comment_problems(flow),
    ]


def _globals(given: dict[str, Any]) -> list[str]:
    problems = []
    for source in given["management_sources"]:
        if network_problem(source):
            problems.append(
                f"mattermost_firewall_management_sources has {str(source)!r}, which {network_problem(source)}."
            )
    if not RATE.fullmatch(str(given["log_rate"])):
        problems.append(
            f"mattermost_firewall_log_rate is {given['log_rate']!r}; write a number and a unit, such as 10/minute."
        )
    if not TABLE.fullmatch(str(given["table"])):
        problems.append(f"mattermost_firewall_table is {given['table']!r}; use lower-case letters, digits and '_'.")
    try:
        port_range(int(given["ssh_port"]))
    except ValueError as reason:
        problems.append(f"mattermost_firewall_ssh_port is {given['ssh_port']!r}, which {reason}.")
    if not 10 <= int(given["confirm_timeout"]) <= 3600:
        problems.append(f"mattermost_firewall_confirm_timeout is {given['confirm_timeout']}; give 10 to 3600 seconds.")
    return problems


def _lets_in(flow: dict[str, Any], address: str, port: int) -> bool:
    if (
        flow.get("direction") != "in"
        or flow.get("action", "accept") != "accept"
        or flow.get("protocol") not in ("tcp", "any")
        or flow.get("interface")  # which interface the operator comes in by is not known
    ):
        return False
    ports, addresses = flow.get("ports") or [], flow.get("addresses") or []
    in_ports = not ports or any(low <= port <= high for low, high in map(port_range, ports))
    return in_ports and (not addresses or covers(addresses, address))


def _operator(given: dict[str, Any]) -> list[str]:
    """Lock-outs that can be foreseen are refused here; those that cannot are what the automatic return is for."""
    if given["default_in"] == "accept":
        return []
    connection = str(given["ssh_connection"] or "").split()
    if len(connection) != 4:
        if given["management_sources"]:
            return []
        return [
            "mattermost_firewall_management_sources is empty and this play does not come over SSH, so that there is "
            "no address to take for it: give the addresses that may always reach this host by SSH."
        ]
    address, port = connection[0], int(connection[3])
    if (port == int(given["ssh_port"])) and covers(given["management_sources"], address):
        return []
    if any(_lets_in(flow, address, port) for flow in given["flows"]):
        return []
    return [
        f"You are connected from {address} to port {port}, and these rules would shut you out: "
        f"mattermost_firewall_management_sources is {', '.join(map(str, given['management_sources'])) or 'empty'}, "
        f"mattermost_firewall_ssh_port {given['ssh_port']}, and no flow lets you in."
    ]


def firewall_problems(given: dict[str, Any]) -> list[str]:
    """All that is wrong with the role's input, a sentence each; an empty list when nothing is."""
    problems = [
        *rules.named_problems("Flow", given["flows"], _flow),
        *forward_problems(given["forwards"], given["default_forward"]),
        *_globals(given),
    ]
    return problems or _operator(given)


def address_matches(addresses: list[Any], side: str) -> list[str]:
    """One nftables match per address family that occurs among these addresses."""
    return list(rules.family_matches(addresses, side).values())


def flow_rules(flows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each flow with the name of its counter and the matches (one per address family) that its rules start with."""
    result = []
    for flow in flows:
        address, interface = ("saddr", "iifname") if flow["direction"] == "in" else ("daddr", "oifname")
        start = rules.interface_match(interface, flow.get("interface"))
        what = rules.protocol_match(flow)
        result.append(
            {
                "name": flow["name"],
                "counter": f"flow_{flow['name']}",
                "direction": flow["direction"],
                "action": flow.get("action") or "accept",
                "log": bool(flow.get("log")),
                "comment": str(flow.get("comment") or ""),
                "matches": [start + m + what for m in address_matches(flow.get("addresses") or [], address) or [""]],
            }
        )
    return result


class FilterModule:
    """Filters for mattermost_firewall."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "firewall_problems": firewall_problems,
            "flow_rules": flow_rules,
            "forward_rules": forward_rules,
            "address_matches": address_matches,
        }
