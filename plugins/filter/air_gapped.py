# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters of the role air_gapped: what is wrong with its input, and what follows from the inventory."""

from __future__ import annotations

import re
from typing import Any, Callable
from urllib.parse import urlsplit

from ansible_collections.fieldops.mattermost.plugins.plugin_utils.network import is_address, network_problem

Member = dict  # name, components, address, fqdn, distribution, release

SUPPORTED = {
    "Debian": {"12", "13"},
    "Ubuntu": {"22", "24"},
    "RedHat": {"8", "9"},
    "Rocky": {"8", "9"},
    "AlmaLinux": {"8", "9"},
}
SERVER_PORT = 8065
CLUSTER_PORT = 8074


def _topology(given: dict[str, Any]) -> list[str]:
    groups = {
        name: given["groups"].get(name) or []
        for name in ("mattermost_depot", "mattermost_database", "mattermost_server", "mattermost_proxy")
    }
    problems = []
    if not groups["mattermost_server"]:
        problems.append("The inventory has no host in the group mattermost_server; put at least one there.")
    for single in ("mattermost_depot", "mattermost_database"):
        if len(groups[single]) > 1:
            problems.append(
                f"The group {single} has {len(groups[single])} hosts ({', '.join(groups[single])}); one is supported."
            )
    if not groups["mattermost_database"] and not given["database_host"]:
        problems.append(
            "There is no host in the group mattermost_database and air_gapped_database_host is empty; "
            "add the host, or name the database that stands already."
        )
    if groups["mattermost_database"] and given["database_host"]:
        problems.append(
            "air_gapped_database_host names a database that stands already, but the group mattermost_database has "
            f"{groups['mattermost_database'][0]} as well; keep one of the two."
        )
    if given["database_host"] and not given["database_ca_given"]:
        problems.append(
            "air_gapped_database_ca_certificate is empty; give the authority that signed the existing database's certificate."
        )
    if not groups["mattermost_proxy"] and not given["load_balancers"]:
        problems.append(
            "There is no host in the group mattermost_proxy and air_gapped_load_balancer_addresses is empty: nobody could reach the "
            "servers. Add the host, or give the addresses of the load balancer that stands already."
        )
    missing = [host for host in given["hosts"] if host not in given["play_hosts"]]
    if missing:
        problems.append(
            f"The play does not run on {', '.join(missing)}. The hosts of a deployment depend on one another; run it on all of them "
            "(without --limit)."
        )
    both = [host for host in groups["mattermost_depot"] if host in groups["mattermost_proxy"]]
    if both and int(given["depot_port"]) == 443:
        problems.append(
            f"{both[0]} is depot and proxy at once, and both want port 443; give air_gapped_depot_port another, for instance 8443."
        )
    if len(groups["mattermost_server"]) > 1 and int(given["uid"]) == 0:
        problems.append(
            f"{len(groups['mattermost_server'])} servers share the directory of uploaded files and must own it by the same number: "
            "give air_gapped_uid, for instance 2000, and mount the same storage at air_gapped_files_dir on each."
        )
    return problems


def _carried(given: dict[str, Any]) -> list[str]:
    problems = []
    if given["groups"].get("mattermost_depot"):
        for path in given["media"]:
            if not str(path).startswith("/"):
                problems.append(f"air_gapped_media has {path!r}; give an absolute path on the depot.")
        if given["media"] and not given["bundle_key"]:
            problems.append(
                "air_gapped_bundle_key is empty; give the file on this control node with the public key that signs bundles."
            )
        elif given["media"] and not given["bundle_key_exists"]:
            problems.append(f"air_gapped_bundle_key is {given['bundle_key']}, which is no file on this control node.")
    else:
        if urlsplit(given["release_url"]).scheme not in ("http", "https"):
            problems.append(
                f"The inventory has no host in the group mattermost_depot and air_gapped_release_url is {given['release_url']!r}; "
                "add the host, or give the release's URL on the mirror that stands already."
            )
        if not re.fullmatch(r"[0-9a-fA-F]{64}", given["release_sha256"]):
            problems.append(
                "air_gapped_release_sha256 must be the 64 hexadecimal digits of the release on the existing mirror."
            )
    if not re.fullmatch(r"\d+\.\d+\.\d+(\+[0-9A-Za-z.]+)?", str(given["version"])):
        problems.append(
            f"air_gapped_version is {given['version']!r}; give the release's full number, for instance 11.7.9."
        )
    return problems


def _addresses(given: dict[str, Any]) -> list[str]:
    problems = []
    site = urlsplit(str(given["site_url"]))
    if site.scheme != "https" or not site.hostname or site.path.strip("/"):
        problems.append(f"air_gapped_site_url is {given['site_url']!r}; give https:// and a host name, without a path.")
    seen: dict[str, str] = {}
    for member in given["members"]:
        address = str(member["address"])
        if ":" in address:
            problems.append(
                f"{member['name']} has the IPv6 address {address}; give its IPv4 address, IPv6 is not supported yet."
            )
        elif not is_address(address):
            problems.append(
                f"{member['name']} has the address {address!r}, which is a name; give air_gapped_address as an IP address: firewalls know no names."
            )
        elif address in seen:
            problems.append(
                f"{member['name']} and {seen[address]} have the same address {address}; correct air_gapped_address."
            )
        seen[address] = member["name"]
        if member["release"] not in SUPPORTED.get(member["distribution"], set()):
            problems.append(
                f"{member['name']} runs {member['distribution']} {member['release']}, which is not supported; see the support table."
            )
    networks = {
        "air_gapped_client_networks": given["client_networks"],
        "air_gapped_management_sources": given["management_sources"],
    }
    networks["air_gapped_load_balancer_addresses"] = given["load_balancers"]
    networks.update(given["servers_of"])
    for name, values in networks.items():
        problems += [f"{name} has {value!r}, which {why}." for value in values if (why := network_problem(value))]
    return problems


def _secrets(given: dict[str, Any]) -> list[str]:
    problems = []
    for name in ("admin", "database"):
        if int(given[f"{name}_password_length"]) < 14:
            problems.append(
                f"air_gapped_{name}_password is shorter than 14 characters; choose a longer one and keep it in a vault."
            )
    if not given["passwords_differ"]:
        problems.append("air_gapped_admin_password and air_gapped_database_password are the same; choose two.")
    if given["own_pki"] and not given["tls_given"]:
        problems.append(
            f"air_gapped_ca_certificate is given, but {given['this_host']} has no air_gapped_tls_certificate and "
            "air_gapped_tls_private_key; give both for each host, or leave the authority to the role."
        )
    return problems


def _at(tree: Any, path: list[str]) -> Any:
    """The value at a path, or None."""
    for step in path:
        tree = tree.get(step) if isinstance(tree, dict) else None
    return tree


def _settings(given: dict[str, Any]) -> list[str]:
    """The scenario's settings may be changed only by name and with a reason."""
    problems = []
    ours = {entry["key"] for entry in given["settings"]}
    for variable, extra in given["settings_extra"].items():
        for entry in given["settings"]:
            value = _at(extra, entry.get("path") or entry["key"].split("."))
            accepted = "accept" in entry and re.search(entry["accept"], str(value))
            if value is not None and value != entry["value"] and not accepted:
                problems.append(
                    f"{variable} sets {entry['key']} to {value!r}, which the air gap forbids ({entry['why']}). "
                    "Take it out, or name it in air_gapped_exceptions with a reason."
                )
    for number, entry in enumerate(given["exceptions"]):
        if not entry.get("reason"):
            problems.append(f"air_gapped_exceptions[{number}] has no reason; say why the air gap bears it.")
        if entry.get("key") not in ours:
            problems.append(
                f"air_gapped_exceptions[{number}] names {entry.get('key')!r}, which is no setting of this scenario."
            )
    return problems


def air_gapped_problems(given: dict[str, Any]) -> list[str]:
    """All that is wrong with inventory and variables, a sentence each; an empty list when nothing is."""
    return [problem for check in (_topology, _carried, _addresses, _secrets, _settings) for problem in check(given)]


def settings_of(settings: list[dict[str, Any]], version: str, exceptions: list[dict[str, Any]]) -> dict[str, Any]:
    """The list of settings as a mapping by section and key, for one server version, with the exceptions in it."""
    number = tuple(int(part) for part in re.findall(r"\d+", version.split("+")[0])[:3])
    excepted = {entry["key"]: entry["value"] for entry in exceptions}
    result: dict[str, Any] = {}
    for entry in settings:
        since = tuple(int(part) for part in re.findall(r"\d+", str(entry.get("since", "0"))))
        until = tuple(int(part) for part in re.findall(r"\d+", str(entry.get("until", "9999"))))
        if not since <= number < until:
            continue
        place = result
        *path, last = entry.get("path") or entry["key"].split(".")
        for step in path:
            place = place.setdefault(step, {})
        place[last] = excepted.get(entry["key"], entry["value"])
    return result


def _flow(
    name: str, direction: str, ports: list[Any], addresses: list[str], comment: str, protocol: str = "tcp"
) -> dict[str, Any]:
    return {
        "name": name,
        "direction": direction,
        "protocol": protocol,
        "ports": ports,
        "addresses": addresses,
        "comment": comment,
    }


def air_gapped_flows(members: list[Member], this: str, options: dict[str, Any]) -> list[dict[str, Any]]:
    """The table of flows of one host: what its components must let in and may reach."""
    me = next(member for member in members if member["name"] == this)
    others = [member for member in members if member["name"] != this]

    def of(component: str) -> list[str]:
        return sorted(member["address"] for member in others if component in member["components"])

    flows: list[dict[str, Any]] = []

    def add(
        name: str, direction: str, ports: list[Any], addresses: list[str], comment: str, protocol: str = "tcp"
    ) -> None:
        if addresses:
            flows.append(_flow(name, direction, ports, addresses, comment, protocol))

    depot_port = int(options["depot_port"])
    if "mattermost_depot" in me["components"]:
        everyone = sorted(
            {member["address"] for member in others} | {str(network) for network in options["client_networks"]}
        )
        add("depot_in", "in", [depot_port], everyone, "packages and files for the site")
    add("depot_out", "out", [depot_port], of("mattermost_depot"), "packages and files from the depot")
    if options["release_url"]:
        url = urlsplit(options["release_url"])
        host, port = url.hostname or "", url.port or (80 if url.scheme == "http" else 443)
        add("mirror_out", "out", [port], [host] if is_address(host) else [], "the mirror that stands already")
    if "mattermost_database" in me["components"]:
        add("database_in", "in", [int(options["database_port"])], of("mattermost_server"), "the servers alone")
    if "mattermost_server" in me["components"]:
        database = of("mattermost_database") or [a for a in [options["database_host"]] if is_address(a)]
        add("database_out", "out", [int(options["database_port"])], database, "the database")
        add(
            "server_in",
            "in",
            [SERVER_PORT],
            of("mattermost_proxy") + [str(a) for a in options["load_balancers"]],
            "from the proxy alone",
        )
        for protocol in ("tcp", "udp"):
            add(
                f"cluster_in_{protocol}",
                "in",
                [CLUSTER_PORT],
                of("mattermost_server"),
                "gossip between servers",
                protocol,
            )
            add(
                f"cluster_out_{protocol}",
                "out",
                [CLUSTER_PORT],
                of("mattermost_server"),
                "gossip between servers",
                protocol,
            )
    if "mattermost_proxy" in me["components"]:
        flows.append(
            _flow("people_in", "in", [80, 443], [str(n) for n in options["client_networks"]], "the people who use it")
        )
        add("server_out", "out", [SERVER_PORT], of("mattermost_server"), "the servers")
    for protocol in ("udp", "tcp"):
        add(
            f"dns_out_{protocol}",
            "out",
            [53],
            [str(a) for a in options["dns_servers"]],
            "the site's name servers",
            protocol,
        )
    add("ntp_out", "out", [123], [str(a) for a in options["ntp_servers"]], "the site's clocks", "udp")
    add("log_out", "out", [514, 6514], [str(a) for a in options["log_servers"]], "the site's log collector")
    return flows


def air_gapped_upstreams(members: list[Member], this: str) -> list[dict[str, Any]]:
    """The proxy's upstreams: the first server serves, the others stand by."""
    servers = [member for member in members if "mattermost_server" in member["components"]]
    alone = len(servers) == 1 and servers[0]["name"] == this
    return [
        {"address": "127.0.0.1" if alone else member["address"], "port": SERVER_PORT, "backup": number > 0}
        for number, member in enumerate(servers)
    ]


class FilterModule:
    """Filters for air_gapped."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "air_gapped_problems": air_gapped_problems,
            "air_gapped_flows": air_gapped_flows,
            "air_gapped_upstreams": air_gapped_upstreams,
            "settings_of": settings_of,
        }
