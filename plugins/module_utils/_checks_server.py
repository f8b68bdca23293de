# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the Mattermost server: settings in effect, environment, version, licence, log.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

import calendar
import json
import re
import time
from typing import Any, Dict, List, Optional, Tuple

from ._checks_base import CannotCheck, Finding, Host, Kind, NotApplicable, Option, judge, number, required, scrub, show
from ._client import Client, Connection
from ._environment import of_listener, override
from ._masking import is_masked, is_secret
from ._settings import MISSING, PLUGINS, STATES, Path, look_up, same

_TROUBLE = ("warn", "error", "fatal", "critical", "panic")


def path_of(entry: Dict[str, Any]) -> Path:
    """Where a setting is in the configuration."""
    return tuple(str(part) for part in entry.get("path") or str(entry["key"]).split("."))


def _concerns(params: Dict[str, Any], path: Path, host: Host) -> None:
    """Raise NotApplicable when this server has no such key, or no such plugin."""
    version = host.version
    if params["since"] and number(version) < number(params["since"]):
        raise NotApplicable(f"The server is {version}; {params['key']} came with {params['since']}.")
    if params["until"] and number(version) >= number(params["until"]):
        raise NotApplicable(f"The server is {version}; {params['key']} went with {params['until']}.")
    if path[:2] in (PLUGINS, STATES) and len(path) > 2 and path[2] not in host.plugins:
        raise NotApplicable(f"The plugin {path[2]} is not installed.")


def _equal(path: Path, wanted: Any, current: Any) -> bool:
    if same(path, wanted, current):
        return True
    if path[:2] != PLUGINS or not isinstance(wanted, str) or not isinstance(current, str):
        return False
    try:  # plugins keep lists and mappings as JSON text, and its spelling means nothing
        return bool(json.loads(wanted) == json.loads(current))
    except ValueError:
        return False


def setting(params: Dict[str, Any], host: Host) -> Finding:
    """A setting has its value on the running server, wherever it comes from."""
    path = path_of(params)
    _concerns(params, path, host)
    current = look_up(host.config, path)
    secret = is_secret(path)
    expected = "(hidden)" if secret else show(params["value"])
    if params["accept"]:
        expected += " or a value of the site's own"
    evidence = [f"server {host.version}, read over {host.socket_path}"]
    if params["exception"]:
        evidence.append(f"exception of the site: {params['exception']}")
    if current is MISSING:
        return judge(False, expected, "not set", evidence)
    if is_masked(current):
        raise CannotCheck(f"The server does not show {params['key']}.")
    good = _equal(path, params["value"], current)
    if not good and params["accept"] and isinstance(current, str):
        good = bool(re.search(params["accept"], current))
    return judge(good, expected, "(hidden)" if secret else show(current), evidence)


def environment(params: Dict[str, Any], host: Host) -> Finding:
    """No environment variable of the running server sets one of the scenario's keys to something else."""
    variables = of_listener(host.socket_path)
    if variables is None:
        raise CannotCheck(
            f"Cannot read the environment of the process that listens on {host.socket_path}: is it running?"
        )
    wrong: List[str] = []
    harmless: List[str] = []
    for entry in params["settings"]:
        path = path_of(entry)
        found = override(path, variables)
        if found is None:
            continue
        value = found.value(path, like=entry["value"])
        if value is MISSING:
            wrong.append(f"{found.variable} (the server cannot read its value and ignores it)")
        elif value == entry["value"] or (entry.get("accept") and re.search(entry["accept"], str(value))):
            harmless.append(f"{found.variable} sets {entry['key']} as it should be")
        else:
            wrong.append(found.variable)
    expected = "no environment variable contradicts a setting of the scenario"
    return judge(not wrong, expected, ", ".join(wrong) or "none does", harmless)


def server_version(params: Dict[str, Any], host: Host) -> Finding:
    """The server's version is of one of the given series, and not older than asked for."""
    version = host.version
    series = ".".join(str(part) for part in number(version)[:2])
    wanted = [str(name) for name in params["series"]]
    good = (not wanted or series in wanted) and number(version) >= number(params["min"])
    parts = ["one of the series " + ", ".join(wanted)] if wanted else []
    parts += [f"{params['min']} or newer"] if params["min"] != "0" else []
    return judge(good, ", ".join(parts) or "any version", version)


def licence(params: Dict[str, Any], host: Host) -> Finding:
    """The state of the licence. The local socket of older servers does not tell it; everyone may ask the port."""
    client = Client(Connection(url=params["url"], timeout=host.timeout, use_proxy=False), retries=1)
    state = client.get("/license/client", tried="read the state of the licence", query={"format": "old"})
    licensed = state.get("IsLicensed") == "true"
    found = f"licensed ({state.get('SkuShortName') or 'unknown edition'})" if licensed else "no licence"
    return judge(
        licensed or not params["required"], "a licence" if params["required"] else "nothing: for information", found
    )


def plugins(params: Dict[str, Any], host: Host) -> Finding:
    """Plugins run: a setting of one that is not installed concerns nobody, so that this alone tells that it is missing."""
    wanted = [str(name) for name in params["running"]]
    stopped = [
        f"{name} is installed and does not run" if name in host.plugins else f"{name} is not installed"
        for name in wanted
        if name not in host.running_plugins
    ]
    return judge(not stopped, f"running: {', '.join(wanted)}", "; ".join(stopped) or "all run")


def _entry(line: str) -> Optional[Tuple[float, str, str]]:
    """Time, level and text of a line of the log; None for what is no line of it."""
    try:
        entry = json.loads(line)
        when = calendar.timegm(time.strptime(entry["timestamp"][:19], "%Y-%m-%d %H:%M:%S"))
        return float(when), str(entry["level"]), f"{entry.get('msg', '')} {entry.get('error', '')}".strip()
    except (ValueError, KeyError, TypeError):
        return None


def log(params: Dict[str, Any], host: Host) -> Finding:
    """The server's log tells of no trouble with what the patterns name."""
    oldest = host.now() - 3600 * params["hours"]
    patterns = [re.compile(text) for text in params["patterns"]]  # one by one: each may begin with flags of its own
    entries = [entry for entry in map(_entry, host.read(params["path"]).splitlines()) if entry]
    seen = [
        f"{time.strftime('%Y-%m-%d %H:%M:%SZ', time.gmtime(when))} {scrub(text)}"
        for when, level, text in entries
        if when >= oldest and level in _TROUBLE and any(pattern.search(text) for pattern in patterns)
    ]
    expected = f"no warning or error that matches in the last {params['hours']} hours"
    looked = f"{len(entries)} lines of {params['path']} read"
    found = f"lines that match: {len(seen)}" if seen else "none"
    return judge(not seen, expected, found, [looked, *seen[-5:]])


KINDS: Dict[str, Kind] = {
    "setting": Kind(
        setting,
        {
            "key": required(),
            "path": Option("list", ()),
            "value": required("any"),
            "accept": Option(),
            "since": Option(),
            "until": Option(),
            "exception": Option(),
        },
    ),
    "environment": Kind(environment, {"settings": required("list")}),
    "server_version": Kind(server_version, {"min": Option(default="0"), "series": Option("list", ())}),
    "licence": Kind(licence, {"url": Option(default="http://127.0.0.1:8065"), "required": Option("bool", False)}),
    "plugins": Kind(plugins, {"running": required("list")}),
    "log": Kind(log, {"path": required(), "patterns": required("list"), "hours": Option("int", 24)}),
}
