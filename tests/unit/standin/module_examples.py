# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What the examples in the modules' documentation take for granted, on a stand-in."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any, Callable

from launcher import Server
from story import Teller, plugin_bundle

PASSWORD = "Example-pass-2026!"
# Server settings that the examples need; the descriptions of their modules say so.
SETTINGS = {
    "AccessControlSettings": {"EnableAttributeBasedAccessControl": True},
    "GuestAccountsSettings": {"Enable": True},
    "MessageExportSettings": {"EnableExport": True},
    "ServiceSettings": {"EnableUserAccessTokens": True, "EnableBotAccountCreation": True},
}
# Modules whose examples stand on those of others, or take away what others need: run at the end, in this order.
LAST = ("access_policy", "license")
# Modules that need what the stand-in does not do yet; test_module_examples.py fails as soon as it does.
WAITING = {
    "secure_connection": "connected workspaces",
    "secure_connection_info": "connected workspaces",
    "shared_channel": "connected workspaces",
    "shared_channel_probe": "connected workspaces",
}
NOT_RUN = {"ansible.builtin.service": "there is no service manager where unit tests run"}
# Examples that change something each time, as their modules document.
CHANGES_AGAIN = {
    ("user", "Set a new password"): "no server tells a password, so it is set again",
}


class Site:
    """One server with everything that the examples name."""

    def __init__(self, target: Server, folder: Path, licence: Path) -> None:
        self.target = target
        self.bundle = folder / "calls.tar.gz"
        self.secrets: dict[str, Any] = {
            "vault_token": self.administrator(),
            "vault_admin_password": PASSWORD,
            "vault_mattermost_license": licence.read_text(encoding="utf-8"),
            "vault_smtp_password": "smtp-pass",
            "vault_rtcd_url": "http://rtcd:secret@127.0.0.1:8045",
        }
        self.places = {
            "https://chat.example.org": target.base,
            "/run/mattermost/local.socket": target.socket,
            "/opt/mattermost/config/config.json": str(target.config_file),
            "/opt/mattermost/current/config/config.json": str(target.config_file),
            "/opt/mattermost/bundles/mattermost-plugin-calls-v1.12.2.tar.gz": str(self.bundle),
            "owner: mattermost": f"owner: {getpass.getuser()}",
            "group: mattermost": f"group: {getpass.getuser()}",
        }

    def administrator(self) -> str:
        """A session of an administrator whom no example touches."""
        self.user("examiner")
        self.target.local("PUT", f"/users/{self.user_id('examiner')}/roles", {"roles": "system_user system_admin"})
        return self.target.login("examiner", PASSWORD)

    def prepare(self, modules: list[str]) -> None:
        """What the examples of these modules take for granted."""
        for name in modules:
            PRELUDES.get(name, lambda site: None)(self)

    def user(self, name: str) -> None:
        body = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
        self.target.admin("POST", "/users", body)

    def user_id(self, name: str) -> str:
        return str(self.target.admin("GET", f"/users/username/{name}")["id"])

    def users(self, *names: str) -> None:
        """Accounts that are not there yet."""
        for name in names:
            if self.target.call("GET", f"/users/username/{name}", token=self.target.token)[0] == 404:
                self.user(name)

    def team(self, name: str) -> str:
        """A team, made unless it is there."""
        status, found = self.target.call("GET", f"/teams/name/{name}", token=self.target.token)
        if status == 404:
            found = self.target.admin("POST", "/teams", {"name": name, "display_name": name, "type": "O"})
        return str(found["id"])

    def channels(self, team: str, *names: str) -> None:
        """Private channels."""
        for name in names:
            body = {"team_id": self.team(team), "name": name, "display_name": name, "type": "P"}
            self.target.admin("POST", "/channels", body)

    def attribute(self, name: str) -> None:
        self.target.admin("POST", "/custom_profile_attributes/fields", {"name": name, "type": "text"})

    def retention(self, name: str) -> None:
        body = {"display_name": name, "post_duration": 1, "team_ids": [], "channel_ids": []}
        self.target.admin("POST", "/data_retention/policies", body)

    def policy(self, name: str) -> None:
        rule = {"actions": ["*"], "expression": 'user.attributes.trade == "x"'}
        body = {"name": name, "type": "parent", "version": "v0.2", "rules": [rule], "imports": [], "active": False}
        self.target.admin("PUT", "/access_control_policies", body)

    def plugin(self) -> None:
        """The bundle that an example installs, and plugins that others switch off and remove."""
        self.target.local("PUT", "/config/patch", {"PluginSettings": {"EnableUploads": True}})
        self.bundle.write_bytes(plugin_bundle("com.mattermost.calls", "1.12.2"))
        teller = Teller(self.target.base, self.target.socket)
        for name in ("com.mattermost.nps", "com.example.old"):
            form = {"files": {"plugin": ["plugin.tar.gz", {"plugin": name, "version": "1.0.0"}]}}
            assert teller.tell({"method": "POST", "path": "/plugins", "via": "socket", "form": form})["status"] == 201
            self.target.local("POST", f"/plugins/{name}/enable")


def _access_policy(site: Site) -> None:
    site.channels("operations", "planning", "intelligence", "pilots")
    site.attribute("trade")
    site.policy("Exercise of last year")


def _retention_policy(site: Site) -> None:
    site.channels("exercises", "lessons-learned")
    site.retention("Exercises of last year")


def _user_attribute(site: Site) -> None:
    site.users("jdoe", "asmith")
    site.attribute("shoe_size")


def _team(site: Site) -> None:
    site.users("ann", "bob")
    site.team("exercise-2025")


def _channel(site: Site) -> None:
    site.users("ann", "bob")
    operations = site.team("operations")
    for name in ("ann", "bob"):
        body = {"team_id": operations, "user_id": site.user_id(name)}
        site.target.admin("POST", f"/teams/{operations}/members", body)


PRELUDES: dict[str, Callable[[Site], None]] = {
    "access_policy": _access_policy,
    "channel": _channel,
    "plugin": Site.plugin,
    "retention_policy": _retention_policy,
    "team": _team,
    "user": lambda site: site.users("jdoe"),
    "user_attribute": _user_attribute,
}
