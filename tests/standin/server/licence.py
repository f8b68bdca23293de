# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The licence in force: where it comes from, how it is kept, and what it opens."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from server.errors import ApiError
from server.ids import is_id, now
from server.licence_file import FEATURES, TIERS, unpack

if TYPE_CHECKING:
    from server.app import App

_ACTIVE = "ActiveLicenseId"
_GRACE = 10 * 86_400_000
# Code that is in the Enterprise release only: a licence opens nothing of it in a Team Edition.
_ENTERPRISE_ONLY = {
    *("data_retention", "message_export", "compliance", "elastic_search", "ldap", "saml", "cluster", "metrics"),
    "access_control",
}
# Opened by a tier, or by the feature named beside it; everything else by the feature of its name.
_BY_TIER = {
    "remote_cluster": (10, "remote_cluster_service"),
    "shared_channels": (10, "shared_channels"),
    "custom_profile_attributes": (20, ""),
    "access_control": (30, ""),
}
# Of the client's map: what others than administrators do not see.
_PRIVATE = ("Id", "Name", "Email", "IssuedAt", "StartsAt", "ExpiresAt", "SkuName")
_SHOWN_FEATURES = {
    "LDAP": "ldap",
    "LDAPGroups": "ldap_groups",
    "MFA": "mfa",
    "SAML": "saml",
    "Cluster": "cluster",
    "Metrics": "metrics",
    "GoogleOAuth": "google_oauth",
    "Office365OAuth": "office365_oauth",
    "OpenId": "openid",
    "Compliance": "compliance",
    "MHPNS": "mhpns",
    "Announcement": "announcement",
    "Elasticsearch": "elastic_search",
    "DataRetention": "data_retention",
    "IDLoadedPushNotifications": "id_loaded",
    "EmailNotificationContents": "email_notification_contents",
    "MessageExport": "message_export",
    "CustomPermissionsSchemes": "custom_permissions_schemes",
    "GuestAccounts": "guest_accounts",
    "GuestAccountsPermissions": "guest_accounts_permissions",
    "CustomTermsOfService": "custom_terms_of_service",
    "LockTeammateNameDisplay": "lock_teammate_name_display",
    "Cloud": "cloud",
    "SharedChannels": "shared_channels",
    "RemoteClusterService": "remote_cluster_service",
    "OutgoingOAuthConnections": "outgoing_oauth_connections",
}


class Licence:
    """`current` is what the licence says, None without one."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.current: dict[str, Any] | None = None

    @property
    def licensed(self) -> bool:
        return self.current is not None

    def has(self, name: str) -> bool:
        """Whether `name` is open: the licence has it, and this release and edition know it."""
        lowest, feature = _BY_TIER.get(name, (0, name))
        if not lowest and feature not in FEATURES:
            raise KeyError(name)
        if self.current is None or (name in _ENTERPRISE_ONLY and not self._app.release.enterprise_ready):
            return False
        by_tier = lowest and TIERS.get(self.current["sku_short_name"], 0) >= lowest
        return bool(by_tier) or self.current["features"].get(feature) is True

    def load(self) -> None:
        """At start: the environment before all, else the database, else a file, which goes into the database."""
        given = os.environ.get("MM_LICENSE", "")
        log = self._app.log
        if given:
            try:
                self.current = unpack(given.encode())
                log.info("License key from ENV is valid, unlocking enterprise features.")
            except ApiError as error:
                log.error("Failed to read license set in environment.", error=str(error))
            return
        active = self._app.store.system(_ACTIVE)
        if not is_id(active):
            self._load_file()
            return
        row = self._app.store.get("licenses", id=active)
        if row is None:
            log.warn("License key from https://mattermost.com required to unlock enterprise features.")
            return
        self.current = unpack(row["bytes"].encode())
        if now() - self.current["expires_at"] > _GRACE:
            log.warn("The license has expired and its period of grace is over.", id=active)
            self.remove()

    def _load_file(self) -> None:
        given = self._app.config("ServiceSettings.LicenseFileLocation")
        path = Path(given) if given else self._app.find_dir("config") / "mattermost.mattermost-license"
        log = self._app.log
        log.info("License key has not been uploaded. Loading license key from disk.", filename=path)
        try:
            content = path.read_bytes()
        except OSError as error:
            log.warn("Failed to get license from disk", error=f"{path}: {error.strerror}")
            return
        try:
            self.save(content)
        except ApiError as error:
            log.error("Failed to save license key loaded from disk.", error=str(error))

    def save(self, content: bytes) -> dict[str, Any]:
        """Put a licence file in force; ApiError says what is wrong with it."""
        licence = unpack(content)
        store = self._app.store
        count = store.count("users", "deleteat = 0 AND remoteid = '' AND id NOT IN (SELECT userid FROM bots)")
        users = licence["features"]["users"]
        if count > users:
            raise ApiError("api.license.add_license.unique_users.app_error", users=users, count=count)
        if licence["expires_at"] < now():
            raise ApiError("api.license.add_license.expired.app_error")
        store.save("licenses", {"id": licence["id"], "create_at": now(), "bytes": content.decode("ascii").strip()})
        store.set_system(_ACTIVE, licence["id"])
        self.current = licence
        return licence

    def remove(self) -> None:
        if self.current is not None:
            self._app.store.set_system(_ACTIVE, "")
            self.current = None

    def client(self, *, full: bool) -> dict[str, str]:
        """What clients are told; administrators more."""
        if self.current is None:
            return {"IsLicensed": "false"}
        found, features, customer = self.current, self.current["features"], self.current["customer"]
        shown = {"IsLicensed": "true", "Id": found["id"], "SkuName": found["sku_name"]}
        shown.update(SkuShortName=found["sku_short_name"], Users=str(features["users"]))
        shown.update({key: _text(features.get(name, False)) for key, name in _SHOWN_FEATURES.items()})
        times = {"IssuedAt": "issued_at", "StartsAt": "starts_at", "ExpiresAt": "expires_at"}
        shown.update({key: str(found[name]) for key, name in times.items()})
        shown.update({key: customer[key.lower()] for key in ("Name", "Email", "Company")})
        shown.update(IsTrial=_text(found["is_trial"]), IsGovSku=_text(found["is_gov_sku"]))
        return shown if full else {key: value for key, value in shown.items() if key not in _PRIVATE}


def _text(value: bool) -> str:
    return "true" if value else "false"
