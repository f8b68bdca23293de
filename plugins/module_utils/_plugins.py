# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plugins: what a bundle says it is, what a server has installed, its settings, and whether it really runs.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

import datetime
import json
import tarfile
import time
from dataclasses import dataclass
from typing import Any, Collection, Dict, Mapping, Optional
from urllib.parse import quote

from ._client import Client
from ._errors import REMEDIES, MattermostError
from ._masking import secrets_in, strings_in
from ._multipart import Multipart
from ._settings import PLUGINS, look_up
from ._settings_door import Plan, Server, Wanted, apply, find_server, make_plan, refuse

_FAILED = {3: "it failed to start", 4: "it does not stay running"}
_WRITE = "sysconsole_write_plugins"
_POLL = 0.5


@dataclass(frozen=True)
class Manifest:
    """The identity of a plugin."""

    id: str
    version: str
    name: str


def manifest_of(path: str) -> Manifest:
    """The manifest in a plugin bundle: in its root, or in the one folder it consists of."""
    try:
        with tarfile.open(path, "r:gz") as bundle:
            # The first entries of a bundle usually tell; reading on to the end costs seconds for the large ones.
            for member in bundle:
                parts = [part for part in member.name.split("/") if part not in ("", ".")]
                if parts[-1:] == ["plugin.json"] and len(parts) <= 2:
                    file = bundle.extractfile(member)
                    document = json.loads((file.read() if file else b"").decode("utf-8"))
                    return Manifest(document["id"].lower(), document.get("version", ""), document.get("name", ""))
    except OSError as error:
        raise MattermostError(f"Cannot read the plugin bundle {path}: {error.strerror or error}.") from error
    except (tarfile.TarError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
        remedy = REMEDIES["app.plugin.extract.app_error"]
        raise MattermostError(f"Cannot read the plugin bundle {path}: {error or 'it is cut off'}. {remedy}") from error
    raise MattermostError(f"Cannot read the plugin bundle {path}: it has no plugin.json.")


class Plugin:
    """One plugin on one server."""

    def __init__(self, client: Client, plugin_id: str, *, patience: int) -> None:
        self.client = client
        self.id = plugin_id
        self.patience = patience
        self._path = f"/plugins/{quote(plugin_id, safe='')}"
        self._settings: Dict[str, Any] = {}
        self._since = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S")

    def read(self) -> Optional[Dict[str, Any]]:
        """What is installed; `enabled` is what the configuration says, `running` what is so."""
        tried = "read the configuration"
        config = self.client.get("/config", tried=tried, needs="sysconsole_read_plugins")
        self._settings = config["PluginSettings"]
        state = (self._settings.get("PluginStates") or {}).get(self.id) or {}
        listed = self.client.get("/plugins", tried="list the plugins", needs="sysconsole_read_plugins")
        for group in ("active", "inactive"):
            for plugin in listed[group]:
                if plugin["id"] == self.id:
                    found = {key: plugin.get(key, "") for key in ("id", "name", "version")}
                    return {**found, "enabled": bool(state.get("Enable")), "running": group == "active"}
        return None

    def upload(self, path: str) -> None:
        """Install the bundle, in place of any other version."""
        settings = self._settings
        tried = f"upload the plugin {self.id}"
        # The server would refuse before it has read the bundle, and that answer is lost while we are still sending.
        if not settings["Enable"] or not settings["EnableUploads"] or settings["RequirePluginSignature"]:
            raise MattermostError(f"Cannot {tried}: {REMEDIES['app.plugin.upload_disabled.app_error']}")
        body = Multipart(name="plugin", source=path, fields={"force": "true"})
        self.client.post("/plugins", body, tried=tried, needs=_WRITE)

    def switch(self, enabled: Optional[bool]) -> Dict[str, Any]:
        """Switch it on or off, or leave it as it is; that the server accepts it does not say that it runs."""
        known = (self.read() or {}).get("enabled")
        wish = known if enabled is None else enabled
        if wish != known:
            verb = "enable" if wish else "disable"
            self.client.post(f"{self._path}/{verb}", tried=f"{verb} the plugin {self.id}", needs=_WRITE)
        return self.settle(running=bool(wish))

    def remove(self) -> None:
        """Remove it; its settings stay."""
        self.client.delete(self._path, tried=f"remove the plugin {self.id}", needs=_WRITE)

    def settle(self, *, running: bool) -> Dict[str, Any]:
        """Wait until it runs, or until it does not."""
        end = time.monotonic() + self.patience
        while True:
            found = self.read() or {}
            if bool(found.get("running")) == running:
                return found
            late = time.monotonic() >= end
            why = self._failure(at_last=late) if running else None
            if why or late:
                break
            time.sleep(_POLL)
        wish = "run" if running else "stop"
        why = why or f"it did not {wish} within {self.patience} s"
        remedy = "See the server's log; settings that the plugin needs may be missing, or a licence."
        raise MattermostError(f"The plugin {self.id} is installed, but does not {wish}: {why}. {remedy}")

    def _failure(self, *, at_last: bool) -> Optional[str]:
        """Why it failed, in the server's words."""
        if self.client.local:
            return self._logged(since="" if at_last else self._since)
        for status in self.client.get("/plugins/statuses", tried="read the state of the plugins") or []:
            if status["plugin_id"] == self.id and status["state"] in _FAILED:
                error = _short(status.get("error") or "")
                return _FAILED[status["state"]] + (f" ({error})" if error else "")
        return None

    def _logged(self, *, since: str) -> Optional[str]:
        """Why it failed, from the log: the local socket has no route for the state of plugins."""
        query = {"page": 0, "logs_per_page": 200}
        try:
            lines = self.client.get("/logs", tried="read the log", query=query) or []
        except MattermostError:
            return None  # not logged to a file
        for line in reversed(lines):
            try:
                entry = json.loads(line)
            except ValueError:
                entry = None  # logged as plain text
            if (
                not isinstance(entry, dict)
                or entry.get("plugin_id") != self.id
                or "activate" not in entry.get("msg", "")
            ):
                continue
            if entry.get("error") and entry.get("timestamp", "") >= since:
                return f"it failed to start ({_short(entry['error'])})"
        return None


def secret_texts(params: Mapping[str, Any]) -> Collection[str]:
    """What of a plugin's settings must not appear anywhere."""
    return {*secrets_in(PLUGINS, params["settings"]), *strings_in(params["secret_settings"])}


class PluginSettings:
    """What is to be changed in a plugin's settings, compared through the one door that all settings go through."""

    def __init__(self, client: Client, params: Mapping[str, Any], plugin_id: str) -> None:
        self._path = (*PLUGINS, plugin_id)
        section, plugins = PLUGINS
        given = [{section: {plugins: {plugin_id: params[key]}}} for key in ("settings", "secret_settings")]
        self._wanted = Wanted.of(*given)
        self._server: Optional[Server] = None
        self._plan = Plan()
        if not self._wanted.values:
            return
        self._server = find_server({**params, "environment_file": None, "initial_path": None}, client)
        always = params["update_secrets"] == "always"
        self._plan = make_plan(self._server, self._wanted.values, override_warns=False, update_secrets=always)
        refuse(self._plan.problems, tried=f"set the settings of the plugin {plugin_id}")

    def write(self) -> None:
        """Set what differs."""
        if self._server and self._plan.changes:
            apply(self._server, self._plan, secrets=self._wanted.secrets)

    def shown(self) -> Dict[str, Any]:
        """The changes, before and after, with every secret hidden; empty when there are none."""
        if not self._plan.changes:
            return {}
        shown = self._plan.shown(self._wanted.secrets)
        return {side: look_up(tree, self._path) for side, tree in shown.items()}


def _short(text: str) -> str:
    """One line; what goes on for a page is in the log."""
    line = " ".join(text.split())
    return line if len(line) <= 200 else line[:200] + "..."
