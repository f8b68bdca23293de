# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the network: who listens, what the packet filter does, whether anything gets out.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

import errno
import ipaddress
import json
import os
import re
import socket
import struct
from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

from ._checks_base import CannotCheck, Finding, Host, Kind, Option, judge, required, scrub, some

_LISTEN, _UNCONNECTED = "0A", "07"
# What the host itself answers when it has no route or is not allowed to send.
_STOPPED = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EPERM, errno.EACCES, errno.ENETDOWN)


def _address(text: str) -> str:
    """An address as /proc/net writes it: words of four bytes in the order of the machine."""
    words = [struct.pack("=I", int(text[start : start + 8], 16)) for start in range(0, len(text), 8)]
    address = ipaddress.ip_address(b"".join(words))
    return str(getattr(address, "ipv4_mapped", None) or address)


def _owners(host: Host) -> Dict[str, str]:
    """Which program holds which socket, as far as this may be seen."""
    owners: Dict[str, str] = {}
    processes = [name for name in os.listdir(host.path("/proc")) if name.isdigit()]
    for process in processes:
        folder = host.path(f"/proc/{process}")
        try:
            links = [os.readlink(f"{folder}/fd/{name}") for name in os.listdir(f"{folder}/fd")]
            with open(f"{folder}/comm", encoding="utf-8") as name_file:
                program = name_file.read().strip()
        except OSError:
            continue
        owners.update({link[8:-1]: program for link in links if link.startswith("socket:[")})
    return owners


def _sockets(host: Host, protocol: str) -> Iterator[Tuple[str, int, str]]:
    """Address, port and inode of what takes packets; a host without IPv6 has no table for it."""
    state = _LISTEN if protocol == "tcp" else _UNCONNECTED
    for table in (protocol, protocol + "6"):
        if not os.path.exists(host.path(f"/proc/net/{table}")):
            continue
        for line in host.read(f"/proc/net/{table}").splitlines()[1:]:
            fields = line.split()
            if len(fields) > 9 and fields[3] == state:
                address, _colon, port = fields[1].partition(":")
                yield _address(address), int(port, 16), fields[9]


def listening(params: Dict[str, Any], host: Host) -> Finding:
    """Nothing but what is expected listens beyond the loopback addresses."""
    allowed = {str(port) for port in params["allowed"]}
    owners = _owners(host)
    expected_ones: Set[str] = set()
    others: Set[str] = set()
    for protocol in params["protocols"]:
        for address, port, inode in _sockets(host, protocol):
            if ipaddress.ip_address(address).is_loopback:
                continue
            name = f"{port}/{protocol} ({owners.get(inode, 'unknown program')})"
            (expected_ones if {str(port), f"{port}/{protocol}"} & allowed else others).add(name)
    expected = f"beyond this host, nothing listens but {', '.join(sorted(allowed, key=_by_number)) or 'nothing'}"
    found = (
        "also " + some(sorted(others, key=_by_number)) if others else some(sorted(expected_ones, key=_by_number), 10)
    )
    return judge(not others, expected, found or "nothing listens")


def _by_number(name: str) -> Tuple[int, str]:
    digits = re.match(r"\d+", name)
    return (int(digits.group(0)) if digits else 0, name)


def _table(params: Dict[str, Any], host: Host) -> Optional[List[Dict[str, Any]]]:
    """The chains and counters of a table; None when it is not loaded."""
    ran = host.run("nft", "-j", "list", "table", params["family"], params["table"])
    if ran.status:
        if "No such file" in ran.err:
            return None
        raise CannotCheck(f"nft failed ({ran.status}): {scrub(ran.err) or 'it said nothing'}")
    try:
        items: List[Dict[str, Any]] = json.loads(ran.out)["nftables"]
    except (ValueError, KeyError):
        raise CannotCheck("nft did not answer in JSON.") from None
    return items


def nftables(params: Dict[str, Any], host: Host) -> Finding:
    """The packet filter is loaded, and drops at a hook what no rule accepts."""
    name = f"{params['family']} {params['table']}"
    expected = f"table {name} is loaded, and its {params['hook']} drops what no rule accepts"
    items = _table(params, host)
    if items is None:
        return judge(False, expected, f"there is no table {name}")
    policies = [
        item["chain"].get("policy", "accept") for item in items if item.get("chain", {}).get("hook") == params["hook"]
    ]
    found = f"policy {', '.join(policies)}" if policies else f"no chain at the hook {params['hook']}"
    return judge(params["policy"] in policies, expected, found)


def _counter(params: Dict[str, Any], host: Host) -> Optional[Tuple[int, int]]:
    """Packets and bytes of a named counter; None when there is none."""
    for item in _table(params, host) or []:
        if item.get("counter", {}).get("name") == params["counter"]:
            return int(item["counter"]["packets"]), int(item["counter"]["bytes"])
    return None


def nftables_counter(params: Dict[str, Any], host: Host) -> Finding:
    """What a counter of the packet filter has counted; without a limit, for information."""
    limit = params["at_most"]
    expected = "a number, for information" if limit is None else f"{limit} packets or less"
    found = _counter(params, host)
    if found is None:
        return judge(
            False, expected, f"there is no counter {params['counter']} in {params['family']} {params['table']}"
        )
    return judge(limit is None or found[0] <= limit, expected, f"{found[0]} packets, {found[1]} bytes")


def _attempt(address: str, port: int, seconds: int) -> Tuple[str, str]:
    """Try a connection: "open", "stopped" on this very host, or "silent" when whatever was sent came to nothing; and how."""
    place = f"{address} port {port}"
    try:
        with socket.create_connection((address, port), timeout=seconds):
            return "open", f"{place}: accepted"
    except socket.timeout:
        return "silent", f"{place}: no answer in {seconds} s"
    except OSError as error:
        return "stopped" if error.errno in _STOPPED else "silent", f"{place}: {error.strerror or error}"


def egress(params: Dict[str, Any], host: Host) -> Finding:
    """A connection to an address outside does not come about; and where that might be chance, the packet filter has counted it."""
    expected = f"no connection to {some(params['addresses'])}, refused on this host"
    before = _counter(params, host) if params["counter"] else None
    tries = [_attempt(address, params["port"], params["seconds"]) for address in params["addresses"]]
    evidence = [how for _outcome, how in tries]
    outcomes = {outcome for outcome, _how in tries}
    if "open" in outcomes:
        return judge(False, expected, "a connection came about", evidence)
    if "silent" not in outcomes:
        return judge(True, expected, "there is no way out", evidence)
    if not params["counter"]:
        return judge(True, expected, "none came about", evidence)
    after = _counter(params, host) if before else None
    if before is None or after is None:
        return judge(
            False, expected, "it came to nothing, but nothing on this host refused it: packets may have left", evidence
        )
    rise = after[0] - before[0]
    found = (
        f"the packet filter dropped {rise} packets"
        if rise > 0
        else "it came to nothing, but the packet filter dropped nothing"
    )
    return judge(rise > 0, expected, found, evidence)


_TABLE = {"family": Option(default="inet"), "table": Option(default="mattermost")}
KINDS: Dict[str, Kind] = {
    "listening": Kind(listening, {"allowed": required("list"), "protocols": Option("list", ("tcp", "udp"))}),
    "nftables": Kind(nftables, {**_TABLE, "hook": Option(default="output"), "policy": Option(default="drop")}),
    "nftables_counter": Kind(nftables_counter, {**_TABLE, "counter": required(), "at_most": Option("int", None)}),
    "egress": Kind(
        egress,
        {
            **_TABLE,
            "addresses": Option("list", ("192.0.2.1",)),
            "port": Option("int", 443),
            "seconds": Option("int", 3),
            "counter": Option(),
        },
    ),
}
