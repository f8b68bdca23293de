# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters of the role mission_partner: what is known of partners, by the table, the inventory, themselves, or what was set up before."""

from __future__ import annotations

from typing import Any, Callable, Iterable, Mapping
from urllib.parse import urlsplit

KEEPALIVE = 25


def mission_partner_organisations(
    names: Iterable[str], groups: Mapping[str, list[str]], hostvars: Mapping[str, Any], directory: str
) -> list[dict[str, Any]]:
    """Which of these partners have hosts in the inventory, and what it says of them, whether the hosts answer or not."""
    wanted, gateways = set(names), groups.get("mattermost_wireguard") or []
    hosts: dict[str, str] = {}
    for host in [*gateways, *(groups.get("mattermost_server") or [])]:
        name = hostvars[host].get("mission_partner_name")
        if name in wanted:
            hosts.setdefault(str(name), host)
    found = []
    for name, host in hosts.items():
        said = {
            key: str(hostvars[host].get(f"mission_partner_{key}") or "")
            for key in ("tunnel_address", "tunnel_endpoint", "ca_certificate", "ca_dir")
        }
        ca_dir = said.pop("ca_dir") or f"{directory}/site-ca-{name}"
        found.append({"name": name, "ca": said.pop("ca_certificate"), "ca_file": f"{ca_dir}/ca.pem", **said})
    return found


def mission_partner_peers(
    connections: list[dict[str, Any]], table: Mapping[str, Any], sites: Mapping[str, Any], given: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The partners that are linked: what is given about each, over what those in the same play say of themselves.

    One in the inventory that does not answer keeps what it had: what the inventory says, and what this site's gateway still has.
    """
    partners = {partner["name"]: partner for partner in table.get("partners", [])}
    authorities = given["authorities"]
    peers = []
    for name in (link["peer"] for link in connections if link["state"] == "present"):
        partner, tunnel = partners[name], given["tunnel_peers"].get(name, {})
        site, home = sites.get(name, {}), given["inventory"].get(name, {})
        kept = given["kept"].get(name, {}) if home else {}
        address = site.get("tunnel_address") or home.get("tunnel_address", "")
        endpoint = site.get("tunnel_endpoint") or home.get("tunnel_endpoint") or kept.get("endpoint", "")
        peers.append(
            {
                "name": name,
                "site_host": urlsplit(partner["site_url"]).hostname,
                "address": partner.get("address") or address.partition("/")[0],
                "ca": partner.get("ca_certificate") or site.get("ca") or home.get("ca") or authorities.get(name, ""),
                "in_play": name in sites,
                "in_inventory": bool(home),
                "networks": given["partner_networks"].get(name, []),
                "public_key": tunnel.get("public_key") or site.get("public_key") or kept.get("public_key", ""),
                "endpoint": tunnel.get("endpoint") or endpoint,
                "keepalive": tunnel.get("keepalive", KEEPALIVE),
                "preshared_key": tunnel.get("preshared_key", ""),
            }
        )
    return peers


def mission_partner_strangers(peers: list[dict[str, Any]], tunnel_enabled: bool) -> list[str]:
    """Partners whose hosts do not answer and of whom no tunnel knows the key: there is nothing to keep, and nothing to set up."""
    return [
        peer["name"]
        for peer in peers
        if tunnel_enabled and peer["in_inventory"] and not peer["in_play"] and not peer["public_key"]
    ]


def mission_partner_authorities(peers: list[dict[str, Any]], connections: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Whose certificate authority to trust; of partners who left, none. One that just cannot be asked for it keeps its trust."""
    departed = [link["peer"] for link in connections if link["state"] == "absent"]
    known = [peer for peer in peers if peer["ca"] or not peer["in_inventory"]]
    return [{"name": peer["name"], "ca": peer["ca"]} for peer in known] + [
        {"name": name, "ca": ""} for name in departed
    ]


def mission_partner_tunnel_peers(peers: list[dict[str, Any]], guests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The other ends of the tunnel, in the form of mattermost_wireguard_peers: partners' gateways, and guests' devices."""
    keys = ("name", "public_key", "endpoint", "keepalive", "preshared_key")
    ends = [{**{key: peer[key] for key in keys}, "allowed_ips": peer["networks"]} for peer in peers]
    for guest in guests:
        shared = guest.get("preshared_key") or ""
        allowed = [f"{guest['address']}/32"]
        end = {"name": guest["name"], "public_key": guest["public_key"], "endpoint": "", "keepalive": 0}
        ends.append({**end, "preshared_key": shared, "allowed_ips": allowed})
    return ends


class FilterModule:
    """Filters for the partners of mission_partner."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "mission_partner_organisations": mission_partner_organisations,
            "mission_partner_peers": mission_partner_peers,
            "mission_partner_strangers": mission_partner_strangers,
            "mission_partner_authorities": mission_partner_authorities,
            "mission_partner_tunnel_peers": mission_partner_tunnel_peers,
        }
