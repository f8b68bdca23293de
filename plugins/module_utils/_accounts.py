# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts of persons: found by user name, deactivated rather than removed.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional
from urllib.parse import quote

from ._client import Client
from ._errors import MattermostError

PROFILE = ("email", "first_name", "last_name", "nickname", "position", "locale")
MANAGE = "sysconsole_write_user_management_users (or manage_system)"


class Account:
    """One account on one server."""

    def __init__(self, client: Client, params: Mapping[str, Any]) -> None:
        self.client = client
        self.params = params
        self.name = params["username"].lower()
        self.raw: Optional[Dict[str, Any]] = None
        self.existed = False

    def read(self) -> Optional[Dict[str, Any]]:
        """The account as it is shown: no hashes, no tokens, nothing that changes by itself."""
        path = f"/users/username/{quote(self.name, safe='')}"
        self.raw = raw = self.client.find(path, tried=f"look for the account {self.name}")
        if raw is None:
            return None
        shown = {name: raw.get(name, "") for name in ("id", "username", *PROFILE, "auth_service")}
        shown.update(roles=sorted(raw["roles"].split()), active=not raw["delete_at"])
        if self.params["mfa_active"] is not None:
            shown["mfa_active"] = bool(raw.get("mfa_active"))
        return shown

    def wanted(self) -> Dict[str, Any]:
        """What is asked for."""
        self.existed = self.raw is not None
        if not self.existed and not (self.params["email"] and self.params["password"]):
            raise MattermostError(f"Cannot create the account {self.name}: give its email and password.")
        given = {name: self.params[name] for name in ("roles", "mfa_active", *PROFILE)}
        return {"username": self.name, "active": True, **given}

    def _now(self) -> Dict[str, Any]:
        return self.read() or {}

    def create(self) -> Dict[str, Any]:
        """Create it, then give it the roles: the server decides them at first."""
        profile = {name: self.params[name] for name in PROFILE if self.params[name] is not None}
        body = {"username": self.name, "password": self.params["password"], "email_verified": True, **profile}
        self.client.post("/users", body, tried=f"create the account {self.name}")
        made = self._now()
        roles = self.params["roles"]
        return self.update({"roles": roles}) if roles is not None and sorted(roles) != made["roles"] else made

    def update(self, changes: Dict[str, Any]) -> Dict[str, Any]:
        """Change what differs; the local socket has no patch, so the profile is sent back whole."""
        raw = self.raw or {}
        path = f"/users/{raw['id']}"
        profile = {name: changes[name] for name in PROFILE if name in changes}
        if changes.get("active"):
            self.client.put(f"{path}/active", {"active": True}, tried=f"activate the account {self.name}", needs=MANAGE)
        if profile:
            self.client.put(path, {**raw, **profile}, tried=f"change the account {self.name}", needs="edit_other_users")
        if "roles" in changes:
            body = {"roles": " ".join(changes["roles"])}
            self.client.put(f"{path}/roles", body, tried=f"set the roles of {self.name}", needs="manage_roles")
        if "mfa_active" in changes:
            tried = f"switch off multi-factor authentication of {self.name}"
            self.client.put(f"{path}/mfa", {"activate": False}, tried=tried, needs="edit_other_users")
        return self._now()

    def delete(self) -> Dict[str, Any]:
        """Deactivate it."""
        path = f"/users/{(self.raw or {})['id']}"
        self.client.delete(path, tried=f"deactivate the account {self.name}", needs=MANAGE)
        return self._now()

    def set_password(self) -> None:
        """Set the password of an account that exists."""
        body = {"new_password": self.params["password"]}
        path = f"/users/{(self.raw or {})['id']}/password"
        self.client.put(path, body, tried=f"set the password of {self.name}", needs=MANAGE)
