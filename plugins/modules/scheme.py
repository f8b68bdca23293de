#!/usr/bin/python
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: scheme
short_description: Manage the permission schemes of a Mattermost server
version_added: 1.0.0
author: The fieldops.mattermost authors (@fieldops)
description:
  - Creates, changes and removes permission schemes, which give the members of some teams or channels other permissions than
    those of the rest of the server. A scheme is found by its name.
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
  name:
    description:
      - Name of the scheme. 2 to 64 lower-case letters, digits and underscores.
    type: str
    required: true
  state:
    description:
      - Whether the scheme exists. With V(absent) its teams and channels are left with the permissions of the system.
    type: str
    choices: [present, absent]
    default: present
  scope:
    description:
      - Whether the scheme is for teams or for channels. It cannot be changed.
    type: str
    choices: [team, channel]
    default: team
  display_name:
    description:
      - Name that people see. A new scheme has its O(name) without it.
    type: str
  description:
    description:
      - What the scheme is for.
    type: str
  roles:
    description:
      - The permissions of the members, for each kind of member all permissions and no others.
      - A new scheme starts with those of the system. Kinds that are not given are left as they are.
      - With O(scope=channel) there are O(roles.channel_user) and O(roles.channel_guest) only, and of their permissions those to
        post, react, mention all, and manage members and bookmarks. Everything else is up to the team.
    type: dict
    suboptions:
      team_admin:
        description: Administrators of the teams.
        type: list
        elements: str
      team_user:
        description: Members of the teams.
        type: list
        elements: str
      team_guest:
        description: Guests in the teams.
        type: list
        elements: str
      channel_admin:
        description: Administrators of the channels.
        type: list
        elements: str
      channel_user:
        description: Members of the channels.
        type: list
        elements: str
      channel_guest:
        description: Guests in the channels.
        type: list
        elements: str
  teams:
    description:
      - Names of the teams that have the scheme, and no others have it. With O(scope=team) only.
    type: list
    elements: str
  channels:
    description:
      - The channels that have the scheme, each written as V(TEAM:CHANNEL). With O(scope=channel) only.
      - The server can give a channel another scheme, but cannot leave it without one. So this list can grow only.
    type: list
    elements: str
notes:
  - Needs a licence (Professional or higher).
  - Works over O(url) only, because the local socket has no routes for schemes.
seealso:
  - module: fieldops.mattermost.role
"""

EXAMPLES = r"""
- name: Let members of the coalition's team create no channels
  fieldops.mattermost.scheme:
    url: https://chat.example.org
    token: "{{ vault_token }}"
    name: coalition
    display_name: Coalition
    roles:
      team_user: [view_team, list_team_channels, join_public_channels, read_public_channel]
    teams: [operations]

- name: Remove the scheme
  fieldops.mattermost.scheme:
    url: https://chat.example.org
    token: "{{ vault_token }}"
    name: coalition
    state: absent
"""

RETURN = r"""
scheme:
  description: The scheme as it is, or in check mode as it would be. Empty when it does not exist.
  returned: success
  type: dict
  sample:
    id: 5gzqbt5nq3rpzqs5ycsmx8mfeo
    name: coalition
    display_name: Coalition
    description: ""
    scope: team
    roles:
      team_user: [join_public_channels, list_team_channels, read_public_channel, view_team]
    teams: [operations]
"""

import re
from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fieldops.mattermost.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.fieldops.mattermost.plugins.module_utils._client import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils._errors import MattermostError
from ansible_collections.fieldops.mattermost.plugins.module_utils._module import run_module
from ansible_collections.fieldops.mattermost.plugins.module_utils._resource import bring
from ansible_collections.fieldops.mattermost.plugins.module_utils._schemes import ROLES, TEXTS, Scheme

SPEC = ArgumentSpec(
    options={
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "scope": {"type": "str", "choices": ["team", "channel"], "default": "team"},
        **{name: {"type": "str"} for name in TEXTS},
        "roles": {"type": "dict", "options": {name: {"type": "list", "elements": "str"} for name in ROLES}},
        "teams": {"type": "list", "elements": "str"},
        "channels": {"type": "list", "elements": "str"},
    },
)


def run(module: AnsibleModule, client: Client) -> Dict[str, Any]:
    """Compare, change, and tell what was done."""
    name = module.params["name"]
    if not re.match(r"^[a-z0-9_]{2,64}$", name):
        raise MattermostError(
            f"Cannot manage the scheme {name}: names are 2 to 64 lower-case letters, digits and underscores."
        )
    if client.local:
        raise MattermostError(f"Cannot manage the scheme {name}: the local socket has no routes for schemes. Use url.")
    scheme = Scheme(client, module.params, check_mode=module.check_mode)
    outcome = bring(scheme, present=module.params["state"] == "present", check_mode=module.check_mode)
    for warning in scheme.warnings:
        module.warn(warning)
    return outcome.result("scheme")


def main() -> None:
    """Run the module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
