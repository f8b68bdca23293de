# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Optional parts of a scenario: which of its settings apply, with the site's values in them, and which plugins they bring."""

from __future__ import annotations

from typing import Any, Iterable, Mapping

from ansible_collections.fieldops.mattermost.plugins.plugin_utils.scenario import settings_of

Entry = dict  # an entry of a scenario's vars/settings.yml

CONTESTED = "contested"
# Parts whose plugin the release does not bring: the operator does, in mission_partner_<part>_plugin.
BROUGHT = {
    "translation": "mattermost-plugin-channel-translations",
    "legal_hold": "mattermost-plugin-legal-hold",
    "m365": "mattermost-plugin-msteams-devsecops",
}
_SERVICE = {
    "api_url": "apiURL",
    "api_key": "apiKey",
    "model": "defaultModel",
    "org_id": "orgId",
    "token_limit": "tokenLimit",
    "output_token_limit": "outputTokenLimit",
}
_BOT = {
    "display_name": "displayName",
    "instructions": "customInstructions",
    "service": "serviceID",
    "vision": "enableVision",
}


def _renamed(given: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in given.items() if value is not None}


def agents_config(services: Iterable[Mapping[str, Any]], bots: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The configuration of the agents' plugin: language models of the site, and agents that use them."""
    hosts = {str(service.get("api_url") or "").partition("//")[2].partition("/")[0] for service in services}
    return {
        "services": [{"id": service["name"], **_renamed(service, _SERVICE)} for service in services],
        "bots": [{"id": bot["name"], "displayName": bot["name"], **_renamed(bot, _BOT)} for bot in bots],
        "defaultBotName": next((bot["name"] for bot in bots), ""),
        "allowedUpstreamHostnames": ",".join(sorted(host.partition(":")[0] for host in hosts if host)),
        "enableLLMTrace": False,
        "allowUnsafeLinks": False,
        "webSearch": {"enabled": False},
    }


def _derived(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values that are put together of others."""
    return {
        "agents_config": agents_config(values.get("agents_services") or [], values.get("agents_bots") or []),
        "translation_config": {
            "enableTranslations": True,
            "translationBotName": values.get("translation_service", ""),
            "translationLanguages": ",".join(values.get("translation_languages") or []),
            "translateSystemMessages": False,
        },
    }


def _applies(entry: Entry, parts: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    if "part" in entry and not parts.get(entry["part"]):
        return False
    if any(values.get(variable) not in allowed for variable, allowed in (entry.get("only") or {}).items()):
        return False
    return not entry.get("optional") or values.get(entry["variable"]) not in (None, "", [], {})


def _value(entry: Entry, values: Mapping[str, Any]) -> Any:
    if "variable" not in entry:
        return entry["value"]
    value = values[entry["variable"]]
    return entry["join"].join(str(item) for item in value) if "join" in entry else value


def resolved(
    settings: Iterable[Entry], parts: Mapping[str, Any], values: Mapping[str, Any], contested: Iterable[Entry] = ()
) -> list[Entry]:
    """The settings that apply, each with its value. What this scenario says goes before what it borrows for contested networks."""
    switches = {f"{part}_enabled": bool(on) for part, on in parts.items()}
    known = {**values, **switches, **_derived(values)}
    kept = ("key", "path", "accept", "why", "source", "since", "until", "secret")
    own = [
        {**{name: entry[name] for name in kept if name in entry}, "value": _value(entry, known)}
        for entry in settings
        if _applies(entry, parts, known)
    ]
    said = {entry["key"] for entry in own}
    borrowed = contested if parts.get(CONTESTED) else ()
    return [*own, *(entry for entry in borrowed if entry["key"] not in said)]


def plugins_of(parts: Mapping[str, Any], values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The plugins that the operator brings for the parts that are on, in the form of mattermost_server_plugins."""
    found = []
    for part, name in BROUGHT.items():
        if parts.get(part) and (part != "translation" or values.get("translation_provider") == "plugin"):
            given = values.get(f"{part}_plugin") or {}
            found.append({"name": name, **given, "enabled": True})
    return found + (list(values.get("integrations_plugins") or []) if parts.get("integrations") else [])


def parts_settings(
    entries: list[Entry],
    version: str,
    exceptions: list[dict[str, Any]],
    parts: Mapping[str, Any],
    values: Mapping[str, Any],
) -> dict[str, Any]:
    """What mattermost_server is to be given: settings, secret_settings and plugins."""
    return {
        "settings": settings_of([entry for entry in entries if not entry.get("secret")], version, exceptions),
        "secret_settings": settings_of([entry for entry in entries if entry.get("secret")], version, exceptions),
        "plugins": plugins_of(parts, values),
    }
