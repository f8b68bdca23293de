#!/usr/bin/python
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: shared_channel_probe
short_description: Prove that messages cross from a Mattermost server to others
version_added: 1.0.0
author: The fieldops.mattermost authors (@fieldops)
description:
  - Posts a message in each of the channels, waits until the server has handed it over on each secure connection, and takes it
    away again. Fails when one did not cross somewhere, and tells where and why.
  - All channels are watched at the same time, so that many take hardly longer than one.
  - That a message crossed means that the other server has received it and answered. What it made of it can be seen
    there only.
  - Needs Mattermost 10.2 or newer, and O(url); the server does not offer this over O(socket_path).
extends_documentation_fragment:
  - fieldops.mattermost.attributes
  - fieldops.mattermost.attributes.actiongroup_mattermost
  - fieldops.mattermost.connection
attributes:
  check_mode:
    support: full
    details:
      - Posts nothing, and only tells in RV(channels) where a message could not cross. That is no error then.
  diff_mode:
    support: N/A
    details:
      - What it posts, it takes away.
  idempotent:
    support: full
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
          - Name of the team on this server that the channel is in.
        type: str
        required: true
      channel:
        description:
          - Name of the channel.
        type: str
        required: true
      connections:
        description:
          - Names of the secure connections that the message shall cross. If not given, all that the channel is shared over.
        type: list
        elements: str
  wait_timeout:
    description:
      - Seconds to wait until a message has crossed. Servers collect messages for two seconds before they send them.
    type: int
    default: 60
notes:
  - Members who look at the channel see the message for a moment, and its author is the account of this task. As with every
    message that was deleted, the server keeps it until its retention removes it.
  - A message that cannot be taken away is an error, which says where it is.
seealso:
  - module: fieldops.mattermost.secure_connection_info
  - module: fieldops.mattermost.shared_channel
"""

EXAMPLES = r"""
- name: Do messages reach all partners?
  fieldops.mattermost.shared_channel_probe:
    url: https://chat.alpha.example
    token: "{{ vault_token }}"
    channels:
      - {team: operations, channel: joint-ops}
      - {team: operations, channel: situation}

- name: Does bravo answer within ten seconds?
  fieldops.mattermost.shared_channel_probe:
    url: https://chat.alpha.example
    token: "{{ vault_token }}"
    channels:
      - {team: operations, channel: joint-ops, connections: [bravo]}
    wait_timeout: 10
"""

RETURN = r"""
channels:
  description: The channels in the order in which they were given, with what was found.
  returned: success, and when a message did not cross everywhere
  type: list
  elements: dict
  contains:
    team:
      description: Name of the team.
      type: str
      returned: always
      sample: operations
    channel:
      description: Name of the channel.
      type: str
      returned: always
      sample: joint-ops
    marker:
      description: The message.
      type: str
      returned: always
      sample: fieldops.mattermost probe 0f1e2d3c4b5a6978
    crossed:
      description: Connections that the message crossed, with the seconds it took.
      type: dict
      returned: always
      sample: {bravo: 2.1}
    failed_connections:
      description: Connections that it did not cross, or in check mode could not cross, with the reason.
      type: dict
      returned: always
      sample: {charlie: The server at https://chat.charlie.example does not answer.}
    problems:
      description: What went wrong besides, such as a message that could not be taken away.
      type: list
      elements: str
      returned: always
      sample: []
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fieldops.mattermost.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.fieldops.mattermost.plugins.module_utils._client import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils._federation import explained
from ansible_collections.fieldops.mattermost.plugins.module_utils._module import run_module
from ansible_collections.fieldops.mattermost.plugins.module_utils._shared_channel_probe import Probe

CHANNEL = {
    "team": {"type": "str", "required": True},
    "channel": {"type": "str", "required": True},
    "connections": {"type": "list", "elements": "str"},
}
SPEC = ArgumentSpec(
    options={
        "channels": {"type": "list", "elements": "dict", "required": True, "options": CHANNEL},
        "wait_timeout": {"type": "int", "default": 60},
    },
)


def run(module: AnsibleModule, client: Client) -> Dict[str, Any]:
    """Look, let messages cross unless in check mode, and tell where they did."""
    with explained(client):
        probe = Probe(client, module.params)
        probe.look()
        if not module.check_mode:
            probe.run()
            probe.judge()
        return {"changed": False, **probe.result()}


def main() -> None:
    """Run the module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
