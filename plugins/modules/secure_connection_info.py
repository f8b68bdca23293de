#!/usr/bin/python
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: secure_connection_info
short_description: Gather information about secure connections of a Mattermost server
version_added: 1.0.0
author: The fieldops.mattermost authors (@fieldops)
description:
  - Tells which other servers a server is connected with, whether they answer, which channels are shared over each
    connection, and what is wrong.
  - Needs Mattermost 10.2 or newer, and O(url); the server does not offer this over O(socket_path).
extends_documentation_fragment:
  - fieldops.mattermost.attributes
  - fieldops.mattermost.attributes.info_module
  - fieldops.mattermost.attributes.actiongroup_mattermost
  - fieldops.mattermost.connection
options:
  name:
    description:
      - Only tells of the connection with this name. If not given, of all, except those of plugins.
    type: str
notes:
  - A server that runs without connected workspaces, for instance because it has no licence, is no error.
  - The account should be a system administrator, or channels that it is no member of are told without their names.
seealso:
  - module: fieldops.mattermost.secure_connection
"""

EXAMPLES = r"""
- name: Look at the connections
  fieldops.mattermost.secure_connection_info:
    url: https://chat.example.org
    token: "{{ vault_token }}"
  register: federation

- name: Stop when a partner cannot be reached
  ansible.builtin.assert:
    that: item.healthy
    fail_msg: "{{ item.name }}: {{ item.reasons | join(' ') }}"
  loop: "{{ federation.secure_connections }}"
  loop_control:
    label: "{{ item.name }}"
"""

RETURN = r"""
licensed:
  description: Whether the server has a licence, whichever it is. None when it does not tell.
  returned: success
  type: bool
  sample: true
enabled:
  description: Whether the service for connections runs. It starts with the server, when licence and settings allow it.
  returned: success
  type: bool
  sample: true
secure_connections:
  description: The connections by name, each with its channels, and with what is wrong with it as sentences.
  returned: success
  type: list
  elements: dict
  sample:
    - id: uy8ozon1q7fotrf3x3jxe935mh
      name: bravo
      display_name: Bravo Force
      site_url: https://chat.bravo.example
      team: operations
      state: confirmed
      online: true
      last_ping_at: 1767225600000
      create_at: 1767225600000
      channels:
        - team: operations
          channel: joint-ops
          channel_id: 4yzjpi1mb3f5xdgs9i5roujxgc
          home: true
          confirmed: true
          read_only: false
          last_post_at: 1767225660000
          create_at: 1767225600000
      healthy: true
      reasons: []
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fieldops.mattermost.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.fieldops.mattermost.plugins.module_utils._client import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils._federation import explained
from ansible_collections.fieldops.mattermost.plugins.module_utils._module import run_module
from ansible_collections.fieldops.mattermost.plugins.module_utils._secure_connection_info import Report

SPEC = ArgumentSpec(options={"name": {"type": "str"}})


def run(module: AnsibleModule, client: Client) -> Dict[str, Any]:
    """Read, and tell what was found."""
    with explained(client):
        return {"changed": False, **Report(client).result(module.params["name"])}


def main() -> None:
    """Run the module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
