#!/usr/bin/python
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: access_token
short_description: Manage the personal access tokens of accounts of a Mattermost server
version_added: 1.0.0
author: The fieldops.mattermost authors (@fieldops)
description:
  - Creates, enables and revokes personal access tokens of persons and bots. A token is found by its account and description.
  - The server tells the token itself once, when it is created. Register the result with C(no_log) and keep the token, for
    instance in a vault.
extends_documentation_fragment:
  - fieldops.mattermost.attributes
  - fieldops.mattermost.attributes.actiongroup_mattermost
  - fieldops.mattermost.connection
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - The token itself is never part of the difference.
  idempotent:
    support: full
options:
  username:
    description:
      - User name of the account the token is for.
    type: str
    required: true
  description:
    description:
      - What the token is for. Tokens of one account with the same description are taken for the same.
    type: str
    required: true
  state:
    description:
      - V(present) makes sure that there is such a token, and that it is enabled.
      - V(absent) revokes all tokens of the account with this description. To replace a token, revoke it first.
    type: str
    choices: [present, absent]
    default: present
notes:
  - Tokens of persons need C(ServiceSettings.EnableUserAccessTokens). Those of bots always work.
  - A disabled token can be enabled over O(url) only. Everything else works over O(socket_path), too.
seealso:
  - module: fieldops.mattermost.bot
  - module: fieldops.mattermost.user
"""

EXAMPLES = r"""
- name: Create a token for the bot that posts alerts
  fieldops.mattermost.access_token:
    url: https://chat.example.org
    login_username: sysadmin
    login_password: "{{ vault_admin_password }}"
    username: alerts
    description: monitoring
  no_log: true
  register: alerts_token

- name: Revoke it
  fieldops.mattermost.access_token:
    socket_path: /run/mattermost/local.socket
    username: alerts
    description: monitoring
    state: absent
"""

RETURN = r"""
access_token:
  description: The token as the server describes it, or in check mode would describe it. Empty when there is none.
  returned: success
  type: dict
  contains:
    id:
      description: Identifier of the token, which is no secret.
      type: str
      returned: when there is one
      sample: 8s3yh6xbs3nd7k4tjcoyn3oy5h
    username:
      description: The account it is for.
      type: str
      returned: when there is one
      sample: alerts
    description:
      description: What it is for.
      type: str
      returned: when there is one
      sample: monitoring
    enabled:
      description: Whether it works.
      type: bool
      returned: when there is one
      sample: true
    token:
      description: The token itself, a secret.
      type: str
      returned: when it was created
"""

from functools import partial
from typing import Any, Dict, List, Optional

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fieldops.mattermost.plugins.module_utils import _lookup
from ansible_collections.fieldops.mattermost.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.fieldops.mattermost.plugins.module_utils._client import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils._module import run_module
from ansible_collections.fieldops.mattermost.plugins.module_utils._resource import bring

SPEC = ArgumentSpec(
    options={
        "username": {"type": "str", "required": True},
        "description": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    },
)


class AccessToken:
    """The tokens of one account with one description."""

    def __init__(self, client: Client, params: Dict[str, Any], *, check_mode: bool) -> None:
        self.client = client
        self.params = params
        self.name = params["username"].lower()
        self.title = f"access token {params['description']} of {self.name}"
        self.check_mode = check_mode
        self.warnings: List[str] = []
        self.found: List[Dict[str, Any]] = []

    def read(self) -> Optional[Dict[str, Any]]:
        """The token as it is shown; an enabled one, if there are several."""
        absent, look = self.params["state"] == "absent", partial(_lookup.user, self.client, self.name)
        # Without its account there is no token to revoke either.
        account = _lookup.foreseen(look, [] if absent else self.warnings, lenient=absent or self.check_mode)
        if account is None:
            return None
        path, needs = f"/users/{account['id']}/tokens", "read_user_access_token"
        tokens = self.client.pages(path, tried=f"list the access tokens of {self.name}", needs=needs)
        named = [token for token in tokens if token["description"] == self.params["description"]]
        self.found = sorted(named, key=lambda token: (not token["is_active"], token["id"]))
        return self._shown(self.found[0]) if self.found else None

    def _shown(self, token: Dict[str, Any]) -> Dict[str, Any]:
        shown = {"id": token["id"], "username": self.name, "description": token["description"]}
        return {**shown, "enabled": bool(token["is_active"])}

    def wanted(self) -> Dict[str, Any]:
        """What is asked for."""
        return {"username": self.name, "description": self.params["description"], "enabled": True}

    def create(self) -> Dict[str, Any]:
        """Create it; this answer is the only one with the token in it."""
        path = f"/users/{_lookup.user(self.client, self.name)['id']}/tokens"
        body = {"description": self.params["description"]}
        made = self.client.post(path, body, tried=f"create the {self.title}", needs="create_user_access_token")
        return {**self._shown(made), "token": made["token"]}

    def update(self, changes: Dict[str, Any]) -> Dict[str, Any]:
        """Enable it: nothing else can differ."""
        self._do("enable", self.found[0], needs="create_user_access_token")
        return self.read() or {}

    def delete(self) -> None:
        """Revoke all of them."""
        for token in self.found:
            self._do("revoke", token, needs="revoke_user_access_token")

    def _do(self, verb: str, token: Dict[str, Any], *, needs: str) -> None:
        body = {"token_id": token["id"]}
        self.client.post(f"/users/tokens/{verb}", body, tried=f"{verb} the {self.title}", needs=needs)


def run(module: AnsibleModule, client: Client) -> Dict[str, Any]:
    """Compare, change, and tell what was done."""
    token = AccessToken(client, module.params, check_mode=module.check_mode)
    outcome = bring(token, present=module.params["state"] == "present", check_mode=module.check_mode)
    for warning in token.warnings:
        module.warn(warning)
    outcome.after = {name: value for name, value in outcome.after.items() if name != "token"}
    return outcome.result("access_token")


def main() -> None:
    """Run the module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
