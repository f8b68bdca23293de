# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Plugins: bundles are unpacked, listed, switched on and off. No code of a plugin is run."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict

from server.errors import ApiError

if TYPE_CHECKING:
    from server.app import App

Manifest = Dict[str, Any]
_RUNNING, _NOT_RUNNING = 2, 0


class Plugins:
    def __init__(self, app: App) -> None:
        self._app = app

    @property
    def directory(self) -> Path:
        return Path(self._app.config("PluginSettings.Directory"))

    def start(self) -> None:
        """Make the folders, and unpack what another server on the same file store brought."""
        log = self._app.log
        log.info("Starting up plugins")
        try:
            self.directory.mkdir(mode=0o744, parents=True, exist_ok=True)
            Path(self._app.config("PluginSettings.ClientDirectory")).mkdir(mode=0o744, parents=True, exist_ok=True)
        except OSError as error:
            log.error("Failed to start up plugins", error=str(error))
            return
        log.info("Syncing plugins from the file store")
        bundles = self._app.files.names("plugins/*.tar.gz")
        if not bundles:
            log.info("No plugins to sync from the file store")
        for bundle in bundles:
            with contextlib.suppress(ApiError, OSError):
                self.install(bundle.read_bytes(), force=True, keep=False)
        self._bring()

    def _bring(self) -> None:
        """Unpack what the release brings and the settings switch on; what is switched on later is, at the next start."""
        if not self._app.config("PluginSettings.AutomaticPrepackagedPlugins"):
            return
        there = {manifest.get("id") for manifest in self.installed()}
        for path in sorted(self._app.find_dir("prepackaged_plugins").glob("*.tar.gz")):
            with contextlib.suppress(ApiError, OSError):
                plugin_id = str(_manifest(path.read_bytes()).get("id", ""))
                if self.enabled(plugin_id) and plugin_id not in there:
                    self.install(path.read_bytes(), force=False, keep=False)

    def installed(self) -> list[Manifest]:
        found = []
        for path in sorted(self.directory.glob("*/plugin.json")):
            with contextlib.suppress(ValueError, OSError):
                found.append(json.loads(path.read_text(encoding="utf-8")))
        return found

    def find(self, plugin_id: str) -> Manifest:
        for manifest in self.installed():
            if manifest.get("id") == plugin_id:
                return manifest
        raise ApiError("app.plugin.not_installed.app_error")

    def enabled(self, plugin_id: str) -> bool:
        states = self._app.config("PluginSettings.PluginStates")
        return bool(states.get(plugin_id, {}).get("Enable"))

    def install(self, bundle: bytes, *, force: bool, keep: bool = True) -> Manifest:
        manifest = _manifest(bundle)
        plugin_id = str(manifest.get("id", ""))
        if not 3 <= len(plugin_id) <= 190 or not re.fullmatch(r"[A-Za-z0-9_.-]+", plugin_id):
            raise ApiError("app.plugin.invalid_id.app_error")
        target = self.directory / plugin_id
        if target.exists():
            if not force:
                raise ApiError("app.plugin.install_id.app_error")
            shutil.rmtree(target)
        target.mkdir(mode=0o744, parents=True)
        for name, content in _members(bundle):
            path = target.joinpath(*Path(name).parts[1:])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        if keep:
            self._app.files.write(f"plugins/{plugin_id}.tar.gz", bundle)
        return manifest

    def remove(self, plugin_id: str) -> None:
        self.find(plugin_id)
        self.switch(plugin_id, on=False)
        shutil.rmtree(self.directory / plugin_id)
        self._app.files.remove(f"plugins/{plugin_id}.tar.gz")

    def switch(self, plugin_id: str, *, on: bool) -> None:
        """Enabling is a setting: it is stored in the configuration."""
        self.find(plugin_id)
        states = {**self._app.config("PluginSettings.PluginStates"), plugin_id: {"Enable": on}}
        self._app.config.patch({"PluginSettings": {"PluginStates": states}})

    def listing(self) -> dict[str, Any]:
        answer: dict[str, Any] = {"active": [], "inactive": []}
        for manifest in self.installed():
            answer["active" if self.enabled(manifest["id"]) else "inactive"].append(manifest)
        return answer

    def statuses(self) -> list[dict[str, Any]]:
        return [
            {
                "plugin_id": manifest["id"],
                "cluster_id": "",
                "plugin_path": str(self.directory / manifest["id"]),
                "state": _RUNNING if self.enabled(manifest["id"]) else _NOT_RUNNING,
                "error": "",
                "name": manifest.get("name", ""),
                "description": manifest.get("description", ""),
                "version": manifest.get("version", ""),
            }
            for manifest in self.installed()
        ]


def _members(bundle: bytes) -> list[tuple[str, bytes]]:
    """Regular files of a bundle, none outside its one top folder."""
    members = []
    try:
        with tarfile.open(fileobj=io.BytesIO(bundle), mode="r:gz") as archive:
            for member in archive:
                parts = Path(member.name).parts
                if member.isfile() and len(parts) > 1 and ".." not in parts and not member.name.startswith("/"):
                    stream = archive.extractfile(member)
                    members.append((member.name, stream.read() if stream else b""))
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ApiError("app.plugin.extract.app_error") from error
    return members


def _manifest(bundle: bytes) -> Manifest:
    for name, content in _members(bundle):
        if Path(name).parts[1:] == ("plugin.json",):
            with contextlib.suppress(ValueError):
                found = json.loads(content)
                if isinstance(found, dict):
                    return found
    raise ApiError("app.plugin.manifest.app_error")
