# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters of the role mattermost_proxy: what is wrong with its input, and the servers as nginx writes them."""

from __future__ import annotations

import re
from typing import Any, Callable

from ansible_collections.fieldops.mattermost.plugins.plugin_utils.certificate import certificate_problems
from ansible_collections.fieldops.mattermost.plugins.plugin_utils.network import is_address, network_problem, port_range

LABEL = r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
HOST = re.compile(rf"{LABEL}([.]{LABEL})*")
LOG = re.compile(r"off|/[A-Za-z0-9._/-]+")


def _is_host(text: str) -> bool:
    # Four numbers are an address or a mistake, never a name.
    return is_address(text) or bool(HOST.fullmatch(text) and not re.fullmatch(r"[0-9.]+", text))


def _names(given: dict[str, Any]) -> list[str]:
    return [
        f"{name!r} is no host name: mattermost_proxy_server_name and mattermost_proxy_server_aliases take names such as "
        "chat.example.com, without https:// and port."
        for name in map(str, given["names"])
        if not _is_host(name)
    ]


def _upstreams(given: dict[str, Any]) -> list[str]:
    upstreams = given["upstreams"]
    if not upstreams:
        return ["mattermost_proxy_upstreams is empty: name at least one Mattermost server."]
    problems, seen = [], set()
    for number, upstream in enumerate(upstreams, start=1):
        address, port = str(upstream["address"]), upstream.get("port", 8065)
        if not _is_host(address):
            problems.append(
                f"Upstream {number} has the address {address!r}; give an address or a name, and the port as port."
            )
        problems += _port(f"Upstream {number} has the port {port!r}", port)
        if (address, port) in seen:
            problems.append(f"Upstream {number} ({address}:{port}) is there twice.")
        seen.add((address, port))
    backups = sum(bool(upstream.get("backup")) for upstream in upstreams)
    if backups == len(upstreams):
        problems.append("All of mattermost_proxy_upstreams are backups; at least one must not be.")
    elif backups and given["balance"] == "ip_hash":
        problems.append("nginx has no backups with mattermost_proxy_balance ip_hash; choose least_conn or round_robin.")
    return problems


def _port(label: str, port: Any) -> list[str]:
    try:
        port_range(int(port))
    except ValueError as reason:
        return [f"{label}, which {reason}."]
    return []


def _limits(given: dict[str, Any]) -> list[str]:
    problems = []
    for variable in ("http_port", "https_port"):
        problems += _port(f"mattermost_proxy_{variable} is {given[variable]!r}", given[variable])
    if given["tls_enabled"] and int(given["http_port"]) == int(given["https_port"]):
        problems.append(f"mattermost_proxy_http_port and mattermost_proxy_https_port are both {given['http_port']}.")
    for variable in ("trusted_proxies", "allowed_sources", "federation_sources"):
        for value in given[variable]:
            if network_problem(value):
                problems.append(f"mattermost_proxy_{variable} has {str(value)!r}, which {network_problem(value)}.")
    if int(given["max_body_size_mib"]) < 1:
        problems.append("mattermost_proxy_max_body_size_mib is less than 1; nothing could be uploaded, or anything.")
    for variable in ("access_log", "error_log"):
        if not LOG.fullmatch(str(given[variable])) or (variable == "error_log" and given[variable] == "off"):
            problems.append(f"mattermost_proxy_{variable} is {given[variable]!r}; give the full path of a file.")
    return problems


def _tls(given: dict[str, Any]) -> list[str]:
    certificate, private_key = given["tls_certificate"], given["tls_private_key"]
    if not given["tls_enabled"]:
        return []
    if not certificate or not private_key:
        return [
            "mattermost_proxy_tls_certificate and mattermost_proxy_tls_private_key are needed; "
            "behind a load balancer that ends TLS set mattermost_proxy_tls_enabled to false."
        ]
    return certificate_problems(certificate, private_key, names=given["names"], variable="mattermost_proxy_tls")


def proxy_problems(given: dict[str, Any]) -> list[str]:
    """All that is wrong with the role's input, a sentence each; an empty list when nothing is."""
    return [problem for check in (_names, _upstreams, _limits, _tls) for problem in check(given)]


def upstream_servers(upstreams: list[dict[str, Any]]) -> list[str]:
    """Each Mattermost server as the parameters of nginx's directive server."""
    servers = []
    for upstream in upstreams:
        address = str(upstream["address"])
        host = f"[{address}]" if ":" in address else address
        backup = " backup" if upstream.get("backup") else ""
        servers.append(f"{host}:{upstream.get('port', 8065)} max_fails=0{backup}")
    return servers


class FilterModule:
    """Filters for mattermost_proxy."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"proxy_problems": proxy_problems, "upstream_servers": upstream_servers}
