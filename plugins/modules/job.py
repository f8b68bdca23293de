#!/usr/bin/python
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: job
short_description: Run a job of a Mattermost server
version_added: 1.0.0
author: The fieldops.mattermost authors (@fieldops)
description:
  - Makes sure that a job has run lately, for instance a compliance export or a synchronisation with LDAP, and waits until
    it has ended. If the newest job of the same type and data still runs, it is waited for. If it ended well and is not
    older than O(max_age), nothing is done.
  - A job that ends with an error, or that somebody cancels, is an error of the task that waited for it.
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
    support: partial
    details:
      - With O(max_age=0) a job that has ended never counts, so that each run starts another one.
options:
  type:
    description:
      - Type of the job, for instance V(data_retention), V(message_export), V(ldap_sync), V(access_control_sync),
        V(elasticsearch_post_indexing), V(export_process) or V(extract_content). Which ones a server runs depends on its
        release and licence.
    type: str
    required: true
  data:
    description:
      - What the job is given. All values are strings.
      - A job that has these entries, and maybe more, counts as the same job.
    type: dict
    default: {}
  max_age:
    description:
      - For how many seconds a job that has ended well counts. Its end is compared with the clock of the target host.
    type: int
    default: 3600
  wait_timeout:
    description:
      - Seconds to wait for the job to end. V(0) does not wait, so that failures go unnoticed.
      - A server looks for new jobs every 15 seconds.
    type: int
    default: 600
notes:
  - A job that failed does not count. The next run starts another one.
seealso:
  - module: fieldops.mattermost.access_policy
  - module: fieldops.mattermost.retention_policy
"""

EXAMPLES = r"""
- name: Apply the retention policies, unless that was done today
  fieldops.mattermost.job:
    url: https://chat.example.org
    token: "{{ vault_token }}"
    type: data_retention
    max_age: 86400

- name: Export all messages to the file store for compliance
  fieldops.mattermost.job:
    socket_path: /run/mattermost/local.socket
    type: message_export
    wait_timeout: 3600

- name: Extract the text of documents that were uploaded before searching in them was switched on
  fieldops.mattermost.job:
    socket_path: /run/mattermost/local.socket
    type: extract_content
    data:
      from: "0"
      to: "1767225600"
"""

RETURN = r"""
job:
  description: The job that was started, waited for, or found. In check mode what would be started.
  returned: success
  type: dict
  sample:
    id: uy8ozon1q7fotrf3x3jxe935mh
    type: data_retention
    status: success
    progress: 100
    create_at: 1767225600000
    start_at: 1767225610000
    last_activity_at: 1767225660000
    data: {}
"""

import time
from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fieldops.mattermost.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.fieldops.mattermost.plugins.module_utils._client import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils._jobs import DONE, RUNNING, Jobs
from ansible_collections.fieldops.mattermost.plugins.module_utils._module import run_module
from ansible_collections.fieldops.mattermost.plugins.module_utils._resource import Outcome

SPEC = ArgumentSpec(
    options={
        "type": {"type": "str", "required": True},
        "data": {"type": "dict", "default": {}},
        "max_age": {"type": "int", "default": 3600},
        "wait_timeout": {"type": "int", "default": 600},
    },
)


def run(module: AnsibleModule, client: Client) -> Dict[str, Any]:
    """Look for a job that counts, else start one, and wait for it."""
    params = module.params
    data = {str(key): str(value) for key, value in params["data"].items()}
    jobs = Jobs(client, params["type"], data, patience=params["wait_timeout"])
    job = jobs.newest(params["max_age"])
    fresh = job is not None and (
        job["status"] in RUNNING
        or (job["status"] in DONE and time.time() - job["last_activity_at"] / 1000 < params["max_age"])
    )
    outcome = Outcome(changed=not fresh, before=job or {}, found=job)
    if not fresh:
        outcome.found = {"type": params["type"], "data": data} if module.check_mode else jobs.start()
    if outcome.found and not module.check_mode:
        outcome.found = jobs.wait(outcome.found)
        if outcome.found["status"] == "warning":
            module.warn(f"The job {outcome.found['id']} ended with warnings; see the server's log.")
    outcome.after = outcome.found or {}
    if fresh:
        outcome.before = outcome.after
    return outcome.result("job")


def main() -> None:
    """Run the module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
