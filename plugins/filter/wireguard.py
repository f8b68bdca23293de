# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters of the role mattermost_wireguard: what is wrong with its input, addresses as ip prints them, and the tunnels' state."""

from __future__ import annotations

import ipaddress
import re
from itertools import combinations
from typing import Any, Callable

from ansible_collections.fieldops.mattermost.plugins.plugin_utils.network import (
    Network,
    covers,
    is_address,
    network_problem,
    parse_networks,
    port_range,
)
from ansible_collections.fieldops.mattermost.plugins.plugin_utils.rules import INTERFACE

# 32 bytes in base64: the last of the 43 digits carries four bits.
KEY = re.compile(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=")
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
KEYS = {"name", "public_key", "endpoint", "allowed_ips", "preshared_key", "keepalive"}
HANDSHAKE_SECONDS = 180  # a session that is older is dead: WireGuard makes a new one every two minutes


def _endpoint(endpoint: str) -> tuple[str, int]:
    """Address and port of an endpoint; ValueError says what is wrong."""
    host, colon, port = endpoint.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or (":" in bare and bare == host):
        raise ValueError("has no port; write 203.0.113.7:51820, or [2001:db8::7]:51820")
    if not is_address(bare):
        raise ValueError("has no address; WireGuard asks for a name's address once and does not follow it, so give it")
    low, high = port_range(port)
    if low != high:
        raise ValueError("has a range of ports; give one")
    return bare, low


def _networks(peer: dict[str, Any]) -> list[Network]:
    values = peer.get("allowed_ips") or []
    return parse_networks(v for v in values if not network_problem(v)) if isinstance(values, list) else []


def _allowed(peer: dict[str, Any]) -> list[str]:
    values = peer.get("allowed_ips")
    if not isinstance(values, list) or not values:
        return ["has no allowed_ips; give a list of the networks behind it, such as [10.31.0.0/16, 10.99.0.2]"]
    problems = [f"allows {str(v)!r}, which {network_problem(v)}" for v in values if network_problem(v)]
    if any(network.prefixlen == 0 for network in _networks(peer)):
        problems.append("allows all addresses, so that all that this host sends would go to it; give its own networks")
    return problems


def _peer(peer: dict[str, Any], keys_may_be_missing: bool) -> list[str]:
    unknown = sorted(set(peer) - KEYS)
    problems = [f"has the unknown key {', '.join(unknown)}"] if unknown else []
    public_key, preshared_key = str(peer.get("public_key") or ""), str(peer.get("preshared_key") or "")
    if not KEY.fullmatch(public_key) and not (keys_may_be_missing and not public_key):
        problems.append("has no public_key of 44 characters as wg pubkey prints it")
    if preshared_key and not KEY.fullmatch(preshared_key):
        problems.append("has a preshared_key that is not 44 characters as wg genpsk prints it")
    if peer.get("endpoint"):
        try:
            _endpoint(str(peer["endpoint"]))
        except ValueError as reason:
            problems.append(f"has the endpoint {str(peer['endpoint'])!r}, which {reason}")
    keepalive = str(peer.get("keepalive", 25))
    if not keepalive.isdecimal() or int(keepalive) > 65535:
        problems.append(f"has the keepalive {keepalive!r}; give 0 to 65535 seconds")
    return [*problems, *_allowed(peer)]


def _each_peer(given: dict[str, Any]) -> list[str]:
    problems, names = [], set()
    for number, peer in enumerate(given["peers"], start=1):
        if not isinstance(peer, dict) or not peer:
            problems.append(f"Peer {number} is empty: {peer!r}.")
            continue
        name = str(peer.get("name") or "")
        label = f"Peer {number} ({name})" if name else f"Peer {number}"
        if not NAME.fullmatch(name):
            problems.append(f"{label} needs a name of lower-case letters, digits, '.', '_' and '-', at most 64.")
        elif name in names:
            problems.append(f"{label} has a name that another peer has.")
        names.add(name)
        problems += [f"{label} {problem}." for problem in _peer(peer, bool(given["keys_may_be_missing"]))]
    return problems


def _between_peers(given: dict[str, Any]) -> list[str]:
    problems = []
    for one, other in combinations(given["peers"], 2):
        if one["public_key"] and one["public_key"] == other["public_key"]:
            problems.append(f"{one['name']} and {other['name']} have the same public_key; each gateway needs its own.")
        for left in _networks(one):
            for right in _networks(other):
                if left.version == right.version and left.overlaps(right):
                    problems.append(
                        f"{one['name']} has {left} and {other['name']} has {right}, which overlap; an address can be behind one tunnel only."
                    )
    return problems


def _own(given: dict[str, Any]) -> list[str]:
    """What belongs to this host, or must be reached outside the tunnels, and lies in a partner's networks."""
    problems = []
    own = [str(given["address"]).partition("/")[0], *map(str, given["host_addresses"])]
    for peer in given["peers"]:
        if given["public_key"] and peer["public_key"] == given["public_key"]:
            problems.append(f"{peer['name']} has the public_key of this host itself.")
        for address in dict.fromkeys(own):
            if covers(_networks(peer), address):
                problems.append(f"{address} is this host's own address, but lies in what {peer['name']} is allowed.")
        for other in given["peers"]:
            if other.get("endpoint") and covers(_networks(peer), _endpoint(str(other["endpoint"]))[0]):
                problems.append(
                    f"The endpoint of {other['name']} lies in what {peer['name']} is allowed, so that the tunnel would have to go "
                    "through a tunnel."
                )
    return problems


def _interface(given: dict[str, Any]) -> list[str]:
    problems = []
    if not INTERFACE.fullmatch(str(given["interface"])):
        problems.append(
            f"mattermost_wireguard_interface is {given['interface']!r}; use at most 15 letters, digits, '.', '_' and '-'."
        )
    address, slash, _prefix = str(given["address"]).partition("/")
    try:
        ipaddress.ip_interface(str(given["address"]))
    except ValueError:
        address = ""
    if not address or not slash:
        problems.append(
            f"mattermost_wireguard_address is {given['address']!r}; give an address with its prefix, such as 10.99.0.1/24."
        )
    try:
        port_range(given["port"])
    except ValueError as reason:
        problems.append(f"mattermost_wireguard_port is {given['port']!r}, which {reason}.")
    if not 1280 <= int(given["mtu"]) <= 9000:
        problems.append(f"mattermost_wireguard_mtu is {given['mtu']}; give 1280 to 9000.")
    if given["private_key"] and not KEY.fullmatch(str(given["private_key"])):
        problems.append("mattermost_wireguard_private_key is not 44 characters as wg genkey prints it.")
    return problems


def wireguard_problems(given: dict[str, Any]) -> list[str]:
    """All that is wrong with the role's input, a sentence each; an empty list when nothing is."""
    problems = [*_interface(given), *_each_peer(given)]
    return problems or [*_between_peers(given), *_own(given)]


def route_problems(routes: list[Any]) -> list[str]:
    """All that is wrong with routes over a gateway, a sentence each."""
    problems, seen = [], set()
    for number, route in enumerate(routes, start=1):
        to, via = str(route.get("to") or ""), str(route.get("via") or "")
        label = f"Route {number} ({to or 'to nowhere'})"
        if network_problem(to):
            problems.append(f"{label} leads to {to!r}, which {network_problem(to)}.")
            continue
        network = ipaddress.ip_network(to)
        if not is_address(via):
            problems.append(f"{label} leads over {via!r}; give the gateway's address.")
        elif ipaddress.ip_address(via).version != network.version:
            problems.append(f"{label} leads over {via}, which is of the other address family.")
        elif ipaddress.ip_address(via).is_link_local:
            problems.append(
                f"{label} leads over {via}, which is good on one link only; give an address of the network."
            )
        elif ipaddress.ip_address(via) in network:
            problems.append(f"{label} leads over {via}, which lies behind it.")
        if network in seen:
            problems.append(f"{label} is there twice.")
        seen.add(network)
    return problems


def _as_ip_prints(network: Network) -> str:
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)


def wireguard_networks(peers: list[dict[str, Any]]) -> list[str]:
    """All that is behind the tunnels, as ip prints it, so that routes that are set can be told from those that are not."""
    return [_as_ip_prints(network) for network in parse_networks(v for peer in peers for v in peer["allowed_ips"])]


def canonical_routes(routes: list[dict[str, Any]]) -> list[dict[str, str]]:
    """The routes with addresses as ip prints them."""
    return [
        {"to": _as_ip_prints(ipaddress.ip_network(str(r["to"]))), "via": str(ipaddress.ip_address(str(r["via"])))}
        for r in routes
    ]


def interface_address(address: str) -> str:
    """An interface's address with its prefix as ip prints it."""
    return str(ipaddress.ip_interface(address))


def wireguard_links(lines: list[str], peers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The state of each peer's tunnel, from lines of key, age of the last handshake and keep-alive."""
    ages = {fields[0]: int(fields[1]) for fields in map(str.split, lines) if fields}
    links = []
    for peer in peers:
        seconds = ages.get(str(peer["public_key"]), -1)
        up = 0 <= seconds <= HANDSHAKE_SECONDS
        if up:
            report = f"The tunnel to {peer['name']} stands (handshake {seconds} seconds ago)."
        elif not peer.get("endpoint"):
            report = f"The tunnel to {peer['name']} does not stand: it has no endpoint, so its gateway has to open it."
        else:
            report = (
                f"The tunnel to {peer['name']} does not stand: no answer from {peer['endpoint']}. Its gateway is not set up yet, UDP does "
                "not come through, or one end has a wrong key of the other."
            )
        links.append({"name": peer["name"], "up": up, "seconds": seconds, "report": report})
    return links


def wireguard_kept(text: str) -> dict[str, dict[str, str]]:
    """Key and endpoint of each peer by its name, out of the file that the role has written before. Secrets in it stay there."""
    kept: dict[str, dict[str, str]] = {}
    for section in re.split(r"^# (?=.+\n\[Peer\]$)", text, flags=re.MULTILINE)[1:]:
        name, _line, lines = section.partition("\n")
        values = dict(re.findall(r"^(PublicKey|Endpoint) = (.+)$", lines, flags=re.MULTILINE))
        kept[name] = {"public_key": values.get("PublicKey", ""), "endpoint": values.get("Endpoint", "")}
    return kept


class FilterModule:
    """Filters for mattermost_wireguard."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "wireguard_problems": wireguard_problems,
            "route_problems": route_problems,
            "wireguard_networks": wireguard_networks,
            "canonical_routes": canonical_routes,
            "interface_address": interface_address,
            "wireguard_links": wireguard_links,
            "wireguard_kept": wireguard_kept,
        }
