# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the rules of mattermost_firewall have in common, whether they are flows of the host or what it forwards."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Callable

from ansible_collections.fieldops.mattermost.plugins.plugin_utils.network import (
    merge_ports,
    network_problem,
    parse_networks,
    port_range,
)

PROTOCOLS = ("tcp", "udp", "icmp", "any")
NAME = re.compile(r"[a-z][a-z0-9_-]{0,47}")
INTERFACE = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9_.-]{1,15}")

Rule = dict  # as the user gives it


def named_problems(kind: str, given: list[Any], problems_of: Callable[[Rule], list[str]]) -> list[str]:
    """What is wrong with each rule of a list, under its number and name, and with the names among one another."""
    problems, seen = [], set()
    for number, rule in enumerate(given, start=1):
        if not isinstance(rule, dict) or not rule:
            problems.append(f"{kind} {number} is empty: {rule!r}.")
            continue
        name = str(rule.get("name") or "")
        label = f"{kind} {number} ({name})" if name else f"{kind} {number}"
        if not NAME.fullmatch(name):
            problems.append(
                f"{label} needs a name of lower-case letters, digits, '_' and '-', starting with a letter, at most 48: "
                "its counter is called after it."
            )
        elif name in seen:
            problems.append(
                f"{label} has a name that another {kind.lower()} has; each {kind.lower()} needs a counter of its own."
            )
        seen.add(name)
        problems += [f"{label} {problem}." for problem in problems_of(rule)]
    return problems


def unknown_problems(rule: Rule, keys: set[str]) -> list[str]:
    """A key that means nothing is a rule that does less than its author thinks."""
    unknown = sorted(set(rule) - keys)
    return [f"has the unknown key {', '.join(unknown)}"] if unknown else []


def choice_problems(rule: Rule, choices: dict[str, tuple[str, ...]]) -> list[str]:
    """Keys that are one of a few words."""
    problems = []
    for key, words in choices.items():
        value = rule.get(key)
        if value is None:
            problems.append(f"has no {key}; give one of {', '.join(words)}")
        elif value not in words:
            problems.append(f"has the {key} {value!r}; give one of {', '.join(words)}")
    return problems


def port_problems(rule: Rule) -> list[str]:
    """Ports that are none, or that the protocol does not have."""
    ports, protocol = rule.get("ports") or [], rule.get("protocol")
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


def address_problems(rule: Rule, one: str, key: str) -> list[str]:
    """Addresses that a rule cannot hold."""
    addresses = rule.get(key) or []
    if not isinstance(addresses, list):
        return [f"has {key} {addresses!r}; give a list, such as [10.0.5.0/24]"]
    return [f"has the {one} {str(a)!r}, which {network_problem(a)}" for a in addresses if network_problem(a)]


def interface_problems(rule: Rule, key: str) -> list[str]:
    """Names that no interface can have."""
    name = str(rule.get(key) or "")
    if name and not INTERFACE.fullmatch(name):
        return [f"has the {key} {name!r}; give its name on the host, at most 15 letters, digits, '.', '_' and '-'"]
    return []


def comment_problems(rule: Rule) -> list[str]:
    """Comments that nftables does not take."""
    comment = str(rule.get("comment") or "")
    if re.search(r'["\\\n]', comment) or len(comment.encode()) > 120:
        return ["has a comment with a quotation mark, a backslash or a line break, or longer than 120 bytes"]
    return []


def protocol_match(rule: Rule) -> str:
    """The match on protocol and ports; empty, or ends with a space."""
    protocol, ports = rule["protocol"], merge_ports(rule.get("ports") or [])
    if protocol == "any":
        return ""
    if protocol == "icmp":
        return "meta l4proto { icmp, icmpv6 } "
    return f"{protocol} dport {_set(ports)} " if ports else f"meta l4proto {protocol} "


def interface_match(key: str, name: Any) -> str:
    """The match on an interface by name, so that the rules load before the interface is there."""
    return f'{key} "{name}" ' if name else ""


def family_matches(addresses: list[Any], side: str) -> dict[str, str]:
    """The match of each address family that occurs among these addresses."""
    networks = parse_networks(addresses)
    matches = {}
    for family, kind in (("ip", ipaddress.IPv4Network), ("ip6", ipaddress.IPv6Network)):
        members = [
            str(n.network_address) if n.prefixlen == n.max_prefixlen else str(n)
            for n in networks
            if isinstance(n, kind)
        ]
        if members:
            matches[family] = f"{family} {side} {_set(members)} "
    return matches


def _set(values: list[str]) -> str:
    return values[0] if len(values) == 1 else "{ " + ", ".join(values) + " }"
