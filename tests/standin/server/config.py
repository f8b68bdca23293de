# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The configuration in force: what is stored, completed with defaults, under what the environment sets."""

from __future__ import annotations

import copy
import json
import threading
from pathlib import Path
from typing import Any, Callable

from server import gojson
from server.config_backing import Backing, BackingError
from server.errors import ApiError
from server.settings import Settings, WrongType, assign, lookup, overlay, restore_masked
from server.settings_check import check

_LOCALES = set(
    [
        "bg",
        "de",
        "en",
        "en-AU",
        "es",
        "fa",
        "fr",
        "hu",
        "it",
        "ja",
        "ko",
        "nl",
        "pl",
        "pt-BR",
        "ro",
        "ru",
        "sv",
        "tr",
        "uk",
        "vi",
        "zh-CN",
        "zh-TW",
        "hi",
        "be",
        "ka",
        "br",
        "ca",
        "cs",
        "da",
        "et",
        "eu",
        "fi",
        "gl",
        "he",
        "hr",
        "id",
        "ka",
        "kk",
        "lt",
        "mk",
        "mn",
        "nb-NO",
        "ne",
        "sl",
        "sq",
        "sr",
        "th",
        "am",
        "ml",
    ]
)


class ConfigError(Exception):
    """The stored configuration cannot be used; the server does not start."""


class Config:
    """Reads, changes and writes the one configuration of a server."""

    def __init__(self, settings: Settings, backing: Backing, environment: dict[str, str]) -> None:
        self.settings = settings
        self._backing = backing
        self._environment = {key.upper(): value for key, value in environment.items() if key.upper().startswith("MM")}
        self._lock = threading.RLock()
        self._stored: dict[str, Any] = {}
        self._effective: dict[str, Any] = {}
        self.listeners: list[Callable[[dict[str, Any]], None]] = []
        self.load()

    @property
    def source(self) -> str:
        return self._backing.describe()

    def get(self) -> dict[str, Any]:
        """The settings in force. Not to be changed by the caller."""
        return self._effective

    def __call__(self, name: str) -> Any:
        """One setting in force, as in config("ServiceSettings.SiteURL")."""
        return lookup(self._effective, tuple(name.split(".")))

    def load(self) -> None:
        """Take the stored configuration; write it back completed, as the real server does at every start."""
        with self._lock:
            text = self._backing.read()
            try:
                partial = self.settings.accept(json.loads(text)) if text else {}
                partial = _merge(self._custom_defaults(), partial)
            except WrongType as error:
                raise ConfigError(f"parsing error: {error}") from error
            except json.JSONDecodeError as error:
                raise ConfigError(
                    f"parsing error at line {error.lineno}, character {error.colno}: {error.msg}"
                ) from error
            # The real server puts an empty SiteURL in before it fills up: a loaded file always counts as an update.
            stored = self.settings.complete(partial, update=True)
            _fix(stored)
            effective = self._with_environment(stored)
            _fix(effective)
            problem = check(effective)
            if problem is not None:
                raise ConfigError(f"invalid config: Config.IsValid: {problem.message}")
            changed = effective != self._effective
            if changed:
                self._persist(stored)
            self._stored, self._effective = stored, effective
        if changed:
            self._tell()

    def _custom_defaults(self) -> dict[str, Any]:
        """What MM_CUSTOM_DEFAULTS_PATH names, under the stored configuration: at the start only, not when it is read again."""
        path = self._environment.get("MM_CUSTOM_DEFAULTS_PATH")
        if not path or self._stored:
            return {}
        try:
            text = Path(path).read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"unable to open custom defaults file at {path!r}: {error.strerror}") from error
        return self.settings.accept(json.loads(text))

    def replace(self, new: dict[str, Any], *, update: bool) -> None:
        """Put a whole configuration in force and store it, without what the environment sets."""
        with self._lock:
            candidate = self.settings.complete(new, update=update)
            restore_masked(candidate, self._effective)
            overridden = self.settings.from_environment(self._environment)
            effective = self._with_environment(candidate)
            _fix(effective)
            problem = check(candidate) or check(effective)
            if problem is not None:
                raise problem
            stored = copy.deepcopy(effective)
            for path in overridden:
                assign(stored, path, copy.deepcopy(lookup(self._stored, path)))
            effective["FeatureFlags"] = self._effective["FeatureFlags"]
            try:
                self._persist(stored)
            except BackingError as error:
                raise ApiError("app.save_config.app_error") from error
            changed = effective != self._effective
            self._stored, self._effective = stored, effective
        if changed:
            self._tell()

    def patch(self, partial: dict[str, Any]) -> None:
        """Change the keys that are given; maps and lists are replaced whole."""
        change = copy.deepcopy(partial)
        self.replace(overlay(copy.deepcopy(self._effective), change), update=True)

    def environment_tree(self) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        for path in sorted(self.settings.from_environment(self._environment)):
            assign(tree, path, True)
        return tree

    def _with_environment(self, stored: dict[str, Any]) -> dict[str, Any]:
        effective = copy.deepcopy(stored)
        for path, value in self.settings.from_environment(self._environment).items():
            if value is not None:
                assign(effective, path, value)
        return effective

    def _persist(self, config: dict[str, Any]) -> None:
        kept = {section: values for section, values in config.items() if section != "FeatureFlags"}
        self._backing.write(gojson.dumps(kept, indent=4))

    def _tell(self) -> None:
        for listener in self.listeners:
            listener(self._effective)


def _merge(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    """Both, section by section; where both have a key, the one on top."""
    merged = dict(base)
    for key, value in top.items():
        below = base.get(key)
        merged[key] = _merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _fix(config: dict[str, Any]) -> None:
    service, files, locale = config["ServiceSettings"], config["FileSettings"], config["LocalizationSettings"]
    service["SiteURL"] = service["SiteURL"].rstrip("/")
    if files["DriverName"] == "local" and files["Directory"] and not files["Directory"].endswith("/"):
        files["Directory"] += "/"
    for key in ("DefaultServerLocale", "DefaultClientLocale"):
        if locale[key] not in _LOCALES:
            locale[key] = "en"
    # kept in step as the real server does: the older key in days and the newer one in hours
    for kind in ("Web", "Mobile", "SSO"):
        hours = f"SessionLength{kind}InHours"
        if hours in service and service[hours] <= 0:
            service[hours] = service[f"SessionLength{kind}InDays"] * 24
