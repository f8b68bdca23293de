#!/usr/bin/python
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: secure_connection
short_description: Manage secure connections of a Mattermost server to others
version_added: 1.0.0
author: The fieldops.mattermost authors (@fieldops)
description:
  - Connects the server with another one, so that channels can be shared (connected workspaces). One of the two servers
    creates the connection and issues an invitation, which is encrypted with a password. The other one accepts it.
  - A connection is found by its name. Each server has a name of its own for it. Connections that plugins made are
    left alone.
  - Needs Mattermost 10.2 or newer, a licence of the tier Enterprise or higher, and
    C(ConnectedWorkspacesSettings.EnableSharedChannels) and C(EnableRemoteClusterService), which take effect when the
    server is restarted. Needs O(url); the server does not offer this over O(socket_path).
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
      - Name of the connection on this server, of letters, digits, C(.), C(_) and C(-). Upper case becomes lower case.
      - Accounts of the other server carry it behind their names, as in C(jdoe:bravo).
    type: str
    required: true
  state:
    description:
      - Whether the connection exists. A new one needs O(invitation) or O(issue_invitation).
      - V(absent) ends it on this side, and with it the sharing of all channels. The other server is not told, so remove
        it there too. Channels and messages stay.
    type: str
    choices: [present, absent]
    default: present
  display_name:
    description:
      - Name to show. If not given, it is left as it is. A new connection takes O(name).
    type: str
  team:
    description:
      - The team, by name, in which channels of the other server arrive. Needed to create the connection or to accept an
        invitation.
      - A change applies to channels that arrive later.
    type: str
  site_url:
    description:
      - The site address of the other server. If the connection leads to another one, or another connection leads there,
        that is an error, and nothing is changed.
      - If an accepted invitation turns out to come from somewhere else, or somebody else accepts this server's invitation while
        this task runs, the connection is removed again, and that is an error.
    type: str
  invitation:
    description:
      - Accepts this invitation of the other server, unless the connection is confirmed already. A connection of this name
        whose own invitation nobody accepted is replaced.
      - Mutually exclusive with O(issue_invitation).
    type: str
  issue_invitation:
    description:
      - Returns an invitation for the other server as long as it has not accepted one. That alone is no change, and
        earlier invitations stay valid.
      - An invitation ends 48 hours after the connection was created. With less than one hour left, the connection is
        created anew.
    type: bool
    default: false
  password:
    description:
      - The password of the invitation. Needed for O(invitation) and O(issue_invitation).
      - Let it travel another way than the invitation.
    type: str
  wait_timeout:
    description:
      - Seconds to wait until the connection is confirmed and the other server answers. V(0) does not wait.
      - Servers ping each other once a minute, so that it can take longer than that after an invitation was accepted.
    type: int
    default: 0
notes:
  - When an acceptance fails, the server keeps a deleted connection with the identifier of that invitation, and refuses
    the invitation from then on. Remove the connection on the server that issued it, and issue another one.
  - A server that was removed by its partner shows the connection as confirmed, but is offline five minutes later. Remove
    it on this side too before you set it up again.
  - The time that an invitation has left is reckoned with the clock of the target host.
seealso:
  - module: fieldops.mattermost.secure_connection_info
  - module: fieldops.mattermost.shared_channel
"""

EXAMPLES = r"""
- name: Alpha invites bravo
  fieldops.mattermost.secure_connection:
    url: https://chat.alpha.example
    token: "{{ vault_token_alpha }}"
    name: bravo
    display_name: Bravo Force
    team: operations
    site_url: https://chat.bravo.example
    issue_invitation: true
    password: "{{ vault_password_alpha_bravo }}"
  register: alpha
  no_log: true  # whoever sees the invitation can try passwords on it

- name: Bravo accepts, unless that was done
  fieldops.mattermost.secure_connection:
    url: https://chat.bravo.example
    token: "{{ vault_token_bravo }}"
    name: alpha
    display_name: Alpha Force
    team: operations
    site_url: https://chat.alpha.example
    invitation: "{{ alpha.invitation }}"
    password: "{{ vault_password_alpha_bravo }}"
    wait_timeout: 120
  when: alpha.invitation is defined

- name: End the connection on this side
  fieldops.mattermost.secure_connection:
    url: https://chat.alpha.example
    token: "{{ vault_token_alpha }}"
    name: bravo
    state: absent
"""

RETURN = r"""
secure_connection:
  description: The connection as it is, or in check mode as it would be. Empty when it does not exist.
  returned: success
  type: dict
  sample:
    id: uy8ozon1q7fotrf3x3jxe935mh
    name: bravo
    display_name: Bravo Force
    site_url: ""
    team: operations
    state: pending
    online: false
    last_ping_at: 0
    create_at: 1767225600000
    invitation_expires_at: 1767398400000
invitation:
  description: The invitation for the other server, encrypted with the password.
  returned: when O(issue_invitation=true), outside check mode, and the other server has not accepted one
  type: str
  sample: 0m8Rzj7t2JtK8w==
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fieldops.mattermost.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.fieldops.mattermost.plugins.module_utils._client import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils._federation import explained
from ansible_collections.fieldops.mattermost.plugins.module_utils._module import run_module
from ansible_collections.fieldops.mattermost.plugins.module_utils._resource import ensure
from ansible_collections.fieldops.mattermost.plugins.module_utils._secure_connection import SecureConnection

SPEC = ArgumentSpec(
    options={
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "display_name": {"type": "str"},
        "team": {"type": "str"},
        "site_url": {"type": "str"},
        "invitation": {"type": "str", "no_log": True},
        "issue_invitation": {"type": "bool", "default": False},
        "password": {"type": "str", "no_log": True},
        "wait_timeout": {"type": "int", "default": 0},
    },
    required_if=[("issue_invitation", True, ("password",))],
    required_by={"invitation": ("password",)},
)


def run(module: AnsibleModule, client: Client) -> Dict[str, Any]:
    """Compare, change, wait, and tell what was done."""
    with explained(client):
        connection = SecureConnection(client, module.params)
        present, acts = module.params["state"] == "present", not module.check_mode
        old = connection.read()
        current = None if present and connection.outdated() else old
        outcome = ensure(
            present=present,
            current=current,
            wanted=connection.wanted(),
            create=connection.create,
            update=connection.update,
            delete=connection.delete,
            check_mode=module.check_mode,
        )
        outcome.before = old or {}
        if present and current is None and not acts:
            outcome.found = outcome.after = connection.predicted(old)
        result = outcome.result("secure_connection")
        if present and acts:
            invitation = connection.invitation()
            result["secure_connection"] = connection.wait()
            if invitation is not None:
                result["invitation"] = invitation
        return result


def main() -> None:
    """Run the module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
