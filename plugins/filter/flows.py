# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters of the role mattermost_firewall: what is wrong with its flows, and the flows as nftables rules."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Callable

from ansible_collections.fieldops.mattermost.plugins.plugin_utils.network import (
    covers,
    merge_ports,
    network_problem,
    parse_networks,
    port_range,
)

CHOICES = {"direction": ("in", "out"), "protocol": ("tcp", "udp", "icmp", "any"), "action": ("accept", "drop")}
KEYS = {"name", "direction", "protocol", "ports", "addresses", "action", "log", "comment"}
NAME = re.compile(r"[a-z][a-z0-9_-]{0,47}")
RATE = re.compile(r"[1-9][0-9]*/(second|minute|hour|day)")
TABLE = re.compile(r"[a-z][a-z0-9_]{0,30}")


def _choices(flow: dict[str, Any]) -> list[str]:
    problems = []
    for key, choices in CHOICES.items():
        value = flow.get(key, "accept" if key == "action" else None)
        if value is None:
            problems.append(f"has no {key}; give one of {', '.join(choices)}")
        elif value not in choices:
            problems.append(f"has the {key} {value!r}; give one of {', '.join(choices)}")
    return problems


def _ports(flow: dict[str, Any]) -> list[str]:
    ports, protocol = flow.get("ports") or [], flow.get("protocol")
    if not isinstance(ports, list):
        return [f"has ports {ports!r}; give a list, such as [443]"]
    problems = []
    for port in ports:
        try:
            port_range(port)
        except ValueError as reason:
            problems.append(f"has the port {port!r}, which {reason}")
    if ports and protocol in ("icmp", "any"):
        problems.append(f"has ports, which the protocol {protocol} does not have; use tcp or udp")
    return problems


def _addresses(flow: dict[str, Any]) -> list[str]:
    addresses = flow.get("addresses") or []
    if not isinstance(addresses, list):
        return [f"has addresses {addresses!r}; give a list, such as [10.0.5.0/24]"]
    return [f"has the address {str(a)!r}, which {network_problem(a)}" for a in addresses if network_problem(a)]


def _comment(flow: dict[str, Any]) -> list[str]:
    comment = str(flow.get("comment") or "")
    if re.search(r'["\\\n]', comment) or len(comment.encode()) > 120:
        return ["has a comment with a quotation mark, a backslash or a line break, or longer than 120 bytes"]
    return []


def _flow(flow: dict[str, Any]) -> list[str]:
    unknown = sorted(set(flow) - KEYS)
    problems = [f"has the unknown key {', '.join(unknown)}"] if unknown else []
    return [*problems, *_choices(flow), *_ports(flow), *_addresses(flow), *_comment(flow)]


def _flows(given: dict[str, Any]) -> list[str]:
    problems, seen = [], set()
    for number, flow in enumerate(given["flows"], start=1):
        if not isinstance(flow, dict) or not flow:
            problems.append(f"Flow {number} is empty: {flow!r}.")
            continue
        name = str(flow.get("name") or "")
        label = f"Flow {number} ({name})" if name else f"Flow {number}"
        if not NAME.fullmatch(name):
            problems.append(
                f"{label} needs a name of lower-case letters, digits, '_' and '-', starting with a letter, at most 48: "
                "its counter is called after it."
            )
        elif name in seen:
            problems.append(f"{label} has a name that another flow has; each flow needs a counter of its own.")
        seen.add(name)
        problems += [f"{label} {problem}." for problem in _flow(flow)]
    return problems


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
    problems = [*_flows(given), *_globals(given)]
    return problems or _operator(given)


def _set(values: list[str]) -> str:
    return values[0] if len(values) == 1 else "{ " + ", ".join(values) + " }"


def address_matches(addresses: list[Any], side: str) -> list[str]:
    """One nftables match per address family that occurs among these addresses."""
    networks = parse_networks(addresses)
    matches = []
    for family, kind in (("ip", ipaddress.IPv4Network), ("ip6", ipaddress.IPv6Network)):
        members = [
            str(n.network_address) if n.prefixlen == n.max_prefixlen else str(n)
            for n in networks
            if isinstance(n, kind)
        ]
        if members:
            matches.append(f"{family} {side} {_set(members)} ")
    return matches


def flow_rules(flows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each flow with the name of its counter and the matches (one per address family) that its rules start with."""
    rules = []
    for flow in flows:
        protocol, ports = flow["protocol"], merge_ports(flow.get("ports") or [])
        if protocol == "any":
            what = ""
        elif protocol == "icmp":
            what = "meta l4proto { icmp, ipv6-icmp } "
        else:
            what = f"{protocol} dport {_set(ports)} " if ports else f"meta l4proto {protocol} "
        side = "saddr" if flow["direction"] == "in" else "daddr"
        rules.append(
            {
                "name": flow["name"],
                "counter": f"flow_{flow['name']}",
                "direction": flow["direction"],
                "action": flow.get("action") or "accept",
                "log": bool(flow.get("log")),
                "comment": str(flow.get("comment") or ""),
                "matches": [match + what for match in address_matches(flow.get("addresses") or [], side) or [""]],
            }
        )
    return rules


class FilterModule:
    """Filters for mattermost_firewall."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"firewall_problems": firewall_problems, "flow_rules": flow_rules, "address_matches": address_matches}
