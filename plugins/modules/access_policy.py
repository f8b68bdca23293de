#!/usr/bin/python
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: access_policy
short_description: Manage access policies of a Mattermost server
version_added: 1.0.0
author: The fieldops.mattermost authors (@fieldops)
description:
  - Manages who may be in a channel by the attributes of accounts (see M(fieldops.mattermost.user_attribute)).
  - A policy with a name applies to any number of channels. A policy with a channel is that channel's own. In a channel that
    has both, both have to be met.
  - The server checks every expression before anything is saved, in check mode too. Channels that cannot have a policy are
    refused before that, each with the reason. These are channels that are shared with other servers, that groups are
    synchronised with, that are archived, that everybody of a team is in, and, before release 11.8, public ones.
  - Needs a licence of the tier Enterprise Advanced, and C(AccessControlSettings.EnableAttributeBasedAccessControl).
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
      - Name of a policy for any number of channels.
      - Mutually exclusive with O(channel).
    type: str
  channel:
    description:
      - The channel whose own policy is meant, as C(TEAM:CHANNEL).
    type: str
  state:
    description:
      - Whether the policy exists. V(absent) takes a named policy away from all its channels first. A channel's own
        policy is removed without touching the named ones that apply to it.
      - Members stay members until they leave or a policy removes them.
    type: str
    choices: [present, absent]
    default: present
  rules:
    description:
      - The rules, and no others. Needed to create the policy.
    type: list
    elements: dict
    suboptions:
      expression:
        description:
          - A CEL expression over C(user.attributes), for instance C(user.attributes.clearance == "secret").
        type: str
        required: true
      actions:
        description:
          - What the rule is about. Before release 11.7 there is only V(membership).
        type: list
        elements: str
        default: [membership]
  channels:
    description:
      - The channels that a named policy applies to, as C(TEAM:CHANNEL), and no others. If not given, they are left as they
        are.
    type: list
    elements: str
  active:
    description:
      - Whether the policy also adds accounts that meet it, each time it is synchronised. Without that it only keeps out
        and removes those that do not. It counts for all channels of a named policy.
      - If not given, it is left as it is.
    type: bool
  sync:
    description:
      - Whether to apply a change at once, and wait for that. Otherwise the server does that on its own schedule.
    type: bool
    default: false
  sync_timeout:
    description:
      - Seconds to wait for the synchronisation.
    type: int
    default: 300
notes:
  - White space in expressions does not count when they are compared.
seealso:
  - module: fieldops.mattermost.user_attribute
  - module: fieldops.mattermost.job
"""

EXAMPLES = r"""
- name: Only people with the clearance get into these channels
  fieldops.mattermost.access_policy:
    url: https://chat.example.org
    token: "{{ vault_token }}"
    name: Secret
    rules:
      - expression: user.attributes.clearance == "secret"
    channels:
      - operations:planning
      - operations:intelligence
    active: true
    sync: true

- name: A rule of one channel
  fieldops.mattermost.access_policy:
    socket_path: /run/mattermost/local.socket
    channel: operations:pilots
    rules:
      - expression: user.attributes.trade in ["pilot", "navigator"]

- name: Remove a policy
  fieldops.mattermost.access_policy:
    url: https://chat.example.org
    token: "{{ vault_token }}"
    name: Exercise of last year
    state: absent
"""

RETURN = r"""
access_policy:
  description:
    - The policy as it is, or in check mode as it would be. Empty when it does not exist.
    - C(active) is V(null) when the channels of the policy differ in it.
  returned: success
  type: dict
  sample:
    id: uy8ozon1q7fotrf3x3jxe935mh
    name: Secret
    active: true
    rules: [{actions: [membership], expression: 'user.attributes.clearance == "secret"'}]
    channels: ["operations:intelligence", "operations:planning"]
sync_job:
  description: The job that applied the change.
  returned: when O(sync=true) and something was changed
  type: dict
"""

from typing import Any, Dict, Union

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fieldops.mattermost.plugins.module_utils._access import ChannelPolicy, ParentPolicy, same_rules
from ansible_collections.fieldops.mattermost.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.fieldops.mattermost.plugins.module_utils._client import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils._errors import MattermostError
from ansible_collections.fieldops.mattermost.plugins.module_utils._jobs import Jobs
from ansible_collections.fieldops.mattermost.plugins.module_utils._module import run_module
from ansible_collections.fieldops.mattermost.plugins.module_utils._resource import differences, ensure

RULE = {
    "expression": {"type": "str", "required": True},
    "actions": {"type": "list", "elements": "str", "default": ["membership"]},
}

SPEC = ArgumentSpec(
    options={
        "name": {"type": "str"},
        "channel": {"type": "str"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "rules": {"type": "list", "elements": "dict", "options": RULE},
        "channels": {"type": "list", "elements": "str"},
        "active": {"type": "bool"},
        "sync": {"type": "bool", "default": False},
        "sync_timeout": {"type": "int", "default": 300},
    },
    mutually_exclusive=[("name", "channel"), ("channel", "channels")],
    required_one_of=[("name", "channel")],
)


def run(module: AnsibleModule, client: Client) -> Dict[str, Any]:
    """Compare, check, change, and tell what was done."""
    params = module.params
    params["channels"] = [name.lower() for name in params["channels"]] if params["channels"] is not None else None
    policy: Union[ChannelPolicy, ParentPolicy] = (ChannelPolicy if params["channel"] else ParentPolicy)(client, params)
    current = policy.read()
    present = params["state"] == "present"
    wanted = {key: params[key] for key in ("name", "channel", "rules", "channels", "active")}
    if present:
        if current is None and not params["rules"]:
            raise MattermostError(f"Cannot create the {policy.title}: give its rules.")
        if current and params["rules"] and same_rules(params["rules"], current["rules"]):
            wanted["rules"] = None
        policy.check(differences(current or {}, wanted), new=current is None)
    outcome = ensure(
        present=present,
        current=current,
        wanted=wanted,
        create=lambda: policy.apply(wanted),
        update=policy.apply,
        delete=policy.delete,
        check_mode=module.check_mode,
    )
    result = outcome.result("access_policy")
    if params["sync"] and present and outcome.changed and not module.check_mode:
        jobs = Jobs(
            client, "access_control_sync", {"policy_id": result["access_policy"]["id"]}, patience=params["sync_timeout"]
        )
        result["sync_job"] = jobs.wait(jobs.start())
    return result


def main() -> None:
    """Run the module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
