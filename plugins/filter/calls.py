# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters of the role mattermost_calls: what is wrong with its input, and the flows that calls need."""

from __future__ import annotations

import re
from typing import Any, Callable
from urllib.parse import urlsplit

from ansible_collections.fieldops.mattermost.plugins.plugin_utils.network import is_address, network_problem, port_range

COMPONENTS = ("rtcd", "offloader")
ARCHITECTURES = ("x86_64", "aarch64")
CLIENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
VERSION = re.compile(r"\d+\.\d+\.\d+")
SHA256 = re.compile(r"[0-9a-fA-F]{64}")
RETENTION = re.compile(r"[0-9]+[mhd]")
SHORTEST_KEY = 32  # rtcd and calls-offloader refuse shorter ones
MEDIA_PORTS = (80, 49151)
DEFAULT_NETWORKS = ("bridge", "podman")


def _release(component: str, release: dict[str, Any]) -> list[str]:
    prefix = f"mattermost_calls_{component}"
    problems = []
    if not VERSION.fullmatch(str(release["version"])):
        problems.append(f"{prefix}_version is {release['version']!r}; give the release's full number, such as 1.2.6.")
    if not release["source"]:
        problems.append(f"{prefix}_artifact_url and {prefix}_artifact_path are empty; give one of them.")
    if not SHA256.fullmatch(str(release["sha256"])):
        problems.append(f"{prefix}_artifact_sha256 must be the 64 hexadecimal digits of the release.")
    try:
        port_range(int(release["port"]))
    except ValueError as reason:
        problems.append(f"{prefix}_port is {release['port']!r}, which {reason}.")
    return problems


def _components(given: dict[str, Any]) -> list[str]:
    components = given["components"]
    unknown = [str(c) for c in components if c not in COMPONENTS]
    if unknown or not components or len(set(components)) != len(components):
        return [f"mattermost_calls_components is {components}; give rtcd, offloader or both, each once."]
    problems = [problem for c in components for problem in _release(c, given["releases"][c])]
    if given["architecture"] not in ARCHITECTURES:
        problems.append(f"There are releases for {' and '.join(ARCHITECTURES)}, not for {given['architecture']}.")
    return problems


def _credentials(given: dict[str, Any]) -> list[str]:
    problems = []
    if not CLIENT.fullmatch(str(given["client_id"])):
        problems.append("mattermost_calls_client_id must be letters, digits, '.', '_' and '-', at most 64.")
    for variable in ("auth_key", "admin_secret"):
        if len(str(given[variable])) < SHORTEST_KEY:
            problems.append(
                f"mattermost_calls_{variable} must have at least {SHORTEST_KEY} characters; make a random one."
            )
    if given["auth_key"] and given["auth_key"] == given["admin_secret"]:
        problems.append(
            "mattermost_calls_auth_key and mattermost_calls_admin_secret are the same; the servers must not be administrators."
        )
    if bool(given["certificate_given"]) != bool(given["private_key_given"]):
        problems.append(
            "One of mattermost_calls_tls_certificate and mattermost_calls_tls_private_key is empty; give both or none."
        )
    return problems


def _network(given: dict[str, Any]) -> list[str]:
    problems = []
    for address in given["media_addresses"]:
        if not is_address(str(address)):
            problems.append(f"mattermost_calls_media_addresses has {str(address)!r}; give addresses of this host.")
    listen = str(given["listen_address"])
    if listen and not is_address(listen.strip("[]")):
        problems.append(
            f"mattermost_calls_listen_address is {listen!r}; give an address of this host, or nothing for all."
        )
    if not MEDIA_PORTS[0] <= int(given["media_port"]) <= MEDIA_PORTS[1]:
        problems.append(
            f"mattermost_calls_media_port is {given['media_port']}; rtcd takes {MEDIA_PORTS[0]} to {MEDIA_PORTS[1]}."
        )
    ports = [int(given["releases"][c]["port"]) for c in given["components"] if c in COMPONENTS]
    if "rtcd" in given["components"]:
        ports.append(int(given["media_port"]))
    if len(set(ports)) != len(ports):
        problems.append("Two services of this host have the same port; give each its own.")
    for number, server in enumerate(given["ice_servers"], start=1):
        urls = server.get("urls") if isinstance(server, dict) else None
        if not isinstance(urls, list) or not all(re.match(r"(stun|turn)s?:.", str(url)) for url in urls) or not urls:
            problems.append(
                f"mattermost_calls_ice_servers: number {number} needs urls, a list such as [stun:10.20.0.9:3478]."
            )
    return problems


def calls_problems(given: dict[str, Any]) -> list[str]:
    """All that is wrong with the role's input, a sentence each; an empty list when nothing is."""
    problems = [*_components(given), *_credentials(given)]
    if not problems:
        problems = _network(given)
    if "offloader" in given["components"]:
        if int(given["jobs"]) < 1:
            problems.append(f"mattermost_calls_jobs is {given['jobs']}; give at least 1.")
        if not RETENTION.fullmatch(str(given["failed_jobs_retention"])):
            problems.append(
                f"mattermost_calls_failed_jobs_retention is {given['failed_jobs_retention']!r}; write minutes, hours or days, such as 30d, "
                "or 0d to keep them."
            )
    return problems


def calls_facts_problems(given: dict[str, Any]) -> list[str]:
    """All that is wrong with what the servers are to be told, a sentence each."""
    problems = []
    for variable in ("rtcd_url", "offloader_url"):
        url = urlsplit(str(given[variable]))
        if not given[variable]:
            continue
        if url.scheme not in ("http", "https") or not url.hostname or url.path.strip("/") or url.query:
            problems.append(f"mattermost_calls_{variable} must be http:// or https:// with a host and a port.")
        if url.username or url.password:
            problems.append(
                f"mattermost_calls_{variable} has credentials in it, which would be kept in the settings; leave them out: the servers get "
                "them by their environment."
            )
    if given["recordings_enabled"] and not given["offloader_url"]:
        problems.append(
            "mattermost_calls_recordings_enabled needs mattermost_calls_offloader_url: it makes the recordings."
        )
    if (given["rtcd_url"] or given["offloader_url"]) and len(str(given["auth_key"])) < SHORTEST_KEY:
        problems.append(f"mattermost_calls_auth_key must have at least {SHORTEST_KEY} characters.")
    return problems


def calls_flows(options: dict[str, Any]) -> list[dict[str, Any]]:
    """What a host with these components must let in, as flows of mattermost_firewall.

    Without servers' addresses their ports stay closed; without networks of people, media comes from anywhere.
    """
    flows = []
    servers = [str(a) for a in options["server_addresses"] if not network_problem(a)]
    for component in options["components"]:
        if servers:
            ports, comment = [int(options[f"{component}_port"])], f"servers to {component}"
            flows.append(_flow(f"calls_{component}", "tcp", ports, servers, comment))
    if "rtcd" in options["components"]:
        people = [str(n) for n in options["client_networks"]]
        for protocol in ("udp", "tcp"):
            flows.append(_flow(f"calls_{protocol}", protocol, [int(options["media_port"])], people, "media of calls"))
    return flows


def _flow(name: str, protocol: str, ports: list[int], addresses: list[str], comment: str) -> dict[str, Any]:
    return {
        "name": name,
        "direction": "in",
        "protocol": protocol,
        "ports": ports,
        "addresses": addresses,
        "comment": comment,
    }


def calls_subnets(networks: list[dict[str, Any]], name: str = "") -> list[str]:
    """The addresses of the containers in a network of Docker or podman, whose default has no name; none in the host's own network."""
    names = (name,) if name else DEFAULT_NETWORKS
    configs = [row for network in networks if network["Name"] in names for row in network["IPAM"].get("Config") or []]
    return [str(config["Subnet"]) for config in configs if config.get("Subnet")]


class FilterModule:
    """Filters for mattermost_calls."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "calls_problems": calls_problems,
            "calls_facts_problems": calls_facts_problems,
            "calls_flows": calls_flows,
            "calls_subnets": calls_subnets,
        }
