# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one door through which the server's configuration is changed: over the API, or in the file while it is down.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from typing import Any, Collection, Dict, List, Mapping, Optional, Union

from . import _config_file as config_file
from ._client import Client
from ._environment import of_file, of_listener, override
from ._errors import MattermostError, MattermostUnreachable
from ._masking import HIDDEN, HIDDEN_NEW, is_masked, is_secret, secrets_in, strings_in
from ._settings import (
    MISSING,
    PLUGINS,
    STATES,
    Path,
    Values,
    dotted,
    flatten,
    look_up,
    needs_restart,
    nest,
    put,
    same,
    unknown,
    wrong_type,
)


@dataclass
class Plan:
    """What is to be changed, and what was found on the way."""

    changes: Values = field(default_factory=dict)
    before: Values = field(default_factory=dict)
    problems: List[str] = field(default_factory=list)
    overridden: List[Dict[str, Any]] = field(default_factory=list)
    warnings: List[str] = field(default_factory=list)

    def shown(self, secrets: Collection[Path]) -> Dict[str, Dict[str, Any]]:
        """Before and after, with every secret hidden."""
        before: Values = {}
        after: Values = {}
        for path, value in self.changes.items():
            hide = path in secrets or is_secret(path, value, self.before[path])
            before[path] = None if self.before[path] is MISSING else HIDDEN if hide else self.before[path]
            after[path] = HIDDEN_NEW if hide else value
        return {"before": nest(before), "after": nest(after)}

    @property
    def restart_keys(self) -> List[str]:
        """The changed keys that take effect at the next start only."""
        changed = self.changes.items()
        return sorted(dotted(path) for path, after in changed if needs_restart(path, self.before[path], after))


class RunningServer:
    """A server that is up: read what is effective, patch, and read again."""

    via = "api"

    def __init__(self, client: Client, *, config_path: Optional[str], environment: Optional[Dict[str, str]]) -> None:
        self.client = client
        self.config_path = config_path
        self.exists = True
        self.environment = environment or {}
        tried = "read which settings the environment overrides"
        self._flags = {} if client.local else client.get("/config/environment", tried=tried) or {}

    def flagged(self, path: Path) -> bool:
        """Whether the server says that the environment sets the key, without saying to what."""
        return any(look_up(self._flags, path[:depth]) is True for depth in range(2, len(path) + 1))

    def read(self) -> Dict[str, Any]:
        """The effective configuration; what the server masks is filled in from its file, where that can be read."""
        config: Dict[str, Any] = self.client.get(
            "/config", tried="read the configuration", needs="sysconsole_read_* (or manage_system)"
        )
        filled: Dict[str, Any] = _unmasked(config, self._stored() or {})
        return filled

    def _stored(self) -> Optional[Dict[str, Any]]:
        if not self.config_path or "://" in self.environment.get("MM_CONFIG", ""):
            return None
        try:
            return config_file.read(self.config_path)
        except MattermostError:
            return None

    def write(self, changes: Values) -> None:
        """Patch the changed keys; maps are sent whole, because the server replaces them."""
        body = nest({path: value for path, value in changes.items() if path[:2] not in (PLUGINS, STATES)})
        for place in (PLUGINS, STATES):
            inside = {path: value for path, value in changes.items() if path[:2] == place}
            if inside:
                whole = self._whole_map(place)
                for path, value in inside.items():
                    put(whole, path, value)
                put(body, place, look_up(whole, place))
        tried = "change " + ", ".join(sorted(map(dotted, changes)))
        try:
            self.client.put("/config/patch", body, tried=tried, needs="sysconsole_write_* (or manage_system)")
        except MattermostError as error:
            if error.error_id != "ent.cluster.save_config.error" or not self.config_path:
                raise
            config_file.write(self.config_path, config_file.read(self.config_path) or {}, changes)
            self.client.post("/config/reload", tried="reload the configuration file", needs="reload_config")

    def _whole_map(self, place: Path) -> Dict[str, Any]:
        """A map as it is stored, to be sent back with the changes in it."""
        whole = copy.deepcopy(self.read())
        stored = self._stored()
        if place == PLUGINS and not self.client.local and stored is None and self.client.version[:1] >= [10]:
            raise MattermostError(
                "Cannot change PluginSettings.Plugins over url: this server hides the settings of plugins that are not "
                "installed, so they would be lost. Use socket_path on the server host, or give config_path as well."
            )
        if stored:
            # Over the network newer servers leave out what belongs to plugins that are not installed.
            for name, value in (look_up(stored, place) or {}).items():
                if look_up(whole, (*place, name)) is MISSING:
                    put(whole, (*place, name), value)
        return whole


class StoppedServer:
    """A server that is down, or not yet there: its file is what counts."""

    via = "file"

    def __init__(self, config_path: str, *, initial_path: Optional[str], environment: Optional[Dict[str, str]]) -> None:
        self.config_path = config_path
        self.environment = environment or {}
        self._config = config_file.start_of(config_path, initial_path)
        self.exists = config_file.read(config_path) is not None

    def flagged(self, path: Path) -> bool:
        """Nothing beyond the variables themselves."""
        return False

    def read(self) -> Dict[str, Any]:
        """The file, or what it will be made from."""
        return self._config

    def write(self, changes: Values) -> None:
        """Merge the changes into the file."""
        config_file.write(self.config_path, self._config, changes)


Server = Union[RunningServer, StoppedServer]


def find_server(params: Mapping[str, Any], client: Client) -> Server:
    """The running server; its file if it is down, or if only the file was given."""
    config_path, variables = params["config_path"], params["environment_file"]
    environment = of_file(variables) if variables else None
    if params["socket_path"] or params["url"]:
        retries, client.retries = client.retries, 0 if client.local and config_path else client.retries
        try:
            client.get("/system/ping", tried="reach the server")
        except MattermostUnreachable:
            if not (client.local and config_path):
                raise
        else:
            client.retries = retries
            if client.local:
                environment = of_listener(params["socket_path"]) or environment
            return RunningServer(client, config_path=config_path, environment=environment)
    return StoppedServer(config_path, initial_path=params["initial_path"], environment=environment)


def _unmasked(shown: Any, stored: Any) -> Any:
    if isinstance(shown, dict) and isinstance(stored, dict):
        return {key: _unmasked(value, stored.get(key, value)) for key, value in shown.items()}
    return stored if is_masked(shown) else shown


def make_plan(server: Server, wanted: Values, *, override_warns: bool, update_secrets: bool) -> Plan:
    """Compare what is wanted with what is effective, and judge everything before anything is changed."""
    plan = Plan()
    tree = server.read()
    for path, value in sorted(wanted.items()):
        current = look_up(tree, path)
        problem = wrong_type(path, value, current) or (unknown(path, tree) if server.via == "api" else None)
        if problem:
            plan.problems.append(problem)
        elif not _overridden(server, plan, path=path, value=value, current=current, warns=override_warns):
            if path[0] == "FeatureFlags" and not same(path, value, current):
                variable = "MM_" + "_".join(path).upper()
                plan.problems.append(f"{dotted(path)} can only be set by the environment variable {variable}")
            elif update_secrets if is_masked(current) else not same(path, value, current):
                plan.changes[path] = value
                plan.before[path] = current
    return plan


def _overridden(server: Server, plan: Plan, *, path: Path, value: Any, current: Any, warns: bool) -> bool:
    """Whether the environment sets the key; if to something else, that is noted as a problem or a warning."""
    found = override(path, server.environment)
    if not found and not server.flagged(path):
        return False
    matches: Optional[bool] = None
    if found:
        matches = same(path, value, found.value(path, like=value))
    elif not is_masked(current):
        matches = same(path, value, current)
    variable = found.variable if found else "MM_" + "_".join(path).upper()
    plan.overridden.append({"key": dotted(path), "variable": variable, "matches": matches})
    if matches is None:
        plan.warnings.append(f"{dotted(path)} is set by {variable}; whether to the same value cannot be seen.")
    elif not matches:
        words = f"{dotted(path)} is set to something else by the environment variable {variable}, which always wins"
        (plan.warnings if warns else plan.problems).append(words)
    return True


@dataclass(frozen=True)
class Wanted:
    """The keys that are asked for, which of them are secret, and the texts that must not appear anywhere."""

    values: Values
    secrets: Collection[Path]
    texts: Collection[str]

    @classmethod
    def of(cls, settings: Mapping[str, Any], secret_settings: Mapping[str, Any]) -> Wanted:
        """From what the user gave as settings, and as settings that are secret."""
        plain, secret = flatten(settings), flatten(secret_settings)
        twice = sorted(dotted(path) for path in plain.keys() & secret.keys())
        refuse([f"{key} is in settings and in secret_settings" for key in twice], tried="tell what to set")
        texts = {text for path, value in plain.items() for text in secrets_in(path, value)}
        texts |= {text for value in secret.values() for text in strings_in(value)}
        hidden = {path for path, value in plain.items() if is_secret(path, value)}
        return cls(values={**plain, **secret}, secrets=hidden | secret.keys(), texts=texts)


def refuse(problems: List[str], *, tried: str) -> None:
    """One error that lists everything that is wrong."""
    if problems:
        raise MattermostError(f"Cannot {tried}: " + "; ".join(problems) + ".")


def apply(server: Server, plan: Plan, *, secrets: Collection[Path]) -> None:
    """Write the changes, and make sure that they were taken: the server answers 200 to what it ignores, too."""
    server.write(plan.changes)
    if isinstance(server, StoppedServer):
        return
    tree = server.read()
    lost = []
    for path, wanted in plan.changes.items():
        kept = look_up(tree, path)
        unseen = is_masked(kept) or (kept is MISSING and path[:2] == PLUGINS and not server.client.local)
        if not unseen and not same(path, wanted, kept):
            hide = path in secrets or is_secret(path, wanted, kept)
            words = "a value that is not shown" if hide else f"{json.dumps(wanted)}, the server keeps {_show(kept)}"
            lost.append(f"{dotted(path)} (asked for {words})")
    if lost:
        raise MattermostError(
            f"The server did not take all settings: {'; '.join(lost)}. The environment may override them, "
            "ExperimentalSettings.RestrictSystemAdmin may lock them, the server may replace the value by another one, "
            "or config_path is not the file it uses."
        )


def _show(value: Any) -> str:
    return "nothing" if value is MISSING else json.dumps(value)
