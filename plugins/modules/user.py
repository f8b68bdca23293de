#!/usr/bin/python
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: user
short_description: Manage the accounts of a Mattermost server
version_added: 1.0.0
author: The fieldops.mattermost authors (@fieldops)
description:
  - Creates, changes, activates and deactivates accounts. An account is found by its user name.
  - The first account of a server becomes its administrator, whoever creates it. Create it over O(socket_path), before
    others can reach the server.
extends_documentation_fragment:
  - fieldops.mattermost.attributes
  - fieldops.mattermost.attributes.actiongroup_mattermost
  - fieldops.mattermost.connection
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - With O(update_password=always) the password is set on every run, because no server tells a password.
options:
  username:
    description:
      - Name of the account. Mattermost keeps it in lower case.
    type: str
    required: true
  state:
    description:
      - V(present) makes sure that the account exists and is active.
      - V(absent) makes sure that it is deactivated. Its posts stay, and V(present) brings it back.
    type: str
    choices: [present, absent]
    default: present
  email:
    description:
      - E-mail address. Needed to create the account.
    type: str
  password:
    description:
      - Password. Needed to create the account.
    type: str
  update_password:
    description:
      - V(on_create) sets O(password) only when the account is created.
      - V(always) sets it on every run, which is reported as a change and ends all sessions of the account if
        C(ServiceSettings.TerminateSessionsOnPasswordChange) is on.
    type: str
    choices: [always, on_create]
    default: on_create
  roles:
    description:
      - The system roles the account has, and no others. For an administrator V(system_user) and V(system_admin).
    type: list
    elements: str
  first_name:
    description:
      - First name.
    type: str
  last_name:
    description:
      - Last name.
    type: str
  nickname:
    description:
      - Nickname.
    type: str
  position:
    description:
      - Position in the organisation.
    type: str
  locale:
    description:
      - Language of the interface, for instance V(en).
    type: str
notes:
  - Accounts are created with their e-mail address counted as verified, because an isolated server sends no e-mail.
seealso:
  - module: fieldops.mattermost.settings
"""

EXAMPLES = r"""
- name: Create the first administrator before anyone can reach the server
  fieldops.mattermost.user:
    socket_path: /run/mattermost/local.socket
    username: sysadmin
    email: sysadmin@example.org
    password: "{{ vault_admin_password }}"
    roles: [system_user, system_admin]

- name: Set a new password
  fieldops.mattermost.user:
    socket_path: /run/mattermost/local.socket
    username: sysadmin
    password: "{{ vault_admin_password }}"
    update_password: always

- name: Deactivate an account
  fieldops.mattermost.user:
    url: https://chat.example.org
    token: "{{ vault_token }}"
    username: jdoe
    state: absent
"""

RETURN = r"""
user:
  description: The account as it is, or in check mode as it would be. Empty when it does not exist.
  returned: success
  type: dict
  sample:
    id: uy8ozon1q7fotrf3x3jxe935mh
    username: sysadmin
    email: sysadmin@example.org
    roles: [system_admin, system_user]
    active: true
"""

import re
from typing import Any, Dict, Optional
from urllib.parse import quote

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fieldops.mattermost.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.fieldops.mattermost.plugins.module_utils._client import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils._errors import MattermostError
from ansible_collections.fieldops.mattermost.plugins.module_utils._masking import HIDDEN, HIDDEN_NEW
from ansible_collections.fieldops.mattermost.plugins.module_utils._module import run_module
from ansible_collections.fieldops.mattermost.plugins.module_utils._resource import Outcome, ensure

PROFILE = ("email", "first_name", "last_name", "nickname", "position", "locale")
MANAGE = "sysconsole_write_user_management_users (or manage_system)"

SPEC = ArgumentSpec(
    options={
        "username": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "password": {"type": "str", "no_log": True},
        "update_password": {"type": "str", "choices": ["always", "on_create"], "default": "on_create", "no_log": False},
        "roles": {"type": "list", "elements": "str"},
        **{name: {"type": "str"} for name in PROFILE},
    },
    required_if=[("update_password", "always", ["password"])],
)


class Account:
    """One account on one server."""

    def __init__(self, client: Client, params: Dict[str, Any]) -> None:
        self.client = client
        self.params = params
        self.name = params["username"].lower()
        self.raw: Optional[Dict[str, Any]] = None

    def read(self) -> Optional[Dict[str, Any]]:
        """The account as it is shown: no hashes, no tokens, nothing that changes by itself."""
        path = f"/users/username/{quote(self.name, safe='')}"
        self.raw = raw = self.client.find(path, tried=f"look for the account {self.name}")
        if raw is None:
            return None
        shown = {name: raw.get(name, "") for name in ("id", "username", *PROFILE, "auth_service")}
        return {**shown, "roles": sorted(raw["roles"].split()), "active": not raw["delete_at"]}

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


def run(module: AnsibleModule, client: Client) -> Dict[str, Any]:
    """Compare, change, and tell what was done."""
    params = module.params
    if not re.match(r"^[a-z0-9._-]{1,64}$", params["username"].lower()):
        message = f"Cannot manage the account {params['username']}: names consist of letters, digits, and . _ - only."
        raise MattermostError(message)
    account = Account(client, params)
    current = account.read()
    present = params["state"] == "present"
    if present and current is None and not (params["email"] and params["password"]):
        raise MattermostError(f"Cannot create the account {account.name}: give its email and password.")
    outcome: Outcome = ensure(
        present=present,
        current=current if present or (current and current["active"]) else None,
        wanted={"username": account.name, "active": True, **{key: params[key] for key in ("roles", *PROFILE)}},
        create=account.create,
        update=account.update,
        delete=account.delete,
        check_mode=module.check_mode,
    )
    if present and current and params["update_password"] == "always":  # noqa: S105 - not a password
        if not module.check_mode:
            account.set_password()
        outcome.changed = True
        outcome.before = {**outcome.before, "password": HIDDEN}
        outcome.after = {**outcome.after, "password": HIDDEN_NEW}
    if not present and not outcome.changed:
        outcome.found = current
    return outcome.result("user")


def main() -> None:
    """Run the module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
