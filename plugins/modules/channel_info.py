#!/usr/bin/python
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: channel_info
short_description: Look at channels of a Mattermost server
version_added: 1.0.0
author: The fieldops.mattermost authors (@fieldops)
description:
  - Tells what channels are like, and what keeps them from being shared with other servers or from having an access policy.
  - Channels and teams that do not exist, or that the account may not see, are left out.
extends_documentation_fragment:
  - fieldops.mattermost.attributes
  - fieldops.mattermost.attributes.actiongroup_mattermost
  - fieldops.mattermost.attributes.info_module
  - fieldops.mattermost.connection
options:
  channels:
    description:
      - The channels to look at.
    type: list
    elements: dict
    required: true
    suboptions:
      team:
        description:
          - Name of the team the channel is in.
        type: str
        required: true
      name:
        description:
          - Name of the channel.
        type: str
        required: true
seealso:
  - module: fieldops.mattermost.channel
  - module: fieldops.mattermost.shared_channel
"""

EXAMPLES = r"""
- name: Look at two channels
  fieldops.mattermost.channel_info:
    url: https://chat.example.org
    token: "{{ vault_token }}"
    channels:
      - {team: operations, name: joint-ops}
      - {team: operations, name: town-square}
  register: found

- name: Show which of them could be shared with partners
  ansible.builtin.debug:
    msg: "{{ found.channels | rejectattr('default') | rejectattr('group_constrained') | rejectattr('policy_enforced') | map(attribute='name') }}"
"""

RETURN = r"""
channels:
  description: The channels that exist, in the order in which they were asked for.
  returned: success
  type: list
  elements: dict
  contains:
    team:
      description: Name of the team.
      type: str
      returned: success
      sample: operations
    name:
      description: Name of the channel.
      type: str
      returned: success
      sample: joint-ops
    id:
      description: The identifier.
      type: str
      returned: success
      sample: 1tmcyx8bu3frtqyxhhqbn1yc4a
    display_name:
      description: The name that people see.
      type: str
      returned: success
      sample: Joint operations
    type:
      description: V(public) or V(private).
      type: str
      returned: success
      sample: private
    active:
      description: Whether it is not archived.
      type: bool
      returned: success
    shared:
      description: Whether it counts as shared with other servers.
      type: bool
      returned: success
    default:
      description: Whether everybody of the team is in it.
      type: bool
      returned: success
    group_constrained:
      description: Whether its members come from groups.
      type: bool
      returned: success
    policy_enforced:
      description: Whether an access policy decides who is in it.
      type: bool
      returned: success
"""

from typing import Any, Dict, List, Optional
from urllib.parse import quote

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fieldops.mattermost.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.fieldops.mattermost.plugins.module_utils._client import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils._module import run_module

TYPES = {"O": "public", "P": "private"}
DEFAULTS = ("town-square", "off-topic")

SPEC = ArgumentSpec(
    options={
        "channels": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {"team": {"type": "str", "required": True}, "name": {"type": "str", "required": True}},
        },
    },
)


class Channels:
    """Reads channels; each team is asked for once."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._teams: Dict[str, Optional[str]] = {}

    def _team(self, name: str) -> Optional[str]:
        if name not in self._teams:
            found = self.client.find(f"/teams/name/{quote(name, safe='')}", tried=f"look for the team {name}")
            self._teams[name] = found["id"] if found else None
        return self._teams[name]

    def read(self, team: str, name: str) -> Optional[Dict[str, Any]]:
        """The channel as it is shown; an archived one as well, because its name stays taken."""
        team_id = self._team(team)
        if team_id is None:
            return None
        path = f"/teams/{team_id}/channels/name/{quote(name, safe='')}"
        tried = f"look for the channel {name} in the team {team}"
        raw = self.client.find(path, tried=tried, query={"include_deleted": "true"})
        if raw is None:
            return None
        return {
            "team": team,
            **{key: raw[key] for key in ("id", "name", "display_name")},
            "type": TYPES.get(raw["type"], raw["type"]),
            "active": not raw["delete_at"],
            "shared": bool(raw.get("shared")),
            "default": raw["name"] in DEFAULTS,
            "group_constrained": bool(raw.get("group_constrained")),
            "policy_enforced": bool(raw.get("policy_enforced")),
        }


def run(module: AnsibleModule, client: Client) -> Dict[str, Any]:
    """Read, and tell what was found."""
    channels = Channels(client)
    rows = (channels.read(asked["team"].lower(), asked["name"].lower()) for asked in module.params["channels"])
    found: List[Dict[str, Any]] = [row for row in rows if row is not None]
    return {"changed": False, "channels": found}


def main() -> None:
    """Run the module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
