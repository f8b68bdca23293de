#!/usr/bin/python
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: guest
short_description: Manage the guest accounts of a Mattermost server
version_added: 1.0.0
author: The fieldops.mattermost authors (@fieldops)
description:
  - Creates guests, makes guests of accounts, and limits them to exactly the given channels. An account is found by its
    user name.
  - Needs no e-mail, so that it works on isolated servers, where nobody can be invited by mail.
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
      - Name of the account. Mattermost keeps it in lower case.
    type: str
    required: true
  state:
    description:
      - V(present) makes sure that the account exists, is active, and is a guest. An ordinary member becomes a guest.
        Administrators, bots and accounts of connected servers are refused.
      - V(absent) makes sure that no guest of this name is active, see O(when_absent). An account that is no guest is left
        alone.
    type: str
    choices: [present, absent]
    default: present
  email:
    description:
      - E-mail address. Needed to create the account.
    type: str
  password:
    description:
      - Password. Needed to create the account, and used for nothing else.
    type: str
  channels:
    description:
      - The channels the guest is in, each written as V(TEAM:CHANNEL). It is put into these and their teams, and is taken out
        of all other channels and teams.
      - Without it, memberships are left as they are.
      - Direct and group messages stay, and so do channels that are archived.
    type: list
    elements: str
  when_absent:
    description:
      - What O(state=absent) does with a guest. V(deactivate) ends the account. V(promote) makes it an ordinary member, who
        stays in the channels and joins the default channels of the teams.
    type: str
    choices: [deactivate, promote]
    default: deactivate
notes:
  - Guests need a licence (Professional or higher) and C(GuestAccountsSettings.Enable). The server deactivates all guests
    when that is switched off.
  - A new account is deactivated again if the server does not make a guest of it. If that fails too, the error says both.
seealso:
  - module: fieldops.mattermost.user
  - module: fieldops.mattermost.channel
"""

EXAMPLES = r"""
- name: Create a guest who is in one channel
  fieldops.mattermost.guest:
    url: https://chat.example.org
    token: "{{ vault_token }}"
    username: liaison
    email: liaison@partner.example.org
    password: "{{ vault_liaison_password }}"
    channels: ["operations:joint-ops"]

- name: End it
  fieldops.mattermost.guest:
    socket_path: /run/mattermost/local.socket
    username: liaison
    state: absent

- name: Make an ordinary member of a guest
  fieldops.mattermost.guest:
    url: https://chat.example.org
    token: "{{ vault_token }}"
    username: liaison
    state: absent
    when_absent: promote
"""

RETURN = r"""
guest:
  description: The account as it is, or in check mode as it would be. Empty when it does not exist.
  returned: success
  type: dict
  sample:
    id: uy8ozon1q7fotrf3x3jxe935mh
    username: liaison
    email: liaison@partner.example.org
    guest: true
    active: true
    teams: [operations]
    channels: ["operations:joint-ops"]
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fieldops.mattermost.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.fieldops.mattermost.plugins.module_utils._client import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils._guests import Guest
from ansible_collections.fieldops.mattermost.plugins.module_utils._module import run_module
from ansible_collections.fieldops.mattermost.plugins.module_utils._resource import Outcome, bring

SPEC = ArgumentSpec(
    options={
        "username": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "email": {"type": "str"},
        "password": {"type": "str", "no_log": True},
        "channels": {"type": "list", "elements": "str"},
        "when_absent": {"type": "str", "choices": ["deactivate", "promote"], "default": "deactivate"},
    },
)


def run(module: AnsibleModule, client: Client) -> Dict[str, Any]:
    """Compare, change, and tell what was done."""
    guest = Guest(client, module.params, check_mode=module.check_mode)
    present = module.params["state"] == "present"
    current = None if present else guest.read()
    if current and not current["guest"]:
        return Outcome(before=current, after=current, found=current).result("guest")
    outcome = bring(guest, present=present, check_mode=module.check_mode)
    if outcome.changed and not present and module.check_mode and module.params["when_absent"] == "promote":
        outcome.found = outcome.after = {**outcome.before, "guest": False}
    for warning in guest.warnings:
        module.warn(warning)
    return outcome.result("guest")


def main() -> None:
    """Run the module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
