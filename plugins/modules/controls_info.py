#!/usr/bin/python
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module that checks a scenario's controls on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: controls_info
short_description: Check the controls of a scenario on a host
version_added: 1.0.0
author: The fieldops.mattermost authors (@fieldops)
description:
  - Checks what a scenario's architecture requires on the host the module runs on, and says for each requirement what was
    expected, what was found, and how to mend it.
  - A control that fails does not make the module fail; a control that is not written as it must be does.
  - Only reads. The one thing that leaves the host is the attempt of C(egress) to open a TCP connection to an address that is
    reserved for documentation.
  - Values of secrets, and the content of files, are never returned.
extends_documentation_fragment:
  - fieldops.mattermost.attributes
  - fieldops.mattermost.attributes.info_module
options:
  controls:
    description:
      - The controls, as a scenario role has them in C(vars/controls.yml).
      - The kinds of check and their parameters are described in C(docs/assessment.md).
    type: list
    elements: dict
    required: true
  components:
    description:
      - The components of this host, named as their groups are, for instance V(mattermost_server).
      - Controls of other components are left out. Those of the component V(all) concern every host.
    type: list
    elements: str
    default: []
  socket_path:
    description:
      - The Mattermost server's local socket, for checks of its settings.
    type: path
    default: /run/mattermost/local.socket
  timeout:
    description:
      - Seconds to wait for an answer of the server or of a connection.
    type: int
    default: 10
seealso:
  - module: fieldops.mattermost.assessment_report
notes:
  - Needs the rights of root for most kinds of check.
"""

EXAMPLES = r"""
- name: Check two controls
  fieldops.mattermost.controls_info:
    components: "{{ group_names }}"
    controls:
      - id: XY-01
        title: Link previews are off
        reference: Website link previews
        component: mattermost_server
        severity: high
        check:
          kind: setting
          key: ServiceSettings.EnableLinkPreviews
          value: false
        remedy: Run the scenario's playbook again.
      - id: XY-02
        title: The service runs, and comes back after a restart
        reference: Install Mattermost Server
        component: mattermost_server
        severity: high
        check:
          kind: systemd
          unit: mattermost.service
          enabled: true
          properties:
            NoNewPrivileges: "yes"
        remedy: systemctl enable --now mattermost.service
  register: assessed

- name: Show what is wrong
  ansible.builtin.debug:
    msg: "{{ assessed.controls | selectattr('verdict', 'eq', 'fail') }}"
"""

RETURN = r"""
controls:
  description: The controls that concern this host, in the order given, each with its verdict.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The control's id. One made of an entry of a list of settings has the key after a colon.
      type: str
      sample: AG-10:ServiceSettings.EnableLinkPreviews
    title:
      description: What is required.
      type: str
    reference:
      description: The heading of the architecture page that asks for it, or what the server does that makes it necessary.
      type: str
    component:
      description: The component that it concerns.
      type: str
    severity:
      description: V(high), V(medium) or V(low); V(info) for what decides nothing.
      type: str
    kind:
      description: How it was checked.
      type: str
    verdict:
      description:
        - V(pass), V(fail), V(error) when it could not be checked, or V(not_applicable) when it does not concern this host.
      type: str
    expected:
      description: What was expected.
      type: str
    found:
      description: What was found, or why it could not be checked.
      type: str
    remedy:
      description: How to mend it.
      type: str
    evidence:
      description: What was looked at.
      type: list
      elements: str
counts:
  description: How many controls have each verdict.
  returned: success
  type: dict
  sample: {"fail": 1, "error": 0, "pass": 40, "not_applicable": 3}
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._checks_base import ControlError, Host
from ..module_utils._controls import check, concerning, counted, expand


def main() -> None:
    """Check the controls."""
    module = AnsibleModule(
        argument_spec={
            "controls": {"type": "list", "elements": "dict", "required": True},
            "components": {"type": "list", "elements": "str", "default": []},
            "socket_path": {"type": "path", "default": "/run/mattermost/local.socket"},
            "timeout": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    try:
        controls = concerning(expand(module.params["controls"]), module.params["components"])
    except ControlError as error:
        module.fail_json(msg=str(error))
    host = Host(socket_path=module.params["socket_path"], timeout=module.params["timeout"])
    results = [check(control, host).as_dict() for control in controls]
    module.exit_json(changed=False, controls=results, counts=counted(result["verdict"] for result in results))


if __name__ == "__main__":
    main()
