# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The settings a release knows: their names, order, types and defaults, read from what a real server answered."""

from __future__ import annotations

import copy
import json
from typing import Any, Callable, Iterator, Tuple

from server.ids import new_id
from server.release import Release, data

Path = Tuple[str, ...]
# Objects whose keys are free: replaced whole by a patch, never filled up with defaults key by key.
MAPS: set[Path] = {
    ("PluginSettings", "Plugins"),
    ("PluginSettings", "PluginStates"),
    ("LogSettings", "AdvancedLoggingJSON"),
    ("NotificationLogSettings", "AdvancedLoggingJSON"),
    ("ExperimentalAuditSettings", "AdvancedLoggingJSON"),
    ("ContentFlaggingSettings", "NotificationSettings", "EventTargetMapping"),
}
GENERATED: tuple[Path, ...] = (("SqlSettings", "AtRestEncryptKey"), ("FileSettings", "PublicLinkSalt"))
MASK = "*" * 32
_MASKED_IF_SET: tuple[Path, ...] = (
    ("LdapSettings", "BindPassword"),
    ("FileSettings", "AmazonS3SecretAccessKey"),
    ("EmailSettings", "SMTPPassword"),
    ("GitLabSettings", "Secret"),
    ("GoogleSettings", "Secret"),
    ("Office365Settings", "Secret"),
    ("OpenIdSettings", "Secret"),
    ("MessageExportSettings", "GlobalRelaySettings", "SMTPPassword"),
)
_MASKED_ALWAYS: tuple[Path, ...] = (
    ("FileSettings", "PublicLinkSalt"),
    ("SqlSettings", "DataSource"),
    ("SqlSettings", "AtRestEncryptKey"),
    ("ElasticsearchSettings", "Password"),
    ("ServiceSettings", "SplitKey"),
    ("CacheSettings", "RedisPassword"),
)
_MASKED_LISTS: tuple[Path, ...] = (("SqlSettings", "DataSourceReplicas"), ("SqlSettings", "DataSourceSearchReplicas"))
# The real server forgets this one when a mask is sent back.
_NOT_UNMASKED: set[Path] = {("CacheSettings", "RedisPassword")}


class WrongType(ValueError):
    """A value of the wrong JSON type; the message names the key."""


class Settings:
    """The schema of one release."""

    def __init__(self, release: Release) -> None:
        profile = data(f"config-{release.profile}.json")
        self.fresh: dict[str, Any] = profile["defaults"]
        self._update: dict[str, Any] = profile["update"]
        self._shipped: dict[str, Any] = profile["shipped"]

    def shipped(self) -> dict[str, Any]:
        """config/config.json as the release carries it."""
        return overlay(copy.deepcopy(self.fresh), self._shipped)

    def defaults(self, *, update: bool) -> dict[str, Any]:
        """Defaults of a new configuration, or (update) of one that existed before."""
        return overlay(copy.deepcopy(self.fresh), self._update if update else {})

    def accept(self, raw: Any) -> dict[str, Any]:
        """What of a decoded JSON document this release knows, with the right types; null counts as absent."""
        if not isinstance(raw, dict):
            raise WrongType(f"json: cannot unmarshal {_kind(raw)} into the configuration")
        return _accept(raw, self.fresh, ())

    def complete(self, partial: dict[str, Any], *, update: bool) -> dict[str, Any]:
        """A whole configuration: `partial` over the defaults, in the release's own order."""
        whole = overlay(self.defaults(update=update), partial)
        for path in GENERATED:
            if not lookup(whole, path):
                assign(whole, path, new_id(32))
        if not whole["EmailSettings"]["SMTPServer"]:
            whole["EmailSettings"]["SMTPServer"] = "localhost"
        if "test.cloud" in whole["CloudSettings"]["CWSURL"]:
            whole["CloudSettings"]["CWSURL"] = self.fresh["CloudSettings"]["CWSURL"]
            whole["CloudSettings"]["CWSAPIURL"] = self.fresh["CloudSettings"]["CWSAPIURL"]
        states = whole["PluginSettings"]["PluginStates"]
        for plugin, state in self.fresh["PluginSettings"]["PluginStates"].items():
            states.setdefault(plugin, copy.deepcopy(state))
        return whole

    def leaves(self) -> Iterator[tuple[Path, Any]]:
        return walk(self.fresh)

    def from_environment(self, environment: dict[str, str]) -> dict[Path, Any]:
        """The keys that MM_<SECTION>_<KEY> sets, with their value; a malformed one is there with None."""
        found: dict[Path, Any] = {}
        for path, default in self.leaves():
            raw = environment.get("MM_" + "_".join(path).upper())
            if raw is not None:
                found[path] = _from_text(raw, default)
        return found


def walk(tree: dict[str, Any], path: Path = ()) -> Iterator[tuple[Path, Any]]:
    for key, value in tree.items():
        here = (*path, key)
        if isinstance(value, dict) and here not in MAPS:
            yield from walk(value, here)
        else:
            yield here, value


def lookup(tree: dict[str, Any], path: Path) -> Any:
    for key in path:
        if not isinstance(tree, dict) or key not in tree:
            return None
        tree = tree[key]
    return tree


def assign(tree: dict[str, Any], path: Path, value: Any) -> None:
    for key in path[:-1]:
        tree = tree.setdefault(key, {})
    tree[path[-1]] = value


def overlay(base: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """Write every leaf of `patch` over `base`, in place; maps and lists are replaced whole."""
    for path, value in walk(patch):
        assign(base, path, copy.deepcopy(value))
    return base


def sanitized(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration with its secrets masked."""
    shown = copy.deepcopy(config)
    for path in _MASKED_ALWAYS:
        if lookup(shown, path) is not None:
            assign(shown, path, MASK)
    for path in _MASKED_IF_SET:
        if lookup(shown, path):
            assign(shown, path, MASK)
    for path in _MASKED_LISTS:
        assign(shown, path, [MASK] * len(lookup(shown, path)))
    return shown


def without_masked(config: dict[str, Any]) -> dict[str, Any]:
    """Without the keys that are masked, and without empty lists and maps (the answer to remove_masked)."""
    shown = copy.deepcopy(config)
    for path, value in list(walk(shown)):
        parent = lookup(shown, path[:-1])
        if value == MASK or (isinstance(value, (list, dict)) and not value):
            del parent[path[-1]]
    return shown


def restore_masked(config: dict[str, Any], stored: dict[str, Any]) -> None:
    """Where a mask was sent back, put the stored secret in its place."""
    for path in (*_MASKED_ALWAYS, *_MASKED_IF_SET):
        if path not in _NOT_UNMASKED and lookup(config, path) == MASK:
            assign(config, path, lookup(stored, path))
    for path in _MASKED_LISTS:
        new, old = lookup(config, path), lookup(stored, path)
        if len(new) == len(old):
            assign(config, path, [old[i] if value == MASK else value for i, value in enumerate(new)])


def _accept(raw: dict[str, Any], known: dict[str, Any], path: Path) -> dict[str, Any]:
    by_name = {key.lower(): key for key in known}
    taken: dict[str, Any] = {}
    for name, value in raw.items():
        key = name if name in known else by_name.get(name.lower())
        if key is None or value is None:
            continue
        here = (*path, key)
        default = known[key]
        if isinstance(default, dict) and here not in MAPS:
            _check_type(value, {}, here)
            taken[key] = _accept(value, default, here)
        else:
            _check_type(value, default, here)
            taken[key] = copy.deepcopy(value)
    return taken


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    names = {str: "string", list: "array", dict: "object", type(None): "null"}
    return names.get(type(value), "number")


def _go_type(value: Any) -> str:
    return {"bool": "bool", "string": "string", "array": "[]string", "number": "int"}.get(_kind(value), "object")


def _check_type(value: Any, default: Any, path: Path) -> None:
    fits = _kind(value) == _kind(default) or default is None
    if fits and isinstance(default, int) and not isinstance(default, bool) and not isinstance(value, int):
        fits = False
    if not fits:
        field = ".".join(path)
        raise WrongType(f"json: cannot unmarshal {_kind(value)} into field {field} of type {_go_type(default)}")


def _from_text(raw: str, default: Any) -> Any:
    reader: Callable[[str], Any]
    if isinstance(default, bool):
        words = {"1": True, "t": True, "T": True, "TRUE": True, "true": True, "True": True}
        words.update({"0": False, "f": False, "F": False, "FALSE": False, "false": False, "False": False})
        return words.get(raw)
    if isinstance(default, int):
        reader = _strict_int
    elif isinstance(default, list):
        return raw.split(" ")
    elif isinstance(default, dict):
        reader = json.loads
    else:
        return raw
    try:
        return reader(raw)
    except ValueError:
        return None


def _strict_int(raw: str) -> int:
    if raw != raw.strip() or "_" in raw:
        raise ValueError(raw)
    return int(raw)
