# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the scenarios have in common: checks of inventory and variables in words, settings as data, the base of their flows.

Each check takes `role`, the prefix of the variables that its sentences name.
"""

from __future__ import annotations

import re
from typing import Any, Iterable, Mapping
from urllib.parse import urlsplit

from ansible_collections.fieldops.mattermost.plugins.plugin_utils.network import is_address, network_problem

Member = dict  # name, components, address, fqdn, distribution, release, and addresses_of: what the names of others mean to this host

SUPPORTED = {
    "Debian": {"12", "13"},
    "Ubuntu": {"22", "24"},
    "RedHat": {"8", "9"},
    "Rocky": {"8", "9"},
    "AlmaLinux": {"8", "9"},
}
SERVER_PORT = 8065
CLUSTER_PORT = 8074


def hosts_problems(role: str, given: Mapping[str, Any]) -> list[str]:
    """A server, one database or the name of one, a way in, and all hosts in the play."""
    groups = {
        name: given["groups"].get(name) or []
        for name in ("mattermost_database", "mattermost_server", "mattermost_proxy")
    }
    problems = []
    if not groups["mattermost_server"]:
        problems.append("The inventory has no host in the group mattermost_server; put at least one there.")
    if len(groups["mattermost_database"]) > 1:
        count, names = len(groups["mattermost_database"]), ", ".join(groups["mattermost_database"])
        problems.append(f"The group mattermost_database has {count} hosts ({names}); one is supported.")
    if not groups["mattermost_database"] and not given["database_host"]:
        problems.append(
            f"There is no host in the group mattermost_database and {role}_database_host is empty; "
            "add the host, or name the database that stands already."
        )
    if groups["mattermost_database"] and given["database_host"]:
        problems.append(
            f"{role}_database_host names a database that stands already, but the group mattermost_database has "
            f"{groups['mattermost_database'][0]} as well; keep one of the two."
        )
    if given["database_host"] and not given["database_ca_given"]:
        problems.append(
            f"{role}_database_ca_certificate is empty; give the authority that signed the existing database's certificate."
        )
    problems += unresolved_problems(given, {f"{role}_database_host": str(given["database_host"])})
    if not groups["mattermost_proxy"] and not given["load_balancers"]:
        problems.append(
            f"There is no host in the group mattermost_proxy and {role}_load_balancer_addresses is empty: nobody could reach the "
            "servers. Add the host, or give the addresses of the load balancer that stands already."
        )
    missing = [host for host in given["hosts"] if host not in given["play_hosts"]]
    if missing:
        problems.append(
            f"The play does not run on {', '.join(missing)}. The hosts of a deployment depend on one another; run it on all of them "
            "(without --limit)."
        )
    if len(groups["mattermost_server"]) > 1 and int(given["uid"]) == 0:
        problems.append(
            f"{len(groups['mattermost_server'])} servers share the directory of uploaded files and must own it by the same number: "
            f"give {role}_uid, for instance 2000, and mount the same storage at {role}_files_dir on each."
        )
    return problems


def unresolved_problems(given: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    """Names, by their variables, that a server does not know: its firewall holds addresses, and would let it out to nobody."""
    return [
        f"{variable} names {name}, for which {member['name']} finds no IPv4 address: its firewall, which holds addresses, would let it "
        "reach nobody there. Give the address, or make the name known to the host, in /etc/hosts or by the site's name service."
        for variable, name in names.items()
        for member in given["members"]
        if name and "mattermost_server" in member["components"] and not addresses_of(member, name)
    ]


def addresses_of(member: Member, name: str) -> list[str]:
    """An address itself; the addresses that this host has found for a name."""
    found: list[str] = [name] if is_address(name) else (member.get("addresses_of") or {}).get(name) or []
    return found


def release_problems(role: str, version: Any, sha256: str | None, *, where: str) -> list[str]:
    """The release's number, and its digest where the operator has to give it (None: he has not)."""
    problems = []
    if sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        problems.append(f"{role}_release_sha256 must be the 64 hexadecimal digits of the release {where}.")
    if not re.fullmatch(r"\d+\.\d+\.\d+(\+[0-9A-Za-z.]+)?", str(version)):
        problems.append(f"{role}_version is {version!r}; give the release's full number, for instance 11.7.9.")
    return problems


def address_problems(role: str, given: Mapping[str, Any]) -> list[str]:
    """The site's address, the hosts' addresses and systems, and lists of networks by the names of their variables."""
    networks: dict[str, Iterable[Any]] = {
        f"{role}_client_networks": given["client_networks"],
        f"{role}_management_sources": given["management_sources"],
        f"{role}_load_balancer_addresses": given["load_balancers"],
        **given["servers_of"],
    }
    problems = []
    site = urlsplit(str(given["site_url"]))
    if site.scheme != "https" or not site.hostname or site.path.strip("/"):
        problems.append(f"{role}_site_url is {given['site_url']!r}; give https:// and a host name, without a path.")
    seen: dict[str, str] = {}
    for member in given["members"]:
        address = str(member["address"])
        if ":" in address:
            problems.append(
                f"{member['name']} has the IPv6 address {address}; give its IPv4 address, IPv6 is not supported yet."
            )
        elif not is_address(address):
            problems.append(
                f"{member['name']} has the address {address!r}, which is a name; give {role}_address as an IP address: firewalls know no names."
            )
        elif address in seen:
            problems.append(
                f"{member['name']} and {seen[address]} have the same address {address}; correct {role}_address."
            )
        seen[address] = member["name"]
        if member["release"] not in SUPPORTED.get(member["distribution"], set()):
            problems.append(
                f"{member['name']} runs {member['distribution']} {member['release']}, which is not supported; see the support table."
            )
    for name, values in networks.items():
        problems += [f"{name} has {value!r}, which {why}." for value in values if (why := network_problem(value))]
    return problems


def secret_problems(role: str, given: Mapping[str, Any]) -> list[str]:
    """Passwords that are long enough and differ, and a certificate for each host of a site with a PKI of its own."""
    problems = []
    for name in ("admin", "database"):
        if int(given[f"{name}_password_length"]) < 14:
            problems.append(
                f"{role}_{name}_password is shorter than 14 characters; choose a longer one and keep it in a vault."
            )
    if not given["passwords_differ"]:
        problems.append(f"{role}_admin_password and {role}_database_password are the same; choose two.")
    for host in given["hosts_without_tls"] if given["own_pki"] else []:
        problems.append(
            f"{role}_ca_certificate is given, but {host} has no {role}_tls_certificate and "
            f"{role}_tls_private_key; give both for each host, or leave the authority to the role."
        )
    return problems


def _at(tree: Any, path: list[str]) -> Any:
    """The value at a path, or None."""
    for step in path:
        tree = tree.get(step) if isinstance(tree, dict) else None
    return tree


def settings_problems(role: str, given: Mapping[str, Any], *, who: str) -> list[str]:
    """The scenario's settings may be changed only by name and with a reason; `who` forbids it otherwise."""
    problems = []
    ours = {entry["key"] for entry in given["settings"]}
    for variable, extra in given["settings_extra"].items():
        for entry in given["settings"]:
            value = _at(extra, entry.get("path") or entry["key"].split("."))
            accepted = "accept" in entry and re.search(entry["accept"], str(value))
            if value is not None and value != entry["value"] and not accepted:
                problems.append(
                    f"{variable} sets {entry['key']} to {value!r}, which {who} forbids ({entry['why']}). "
                    f"Take it out, or name it in {role}_exceptions with a reason."
                )
    for number, entry in enumerate(given["exceptions"]):
        if not entry.get("reason"):
            problems.append(f"{role}_exceptions[{number}] has no reason; say why {who} bears it.")
        if entry.get("key") not in ours:
            problems.append(
                f"{role}_exceptions[{number}] names {entry.get('key')!r}, which is no setting of this scenario."
            )
    return problems


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


class Flows(list):  # type: ignore[type-arg]
    """The table of flows of one host, in the form of mattermost_firewall_flows."""

    def __init__(self, members: list[Member], this: str) -> None:
        super().__init__()
        self.me = next(member for member in members if member["name"] == this)
        self.others = [member for member in members if member["name"] != this]

    def has(self, component: str) -> bool:
        """Whether this host has the component."""
        return component in self.me["components"]

    def of(self, component: str) -> list[str]:
        """Addresses of the other hosts that have the component."""
        return sorted(member["address"] for member in self.others if component in member["components"])

    def add(
        self, name: str, direction: str, ports: list[Any], addresses: Iterable[Any], comment: str, protocol: str = "tcp"
    ) -> None:
        """A flow, unless nobody is at its other end."""
        given = [str(address) for address in addresses]
        if given:
            self.anyone(name, direction, ports, given, comment, protocol)

    def anyone(
        self, name: str, direction: str, ports: list[Any], addresses: list[str], comment: str, protocol: str = "tcp"
    ) -> None:
        """A flow; without addresses it is one with everybody."""
        self.append(
            {
                "name": name,
                "direction": direction,
                "protocol": protocol,
                "ports": ports,
                "addresses": addresses,
                "comment": comment,
            }
        )

    def database(self, options: Mapping[str, Any]) -> None:
        """Between the servers and the database."""
        port = int(options["database_port"])
        if self.has("mattermost_database"):
            self.add("database_in", "in", [port], self.of("mattermost_server"), "the servers alone")
        if self.has("mattermost_server"):
            stands = addresses_of(self.me, options["database_host"])
            self.add("database_out", "out", [port], self.of("mattermost_database") or stands, "the database")

    def release(self, name: str, url: str) -> None:
        """To where the release is fetched from."""
        where = urlsplit(url)
        port = where.port or (80 if where.scheme == "http" else 443)
        self.add(name, "out", [port], addresses_of(self.me, where.hostname or ""), "where the release is")

    def servers(self, options: Mapping[str, Any]) -> None:
        """From the proxy to the servers, and between those."""
        if self.has("mattermost_server"):
            proxies = [*self.of("mattermost_proxy"), *options["load_balancers"]]
            self.add("server_in", "in", [SERVER_PORT], proxies, "from the proxy alone")
            for protocol in ("tcp", "udp"):
                for way in ("in", "out"):
                    name, peers = f"cluster_{way}_{protocol}", self.of("mattermost_server")
                    self.add(name, way, [CLUSTER_PORT], peers, "gossip between servers", protocol)
        if self.has("mattermost_proxy"):
            self.add("server_out", "out", [SERVER_PORT], self.of("mattermost_server"), "the servers")

    def site_services(self, options: Mapping[str, Any]) -> None:
        """Names, time and logs."""
        for protocol in ("udp", "tcp"):
            self.add(f"dns_out_{protocol}", "out", [53], options["dns_servers"], "the site's name servers", protocol)
        self.add("ntp_out", "out", [123], options["ntp_servers"], "the site's clocks", "udp")
        self.add("log_out", "out", [514, 6514], options["log_servers"], "the site's log collector")


def proxy_upstreams(members: list[Member], this: str, *, cluster: bool = False) -> list[dict[str, Any]]:
    """The proxy's upstreams; without a cluster licence the first server serves, the others stand by."""
    servers = [member for member in members if "mattermost_server" in member["components"]]
    alone = len(servers) == 1 and servers[0]["name"] == this
    return [
        {
            "address": "127.0.0.1" if alone else member["address"],
            "port": SERVER_PORT,
            "backup": number > 0 and not cluster,
        }
        for number, member in enumerate(servers)
    ]
