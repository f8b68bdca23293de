# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters for the role mattermost_bridge: what is wrong with its input, and the registration of a Matrix homeserver."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Callable, Iterator, Mapping
from urllib.parse import urlsplit

PREFIX = "mattermost_bridge_"
PLUGINS = {"matrix": "com.mattermost.plugin-matrix-bridge", "xmpp": "com.mattermost.bridge-xmpp"}
TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{32,}")
NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d+)?")
USERNAME_PREFIX = re.compile(r"[a-z0-9][a-z0-9._-]{0,20}")
# The first release with the settings and the interface that the Matrix bridge asks for.
OLDEST = (10, 7, 1)

Given = Mapping[str, Any]


def _plugin(given: Given) -> Iterator[str]:
    for protocol in given["protocols"]:
        plugin = given[f"{protocol}_plugin"]
        if not plugin.get("source"):
            continue
        if not re.fullmatch(r"[0-9a-fA-F]{64}", str(plugin.get("sha256") or "")) and not plugin.get("signature"):
            yield f"{PREFIX}{protocol}_plugin has neither a sha256 of 64 hexadecimal digits nor a signature."


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _address(given: Given, name: str) -> Iterator[str]:
    """An address to which a token goes."""
    value = str(given[name])
    try:
        url, port = urlsplit(value), urlsplit(value).port
    except ValueError:
        url, port = urlsplit(""), None
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment or port == 0:
        yield f"{PREFIX}{name} is {value!r}; give an address such as https://matrix.example.org."
    elif url.username or url.password:
        yield f"{PREFIX}{name} has an account in it; bridges show their tokens instead."
    elif url.scheme == "http" and not given["matrix_http_allowed"] and not _loopback(url.hostname):
        yield (
            f"{PREFIX}{name} begins with http://, so that a token would cross the network in clear. Use https://, or set "
            f"{PREFIX}matrix_http_allowed where a tunnel encrypts."
        )


def _tokens(given: Given) -> Iterator[str]:
    for name in ("as_token", "hs_token"):
        if not TOKEN.fullmatch(str(given[f"matrix_{name}"])):
            yield (
                f"{PREFIX}matrix_{name} must be 32 characters or more, letters, digits and ._~+/=- alone. Make one with "
                "`openssl rand -hex 32` and keep it in a vault."
            )
    if given["matrix_as_token"] and given["matrix_as_token"] == given["matrix_hs_token"]:
        yield f"{PREFIX}matrix_as_token and {PREFIX}matrix_hs_token are the same; whoever knew one would hold both. Choose two."


def _matrix(given: Given) -> Iterator[str]:
    yield from _address(given, "matrix_server_url")
    if given["matrix_registration_url"]:
        yield from _address(given, "matrix_registration_url")
    name = str(given["matrix_server_name"])
    if name and not NAME.fullmatch(name):
        yield f"{PREFIX}matrix_server_name is {name!r}; give what stands behind the colon of Matrix IDs, for instance example.org."
    yield from _tokens(given)
    if not given["homeserver_hosts"] and not given["matrix_registration_file"]:
        yield (
            f"Nobody would bring the registration to the homeserver: the inventory has no host in the group mattermost_homeserver, and "
            f"{PREFIX}matrix_registration_file is empty. Give one of them."
        )
    for variable in ("matrix_registration_file", "homeserver_registration_path", "homeserver_drop_in"):
        path = str(given[variable])
        if path and not path.startswith("/"):
            yield f"{PREFIX}{variable} is {path!r}; give a full path."
    if given["matrix_registration_file"] and not given["registration_dir_exists"]:
        yield f"{PREFIX}matrix_registration_file lies in a directory that the control node does not have; make it, for you alone."


def _xmpp(given: Given) -> Iterator[str]:
    server = str(given["xmpp_server"])
    port = server.rpartition(":")[2]
    if not re.fullmatch(r"[^:/\s@]+:\d+", server) or not 0 < int(port) < 65536:
        yield f"{PREFIX}xmpp_server is {server!r}; the plugin wants a name and a port, such as xmpp.example.org:5222."
    account = str(given["xmpp_username"])
    if not re.fullmatch(r"[^@/\s]+@[^@/\s]+", account):
        yield f"{PREFIX}xmpp_username is {account!r}; give the account with its domain, such as bridge@xmpp.example.org."
    if len(str(given["xmpp_password"])) < 14:
        yield f"{PREFIX}xmpp_password must have 14 characters or more."
    if not re.fullmatch(r"[^@/\s]{1,64}", str(given["xmpp_resource"])):
        yield f"{PREFIX}xmpp_resource is {given['xmpp_resource']!r}; give a short name without blanks, @ and /."


def _prefixes(given: Given) -> Iterator[str]:
    for protocol in given["protocols"]:
        prefix = str(given[f"{protocol}_username_prefix"])
        if not USERNAME_PREFIX.fullmatch(prefix):
            yield f"{PREFIX}{protocol}_username_prefix is {prefix!r}; give up to 21 of a-z, 0-9, dot, dash and underscore."
    both = {str(given[f"{protocol}_username_prefix"]) for protocol in given["protocols"]}
    if len(both) < len(set(given["protocols"])):
        yield "Both bridges have one username prefix, so that people of one network could pass for people of the other. Choose two."


def _server(given: Given) -> Iterator[str]:
    """What the running server says; nothing when it is not there yet."""
    server = given["server"]
    if not server:
        return
    licence = server.get("license") or {}
    if not licence.get("is_licensed"):
        yield "The server has no licence, and bridges need shared channels: Professional or higher. Install one, and restart the server."
    version = tuple(int(number) for number in re.findall(r"\d+", server["version"])[:3])
    if "matrix" in given["protocols"] and version < OLDEST:
        yield f"The server is {server['version']}; the Matrix bridge needs {'.'.join(map(str, OLDEST))} or newer."
    differs = given["settings_differ"]
    if (differs.get("ConnectedWorkspacesSettings") or {}).get("EnableSharedChannels", True) is not True:
        yield (
            "ConnectedWorkspacesSettings.EnableSharedChannels is off, and a bridge hands messages on by shared channels. Set it to true, "
            "and restart the server, which looks at it only when it starts."
        )
    plugins = differs.get("PluginSettings") or {}
    if plugins.get("Enable", True) is not True:
        yield "PluginSettings.Enable is off; bridges are plugins. Set it to true."
    for protocol in given["protocols"]:
        if protocol in given["installed"]:
            continue
        if not given[f"{protocol}_plugin"].get("source"):
            yield f"The plugin {PLUGINS[protocol]} is not installed; name its file in {PREFIX}{protocol}_plugin, which no release brings."
        elif "EnableUploads" in plugins or "RequirePluginSignature" in plugins:
            yield (
                f"The plugin {PLUGINS[protocol]} cannot be uploaded: set PluginSettings.EnableUploads to true and "
                "PluginSettings.RequirePluginSignature to false. The releases of the bridges carry no signature of Mattermost's."
            )
    if "matrix" in given["protocols"] and not given["matrix_registration_url"] and not server.get("site_url"):
        yield f"The server has no site address; set ServiceSettings.SiteURL, or give {PREFIX}matrix_registration_url."


def bridge_problems(given: Given) -> list[str]:
    """All that is wrong with the role's input and on the server, a sentence each; an empty list when nothing is."""
    checks: list[Callable[[Given], Iterator[str]]] = [_plugin, _prefixes]
    checks += [check for protocol, check in (("matrix", _matrix), ("xmpp", _xmpp)) if protocol in given["protocols"]]
    problems = [problem for check in [*checks, _server] for problem in check(given)]
    if not given["protocols"]:
        problems.append(f"{PREFIX}protocols is empty; name matrix, xmpp, or both.")
    return problems


def bridge_registration(given: Given) -> dict[str, Any]:
    """The registration of the bridge as an application service of a homeserver.

    It leaves out the namespace of rooms that the plugin's own console writes: with it the homeserver would send all that is said in any of its rooms.
    Without it, it sends what is said in rooms that the bridge, or one of the users it made, is in.
    """
    domain = re.escape(str(given["server_name"] or urlsplit(given["server_url"]).hostname))
    return {
        "id": "mattermost-bridge",
        "url": str(given["url"]).rstrip("/"),
        "as_token": given["as_token"],
        "hs_token": given["hs_token"],
        "sender_localpart": "_mattermost_bridge",
        "rate_limited": False,
        "protocols": ["mattermost"],
        "namespaces": {
            "users": [{"exclusive": True, "regex": f"@_mattermost_.*:{domain}"}],
            "aliases": [
                {"exclusive": True, "regex": f"#_mattermost_.*:{domain}"},
                {"exclusive": False, "regex": f"#mattermost-bridge-.*:{domain}"},
            ],
            "rooms": [],
        },
    }


class FilterModule:
    """Filters for mattermost_bridge."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"bridge_problems": bridge_problems, "bridge_registration": bridge_registration}
