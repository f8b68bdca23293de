#!/usr/bin/python
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: role
short_description: Manage the permissions of a role of a Mattermost server
version_added: 1.0.0
author: The fieldops.mattermost authors (@fieldops)
description:
  - Sets all permissions of a role, or gives and takes some. Which accounts have a role is decided by
    M(fieldops.mattermost.user).
  - Roles can be neither created nor removed. The roles of a scheme are managed by M(fieldops.mattermost.scheme).
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
      - Name of the role, for instance V(system_user), V(team_user), V(channel_user) or V(system_guest).
    type: str
    required: true
  permissions:
    description:
      - The permissions the role has, and no others. Their order does not count.
      - Mutually exclusive with O(add_permissions) and O(remove_permissions).
    type: list
    elements: str
  add_permissions:
    description:
      - Permissions the role has among others.
    type: list
    elements: str
  remove_permissions:
    description:
      - Permissions the role does not have.
    type: list
    elements: str
notes:
  - The permissions V(manage_system), V(manage_roles), V(sysconsole_read_user_management_system_roles) and
    V(sysconsole_write_user_management_system_roles) stay with the roles that have them. No server lets that be changed.
  - The roles of guests can be changed with a licence only.
  - A newer release may bring permissions and give them to roles. With O(permissions) they are taken away again.
seealso:
  - module: fieldops.mattermost.scheme
  - module: fieldops.mattermost.user
"""

EXAMPLES = r"""
- name: Let members create no teams
  fieldops.mattermost.role:
    url: https://chat.example.org
    token: "{{ vault_token }}"
    name: system_user
    remove_permissions: [create_team]

- name: Let system managers connect servers and share channels
  fieldops.mattermost.role:
    socket_path: /run/mattermost/local.socket
    name: system_manager
    add_permissions: [manage_secure_connections, manage_shared_channels]
"""

RETURN = r"""
role:
  description: The role as it is, or in check mode as it would be.
  returned: success
  type: dict
  sample:
    id: 5gzqbt5nq3rpzqs5ycsmx8mfeo
    name: system_user
    display_name: authentication.roles.global_user.name
    scheme_managed: true
    built_in: true
    permissions: [create_direct_channel, create_group_channel, view_members]
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fieldops.mattermost.plugins.module_utils import _permissions
from ansible_collections.fieldops.mattermost.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.fieldops.mattermost.plugins.module_utils._client import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils._errors import MattermostError
from ansible_collections.fieldops.mattermost.plugins.module_utils._module import run_module
from ansible_collections.fieldops.mattermost.plugins.module_utils._resource import bring

CHANGES = ("add_permissions", "remove_permissions")

SPEC = ArgumentSpec(
    options={
        "name": {"type": "str", "required": True},
        **{name: {"type": "list", "elements": "str"} for name in ("permissions", *CHANGES)},
    },
    mutually_exclusive=[("permissions", name) for name in CHANGES],
    required_one_of=[("permissions", *CHANGES)],
)


class Role:
    """One role; it is always there."""

    def __init__(self, client: Client, params: Dict[str, Any]) -> None:
        self.client = client
        self.params = params
        self.raw: Dict[str, Any] = {}

    def read(self) -> Dict[str, Any]:
        """The role as it is shown."""
        self.raw = raw = _permissions.read(self.client, self.params["name"])
        shown = {name: raw[name] for name in ("id", "name", "display_name", "scheme_managed", "built_in")}
        return {**shown, "permissions": _permissions.shown(raw)}

    def wanted(self) -> Dict[str, Any]:
        """The permissions that are asked for, of which the server must allow every change."""
        given, (added, removed) = self.params["permissions"], (set(self.params[name] or []) for name in CHANGES)
        names = set(self.raw["permissions"]) if given is None else set(given)
        wanted = sorted((names | added) - removed)
        _permissions.check(self.client, self.raw, wanted)
        return {"permissions": wanted}

    def create(self) -> Dict[str, Any]:
        """Never asked for: read() refuses a role that is not there."""
        raise NotImplementedError

    def update(self, changes: Dict[str, Any]) -> Dict[str, Any]:
        """Set the permissions."""
        _permissions.write(self.client, self.raw, changes["permissions"])
        return self.read()

    def delete(self) -> None:
        """Never asked for: roles stay."""
        raise NotImplementedError


def run(module: AnsibleModule, client: Client) -> Dict[str, Any]:
    """Compare, change, and tell what was done."""
    added, removed = (set(module.params[name] or []) for name in CHANGES)
    if added & removed:
        both = ", ".join(sorted(added & removed))
        raise MattermostError(
            f"Cannot both give and take permissions: {both} is in add_permissions and in remove_permissions."
        )
    return bring(Role(client, module.params), present=True, check_mode=module.check_mode).result("role")


def main() -> None:
    """Run the module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
