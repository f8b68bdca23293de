# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Addresses and ports as operators write them: what is wrong, in words, and the right ones in their shortest form."""

from __future__ import annotations

import ipaddress
from typing import Any, Iterable, Union

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


def is_address(text: str) -> bool:
    """Whether this is an IP address, not a name or a network."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def network_problem(value: Any) -> str:
    """Why this is no address or network; an empty string when it is one."""
    text = str(value).strip()
    if not text:
        return "is empty; leave the item out, or give an address such as 10.0.5.20 or a network such as 10.0.5.0/24"
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return _network_reason(text)
    return ""


def _network_reason(text: str) -> str:
    try:
        return f"has bits set beyond its prefix; write {ipaddress.ip_network(text, strict=False)} for the network"
    except ValueError:
        pass
    address, _slash, prefix = text.partition("/")
    if not is_address(address):
        if any(letter.isalpha() for letter in address) and ":" not in address:
            return "is a host name; give its address: a rule holds addresses and does not follow a name that moves"
        return "is no IPv4 or IPv6 address or network"
    return f"has the prefix /{prefix}, which no address of its kind can have"


def parse_networks(values: Iterable[Any]) -> list[Network]:
    """The networks without duplicates and without what a wider one already covers, IPv4 first."""
    parsed = [ipaddress.ip_network(str(value).strip()) for value in values]
    four = [network for network in parsed if isinstance(network, ipaddress.IPv4Network)]
    six = [network for network in parsed if isinstance(network, ipaddress.IPv6Network)]
    return [*ipaddress.collapse_addresses(four), *ipaddress.collapse_addresses(six)]


def covers(values: Iterable[Any], address: str) -> bool:
    """Whether the address lies in one of the networks; values that are no network count as not covering it."""
    wanted = ipaddress.ip_address(address.partition("%")[0])
    wanted = getattr(wanted, "ipv4_mapped", None) or wanted
    return any(wanted in network for network in parse_networks(v for v in values if not network_problem(v)))


def port_range(value: Any) -> tuple[int, int]:
    """First and last port of 443 or "8000-8010"; ValueError says what is wrong."""
    if isinstance(value, bool):
        raise ValueError("is no port number")
    first, dash, last = str(value).strip().partition("-")
    if not (first.isdecimal() and first.isascii()) or (dash and not (last.isdecimal() and last.isascii())):
        raise ValueError('is no port number; write 443, or "8000-8010" for a range')
    low, high = int(first), int(last or first)
    if not 1 <= low <= 65535 or not 1 <= high <= 65535:
        raise ValueError("is outside 1 to 65535")
    if low > high:
        raise ValueError(f"runs backwards; write {high}-{low}")
    return low, high


def merge_ports(values: Iterable[Any]) -> list[str]:
    """Ports as nftables takes them in one set: sorted, and ranges that touch or overlap made one."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(port_range(value) for value in values):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return [str(low) if low == high else f"{low}-{high}" for low, high in merged]
