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
  mfa_active:
    description:
      - V(false) makes sure that multi-factor authentication is off for the account, so that its owner can set it up anew,
        for instance after a device was lost. Only the owner can switch it on.
    type: bool
    choices: [false]
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

- name: Let somebody who lost a phone set up multi-factor authentication anew
  fieldops.mattermost.user:
    socket_path: /run/mattermost/local.socket
    username: jdoe
    mfa_active: false

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
from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fieldops.mattermost.plugins.module_utils._accounts import PROFILE, Account
from ansible_collections.fieldops.mattermost.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.fieldops.mattermost.plugins.module_utils._client import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils._errors import MattermostError
from ansible_collections.fieldops.mattermost.plugins.module_utils._masking import HIDDEN, HIDDEN_NEW
from ansible_collections.fieldops.mattermost.plugins.module_utils._module import run_module
from ansible_collections.fieldops.mattermost.plugins.module_utils._resource import bring

SPEC = ArgumentSpec(
    options={
        "username": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "password": {"type": "str", "no_log": True},
        "update_password": {"type": "str", "choices": ["always", "on_create"], "default": "on_create", "no_log": False},
        "roles": {"type": "list", "elements": "str"},
        "mfa_active": {"type": "bool", "choices": [False]},
        **{name: {"type": "str"} for name in PROFILE},
    },
    required_if=[("update_password", "always", ["password"])],
)


def run(module: AnsibleModule, client: Client) -> Dict[str, Any]:
    """Compare, change, and tell what was done."""
    params = module.params
    if not re.match(r"^[a-z0-9._-]{1,64}$", params["username"].lower()):
        message = f"Cannot manage the account {params['username']}: names consist of letters, digits, and . _ - only."
        raise MattermostError(message)
    account = Account(client, params)
    present = params["state"] == "present"
    outcome = bring(account, present=present, check_mode=module.check_mode)
    if present and account.existed and params["update_password"] == "always":  # noqa: S105 - not a password
        if not module.check_mode:
            account.set_password()
        outcome.changed = True
        outcome.before = {**outcome.before, "password": HIDDEN}
        outcome.after = {**outcome.after, "password": HIDDEN_NEW}
    return outcome.result("user")


def main() -> None:
    """Run the module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
