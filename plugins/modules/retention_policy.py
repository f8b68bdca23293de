#!/usr/bin/python
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: retention_policy
short_description: Manage retention policies of teams and channels of a Mattermost server
version_added: 1.0.0
author: The fieldops.mattermost authors (@fieldops)
description:
  - Says for how many days the messages of certain teams and channels are kept. What has no policy of its own falls under
    the global one, which M(fieldops.mattermost.settings) sets (C(DataRetentionSettings)).
  - A policy is found by its display name. A team or a channel can be in one policy only; one that another policy has is
    refused before anything is changed.
  - Needs a licence of the tier Enterprise or higher, and O(url); the server does not offer this over O(socket_path).
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
  display_name:
    description:
      - Name of the policy, at most 64 characters.
    type: str
    required: true
  state:
    description:
      - Whether the policy exists. When it is removed, what it applied to falls under the global policy again.
    type: str
    choices: [present, absent]
    default: present
  post_duration:
    description:
      - For how many days messages are kept, V(-1) for ever. Needed to create the policy.
    type: int
  teams:
    description:
      - The teams it applies to, by name, and no others. If not given, they are left as they are.
    type: list
    elements: str
  channels:
    description:
      - The channels it applies to, as C(TEAM:CHANNEL), and no others. If not given, they are left as they are.
      - The policy of a channel goes before that of its team.
    type: list
    elements: str
notes:
  - Messages are deleted by a job, once a day at C(DataRetentionSettings.DeletionJobStartTime). M(fieldops.mattermost.job)
    starts it at once.
  - What is deleted is gone. A legal hold has to be there before.
seealso:
  - module: fieldops.mattermost.job
  - module: fieldops.mattermost.settings
"""

EXAMPLES = r"""
- name: Keep what is said in exercises for 90 days, and one channel for ever
  fieldops.mattermost.retention_policy:
    url: https://chat.example.org
    token: "{{ vault_token }}"
    display_name: "{{ item.name }}"
    post_duration: "{{ item.days }}"
    teams: "{{ item.teams }}"
    channels: "{{ item.channels }}"
  loop:
    - {name: Exercises, days: 90, teams: [exercises], channels: []}
    - {name: Lessons, days: -1, teams: [], channels: ["exercises:lessons-learned"]}

- name: Remove a policy
  fieldops.mattermost.retention_policy:
    url: https://chat.example.org
    token: "{{ vault_token }}"
    display_name: Exercises of last year
    state: absent
"""

RETURN = r"""
retention_policy:
  description: The policy as it is, or in check mode as it would be. Empty when it does not exist.
  returned: success
  type: dict
  sample:
    id: uy8ozon1q7fotrf3x3jxe935mh
    display_name: Exercises
    post_duration: 90
    teams: [exercises]
    channels: []
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fieldops.mattermost.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.fieldops.mattermost.plugins.module_utils._client import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils._errors import MattermostError
from ansible_collections.fieldops.mattermost.plugins.module_utils._module import run_module
from ansible_collections.fieldops.mattermost.plugins.module_utils._resource import ensure
from ansible_collections.fieldops.mattermost.plugins.module_utils._retention import RetentionPolicy

SPEC = ArgumentSpec(
    options={
        "display_name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "post_duration": {"type": "int"},
        "teams": {"type": "list", "elements": "str"},
        "channels": {"type": "list", "elements": "str"},
    },
)


def check(params: Dict[str, Any], *, exists: bool) -> None:
    """Refuse what the server would take and keep otherwise, or answer with an error of its database."""
    name, days = params["display_name"], params["post_duration"]
    if days is None and not exists:
        raise MattermostError(f"Cannot create the retention policy {name}: give its post_duration.")
    if days is not None and days != -1 and days < 1:
        raise MattermostError(f"Cannot set up the retention policy {name}: post_duration is 1 or more days, or -1.")
    if not name.strip() or len(name) > 64:
        raise MattermostError(f"Cannot set up the retention policy {name}: a name has 1 to 64 characters.")


def run(module: AnsibleModule, client: Client) -> Dict[str, Any]:
    """Compare, change, and tell what was done."""
    policy = RetentionPolicy(client, module.params)
    current = policy.read()
    present = module.params["state"] == "present"
    if present:
        check(module.params, exists=current is not None)
    outcome = ensure(
        present=present,
        current=current,
        wanted=policy.wanted(current) if present else {},
        create=policy.create,
        update=policy.update,
        delete=policy.delete,
        check_mode=module.check_mode,
    )
    return outcome.result("retention_policy")


def main() -> None:
    """Run the module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
