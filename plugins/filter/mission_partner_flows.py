# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters of the role mission_partner: the flows of each host, and what the gateway forwards.

The architecture page (Network Configuration) asks for them: application servers in the DMZ, tunnels that end there, database and file
store for the servers alone, partners on 443 and nothing else.
"""

from __future__ import annotations

from typing import Any, Callable, Iterable, Mapping

from ansible_collections.fieldops.mattermost.plugins.plugin_utils.network import is_address, parse_networks
from ansible_collections.fieldops.mattermost.plugins.plugin_utils.scenario import Flows, Member

HTTPS = 443
MAIL_PORTS = [25, 465, 587]
IDENTITY_PORTS = [HTTPS, 389, 636]
FILE_STORE_PORTS = [HTTPS, 2049, 9000]
PUSH_SERVICES = [HTTPS, 2197]
# What hosts of calls and push notifications listen on unless they say otherwise, and which of it they have.
PORTS = {"rtcd": 8045, "media": 8443, "offloader": 4545, "push": 8066}


def _host_in(endpoint: str) -> str:
    """The address in "198.51.100.7:51820"; an empty string when it is a name."""
    host = endpoint.rpartition(":")[0].strip("[]")
    return host if is_address(host) else ""


def _partners(options: Mapping[str, Any]) -> list[str]:
    """Every partner's addresses, each once."""
    return [str(network) for network in parse_networks(n for peer in options["peers"] for n in peer["networks"])]


def _with(flows: Flows, component: str, service: str = "") -> list[Member]:
    """The other hosts that have the component, and of it this service."""
    hosts = [member for member in flows.others if component in member["components"]]
    return [host for host in hosts if not service or service in host.get("ports", PORTS)]


def _addresses(hosts: Iterable[Member]) -> list[str]:
    return sorted(host["address"] for host in hosts)


def _ports(hosts: Iterable[Member], *services: str) -> list[int]:
    """The ports of services, as their hosts say."""
    said = [host.get("ports", PORTS) for host in hosts]
    return list(dict.fromkeys(int(ports[service]) for service in services for ports in said if service in ports))


def mission_partner_flows(members: list[Member], this: str, options: dict[str, Any]) -> list[dict[str, Any]]:
    """The table of flows of one host: what its components must let in and may reach."""
    flows = Flows(members, this)
    partners = _partners(options)
    flows.database(options)
    flows.servers(options)
    if flows.has("mattermost_proxy"):
        clients = [str(network) for network in options["client_networks"]]
        if clients or not partners:
            flows.anyone("people_in", "in", [80, HTTPS], clients, "the people who use it")
        flows.add("partners_in", "in", [HTTPS], partners, "partners' servers, at the proxy")
        flows.add("tunnel_guests_in", "in", [HTTPS], options["tunnel_guests"], "guests with a tunnel of their own")
        recorders = _addresses(_with(flows, "mattermost_calls", "offloader"))
        flows.add("recorders_in", "in", [HTTPS], recorders, "recorders join calls as people do")
    if flows.has("mattermost_server"):
        flows.add("partners_out", "out", [HTTPS], partners, "partners' sites")
        flows.add("mail_out", "out", MAIL_PORTS, options["mail_servers"], "the mail server")
        flows.add("identity_out", "out", IDENTITY_PORTS, options["identity_servers"], "the identity provider")
        flows.add("files_out", "out", FILE_STORE_PORTS, options["file_store_addresses"], "the file store")
        calls, push = _with(flows, "mattermost_calls"), _with(flows, "mattermost_push_proxy")
        flows.add(
            "calls_out", "out", _ports(calls, "rtcd", "offloader"), _addresses(calls), "media and recording nodes"
        )
        flows.add("push_out", "out", _ports(push, "push"), _addresses(push), "the push proxy")
    if flows.has("mattermost_wireguard"):
        _tunnel(flows, options)
    _media(flows, options)
    flows.add("packages_out", "out", [80, HTTPS], options["package_sources"], "where packages come from")
    flows.site_services(options)
    return list(flows)


def _tunnel(flows: Flows, options: Mapping[str, Any]) -> None:
    """Between gateways; where there is nobody to have a tunnel with, the port stays closed."""
    endpoints, guests = [peer["endpoint"] for peer in options["peers"]], options["tunnel_guests"]
    ends = [host for host in map(_host_in, endpoints) if host]
    # A partner whose address is not known, and guests, call from anywhere.
    callers = ends if len(ends) == len(endpoints) and not guests else []
    if endpoints or guests:
        flows.anyone("tunnel_in", "in", [options["tunnel"]["port"]], callers, "partners' gateways", "udp")
    ports = sorted({int(end.rpartition(":")[2]) for end in endpoints if end})
    flows.add("tunnel_out", "out", ports, ends, "partners' gateways", "udp")


def _media(flows: Flows, options: Mapping[str, Any]) -> None:
    """Calls and push notifications."""
    mine = flows.me.get("ports", PORTS)
    if flows.has("mattermost_calls"):
        flows.add(
            "calls_in",
            "in",
            _ports([flows.me], "rtcd", "offloader"),
            flows.of("mattermost_server"),
            "the servers alone",
        )
        people = [str(network) for network in options["client_networks"]]
        recorders, nodes = _with(flows, "mattermost_calls", "offloader"), _with(flows, "mattermost_calls", "rtcd")
        callers = [*people, *_addresses(recorders)] if people else []
        for protocol in ("udp", "tcp"):
            if "rtcd" in mine:
                flows.anyone(f"media_in_{protocol}", "in", [int(mine["media"])], callers, "media of calls", protocol)
            if "offloader" in mine:
                flows.add(
                    f"media_out_{protocol}",
                    "out",
                    _ports(nodes, "media"),
                    _addresses(nodes),
                    "recorders' media",
                    protocol,
                )
        if "offloader" in mine:
            flows.add("recorder_out", "out", [HTTPS], flows.of("mattermost_proxy"), "recorders join calls at the site")
    if flows.has("mattermost_push_proxy"):
        flows.add("push_in", "in", _ports([flows.me], "push"), flows.of("mattermost_server"), "the servers alone")
        flows.add("push_services_out", "out", PUSH_SERVICES, options["push_services"], "Apple's and Google's services")


def mission_partner_forwards(members: list[Member], this: str, options: dict[str, Any]) -> list[dict[str, Any]]:
    """What the gateway forwards between the link net and the rest of the DMZ; other hosts forward nothing."""
    flows = Flows(members, this)
    partners, interface = _partners(options), options["tunnel"]["interface"]
    if not flows.has("mattermost_wireguard"):
        return []
    forwards = []

    def add(name: str, sources: list[str], destinations: list[str], comment: str, **more: Any) -> None:
        if sources and destinations:
            ends = {"sources": sources, "destinations": destinations}
            forwards.append({"name": name, "protocol": "tcp", "ports": [HTTPS], **ends, "comment": comment, **more})

    out = {"out_interface": interface, "masquerade": True}
    add("federation_out", flows.of("mattermost_server"), partners, "servers to partners' sites", **out)
    if not flows.has("mattermost_proxy"):
        inside = flows.of("mattermost_proxy")
        add("federation_in", partners, inside, "partners' servers to the proxy", in_interface=interface)
        add("guests_in", list(options["tunnel_guests"]), inside, "guests to the proxy", in_interface=interface)
    return forwards


def mission_partner_routes(peers: list[dict[str, Any]], via: str, guests: Iterable[Any] = ()) -> list[dict[str, str]]:
    """The way to the partners, and to guests with a tunnel, over the gateway, in the form of mattermost_wireguard_routes."""
    ways = [*_partners({"peers": peers}), *(str(network) for network in parse_networks(guests))]
    return [{"to": way, "via": via} for way in ways]


class FilterModule:
    """Filters for mission_partner."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "mission_partner_flows": mission_partner_flows,
            "mission_partner_forwards": mission_partner_forwards,
            "mission_partner_routes": mission_partner_routes,
        }
