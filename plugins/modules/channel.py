#!/usr/bin/python
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: channel
short_description: Manage the channels of a Mattermost team
version_added: 1.0.0
author: The fieldops.mattermost authors (@fieldops)
description:
  - Creates, changes, archives and restores channels, and decides who is in them. A channel is found by its team and name.
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
  team:
    description:
      - Name of the team the channel is in.
    type: str
    required: true
  name:
    description:
      - Name of the channel, as it stands in addresses. Up to 64 lower-case letters, digits, hyphens and underscores.
        Another name makes another channel.
    type: str
    required: true
  state:
    description:
      - V(present) makes sure that the channel exists. An archived one of the same name is restored, with its posts, because
        the server lets no other one have the name.
      - V(absent) makes sure that it is archived.
    type: str
    choices: [present, absent]
    default: present
  display_name:
    description:
      - Name that people see. A new channel has its O(name) without it.
    type: str
  purpose:
    description:
      - What the channel is for, up to 250 characters.
    type: str
  header:
    description:
      - Text at the head of the channel, in Markdown.
    type: str
  type:
    description:
      - Whether everybody in the team may see and join the channel (V(public)), or only who is added (V(private)).
      - A new channel is V(private) without it.
    type: str
    choices: [public, private]
  members:
    description:
      - User names of accounts of the team that are in the channel. Others stay, see O(members_exclusive).
    type: list
    elements: str
  members_exclusive:
    description:
      - Whether to remove everybody from the channel who is not in O(members), guests too, and the account that created it.
        Accounts of connected servers stay, because the connection decides about them.
    type: bool
    default: false
notes:
  - The channel V(town-square) of every team holds everybody. It can be neither archived nor made private.
seealso:
  - module: fieldops.mattermost.team
  - module: fieldops.mattermost.shared_channel
"""

EXAMPLES = r"""
- name: Create a private channel
  fieldops.mattermost.channel:
    url: https://chat.example.org
    token: "{{ vault_token }}"
    team: operations
    name: joint-ops
    display_name: Joint operations
    purpose: Planning of joint operations
    type: private
    members: [ann, bob]

- name: Archive it
  fieldops.mattermost.channel:
    socket_path: /run/mattermost/local.socket
    team: operations
    name: joint-ops
    state: absent
"""

RETURN = r"""
channel:
  description: The channel as it is, or in check mode as it would be. Empty when it does not exist.
  returned: success
  type: dict
  sample:
    id: 1tmcyx8bu3frtqyxhhqbn1yc4a
    team: operations
    name: joint-ops
    display_name: Joint operations
    purpose: Planning of joint operations
    header: ""
    type: private
    shared: false
    active: true
    members: [ann, bob]
"""

import re
from functools import partial
from typing import Any, Dict, Optional

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fieldops.mattermost.plugins.module_utils import _lookup
from ansible_collections.fieldops.mattermost.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.fieldops.mattermost.plugins.module_utils._client import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils._errors import MattermostError
from ansible_collections.fieldops.mattermost.plugins.module_utils._members import MEMBER_OPTIONS, Members
from ansible_collections.fieldops.mattermost.plugins.module_utils._module import run_module
from ansible_collections.fieldops.mattermost.plugins.module_utils._resource import bring

TYPES = {"public": "O", "private": "P"}
TEXTS = ("display_name", "purpose", "header")

SPEC = ArgumentSpec(
    options={
        "team": {"type": "str", "required": True},
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        **{name: {"type": "str"} for name in TEXTS},
        "type": {"type": "str", "choices": list(TYPES)},
        **MEMBER_OPTIONS,
    },
    required_if=[("members_exclusive", True, ["members"])],
)


class Channel:
    """One channel of one team."""

    def __init__(self, client: Client, params: Dict[str, Any], *, check_mode: bool) -> None:
        self.client = client
        self.params = params
        self.title = f"channel {params['name']} in the team {params['team']}"
        needs = "manage_public_channel_members or manage_private_channel_members"
        self.members = Members(client, "channel", params, needs=needs, check_mode=check_mode)
        self.raw: Optional[Dict[str, Any]] = None

    def read(self) -> Optional[Dict[str, Any]]:
        """The channel as it is shown; who is in it only if that is asked for."""
        absent, members = self.params["state"] == "absent", self.members
        look = partial(_lookup.team, self.client, self.params["team"])
        # Where there is no team, there is no channel to remove either.
        team = _lookup.foreseen(look, [] if absent else members.warnings, lenient=absent or members.check_mode)
        if team is None:
            return None
        path = f"/teams/{team['id']}/channels/name/{self.params['name']}"
        self.raw = raw = self.client.find(path, tried=f"look for the {self.title}", query={"include_deleted": "true"})
        if raw is None:
            return None
        shown = {"team": self.params["team"], **{name: raw[name] for name in ("id", "name", *TEXTS)}}
        shown["type"] = next((name for name, kind in TYPES.items() if kind == raw["type"]), raw["type"])
        shown.update(shared=bool(raw.get("shared")), active=not raw["delete_at"])
        if members.given is not None:
            shown["members"] = members.read(raw["id"])
        return shown

    def wanted(self) -> Dict[str, Any]:
        """What is asked for."""
        params = self.params
        return {
            **{name: params[name] for name in ("team", "name", "purpose", "header", "type")},
            "display_name": params["display_name"] and params["display_name"].strip(),
            "active": True,
            "members": self.members.wanted(),
        }

    def create(self) -> Dict[str, Any]:
        """Create it, then add its members."""
        wanted = self.wanted()
        kind = wanted["type"] or "private"
        body = {
            "team_id": _lookup.team(self.client, self.params["team"])["id"],
            "name": self.params["name"],
            "type": TYPES[kind],
            **{name: wanted[name] or "" for name in TEXTS},
            "display_name": wanted["display_name"] or self.params["name"],
        }
        needs = f"create_{kind}_channel"
        made = self.client.post("/channels", body, tried=f"create the {self.title}", needs=needs)
        self.members.bring(made["id"], self.title)
        return self.read() or {}

    def update(self, changes: Dict[str, Any]) -> Dict[str, Any]:
        """Change what differs; an archived channel is restored first, because nothing else of it can be changed."""
        raw = self.raw or {}
        path, tried = f"/channels/{raw['id']}", f"change the {self.title}"
        kind = "private" if raw["type"] == "P" else "public"
        if changes.get("active"):
            self.client.post(f"{path}/restore", tried=f"restore the {self.title}", needs="manage_team")
        patch = {name: changes[name] for name in TEXTS if name in changes}
        if patch:
            self.client.put(f"{path}/patch", patch, tried=tried, needs=f"manage_{kind}_channel_properties")
        if "type" in changes:
            needs = f"convert_{kind}_channel_to_{changes['type']}"
            self.client.put(f"{path}/privacy", {"privacy": TYPES[changes["type"]]}, tried=tried, needs=needs)
        if "members" in changes:
            self.members.bring(raw["id"], self.title)
        return self.read() or {}

    def delete(self) -> Dict[str, Any]:
        """Archive it."""
        raw = self.raw or {}
        needs = f"delete_{'private' if raw['type'] == 'P' else 'public'}_channel"
        self.client.delete(f"/channels/{raw['id']}", tried=f"archive the {self.title}", needs=needs)
        return self.read() or {}


def run(module: AnsibleModule, client: Client) -> Dict[str, Any]:
    """Compare, change, and tell what was done."""
    name = module.params["name"]
    if not re.match(r"^[a-z0-9]([a-z0-9_-]{0,62}[a-z0-9])?$", name):
        rule = "names are up to 64 lower-case letters and digits, with hyphens and underscores inside"
        raise MattermostError(f"Cannot manage the channel {name}: {rule}.")
    channel = Channel(client, module.params, check_mode=module.check_mode)
    outcome = bring(channel, present=module.params["state"] == "present", check_mode=module.check_mode)
    for warning in channel.members.warnings:
        module.warn(warning)
    return outcome.result("channel")


def main() -> None:
    """Run the module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
