#!/usr/bin/python
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bot
short_description: Manage the bots of a Mattermost server
version_added: 1.0.0
author: The fieldops.mattermost authors (@fieldops)
description:
  - Creates, changes, enables and disables bot accounts. A bot is found by its user name.
  - Its tokens are managed by M(fieldops.mattermost.access_token), its teams and channels by M(fieldops.mattermost.team)
    and M(fieldops.mattermost.channel).
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
    support: full
options:
  username:
    description:
      - Name of the bot. Mattermost keeps it in lower case.
    type: str
    required: true
  state:
    description:
      - V(present) makes sure that the bot exists and is enabled.
      - V(absent) makes sure that it is disabled. Its posts stay, its tokens work no more, and V(present) brings it back.
    type: str
    choices: [present, absent]
    default: present
  display_name:
    description:
      - Name that people see.
    type: str
  description:
    description:
      - What the bot does.
    type: str
  owner:
    description:
      - User name of the account that owns the bot. A new bot belongs to the account that creates it.
      - The server disables bots whose owner is deactivated, if C(ServiceSettings.DisableBotsWhenOwnerIsDeactivated) is on.
    type: str
notes:
  - Bots can be created over O(url) only, by the account of a person, and if C(ServiceSettings.EnableBotAccountCreation) is on.
    Everything else works over O(socket_path), too.
seealso:
  - module: fieldops.mattermost.access_token
"""

EXAMPLES = r"""
- name: Create a bot for alerts
  fieldops.mattermost.bot:
    url: https://chat.example.org
    token: "{{ vault_token }}"
    username: alerts
    display_name: Alerts
    description: Posts what monitoring finds

- name: Disable it
  fieldops.mattermost.bot:
    socket_path: /run/mattermost/local.socket
    username: alerts
    state: absent
"""

RETURN = r"""
bot:
  description: The bot as it is, or in check mode as it would be. Empty when it does not exist.
  returned: success
  type: dict
  sample:
    id: uy8ozon1q7fotrf3x3jxe935mh
    username: alerts
    display_name: Alerts
    description: Posts what monitoring finds
    owner: sysadmin
    active: true
"""

import re
from typing import Any, Dict, Optional

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fieldops.mattermost.plugins.module_utils import _lookup
from ansible_collections.fieldops.mattermost.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.fieldops.mattermost.plugins.module_utils._client import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils._errors import REMEDIES, MattermostError
from ansible_collections.fieldops.mattermost.plugins.module_utils._module import run_module
from ansible_collections.fieldops.mattermost.plugins.module_utils._resource import bring

TEXTS = ("display_name", "description")
NEEDS = "manage_others_bots"
SWITCHED_OFF = "api.bot.create_disabled"

SPEC = ArgumentSpec(
    options={
        "username": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        **{name: {"type": "str"} for name in TEXTS},
        "owner": {"type": "str"},
    },
)


class Bot:
    """One bot on one server."""

    def __init__(self, client: Client, params: Dict[str, Any]) -> None:
        self.client = client
        self.params = params
        self.name = params["username"].lower()
        self.raw: Optional[Dict[str, Any]] = None

    def read(self) -> Optional[Dict[str, Any]]:
        """The bot as it is shown; what is empty the server leaves out."""
        tried = f"look for the bot {self.name}"
        account = self.client.find(f"/users/username/{self.name}", tried=tried)
        if account is None:
            return None
        path, query = f"/bots/{account['id']}", {"include_deleted": "true"}
        self.raw = raw = self.client.find(path, tried=tried, query=query) if account.get("is_bot") else None
        if raw is None:
            why = "a person has this user name" if not account.get("is_bot") else "the account may not see it"
            raise MattermostError(
                f"Cannot manage the bot {self.name}: {why}. Choose another name, or other credentials."
            )
        shown = {name: raw.get(name, "") for name in TEXTS}
        shown.update(id=raw["user_id"], username=raw["username"], owner=self._owner(raw["owner_id"]))
        return {**shown, "active": not raw["delete_at"]}

    def _owner(self, owner_id: str) -> str:
        """Who owns it: a plugin is known by its identifier."""
        try:
            return _lookup.username(self.client, owner_id)
        except MattermostError as error:
            if error.status not in (None, 400):
                raise
            return owner_id

    def wanted(self) -> Dict[str, Any]:
        """What is asked for."""
        owner = self.params["owner"]
        if owner is not None:
            owner = _lookup.user(self.client, owner)["username"]
        if self.raw is None:
            self._check_server()
        return {"username": self.name, **{name: self.params[name] for name in TEXTS}, "owner": owner, "active": True}

    def _check_server(self) -> None:
        """What keeps a bot from being created."""
        tried = f"Cannot create the bot {self.name}:"
        if self.client.local:
            raise MattermostError(
                f"{tried} the local socket has no route for that. Use url, and the account of a person."
            )
        if self.client.client_config.get("EnableBotAccountCreation") == "false":
            message = f"{tried} the creation of bots is switched off. {REMEDIES[SWITCHED_OFF]}"
            raise MattermostError(message, status=403, error_id=SWITCHED_OFF)

    def create(self) -> Dict[str, Any]:
        """Create it, then hand it over."""
        body = {"username": self.name, **{name: self.params[name] or "" for name in TEXTS}}
        self.raw = self.client.post("/bots", body, tried=f"create the bot {self.name}", needs="create_bot")
        return self.update({"owner": self.params["owner"]} if self.params["owner"] else {})

    def update(self, changes: Dict[str, Any]) -> Dict[str, Any]:
        """Change what differs."""
        path, tried = f"/bots/{(self.raw or {})['user_id']}", f"change the bot {self.name}"
        if changes.get("active"):
            self.client.post(f"{path}/enable", tried=f"enable the bot {self.name}", needs=NEEDS)
        texts = {name: changes[name] for name in TEXTS if name in changes}
        if texts:
            self.client.put(path, {"username": self.name, **texts}, tried=tried, needs=NEEDS)
        if "owner" in changes:
            owner = _lookup.user(self.client, changes["owner"])["id"]
            self.client.post(f"{path}/assign/{owner}", tried=f"give the bot {self.name} to its owner", needs=NEEDS)
        return self.read() or {}

    def delete(self) -> Dict[str, Any]:
        """Disable it."""
        path = f"/bots/{(self.raw or {})['user_id']}/disable"
        self.client.post(path, tried=f"disable the bot {self.name}", needs=NEEDS)
        return self.read() or {}


def run(module: AnsibleModule, client: Client) -> Dict[str, Any]:
    """Compare, change, and tell what was done."""
    name = module.params["username"]
    if not re.match(r"^[a-z0-9._-]{1,64}$", name.lower()):
        raise MattermostError(f"Cannot manage the bot {name}: names consist of letters, digits, and . _ - only.")
    present = module.params["state"] == "present"
    return bring(Bot(client, module.params), present=present, check_mode=module.check_mode).result("bot")


def main() -> None:
    """Run the module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
