# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong with the optional parts of the mission partner scenario, in sentences."""

from __future__ import annotations

import re
from typing import Any, Callable, Iterator, Mapping
from urllib.parse import urlsplit

from ansible_collections.fieldops.mattermost.plugins.module_utils._errors import MattermostError
from ansible_collections.fieldops.mattermost.plugins.module_utils._licences import parse
from ansible_collections.fieldops.mattermost.plugins.plugin_utils.part_flows import PREFIX, flow_problems
from ansible_collections.fieldops.mattermost.plugins.plugin_utils.parts import plugins_of

# Values without which a part cannot be.
NEEDED = {
    "matrix": ("homeserver_url", "server_name", "as_token", "hs_token"),
    "xmpp": ("server", "username", "password"),
    "agents": ("services", "bots"),
    "calls": ("rtcd_url", "auth_key"),
    "push": ("server",),
    "search": ("url", "password"),
    "object_storage": ("endpoint", "bucket"),
    "cluster": ("name",),
    "entra": ("client_id", "client_secret", "tenant_id"),
    "m365": ("client_id", "client_secret"),
    "audit_targets": ("",),
}
URLS = {
    "matrix": ("matrix_homeserver_url",),
    "calls": ("calls_rtcd_url", "calls_offloader_url"),
    "push": ("push_server",),
    "search": ("search_url",),
    "translation": ("translation_url",),
}
TIMES = {
    "compliance_export": "compliance_export_time",
    "retention": "retention_time",
    "legal_hold": "legal_hold_time",
}
TIERS = {"starter": 0, "professional": 10, "e10": 10, "enterprise": 20, "e20": 20, "advanced": 30, "entry": 30}
PROFESSIONAL, ENTERPRISE, ADVANCED = 10, 20, 30
LEAST = {
    "guests": PROFESSIONAL,
    "entra": PROFESSIONAL,
    "playbooks": PROFESSIONAL,
    "agents": PROFESSIONAL,
    **dict.fromkeys(("calls", "compliance_export", "compliance_monitoring", "retention", "legal_hold"), ENTERPRISE),
    **dict.fromkeys(("audit_targets", "search", "cluster", "m365", "matrix", "xmpp", "translation"), ENTERPRISE),
    "attributes": ADVANCED,
}
# What the built-in licence of an unlicensed Enterprise release does not open.
NOT_ENTRY = {
    "compliance_export",
    "compliance_monitoring",
    "retention",
    "legal_hold",
    "audit_targets",
    "search",
    "cluster",
}

Given = Mapping[str, Any]


def _on(given: Given) -> list[str]:
    return [part for part, enabled in given["parts"].items() if enabled]


def _missing(given: Given) -> Iterator[str]:
    values = given["values"]
    for part in _on(given):
        for name in NEEDED.get(part, ()):
            variable = f"{part}_{name}" if name else part
            if not values.get(variable):
                yield f"{PREFIX}_{part}_enabled is true, but {PREFIX}_{variable} is empty."
    for plugin, part in _brought(given):
        if not plugin.get("source"):
            yield f"{PREFIX}_{part}_plugin has no source; name the plugin's file, which no release brings."
        elif not re.fullmatch(r"[0-9a-fA-F]{64}", str(plugin.get("sha256") or "")) and not plugin.get("signature"):
            yield f"{PREFIX}_{part}_plugin has no sha256 of 64 hexadecimal digits, and no signature."


def _brought(given: Given) -> Iterator[tuple[Mapping[str, Any], str]]:
    values = given["values"]
    off = dict.fromkeys(given["parts"], False)
    for part in _on(given):
        if part in ("matrix", "xmpp"):
            yield values.get(f"{part}_plugin") or {}, part
        for plugin in plugins_of({**off, part: True}, values) if part != "integrations" else []:
            yield plugin, part


def _forms(given: Given) -> Iterator[str]:
    values, on = given["values"], _on(given)
    for variable in (name for part in on for name in URLS.get(part, ())):
        url = urlsplit(str(values.get(variable) or ""))
        if url.geturl() and (url.scheme not in ("http", "https") or not url.hostname):
            yield f"{PREFIX}_{variable} is {url.geturl()!r}; give an address with http:// or https://."
    for part, variable in TIMES.items():
        if part in on and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", str(values.get(variable))):
            yield f"{PREFIX}_{variable} is {values.get(variable)!r}; write hours and minutes, for instance '02:00'."
    if "retention" in on:
        for variable in ("retention_message_hours", "retention_file_hours"):
            if int(values.get(variable) or 0) < 1:
                yield f"{PREFIX}_{variable} is {values.get(variable)}; give the hours that the regulation asks for."
    if "xmpp" in on and values.get("xmpp_server") and not re.fullmatch(r"[^:/\s]+:\d+", str(values["xmpp_server"])):
        yield f"{PREFIX}_xmpp_server is {values['xmpp_server']!r}; the plugin wants a name and a port, as in xmpp.example.org:5222."
    if "matrix" in on and values.get("matrix_as_token") and values["matrix_as_token"] == values.get("matrix_hs_token"):
        yield f"{PREFIX}_matrix_as_token and {PREFIX}_matrix_hs_token are the same; choose two."


def _together(given: Given) -> Iterator[str]:
    values, on = given["values"], _on(given)
    yield from _second_factor(given)
    if "calls" in on and values.get("calls_recordings_enabled") and not values.get("calls_offloader_url"):
        yield f"{PREFIX}_calls_recordings_enabled is true, but {PREFIX}_calls_offloader_url is empty: nothing would record."
    if "m365" in on and "entra" not in on:
        yield f"{PREFIX}_m365_enabled needs {PREFIX}_entra_enabled: Teams and Outlook know people by their Microsoft account."
    if "legal_hold" in on and "retention" in on and str(values["legal_hold_time"]) >= str(values["retention_time"]):
        yield (
            f"{PREFIX}_legal_hold_time is {values['legal_hold_time']}, {PREFIX}_retention_time {values['retention_time']}: what is held "
            "has to be copied before the deletion begins."
        )
    if "cluster" in on and int(given.get("servers", 1)) < 2:
        yield f"{PREFIX}_cluster_enabled is true, but the inventory has one server; a cluster has two or more."
    yield from _translation(given)
    yield from _shared_policies(given)


def _second_factor(given: Given) -> Iterator[str]:
    """With what is left to do for an account, a password that opens nothing would be found out in the middle."""
    values, on = given["values"], _on(given)
    extra = (values.get("settings_extra") or {}).get("ServiceSettings") or {}
    by = "settings_extra" if extra.get("EnforceMultifactorAuthentication") else ""
    if "guests" in on and values.get("guests_mfa_enforced"):
        by = "guests_mfa_enforced"
    linked = given.get("federation_enabled") and given["links"]
    if by and not values.get("admin_token") and (linked or {"guests", "attributes", "retention"} & set(on)):
        yield (
            f"{PREFIX}_{by} asks everybody for a second factor, so that the first administrator's password alone opens nothing "
            f"any more: make a bot that is a system administrator, and give its token as {PREFIX}_admin_token."
        )


def _translation(given: Given) -> Iterator[str]:
    values, on = given["values"], _on(given)
    if "translation" not in on:
        return
    provider, number = values.get("translation_provider"), re.findall(r"\d+", str(given["version"]))
    if provider != "plugin" and [int(part) for part in number[:2]] < [11, 5]:
        yield f"{PREFIX}_translation_provider is {provider}, which came with 11.5; this server is {given['version']}: choose plugin."
    if provider != "libretranslate" and not values.get("translation_service"):
        yield f"{PREFIX}_translation_service is empty; name the agent or the language model that translates."
    if provider == "libretranslate" and not values.get("translation_url"):
        yield f"{PREFIX}_translation_url is empty; give the address of the site's LibreTranslate."
    if provider in ("plugin", "agents") and "agents" not in on:
        yield f"{PREFIX}_translation_provider is {provider}, which needs {PREFIX}_agents_enabled."
    if not values.get("translation_languages"):
        yield f"{PREFIX}_translation_languages is empty; name the partners' languages, for instance [en, fr]."


def _shared_policies(given: Given) -> Iterator[str]:
    """The server takes policies on private channels of its own alone."""
    shared = {
        str(channel.get("name"))
        for channel in (given.get("links") or {}).get("channels") or []
        if channel.get("state", "present") == "present"
    }
    if "attributes" in _on(given):
        for policy in given["values"].get("policies") or []:
            for channel in filter(None, [policy.get("channel"), *(policy.get("channels") or [])]):
                name = str(channel).rpartition(":")[2]
                if name in shared:
                    yield (
                        f"{PREFIX}_policies applies {policy.get('name', 'a policy')} to {name}, which is shared with partners; the server takes "
                        "no policy on a shared channel. Govern that one by its members, or keep it at home."
                    )


def _licence(given: Given) -> Iterator[str]:
    text, on = str(given.get("license") or "").strip(), _on(given)
    if not text:
        return
    try:
        name = str(parse(text.encode())["sku_short_name"] or "").lower()
    except MattermostError as error:
        yield f"{PREFIX}_license cannot be read: {error}"
        return
    for part in on:
        least = LEAST.get(part, 0)
        if part == "translation" and given["values"].get("translation_provider") != "plugin":
            least = ADVANCED
        short = name in TIERS and (TIERS[name] < least or (name == "entry" and part in NOT_ENTRY))
        if short:
            yield f"{PREFIX}_{part}_enabled needs another licence than {name}, which {PREFIX}_license is."


def parts_problems(given: Given) -> list[str]:
    """All that is wrong with the parts that are on, a sentence each; an empty list when nothing is."""
    checks: tuple[Callable[[Given], Iterator[str]], ...] = (_missing, _forms, _together, flow_problems, _licence)
    return [problem for check in checks for problem in check(given)]
