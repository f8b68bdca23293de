# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the server's configuration is like: how keys are found, compared and shown, and which need a restart.

Pure functions over nested dicts. A key is written as the path to it, for instance ("ServiceSettings", "SiteURL").

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

import copy
import difflib
import json
from fnmatch import fnmatchcase
from typing import Any, Dict, Iterable, Mapping, Optional, Tuple

from ._errors import MattermostError

Path = Tuple[str, ...]
Values = Dict[Path, Any]


class _Missing:
    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()

PLUGINS: Path = ("PluginSettings", "Plugins")
STATES: Path = ("PluginSettings", "PluginStates")

# Read when the server starts, and only then (read from the source of 9.11 and 11.6).
RESTART_KEYS = (
    "CacheSettings.*",
    "ClusterSettings.*",
    "ConnectedWorkspacesSettings.*",
    "ExperimentalAuditSettings.*",
    "ExperimentalSettings.EnableRemoteClusterService",
    "ExperimentalSettings.EnableSharedChannels",
    "FileSettings.*DriverName",
    "FileSettings.*Directory",
    "FileSettings.*AmazonS3*",
    "FileSettings.*Azure*",
    "FileSettings.DedicatedExportStore",
    "FileSettings.MaxImageDecoderConcurrency",
    "JobSettings.RunJobs",
    "JobSettings.RunScheduler",
    "LocalizationSettings.DefaultClientLocale",
    "LocalizationSettings.DefaultServerLocale",
    "LogSettings.EnableDiagnostics",
    "LogSettings.EnableSentry",
    "MetricsSettings.*",
    "PluginSettings.ClientDirectory",
    "PluginSettings.Directory",
    "PluginSettings.PluginStates.*.Enable",  # the start unpacks what the release brings
    "RateLimitSettings.*",
    "ServiceSettings.AllowCorsFrom",
    "ServiceSettings.ConnectionSecurity",
    "ServiceSettings.Cors*",
    "ServiceSettings.EnableLocalMode",
    "ServiceSettings.Forward80To443",
    "ServiceSettings.IdleTimeout",
    "ServiceSettings.LetsEncryptCertificateCacheFile",
    "ServiceSettings.LicenseFileLocation",
    "ServiceSettings.ListenAddress",
    "ServiceSettings.LocalModeSocketLocation",
    "ServiceSettings.ReadTimeout",
    "ServiceSettings.TLSCertFile",
    "ServiceSettings.TLSKeyFile",
    "ServiceSettings.TLSMinVer",
    "ServiceSettings.TLSOverwriteCiphers",
    "ServiceSettings.UseLetsEncrypt",
    "ServiceSettings.WebserverMode",
    "ServiceSettings.WriteTimeout",
    "SqlSettings.*",
)

# A file that lacks these keys gets the values of an old installation, because the server takes any file it finds for
# one: sessions of 180 days that survive a change of password, no push notifications, SVG and LaTeX on.
FRESH_INSTALL: Values = {
    ("ServiceSettings", "EnableEmailInvitations"): False,
    ("ServiceSettings", "ExtendSessionLengthWithActivity"): True,
    ("ServiceSettings", "TerminateSessionsOnPasswordChange"): True,
    ("ServiceSettings", "SessionLengthWebInDays"): 30,
    ("ServiceSettings", "SessionLengthWebInHours"): 720,
    ("ServiceSettings", "SessionLengthMobileInDays"): 30,
    ("ServiceSettings", "SessionLengthMobileInHours"): 720,
    ("ServiceSettings", "EnableSVGs"): False,
    ("ServiceSettings", "EnableLatex"): False,
    ("EmailSettings", "SendPushNotifications"): True,
    ("EmailSettings", "PushNotificationServer"): "https://push-test.mattermost.com",
    # What releases ship, other than the server's own defaults.
    ("EmailSettings", "SendEmailNotifications"): False,
    ("EmailSettings", "FeedbackEmail"): "",
    ("EmailSettings", "ReplyToAddress"): "",
    ("EmailSettings", "SMTPServer"): "",
    ("LogSettings", "ConsoleLevel"): "INFO",
}


def dotted(path: Path) -> str:
    """The key as people write it."""
    return ".".join(path)


def flatten(settings: Mapping[str, Any]) -> Values:
    """The single keys of nested settings; what the server only takes whole stays whole."""
    values: Values = {}
    for section, keys in settings.items():
        if not isinstance(keys, Mapping):
            raise MattermostError(f"settings.{section} must be a section with keys, not {json.dumps(keys)}.")
        _flatten((str(section),), keys, values)
    return values


def _flatten(path: Path, value: Any, values: Values) -> None:
    if value is None:
        raise MattermostError(f"settings.{dotted(path)} has no value. Give one, or leave the key out.")
    # A plugin's settings are the plugin's own business: below its keys nothing is merged.
    whole = path[-1] == "AdvancedLoggingJSON" or (path[:2] == PLUGINS and len(path) == 4)
    opened = len(path) == 1 or path[:2] in (PLUGINS, STATES) or bool(value)
    if isinstance(value, Mapping) and not whole and opened:
        for key, below in value.items():
            _flatten((*path, str(key)), below, values)
    else:
        values[path] = value


def look_up(tree: Mapping[str, Any], path: Path) -> Any:
    """The value of a key, or MISSING. Plugins read their own keys without regard to case."""
    place: Any = tree
    for depth, key in enumerate(path):
        if not isinstance(place, Mapping):
            return MISSING
        place = place.get(_spelled(place, key) if path[:2] == PLUGINS and depth == 3 else key, MISSING)
    return place


def put(tree: Dict[str, Any], path: Path, value: Any) -> None:
    """Set a key, with the spelling it already has."""
    place = tree
    for key in path[:-1]:
        below = place.get(key)
        if not isinstance(below, dict):
            below = place[key] = {}
        place = below
    place[_spelled(place, path[-1]) if path[:2] == PLUGINS else path[-1]] = copy.deepcopy(value)


def _spelled(place: Mapping[str, Any], key: str) -> str:
    return next((known for known in place if known.lower() == key.lower()), key)


def nest(values: Mapping[Path, Any]) -> Dict[str, Any]:
    """The opposite of flatten."""
    tree: Dict[str, Any] = {}
    for path, value in values.items():
        put(tree, path, value)
    return tree


def same(path: Path, wanted: Any, current: Any) -> bool:
    """Whether the server holds what is wanted, after what it does to some values itself."""
    return _equal(_normal(path, wanted), _normal(path, current))


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    return bool(one == other)


def _normal(path: Path, value: Any) -> Any:
    """The value as the server would keep it."""
    key = dotted(path)
    if path[-1] == "AdvancedLoggingJSON" and isinstance(value, str):
        try:
            return json.loads(value or "{}")
        except ValueError:
            return value
    if not isinstance(value, str):
        return value
    if key in ("ServiceSettings.SiteURL", "FileSettings.Directory"):
        return value.rstrip("/")
    if key == "EmailSettings.ConnectionSecurity" and value == "PLAIN":
        return ""
    if key == "LocalizationSettings.AvailableLocales":
        return sorted(set(value.split(",")))
    return value


def wrong_type(path: Path, wanted: Any, current: Any) -> Optional[str]:
    """What is wrong with the type of a value, in words."""
    if path[:2] == PLUGINS or path[-1] == "AdvancedLoggingJSON" or current is None or current is MISSING:
        return None
    kinds = (
        (bool, "true or false"),
        ((int, float), "a number"),
        (str, "a text"),
        (list, "a list"),
        (dict, "a mapping"),
    )
    for kind, words in kinds:
        if isinstance(current, kind):
            if isinstance(wanted, kind) and isinstance(wanted, bool) == isinstance(current, bool):
                return None
            return f"{dotted(path)} takes {words}, not {type(wanted).__name__}"
    return None


def unknown(path: Path, tree: Mapping[str, Any]) -> Optional[str]:
    """What is wrong with a key that the server does not have, in words; plugins' keys may be new."""
    if path[:2] in (PLUGINS, STATES) or look_up(tree, path) is not MISSING:
        return None
    parent = look_up(tree, path[:-1]) if len(path) > 1 else tree
    candidates: Iterable[str] = parent if isinstance(parent, Mapping) else tree
    close = difflib.get_close_matches(path[-1] if parent is not MISSING else path[0], list(candidates), n=1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    return f"{dotted(path)} is not a key this server knows{hint}"


def needs_restart(path: Path, before: Any, after: Any) -> bool:
    """Whether the server has to be restarted for the change to take effect."""
    if dotted(path) == "ServiceSettings.SiteURL":
        return _subpath(before) != _subpath(after)
    return any(fnmatchcase(dotted(path), pattern) for pattern in RESTART_KEYS)


def _subpath(url: Any) -> str:
    """The path below the host: the web app's pages are rewritten for it when the server starts."""
    return str(url).partition("://")[2].partition("/")[2].rstrip("/") if isinstance(url, str) else ""
