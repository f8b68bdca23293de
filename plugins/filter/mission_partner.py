# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters of the role mission_partner: what is wrong with its input, and what follows from inventory and table for each host."""

from __future__ import annotations

import ipaddress
from itertools import combinations
from typing import Any, Callable, Iterable, Mapping
from urllib.parse import urlsplit

from ansible_collections.fieldops.mattermost.plugins.plugin_utils import scenario
from ansible_collections.fieldops.mattermost.plugins.plugin_utils.network import (
    is_address,
    network_problem,
)

ROLE = "mission_partner"
COMPONENTS = (
    "mattermost_proxy",
    "mattermost_wireguard",
    "mattermost_server",
    "mattermost_database",
    "mattermost_calls",
    "mattermost_push_proxy",
)


def _basics(given: dict[str, Any]) -> list[str]:
    problems = scenario.hosts_problems(ROLE, given)
    gateways = given["groups"].get("mattermost_wireguard") or []
    if len(gateways) > 1:
        problems.append(
            f"The group mattermost_wireguard has {len(gateways)} hosts ({', '.join(gateways)}); one is supported."
        )
    url, path = given["release_url"], given["release_path"]
    if bool(url) == bool(path):
        problems.append(
            "Give one of mission_partner_release_url and mission_partner_release_path: where the release is."
        )
    elif url and urlsplit(url).scheme not in ("http", "https"):
        problems.append(f"mission_partner_release_url is {url!r}; give an address with http:// or https://.")
    elif path and not given["release_path_exists"]:
        problems.append(f"mission_partner_release_path is {path}, which is no file on this control node.")
    problems += scenario.release_problems(ROLE, given["version"], given["release_sha256"], where="to install")
    return problems


def _addresses(given: dict[str, Any]) -> list[str]:
    return scenario.address_problems(ROLE, given)


def _allow_lists(given: dict[str, Any]) -> list[str]:
    """Whose addresses are whose: an address that could be two partners', or ours, would let one act as the other."""
    # One list may serve all partners, so it may name this site as well.
    lists = {name: list(values) for name, values in given["partner_networks"].items() if name != given["name"]}
    known = {partner["name"] for partner in given["partners"]}
    problems = [
        f"mission_partner_partner_networks names {name}, which is no partner in mission_partner_links."
        for name in lists
        if known and name not in known
    ]
    for name, values in lists.items():
        for value in values:
            if why := network_problem(value):
                problems.append(f"mission_partner_partner_networks.{name} has {value!r}, which {why}.")
    if problems:
        return problems
    ours = {
        "this site's client networks": given["client_networks"],
        "mission_partner_management_sources": given["management_sources"],
        "this site's hosts": [m["address"] for m in given["members"] if is_address(str(m["address"]))],
        "the tunnel's own address": [given["tunnel"]["address"].partition("/")[0]]
        if given["tunnel"]["address"]
        else [],
    }
    guests = given["servers_of"].get("mission_partner_tunnel_guests", [])
    ours["mission_partner_tunnel_guests"] = [str(guest) for guest in guests]
    every = {f"mission_partner_partner_networks.{name}": values for name, values in lists.items()}
    every.update({name: [v for v in values if not network_problem(v)] for name, values in ours.items()})
    problems = [
        f"mission_partner_partner_networks.{name} has {one}, which overlaps its {other}; keep one."
        for name, values in lists.items()
        for first, second in combinations(values, 2)
        for one, other in _overlaps([first], [second])
    ]
    for (left, left_values), (right, right_values) in combinations(every.items(), 2):
        if left in ours and right in ours:
            continue
        for one, other in _overlaps(left_values, right_values):
            problems.append(f"{left} has {one}, which overlaps {other} of {right}; an address belongs to one of them.")
    return problems


def _overlaps(left: Iterable[Any], right: Iterable[Any]) -> list[tuple[str, str]]:
    pairs = ((ipaddress.ip_network(str(a)), ipaddress.ip_network(str(b))) for a in left for b in right)
    return [(str(a), str(b)) for a, b in pairs if a.version == b.version and a.overlaps(b)]


def _links(given: dict[str, Any]) -> list[str]:
    """What the links need from this role: addresses, a way to hand invitations over, the same site address."""
    problems = []
    own = next((partner for partner in given["partners"] if partner["name"] == given["name"]), None)
    if own is None:
        return []
    balanced = given["load_balancers"] and not given["groups"].get("mattermost_proxy")
    if given["peers"] and balanced and not given["load_balancer_confines_partners"]:
        problems.append(
            "There is no host in the group mattermost_proxy, and nothing says that the load balancer confines partners' servers to the paths "
            "of connected workspaces: through it they would reach the whole site. Let it do so (the role's README says which paths they "
            "are) and set mission_partner_load_balancer_confines_partners to true, or add a host to the group."
        )
    if given["peers"] and not given["client_networks"]:
        problems.append(
            "mission_partner_client_networks is empty: name the networks of this site's own people, or nobody but partners' servers "
            "could reach it."
        )
    if str(own.get("site_url", "")).rstrip("/") != str(given["site_url"]).rstrip("/"):
        problems.append(
            f"mission_partner_links says that {given['name']} is at {own.get('site_url')}, mission_partner_site_url is "
            f"{given['site_url']}; the partners must see the address that the servers say they have."
        )
    for peer in given["peers"]:
        name = peer["name"]
        if not peer["networks"]:
            problems.append(
                f"{given['name']} is linked with {name}, but mission_partner_partner_networks has no address of {name}: nothing "
                "could pass. Name the addresses that its servers come from."
            )
        # One whose hosts are in the inventory, but do not answer today, is linked when they do.
        elsewhere = not peer["in_play"] and not peer["in_inventory"]
        if elsewhere and not given["exchange_dir"]:
            problems.append(
                f"{name} is not in this play, so its invitation travels as a file: give mission_partner_exchange_dir."
            )
        if elsewhere and name not in given["password_names"]:
            problems.append(
                f"mission_partner_passwords has none for {name}, which is not in this play: agree on one by another way than the "
                "invitation's, and give both sides the same."
            )
        if given["hosts_managed"] and not peer["address"]:
            problems.append(
                f"Nothing says at which address {peer['site_host']} is: give the partner's address in mission_partner_links, or set "
                "mission_partner_hosts_file_managed to false where a name service knows it."
            )
    return problems


def _tunnel(given: dict[str, Any]) -> list[str]:
    tunnel = given["tunnel"]
    if not tunnel["enabled"]:
        stray = ", ".join(tunnel["peers"])
        return [f"mission_partner_tunnel_peers names {stray}, but no host is in mattermost_wireguard."] if stray else []
    problems = []
    try:
        interface = ipaddress.ip_interface(tunnel["address"])
        if interface.network.prefixlen == 32:
            raise ValueError
    except ValueError:
        problems.append(
            f"mission_partner_tunnel_address is {tunnel['address']!r}; give this site's address on the link net with its prefix, "
            "for instance 10.99.0.1/24."
        )
    for peer in given["peers"]:
        if not peer["public_key"] and not peer["in_play"] and not peer["in_inventory"]:
            problems.append(
                f"mission_partner_tunnel_peers.{peer['name']} has no public_key, and {peer['name']} is not in this play."
            )
        host, _colon, port = str(peer["endpoint"]).rpartition(":")
        if peer["endpoint"] and not (is_address(host.strip("[]")) and port.isdecimal()):
            problems.append(
                f"The endpoint of {peer['name']} is {peer['endpoint']!r}; give the gateway's address and port, for instance "
                "198.51.100.7:51820, or none."
            )
    known = {partner["name"] for partner in given["partners"]}
    for peer in tunnel["peers"]:
        if known and peer not in known:
            problems.append(f"mission_partner_tunnel_peers names {peer}, which is no partner in mission_partner_links.")
    return problems


def mission_partner_problems(given: dict[str, Any]) -> list[str]:
    """All that is wrong with inventory and variables of one site, a sentence each; an empty list when nothing is."""
    checks: tuple[Callable[[dict[str, Any]], list[str]], ...] = (
        _basics,
        _addresses,
        _allow_lists,
        _links,
        _tunnel,
        lambda facts: scenario.secret_problems(ROLE, facts),
        lambda facts: scenario.settings_problems(ROLE, facts, who="the scenario"),
    )
    return [problem for check in checks for problem in check(given)]


def mission_partner_groups(
    groups: Mapping[str, list[str]], hostvars: Mapping[str, Any], name: str
) -> dict[str, list[str]]:
    """The hosts of one organisation in each group of components: those that carry its name."""
    return {
        group: [host for host in groups.get(group, []) if hostvars[host].get("mission_partner_name") == name]
        for group in COMPONENTS
    }


class FilterModule:
    """Filters for mission_partner."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "mission_partner_problems": mission_partner_problems,
            "mission_partner_groups": mission_partner_groups,
        }
