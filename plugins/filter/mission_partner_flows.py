# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters of the role mission_partner: the flows of each host, and what the gateway forwards.

The architecture page (Network Configuration) asks for them: application servers in the DMZ, tunnels that end there, database and file
store for the servers alone, partners on 443 and nothing else.
"""

from __future__ import annotations

from typing import Any, Callable, Iterable, Mapping
from urllib.parse import urlsplit

from ansible_collections.fieldops.mattermost.plugins.plugin_utils.network import is_address, parse_networks
from ansible_collections.fieldops.mattermost.plugins.plugin_utils.scenario import Flows, Member

HTTPS = 443
MAIL_PORTS = [25, 465, 587]
IDENTITY_PORTS = [HTTPS, 389, 636]
FILE_STORE_PORTS = [HTTPS, 2049, 9000]
PUSH_SERVICES = [HTTPS, 2197]
NAMES = 53
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


def _site(flows: Flows, options: Mapping[str, Any]) -> list[str]:
    """Where people's programs find the site: the proxies of other hosts, and load balancers that stand already."""
    return [*flows.of("mattermost_proxy"), *options["load_balancers"]]


def _containers(member: Member) -> list[str]:
    """The networks that recorders run in on this host; none where they share its own."""
    return [str(network) for network in member.get("containers") or []]


def mission_partner_flows(members: list[Member], this: str, options: dict[str, Any]) -> list[dict[str, Any]]:
    """The table of flows of one host: what its components must let in and may reach."""
    flows = Flows(members, this)
    partners = _partners(options)
    flows.database(options)
    flows.servers(options)
    if flows.has("mattermost_proxy"):
        _way_in(flows, options, partners)
    if flows.has("mattermost_server"):
        _way_out(flows, options, partners)
    if flows.has("mattermost_wireguard"):
        _tunnel(flows, options)
    _media(flows, options)
    flows.add("packages_out", "out", [80, HTTPS], options["package_sources"], "where packages come from")
    flows.site_services(options)
    return list(flows)


def _way_in(flows: Flows, options: Mapping[str, Any], partners: list[str]) -> None:
    """Who may use the proxy."""
    clients = [str(network) for network in options["client_networks"]]
    if clients or not partners:
        flows.anyone("people_in", "in", [80, HTTPS], clients, "the people who use it")
    flows.add("partners_in", "in", [HTTPS], partners, "partners' servers, at the proxy")
    flows.add("tunnel_guests_in", "in", [HTTPS], options["tunnel_guests"], "guests with a tunnel of their own")
    recorders = [*_addresses(_with(flows, "mattermost_calls", "offloader")), *_containers(flows.me)]
    flows.add("recorders_in", "in", [HTTPS], recorders, "recorders join calls as people do")
    flows.add("homeserver_in", "in", [HTTPS], options["homeserver"]["addresses"], "the homeserver calls the bridge")


def _way_out(flows: Flows, options: Mapping[str, Any], partners: list[str]) -> None:
    """Whom the servers call, besides the database."""
    flows.add("partners_out", "out", [HTTPS], partners, "partners' sites")
    flows.add("mail_out", "out", MAIL_PORTS, options["mail_servers"], "the mail server")
    flows.add("identity_out", "out", IDENTITY_PORTS, options["identity_servers"], "the identity provider")
    flows.add("files_out", "out", FILE_STORE_PORTS, options["file_store_addresses"], "the file store")
    calls, push = _with(flows, "mattermost_calls"), _with(flows, "mattermost_push_proxy")
    flows.add("calls_out", "out", _ports(calls, "rtcd", "offloader"), _addresses(calls), "media and recording nodes")
    flows.add("push_out", "out", _ports(push, "push"), _addresses(push), "the push proxy")
    matrix = urlsplit(options["homeserver"]["url"])
    port = matrix.port or (80 if matrix.scheme == "http" else HTTPS)
    flows.add("homeserver_out", "out", [port], options["homeserver"]["addresses"], "the homeserver")
    flows.release("release_out", options["release_url"])


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
        inside = _ports([flows.me], "rtcd", "offloader")
        flows.add("calls_in", "in", inside, flows.of("mattermost_server"), "the servers alone")
        if "rtcd" in mine:
            _callers(flows, options, int(mine["media"]))
        if "offloader" in mine:
            _recorders(flows, options)
    if flows.has("mattermost_push_proxy"):
        flows.add("push_in", "in", _ports([flows.me], "push"), flows.of("mattermost_server"), "the servers alone")
        flows.add("push_services_out", "out", PUSH_SERVICES, options["push_services"], "Apple's and Google's services")


def _callers(flows: Flows, options: Mapping[str, Any], port: int) -> None:
    """Who takes part in calls; a recorder does as people do."""
    recorders = [*_addresses(_with(flows, "mattermost_calls", "offloader")), *_containers(flows.me)]
    people = [str(network) for network in options["client_networks"]]
    callers = [*people, *recorders, *map(str, options["tunnel_guests"])] if people else []
    for protocol in ("udp", "tcp"):
        flows.anyone(f"media_in_{protocol}", "in", [port], callers, "media of calls", protocol)


def _recorders(flows: Flows, options: Mapping[str, Any]) -> None:
    """Recorders that share the host's network; those in one of their own are forwarded, and may ask the host for names."""
    nodes = _with(flows, "mattermost_calls", "rtcd")
    for protocol in ("udp", "tcp"):
        media = f"media_out_{protocol}"
        flows.add(media, "out", _ports(nodes, "media"), _addresses(nodes), "recorders' media", protocol)
        flows.add(f"names_in_{protocol}", "in", [NAMES], _containers(flows.me), "recorders ask for names", protocol)
    flows.add("recorder_out", "out", [HTTPS], _site(flows, options), "recorders join calls at the site")


class _Forwards(list):  # type: ignore[type-arg]
    """What one host forwards, in the form of mattermost_firewall_forwards."""

    def add(
        self, name: str, ports: list[int], sources: list[str], destinations: list[str], comment: str, **more: Any
    ) -> None:
        """A forward, unless nobody is at one of its ends."""
        if ports and sources and destinations:
            ends = {"sources": sources, "destinations": destinations}
            self.append({"name": name, "protocol": "tcp", "ports": ports, **ends, "comment": comment, **more})


def mission_partner_forwards(members: list[Member], this: str, options: dict[str, Any]) -> list[dict[str, Any]]:
    """What a host passes on: the gateway between the link net and the DMZ, a recording node for its recorders; others nothing."""
    flows, forwards = Flows(members, this), _Forwards()
    if flows.has("mattermost_wireguard"):
        _of_gateway(forwards, flows, options)
    containers = _containers(flows.me)
    nodes = _with(flows, "mattermost_calls", "rtcd")
    forwards.add("recorders_site", [HTTPS], containers, _site(flows, options), "recorders join calls at the site")
    for protocol in ("udp", "tcp"):
        way = {"comment": "recorders' media", "protocol": protocol}
        forwards.add(f"recorders_{protocol}", _ports(nodes, "media"), containers, _addresses(nodes), **way)
        way = {"comment": "recorders ask for names", "protocol": protocol}
        forwards.add(f"names_{protocol}", [NAMES], containers, list(map(str, options["dns_servers"])), **way)
    return list(forwards)


def _of_gateway(forwards: _Forwards, flows: Flows, options: Mapping[str, Any]) -> None:
    """Federation both ways, and what guests with a tunnel use: the site, and calls."""
    partners, guests = _partners(options), list(map(str, options["tunnel_guests"]))
    interface = {"in_interface": options["tunnel"]["interface"]}
    out = {"out_interface": options["tunnel"]["interface"], "masquerade": True}
    servers = flows.of("mattermost_server")
    forwards.add("federation_out", [HTTPS], servers, partners, "servers to partners' sites", **out)
    if not flows.has("mattermost_proxy"):
        proxies, balancers = flows.of("mattermost_proxy"), [str(address) for address in options["load_balancers"]]
        # A load balancer that does not confine partners to their paths is no way in for them.
        confines = options["load_balancer_confines_partners"]
        partners_to = proxies or (balancers if confines else [])
        forwards.add("federation_in", [HTTPS], partners, partners_to, "partners' servers to the proxy", **interface)
        forwards.add("guests_in", [HTTPS], guests, proxies or balancers, "guests to the proxy", **interface)
    nodes = _with(flows, "mattermost_calls", "rtcd")
    for protocol in ("udp", "tcp"):
        way = {"comment": "guests' media", "protocol": protocol, **interface}
        forwards.add(f"guests_{protocol}", _ports(nodes, "media"), guests, _addresses(nodes), **way)


def mission_partner_routes(peers: list[dict[str, Any]], via: str, guests: Iterable[Any] = ()) -> list[dict[str, str]]:
    """The way to partners, and to guests with a tunnel, over the gateway, in the form of mattermost_wireguard_routes."""
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
