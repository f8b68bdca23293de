#!/usr/bin/python
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: team
short_description: Manage the teams of a Mattermost server
version_added: 1.0.0
author: The fieldops.mattermost authors (@fieldops)
description:
  - Creates, changes, archives and restores teams, and decides who is in them. A team is found by its name.
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
      - Name of the team, as it stands in addresses. 2 to 64 lower-case letters, digits and hyphens.
      - Another name makes another team.
    type: str
    required: true
  state:
    description:
      - V(present) makes sure that the team exists. An archived one is restored, with its channels and posts.
      - V(absent) makes sure that it is archived. Nothing in it is lost, and its name stays taken.
    type: str
    choices: [present, absent]
    default: present
  display_name:
    description:
      - Name that people see. A new team has its O(name) without it.
    type: str
  description:
    description:
      - What the team is for.
    type: str
  type:
    description:
      - Whether everybody with an account on the server may join (V(open)), or only who is invited (V(invite)).
      - A new team is V(invite) without it.
    type: str
    choices: [open, invite]
  allowed_domains:
    description:
      - Only accounts with e-mail addresses in these domains can be in the team. An empty list allows all.
    type: list
    elements: str
  members:
    description:
      - User names of accounts that are in the team. Others stay, see O(members_exclusive).
    type: list
    elements: str
  members_exclusive:
    description:
      - Whether to remove everybody from the team who is not in O(members), guests too, and the account that created it.
      - Accounts of connected servers stay, because the connection decides about them.
    type: bool
    default: false
notes:
  - C(TeamSettings.MaxUsersPerTeam) is 50 on a new server. Larger teams need it to be raised.
seealso:
  - module: fieldops.mattermost.channel
  - module: fieldops.mattermost.guest
"""

EXAMPLES = r"""
- name: Create a team, with two of its members
  fieldops.mattermost.team:
    url: https://chat.example.org
    token: "{{ vault_token }}"
    name: operations
    display_name: Operations
    description: Joint operations of all units
    members: [ann, bob]

- name: Let exactly these be in it
  fieldops.mattermost.team:
    socket_path: /run/mattermost/local.socket
    name: operations
    members: [ann]
    members_exclusive: true

- name: Archive a team
  fieldops.mattermost.team:
    url: https://chat.example.org
    token: "{{ vault_token }}"
    name: exercise-2025
    state: absent
"""

RETURN = r"""
team:
  description: The team as it is, or in check mode as it would be. Empty when it does not exist.
  returned: success
  type: dict
  sample:
    id: qp4h9bkcbtgzfbcpyp4yhbs95r
    name: operations
    display_name: Operations
    description: Joint operations of all units
    type: invite
    allowed_domains: []
    active: true
    members: [ann, bob]
"""

import re
from typing import Any, Dict, List, Optional

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fieldops.mattermost.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.fieldops.mattermost.plugins.module_utils._client import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils._errors import MattermostError
from ansible_collections.fieldops.mattermost.plugins.module_utils._members import MEMBER_OPTIONS, Members
from ansible_collections.fieldops.mattermost.plugins.module_utils._module import run_module
from ansible_collections.fieldops.mattermost.plugins.module_utils._resource import bring

TYPES = {"open": "O", "invite": "I"}
NEEDS = "manage_team"
MEMBERS = "add_user_to_team and remove_user_from_team"

SPEC = ArgumentSpec(
    options={
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "display_name": {"type": "str"},
        "description": {"type": "str"},
        "type": {"type": "str", "choices": list(TYPES)},
        "allowed_domains": {"type": "list", "elements": "str"},
        **MEMBER_OPTIONS,
    },
    required_if=[("members_exclusive", True, ["members"])],
)


class Team:
    """One team on one server."""

    def __init__(self, client: Client, params: Dict[str, Any], *, check_mode: bool) -> None:
        self.client = client
        self.params = params
        self.name = params["name"]
        self.title = f"team {self.name}"
        self.members = Members(client, "team", params, needs=MEMBERS, check_mode=check_mode)
        self.raw: Optional[Dict[str, Any]] = None

    def read(self) -> Optional[Dict[str, Any]]:
        """The team as it is shown; who is in it only if that is asked for."""
        self.raw = raw = self.client.find(f"/teams/name/{self.name}", tried=f"look for the {self.title}")
        if raw is None:
            return None
        shown = {name: raw[name] for name in ("id", "name", "display_name", "description")}
        shown["type"] = "open" if raw["type"] == "O" and raw["allow_open_invite"] else "invite"
        shown["allowed_domains"] = domains(re.split(r"[,\s]+", raw["allowed_domains"]))
        shown["active"] = not raw["delete_at"]
        if self.members.given is not None:
            shown["members"] = self.members.read(raw["id"])
        return shown

    def wanted(self) -> Dict[str, Any]:
        """What is asked for."""
        params = self.params
        return {
            **{name: params[name] for name in ("name", "description", "type")},
            "display_name": params["display_name"] and params["display_name"].strip(),
            "allowed_domains": None if params["allowed_domains"] is None else domains(params["allowed_domains"]),
            "active": True,
            "members": self.members.wanted(),
        }

    def create(self) -> Dict[str, Any]:
        """Create it, then let its members in."""
        wanted = self.wanted()
        kind = wanted["type"] or "invite"
        body = {
            "name": self.name,
            "display_name": wanted["display_name"] or self.name,
            "description": wanted["description"] or "",
            "type": TYPES[kind],
            "allow_open_invite": kind == "open",
            "allowed_domains": ", ".join(wanted["allowed_domains"] or []),
        }
        made = self.client.post("/teams", body, tried=f"create the {self.title}", needs="create_team")
        self.members.bring(made["id"], self.title)
        return self.read() or {}

    def update(self, changes: Dict[str, Any]) -> Dict[str, Any]:
        """Change what differs; who may join has a route of its own."""
        team_id = (self.raw or {})["id"]
        path, tried = f"/teams/{team_id}", f"change the {self.title}"
        if changes.get("active"):
            self.client.post(f"{path}/restore", tried=f"restore the {self.title}", needs=NEEDS)
        patch = {name: changes[name] for name in ("display_name", "description") if name in changes}
        if "allowed_domains" in changes:
            patch["allowed_domains"] = ", ".join(changes["allowed_domains"])
        if patch:
            self.client.put(f"{path}/patch", patch, tried=tried, needs=NEEDS)
        if "type" in changes:
            self.client.put(f"{path}/privacy", {"privacy": TYPES[changes["type"]]}, tried=tried, needs=NEEDS)
        if "members" in changes:
            self.members.bring(team_id, self.title)
        return self.read() or {}

    def delete(self) -> Dict[str, Any]:
        """Archive it."""
        self.client.delete(f"/teams/{(self.raw or {})['id']}", tried=f"archive the {self.title}", needs=NEEDS)
        return self.read() or {}


def domains(names: List[str]) -> List[str]:
    """Domains as they are compared; people write them with the at sign, too."""
    return sorted({name.strip().lstrip("@").lower() for name in names if name.strip()})


def run(module: AnsibleModule, client: Client) -> Dict[str, Any]:
    """Compare, change, and tell what was done."""
    name = module.params["name"]
    if not re.match(r"^[a-z0-9][a-z0-9-]{0,62}[a-z0-9]$", name):
        message = f"Cannot manage the team {name}: names are 2 to 64 lower-case letters, digits and hyphens inside."
        raise MattermostError(message)
    team = Team(client, module.params, check_mode=module.check_mode)
    outcome = bring(team, present=module.params["state"] == "present", check_mode=module.check_mode)
    for warning in team.members.warnings:
        module.warn(warning)
    return outcome.result("team")


def main() -> None:
    """Run the module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
