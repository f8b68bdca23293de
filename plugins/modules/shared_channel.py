#!/usr/bin/python
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: shared_channel
short_description: Share channels of a Mattermost server over secure connections
version_added: 1.0.0
author: The fieldops.mattermost authors (@fieldops)
description:
  - Shares a channel with another server over a secure connection, or ends that. The channel is at home on the server that
    shares it, and arrives under the same name in the team that the other server chose for the connection.
  - On a server where the channel arrived, V(present) for O(state) only checks, and V(absent) takes leave of its home.
  - Needs Mattermost 10.2 or newer, and what M(fieldops.mattermost.secure_connection) needs.
extends_documentation_fragment:
  - fieldops.mattermost.attributes
  - fieldops.mattermost.attributes.actiongroup_mattermost
  - fieldops.mattermost.connection
attributes:
  check_mode:
    support: full
    details:
      - A channel or a connection that does not exist is taken for one that will, and an archived channel for one that will be
        restored, when O(state=present). A warning says so.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  team:
    description:
      - Name of the team on this server that the channel is in.
    type: str
    required: true
  channel:
    description:
      - Name of the channel. It must exist and not be archived. The channels that every team has (V(town-square) and V(off-topic)) are refused.
    type: str
    required: true
  connection:
    description:
      - Name of the secure connection on this server. One that is pending or offline is fine; the server sends the
        invitation when it can.
    type: str
    required: true
  state:
    description:
      - Whether the channel is shared over the connection.
      - V(absent) removes the link. The channel and its messages stay on both servers. With the last link, the channel is
        no shared one any more. The other server learns of it when it next sends a message.
    type: str
    choices: [present, absent]
    default: present
  read_only:
    description:
      - Whether members on other servers can only read. If not given, it is left as it is, and a channel that was not shared
        becomes writable.
      - A server notes this once for a channel, when it is shared for the first time. A channel that is read-only for one
        connection and writable for another one is therefore refused, and so is a change while it is shared.
      - The other server sees to it when the channel arrives there for the first time, by taking posting and reacting from
        members and guests of the channel. Administrators there can still post, and can undo it.
      - Is set by the command C(/share-channel) before the other server is invited, so that the account needs to be able to
        post in the channel. If the channel is shared otherwise afterwards, because something else has shared it at the same
        time, it is taken back from the connection, and that is an error.
    type: bool
  wait_timeout:
    description:
      - Seconds to wait until the other server has taken the channel. If it has not by then, and is online, that is an
        error; if it is offline, a warning. V(0) does not wait.
    type: int
    default: 30
notes:
  - A server that had a channel over a connection that was removed refuses to take it over a new one, until the channel is
    deleted there for good. Mend connections rather than making them anew.
  - The other server refuses a channel without telling this one why. It can be in its log. A link that it has
    not taken two minutes after it was offered is made anew.
  - Messages from before the channel was shared are not sent.
seealso:
  - module: fieldops.mattermost.secure_connection
  - module: fieldops.mattermost.shared_channel_probe
"""

EXAMPLES = r"""
- name: Share the channel with all partners
  fieldops.mattermost.shared_channel:
    url: https://chat.alpha.example
    token: "{{ vault_token }}"
    team: operations
    channel: joint-ops
    connection: "{{ item }}"
  loop: [bravo, charlie]

- name: Let a partner read the situation reports
  fieldops.mattermost.shared_channel:
    url: https://chat.alpha.example
    token: "{{ vault_token }}"
    team: operations
    channel: situation
    connection: bravo
    read_only: true

- name: End the sharing with a partner
  fieldops.mattermost.shared_channel:
    url: https://chat.alpha.example
    token: "{{ vault_token }}"
    team: operations
    channel: joint-ops
    connection: charlie
    state: absent
"""

RETURN = r"""
shared_channel:
  description: The channel on this connection as it is, or in check mode as it would be. Empty when it is not shared.
  returned: success
  type: dict
  sample:
    channel_id: uy8ozon1q7fotrf3x3jxe935mh
    team: operations
    channel: joint-ops
    connection: bravo
    home: true
    confirmed: true
    read_only: false
    create_at: 1767225600000
    last_post_at: 1767225660000
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fieldops.mattermost.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.fieldops.mattermost.plugins.module_utils._client import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils._federation import explained
from ansible_collections.fieldops.mattermost.plugins.module_utils._module import run_module
from ansible_collections.fieldops.mattermost.plugins.module_utils._resource import Outcome
from ansible_collections.fieldops.mattermost.plugins.module_utils._shared_channel import SharedChannel

SPEC = ArgumentSpec(
    options={
        "team": {"type": "str", "required": True},
        "channel": {"type": "str", "required": True},
        "connection": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "read_only": {"type": "bool"},
        "wait_timeout": {"type": "int", "default": 30},
    },
)


def present(channel: SharedChannel, current: Dict[str, Any], *, check_mode: bool) -> Outcome:
    """Share the channel, again if the other server has not taken it, or only wait for that."""
    if current and not channel.stuck():
        now = current if check_mode else channel.wait()
        return Outcome(before=now, after=now, found=now)
    now = channel.predicted() if check_mode else channel.create()
    return Outcome(changed=True, before=current, after=now, found=now)


def absent(channel: SharedChannel, current: Dict[str, Any], *, check_mode: bool) -> Outcome:
    """End the sharing."""
    if current and not check_mode:
        channel.delete()
    return Outcome(changed=bool(current), before=current)


def run(module: AnsibleModule, client: Client) -> Dict[str, Any]:
    """Compare, change, and tell what was done."""
    bring = present if module.params["state"] == "present" else absent
    with explained(client):
        channel = SharedChannel(client, module.params, check_mode=module.check_mode)
        outcome = bring(channel, channel.read() or {}, check_mode=module.check_mode)
    for warning in channel.warnings:
        module.warn(warning)
    return outcome.result("shared_channel")


def main() -> None:
    """Run the module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
