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
# Modules whose examples stand on those of others, or take away what others need: prepared and run after all others, in this order.
SECOND = (
    "secure_connection_info",
    "shared_channel",
    "shared_channel_probe",
    "channel",
    "team",
    "access_policy",
    "license",
)
# Switched on before the process starts, because only then it looks.
FEDERATED = {
    "MM_CONNECTEDWORKSPACESSETTINGS_ENABLEREMOTECLUSTERSERVICE": "true",
    "MM_CONNECTEDWORKSPACESSETTINGS_ENABLESHAREDCHANNELS": "true",
    "MM_SERVICESETTINGS_ALLOWEDUNTRUSTEDINTERNALCONNECTIONS": "127.0.0.1",
}
NOT_RUN = {"ansible.builtin.service": "there is no service manager where unit tests run"}
# Examples that change something each time, as their modules document.
CHANGES_AGAIN = {
    ("user", "Set a new password"): "no server tells a password, so it is set again",
}


class Site:
    """One server with everything that the examples name; it is the partner alpha, too, and the others are beside it."""

    def __init__(self, target: Server, folder: Path, licence: Path, partners: dict[str, Server]) -> None:
        self.target = target
        self.partners = partners
        self.bundle = folder / "calls.tar.gz"
        self.secrets: dict[str, Any] = {
            "vault_token": self.administrator(),
            "vault_admin_password": PASSWORD,
            "vault_liaison_password": PASSWORD,
            "vault_mattermost_license": licence.read_text(encoding="utf-8"),
            "vault_smtp_password": "smtp-pass",
            "vault_rtcd_url": "http://rtcd:secret@127.0.0.1:8045",
            "vault_password_alpha_bravo": "Invitation-pass-2026!",
            **{f"vault_token_{name}": partner.token for name, partner in partners.items()},
        }
        self.secrets["vault_token_alpha"] = self.secrets["vault_token"]
        self.places = {
            "https://chat.example.org": target.base,
            "https://chat.alpha.example": target.base,
            **{f"https://chat.{name}.example": partner.base for name, partner in partners.items()},
            "/run/mattermost/local.socket": target.socket,
            "/opt/mattermost/config/config.json": str(target.config_file),
            "/opt/mattermost/current/config/config.json": str(target.config_file),
            "/opt/mattermost/bundles/mattermost-plugin-calls-v1.12.2.tar.gz": str(self.bundle),
            "owner: mattermost": f"owner: {getpass.getuser()}",
            "group: mattermost": f"group: {getpass.getuser()}",
        }

    def administrator(self) -> str:
        """A session of an administrator whom no example touches; the first one gets the password that examples give."""
        self.user("examiner")
        self.target.local("PUT", f"/users/{self.user_id('examiner')}/roles", {"roles": "system_user system_admin"})
        self.target.token = self.target.login("examiner", PASSWORD)
        self.target.local("PUT", f"/users/{self.user_id('sysadmin')}/password", {"new_password": PASSWORD})
        return self.target.token

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

    def team(self, name: str, target: Server | None = None) -> str:
        """A team, made unless it is there."""
        server = target or self.target
        status, found = server.call("GET", f"/teams/name/{name}", token=server.token)
        if status == 404:
            found = server.admin("POST", "/teams", {"name": name, "display_name": name, "type": "O"})
        return str(found["id"])

    def channels(self, team: str, *names: str) -> None:
        """Private channels, made unless they are there."""
        team_id = self.team(team)
        for name in names:
            path = f"/teams/{team_id}/channels/name/{name}"
            if self.target.call("GET", path, token=self.target.token)[0] == 404:
                body = {"team_id": team_id, "name": name, "display_name": name, "type": "P"}
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

    def connect(self, name: str) -> None:
        """A connection with a partner, invited and accepted."""
        partner = self.partners[name]
        for row in partner.admin("GET", "/remotecluster"):
            partner.admin("DELETE", f"/remotecluster/{row['remote_id']}")
        there, here = self.team("operations", partner), self.team("operations")
        password = self.secrets["vault_password_alpha_bravo"]
        for server in (self.target, partner):
            server.admin("PUT", "/config/patch", {"ServiceSettings": {"SiteURL": server.base}})
        invited = {"name": name, "default_team_id": here, "password": password}
        invitation = self.target.admin("POST", "/remotecluster", invited)["invite"]
        accepted = {"name": "alpha", "default_team_id": there, "password": password, "invite": invitation}
        partner.admin("POST", "/remotecluster/accept_invite", accepted)

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


def _secure_connection(site: Site) -> None:
    for server in (site.target, *site.partners.values()):
        site.team("operations", server)
        server.admin("PUT", "/config/patch", {"ServiceSettings": {"SiteURL": server.base}})


def _connections(site: Site) -> None:
    for name in site.partners:
        site.connect(name)


def _access_token(site: Site) -> None:
    site.target.admin("POST", "/bots", {"username": "alerts", "display_name": "alerts"})


PRELUDES: dict[str, Callable[[Site], None]] = {
    "access_policy": _access_policy,
    "access_token": _access_token,
    "channel": _channel,
    "channel_info": lambda site: site.channels("operations", "joint-ops"),
    "guest": lambda site: site.channels("operations", "joint-ops"),
    "plugin": Site.plugin,
    "retention_policy": _retention_policy,
    "scheme": lambda site: site.team("operations"),
    "secure_connection": _secure_connection,
    "secure_connection_info": _connections,
    "shared_channel": lambda site: site.channels("operations", "joint-ops", "situation"),
    "team": _team,
    "user": lambda site: site.users("jdoe"),
    "user_attribute": _user_attribute,
}
