#!/usr/bin/python
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module that writes the report of an assessment."""

from __future__ import annotations

DOCUMENTATION = r"""
module: assessment_report
short_description: Write the report of an assessment
version_added: 1.0.0
author: The fieldops.mattermost authors (@fieldops)
description:
  - Writes what M(fieldops.mattermost.controls_info) found on the hosts of a deployment as one page of HTML for people, as JSON
    for programs, and as JUnit XML for CI servers.
  - The page needs no network and no other file.
  - The same results give the same files. They hold no time but O(time).
extends_documentation_fragment:
  - fieldops.mattermost.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - The difference is that of the report in JSON.
  idempotent:
    support: full
options:
  dest:
    description:
      - The directory for the files V(report.html), V(report.json) and V(report.xml). It is made when it is not there.
    type: path
    required: true
  hosts:
    description:
      - What the hosts said.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - The host.
        type: str
        required: true
      components:
        description:
          - The components that it has.
        type: list
        elements: str
        default: []
      controls:
        description:
          - What RV(fieldops.mattermost.controls_info#module:controls) held.
        type: list
        elements: dict
        default: []
      error:
        description:
          - Why the host could not be assessed. It stands in the report as a control with the verdict V(error).
        type: str
  title:
    description:
      - The heading of the report.
    type: str
    default: Assessment of Mattermost
  scenario:
    description:
      - The scenario that the controls belong to.
    type: str
    default: ""
  time:
    description:
      - The time of the assessment, as it shall stand in the report, for instance V(2026-08-21T12:00:00Z).
    type: str
    default: ""
  fail_on:
    description:
      - The verdicts that need attention. Controls of the severity V(info) never do.
    type: list
    elements: str
    choices: [fail, error, not_applicable]
    default: [fail, error]
  formats:
    description:
      - Which files to write.
    type: list
    elements: str
    choices: [html, json, junit]
    default: [html, json, junit]
seealso:
  - module: fieldops.mattermost.controls_info
notes:
  - Runs where the files shall be, which is usually the control node.
"""

EXAMPLES = r"""
- name: Write the report
  fieldops.mattermost.assessment_report:
    dest: "{{ playbook_dir }}/assessment"
    scenario: air_gapped
    time: "{{ now(utc=true).strftime('%Y-%m-%dT%H:%M:%SZ') }}"
    hosts:
      - name: "{{ inventory_hostname }}"
        components: "{{ group_names }}"
        controls: "{{ assessed.controls }}"
  delegate_to: localhost
  become: false
  register: report
"""

RETURN = r"""
files:
  description: The files of the report.
  returned: success
  type: list
  elements: str
counts:
  description: How many checks have each verdict, on all hosts together.
  returned: success
  type: dict
  sample: {"fail": 1, "error": 0, "pass": 240, "not_applicable": 9}
attention:
  description: How many checks have a verdict of O(fail_on).
  returned: success
  type: int
  sample: 1
summary:
  description: The report in a few lines.
  returned: success
  type: list
  elements: str
"""

import os
import tempfile

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._report import as_json, as_junit, build, summary
from ..module_utils._report_html import as_html


def _spec():
    return {
        "dest": {"type": "path", "required": True},
        "hosts": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "name": {"type": "str", "required": True},
                "components": {"type": "list", "elements": "str", "default": []},
                "controls": {"type": "list", "elements": "dict", "default": []},
                "error": {"type": "str"},
            },
        },
        "title": {"type": "str", "default": "Assessment of Mattermost"},
        "scenario": {"type": "str", "default": ""},
        "time": {"type": "str", "default": ""},
        "fail_on": {
            "type": "list",
            "elements": "str",
            "choices": ["fail", "error", "not_applicable"],
            "default": ["fail", "error"],
        },
        "formats": {
            "type": "list",
            "elements": "str",
            "choices": ["html", "json", "junit"],
            "default": ["html", "json", "junit"],
        },
    }


def _present(path: str) -> str:
    """What the file holds; nothing when there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def _write(module: AnsibleModule, path: str, text: str) -> None:
    """Put a whole file in place of the old one. What is found on hosts is not for everyone to read."""
    handle, draft = tempfile.mkstemp(dir=module.tmpdir)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    module.atomic_move(draft, path)
    os.chmod(path, 0o640)


def main() -> None:
    """Write the report."""
    module = AnsibleModule(argument_spec=_spec(), supports_check_mode=True)
    params = module.params
    report = build(params["title"], params["scenario"], params["time"], params["hosts"])
    fail_on = tuple(params["fail_on"])
    texts = {"html": ("report.html", as_html(report, fail_on)), "json": ("report.json", as_json(report))}
    texts["junit"] = ("report.xml", as_junit(report))
    wanted = {
        os.path.join(params["dest"], name): text for kind, (name, text) in texts.items() if kind in params["formats"]
    }
    try:
        before = {path: _present(path) for path in wanted}
        stale = [path for path in wanted if before[path] != wanted[path]]
        if stale and not module.check_mode:
            os.makedirs(params["dest"], mode=0o750, exist_ok=True)
            for path in stale:
                _write(module, path, wanted[path])
    except OSError as error:
        module.fail_json(
            msg=f"Cannot write the report to {params['dest']}: {error}. Give a directory that can be written."
        )
    shown = os.path.join(params["dest"], "report.json")
    module.exit_json(
        changed=bool(stale),
        files=sorted(wanted),
        counts=report.counts(),
        attention=len(report.deciding(fail_on)),
        summary=summary(report, fail_on),
        diff={
            "before_header": shown,
            "after_header": shown,
            "before": before.get(shown, ""),
            "after": wanted.get(shown, ""),
        },
    )


if __name__ == "__main__":
    main()
