# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters of the role mattermost_database: what is wrong with its input, and addresses as PostgreSQL writes them."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any, Callable, Iterable

from ansible_collections.fieldops.mattermost.plugins.plugin_utils.certificate import certificate_problems
from ansible_collections.fieldops.mattermost.plugins.plugin_utils.network import (
    network_problem,
    parse_networks,
    port_range,
)

IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,62}")
LOCALE = re.compile(r"(C|POSIX|C[.]UTF-?8|[a-z]{2,3}_[A-Z]{2}[.]UTF-8)")
SHORTEST_PASSWORD = 12


def networks(values: Iterable[Any]) -> list[str]:
    """Addresses and networks as networks with a prefix, each once; ValueError when one is neither."""
    return [str(network) for network in parse_networks(values)]


def _version(given: dict[str, Any]) -> list[str]:
    version, minimum = int(given["version"]), int(given["minimum_version"])
    if not version:
        return [
            f"It is not known which PostgreSQL {given['system']} has: give mattermost_database_version the major version "
            f"of its packages, at least {minimum}."
        ]
    if version < minimum:
        return [f"PostgreSQL {version} is too old: Mattermost does not start on less than {minimum}."]
    others = sorted(path for path in given["cluster_paths"] if path != given["configuration"])
    if others:
        former = ", ".join(PurePosixPath(path).parent.name for path in others)
        return [
            f"The host has a PostgreSQL cluster of version {former}, and this would make an empty one of {version} beside it. "
            f"Move it with pg_upgradecluster, or set mattermost_database_version to {former}."
        ]
    return []


def _account(given: dict[str, Any]) -> list[str]:
    problems = []
    for variable in ("name", "user"):
        if not IDENTIFIER.fullmatch(str(given[variable])):
            problems.append(
                f"mattermost_database_{variable} is {given[variable]!r}; use lower-case letters, digits and '_', at most 63."
            )
    if given["user"] == "postgres":
        problems.append(
            "mattermost_database_user is postgres, which may do everything; give Mattermost a role of its own."
        )
    password = str(given["password"])
    if len(password) < SHORTEST_PASSWORD:
        problems.append(
            f"mattermost_database_password is shorter than {SHORTEST_PASSWORD} characters; choose a longer one."
        )
    elif password.lower() in (str(given["user"]).lower(), str(given["name"]).lower()) or len(set(password)) < 5:
        problems.append("mattermost_database_password is easy to guess; choose a random one.")
    return problems


def _reach(given: dict[str, Any]) -> list[str]:
    problems = []
    try:
        port_range(int(given["port"]))
    except ValueError as reason:
        problems.append(f"mattermost_database_port is {given['port']!r}, which {reason}.")
    if not given["listen_addresses"]:
        problems.append("mattermost_database_listen_addresses is empty; give at least localhost.")
    for address in given["allowed_addresses"]:
        if network_problem(address):
            problems.append(
                f"mattermost_database_allowed_addresses has {str(address)!r}, which {network_problem(address)}."
            )
    if given["is_remote"] and not given["allowed_addresses"]:
        problems.append(
            "mattermost_database_listen_addresses opens the database to other hosts, but mattermost_database_allowed_addresses "
            "names none: give the addresses of the Mattermost servers."
        )
    if given["allowed_addresses"] and not given["is_remote"]:
        problems.append(
            "mattermost_database_allowed_addresses names hosts, but PostgreSQL listens only on the host itself: "
            "add its address to mattermost_database_listen_addresses."
        )
    return problems


def _tls(given: dict[str, Any]) -> list[str]:
    certificate, private_key = given["tls_certificate"], given["tls_private_key"]
    if not given["tls_enabled"]:
        return []
    if certificate and private_key:
        return certificate_problems(certificate, private_key, names=[], variable="mattermost_database_tls")
    if certificate or private_key:
        return [
            "mattermost_database_tls_certificate and mattermost_database_tls_private_key go together; give both or none."
        ]
    if given["is_remote"]:
        return [
            "PostgreSQL is to listen for other hosts over TLS: give mattermost_database_tls_certificate and "
            "mattermost_database_tls_private_key."
        ]
    return []


def _machine(given: dict[str, Any]) -> list[str]:
    problems = []
    if int(given["memory_mib"]) < 256:
        problems.append(
            f"mattermost_database_memory_mib is {given['memory_mib']}; PostgreSQL needs 256 MiB at the least."
        )
    for locale in given["locales"]:
        if not LOCALE.fullmatch(str(locale)):
            problems.append(f"The locale {locale!r} is not one in UTF-8; Mattermost's own choice is en_US.UTF-8.")
    return problems


def database_problems(given: dict[str, Any]) -> list[str]:
    """All that is wrong with the role's input, a sentence each; an empty list when nothing is."""
    found = [problem for check in (_version, _account, _reach, _tls, _machine) for problem in check(given)]
    return list(dict.fromkeys(found))


class FilterModule:
    """Filters for mattermost_database."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"database_problems": database_problems, "networks": networks}
