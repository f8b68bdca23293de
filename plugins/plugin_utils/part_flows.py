# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whom the optional parts of the mission partner scenario call, and whether the firewalls let them: what is missing, in sentences."""

from __future__ import annotations

from typing import Any, Iterator, Mapping
from urllib.parse import urlsplit

from ansible_collections.fieldops.mattermost.plugins.plugin_utils.network import (
    covers,
    is_address,
    network_problem,
    parse_networks,
    port_range,
)

PREFIX = "mission_partner"
# Services that the servers call, by the variable that says where they are.
SERVICES = {
    "matrix": ("matrix_homeserver_url",),
    "xmpp": ("xmpp_server",),
    "search": ("search_url",),
    "translation": ("translation_url",),
    "object_storage": ("object_storage_endpoint",),
    "entra": ("entra_discovery_url",),
    "calls": ("calls_rtcd_url", "calls_offloader_url"),
    "push": ("push_server",),
}
# Lists of addresses that let the servers out, with the ports that they stand for; None: the service's own port.
LETS_OUT: dict[str, tuple[str, tuple[int, ...] | None]] = {
    "matrix": ("matrix_homeserver_addresses", None),
    "object_storage": ("file_store_addresses", (443, 2049, 9000)),
    "entra": ("identity_servers", (389, 443, 636)),
    "audit_targets": ("log_servers", (514, 6514)),
}
# Hosts of the inventory that may be the service, and what of theirs it is.
HOSTS = {"calls": ("mattermost_calls", ("rtcd", "offloader")), "push": ("mattermost_push_proxy", ("push",))}
HERE = ("localhost", "127.0.0.1", "::1")

Given = Mapping[str, Any]


def _called(given: Given, part: str) -> Iterator[tuple[str, str]]:
    """Each service that a part calls: the variable, and the address in it."""
    values = given["values"]
    if part == "translation" and values.get("translation_provider") != "libretranslate":
        return
    for variable in SERVICES.get(part, ()):
        yield variable, str(values.get(variable) or "")
    if part == "agents":
        for service in values.get("agents_services") or []:
            yield "agents_services", str(service.get("api_url") or "")
    if part == "audit_targets":
        for target in (values.get("audit_targets") or {}).values():
            where = target.get("options") or {} if isinstance(target, dict) else {}
            if where.get("host"):
                yield "audit_targets", f"tcp://{where['host']}:{where.get('port') or 514}"


def _end(address: str) -> tuple[str, int] | None:
    """Host and port of a service elsewhere; None for one on this host, and for what is no address."""
    try:
        url = urlsplit(address if "//" in address else f"https://{address}")
        port = url.port or (80 if url.scheme == "http" else 443)
    except ValueError:
        return None
    return (url.hostname, port) if url.hostname and url.hostname not in HERE else None


def _at(addresses: list[Any], host: str) -> bool:
    """Whether the host is there; a name may be anywhere."""
    return not is_address(host) or covers(addresses, host)


def _out(flow: Mapping[str, Any], port: int | None = None) -> bool:
    """Whether a flow lets out, to this port."""
    try:
        ranges = [port_range(value) for value in flow.get("ports") or []]
    except ValueError:
        return True  # the firewall's own check tells what is wrong with it
    fits = port is None or not ranges or any(low <= port <= high for low, high in ranges)
    return flow.get("direction") == "out" and fits


def _open(given: Given, part: str, host: str, port: int) -> bool:
    """Whether something lets the servers reach it: a list of addresses, the flows to a host of the inventory, or an extra flow."""
    variable, ports = LETS_OUT.get(part, ("", ()))
    listed = given["values"].get(variable) or []
    if listed and (ports is None or port in ports) and _at(listed, host):
        return True
    component, services = HOSTS.get(part, ("", ()))
    for member in given["members"]:
        theirs = [int(member["ports"][service]) for service in services if service in member.get("ports", {})]
        if component in member["components"] and port in theirs and _at([member["address"]], host):
            return True
    return any(
        _out(flow, port) and (not flow.get("addresses") or _at(flow["addresses"], host)) for flow in _extra(given)
    )


def _extra(given: Given) -> list[Mapping[str, Any]]:
    return [flow for flow in given.get("flows_extra") or [] if isinstance(flow, dict)]


def _integrations(given: Given) -> Iterator[str]:
    """Hosts of the site that webhooks call: at which port, nobody says."""
    for host in map(str, given["values"].get("integrations_hosts") or []):
        flows = [flow for flow in _extra(given) if _out(flow)]
        if host in HERE or any(_meets(flow.get("addresses") or [], host) for flow in flows):
            continue
        yield (
            f"{PREFIX}_integrations_hosts names {host}, which the servers' firewall does not let them reach: give it a flow in "
            f"{PREFIX}_flows_extra."
        )


def _meets(addresses: list[Any], host: str) -> bool:
    """Whether addresses of a flow, or all, have something of an address or network; a name may be anywhere."""
    if not addresses or network_problem(host):
        return True
    theirs = parse_networks(address for address in addresses if not network_problem(address))
    return any(
        one.version == other.version and one.overlaps(other) for one in theirs for other in parse_networks([host])
    )


def _homeserver(given: Given) -> Iterator[str]:
    """The homeserver calls the bridge at the site's address, where the proxy lets in those it is told of."""
    values = given["values"]
    clients, end = values.get("client_networks") or [], _end(str(values.get("matrix_homeserver_url") or ""))
    if values.get("matrix_homeserver_addresses") or not clients or not given["groups"].get("mattermost_proxy"):
        return
    if end and not (is_address(end[0]) and covers(clients, end[0])):
        yield (
            f"The homeserver calls the bridge at the site's address, but {PREFIX}_matrix_homeserver_addresses is empty, and {end[0]} is no "
            f"address in {PREFIX}_client_networks: the proxy would not let it in. Give its addresses."
        )


def flow_problems(given: Given) -> Iterator[str]:
    """Services of the parts that are on which no flow lets the servers reach, and callers that none lets in."""
    for part in (part for part, enabled in given["parts"].items() if enabled):
        for variable, address in _called(given, part):
            end = _end(address)
            if end is None or _open(given, part, *end):
                continue
            remedy = LETS_OUT.get(part, ("", None))
            right = remedy[0] and (remedy[1] is None or end[1] in remedy[1])
            yield (
                f"{PREFIX}_{variable} is reached on port {end[1]} of {end[0]}, which the servers' firewall lets out to nobody: give the "
                f"address in {PREFIX}_{remedy[0] if right else 'flows_extra'}."
            )
    if given["parts"].get("integrations"):
        yield from _integrations(given)
    if given["parts"].get("matrix"):
        yield from _homeserver(given)
