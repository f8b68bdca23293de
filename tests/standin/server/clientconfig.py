# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The settings every client is told: strings only, fewer of them without a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server import retention
from server.release import data
from server.settings import lookup

if TYPE_CHECKING:
    from server.app import App


class ClientConfig:
    """Filled from a table: "@Section.Key" is a setting, "$name" is computed, the rest is as it is."""

    def __init__(self, app: App) -> None:
        self._app = app
        table = data(f"client-{app.release.profile}.json")
        self._limited: dict[str, str] = table["limited"]
        self._all: dict[str, str] = {**table["limited"], **table["session"]}
        self._licensed: dict[str, dict[str, str]] = table["licensed"]

    def get(self, *, limited: bool) -> dict[str, str]:
        table = self._licensed_table(self._limited if limited else self._all, limited=limited)
        computed = self._computed()
        return {key: self._value(value, computed) for key, value in sorted(table.items())}

    def _licensed_table(self, table: dict[str, str], *, limited: bool) -> dict[str, str]:
        """With what the features of a licence let clients know."""
        licence = self._app.licence.current
        found = dict(table)
        for feature, entries in self._licensed.items():
            if licence is not None and licence["features"].get(feature):
                found.update({key: value for key, value in entries.items() if key in table or not limited})
        return found

    def _value(self, value: str, computed: dict[str, str]) -> str:
        if value.startswith("@"):
            return _text(lookup(self._app.config.get(), tuple(value[1:].split("."))))
        return computed[value[1:]] if value.startswith("$") else value

    def _computed(self) -> dict[str, str]:
        release, store = self._app.release, self._app.store
        return {
            "version": release.version,
            "build_number": release.build_number,
            "build_date": release.build_date,
            "build_hash": release.build_hash,
            "build_hash_enterprise": "stand-in" if release.enterprise_ready else "none",
            "enterprise_ready": _text(release.enterprise_ready),
            "telemetry_id": store.system("DiagnosticId"),
            "signing_key": store.system("AsymmetricSigningKey"),
            "installation_date": store.system("InstallationDate"),
            "no_accounts": _text(store.count("users", "id NOT IN (SELECT userid FROM bots)") == 0),
            "schema_version": str(release.schema),
            "message_retention_hours": str(retention.hours(self._app, "Message")),
            "file_retention_hours": str(retention.hours(self._app, "File")),
        }


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(str(item) for item in value)
    return "" if value is None else str(value)
