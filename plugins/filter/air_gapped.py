# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters of the role air_gapped: what is wrong with its input, and what follows from the inventory."""

from __future__ import annotations

from typing import Any, Callable
from urllib.parse import urlsplit

from ansible_collections.fieldops.mattermost.plugins.plugin_utils import scenario
from ansible_collections.fieldops.mattermost.plugins.plugin_utils.scenario import Flows, Member, settings_of

ROLE = "air_gapped"


def _topology(given: dict[str, Any]) -> list[str]:
    problems = scenario.hosts_problems(ROLE, given)
    depots = given["groups"].get("mattermost_depot") or []
    if len(depots) > 1:
        problems.append(f"The group mattermost_depot has {len(depots)} hosts ({', '.join(depots)}); one is supported.")
    both = [host for host in depots if host in (given["groups"].get("mattermost_proxy") or [])]
    if both and int(given["depot_port"]) == 443:
        problems.append(
            f"{both[0]} is depot and proxy at once, and both want port 443; give air_gapped_depot_port another, for instance 8443."
        )
    return problems


def _carried(given: dict[str, Any]) -> list[str]:
    problems = []
    sha256 = None
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
        sha256 = given["release_sha256"]
        if urlsplit(given["release_url"]).scheme not in ("http", "https"):
            problems.append(
                f"The inventory has no host in the group mattermost_depot and air_gapped_release_url is {given['release_url']!r}; "
                "add the host, or give the release's URL on the mirror that stands already."
            )
        else:
            host = urlsplit(given["release_url"]).hostname or ""
            problems += scenario.unresolved_problems(given, {"air_gapped_release_url": host})
    return problems + scenario.release_problems(ROLE, given["version"], sha256, where="on the existing mirror")


def _addresses(given: dict[str, Any]) -> list[str]:
    return scenario.address_problems(ROLE, given)


def _secrets(given: dict[str, Any]) -> list[str]:
    return scenario.secret_problems(ROLE, given)


def _settings(given: dict[str, Any]) -> list[str]:
    return scenario.settings_problems(ROLE, given, who="the air gap")


def air_gapped_problems(given: dict[str, Any]) -> list[str]:
    """All that is wrong with inventory and variables, a sentence each; an empty list when nothing is."""
    return [problem for check in (_topology, _carried, _addresses, _secrets, _settings) for problem in check(given)]


def air_gapped_flows(members: list[Member], this: str, options: dict[str, Any]) -> list[dict[str, Any]]:
    """The table of flows of one host: what its components must let in and may reach."""
    flows = Flows(members, this)
    depot_port = int(options["depot_port"])
    if flows.has("mattermost_depot"):
        everyone = sorted(
            {member["address"] for member in flows.others} | {str(network) for network in options["client_networks"]}
        )
        flows.add("depot_in", "in", [depot_port], everyone, "packages and files for the site")
    flows.add("depot_out", "out", [depot_port], flows.of("mattermost_depot"), "packages and files from the depot")
    flows.release("mirror_out", options["release_url"])
    flows.database(options)
    flows.servers(options)
    if flows.has("mattermost_proxy"):
        clients = [str(network) for network in options["client_networks"]]
        flows.anyone("people_in", "in", [80, 443], clients, "the people who use it")
    flows.site_services(options)
    return list(flows)


class FilterModule:
    """Filters for air_gapped."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "air_gapped_problems": air_gapped_problems,
            "air_gapped_flows": air_gapped_flows,
            "proxy_upstreams": scenario.proxy_upstreams,
            "settings_of": settings_of,
        }
