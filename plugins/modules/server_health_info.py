#!/usr/bin/python
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: server_health_info
short_description: Wait until a Mattermost server on this host is well, or say why it is not
version_added: 1.0.0
author: The fieldops.mattermost authors (@fieldops)
description:
  - Waits until the systemd unit is active and the server says over its local-mode socket that it, its database and its file
    store are well.
  - Stops waiting at once when systemd has had to restart the unit twice, or has given it up, because then it will not come.
  - Returns the server's own last log lines when it is not well.
extends_documentation_fragment:
  - fieldops.mattermost.attributes
  - fieldops.mattermost.attributes.info_module
options:
  unit:
    description: The systemd unit of the server.
    type: str
    default: mattermost.service
  socket_path:
    description: The local-mode socket of the server.
    type: path
    required: true
  timeout:
    description: Seconds to wait.
    type: int
    default: 120
  required:
    description: Whether a server that is not well is an error.
    type: bool
    default: true
  conceal:
    description: Secrets that a log line might hold. They are masked in what is returned.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Wait until the server is well
  fieldops.mattermost.server_health_info:
    socket_path: /run/mattermost/local.socket
    timeout: 60
"""

RETURN = r"""
healthy:
  description: Whether the server, its database and its file store are well.
  returned: always
  type: bool
reason:
  description: What is missing. Empty when nothing is.
  returned: always
  type: str
  sample: the unit does not stay up (exit-code, restarted 2 times)
seconds:
  description: How long it took.
  returned: always
  type: float
  sample: 3.1
log:
  description: The unit's last log lines, when the server is not well.
  returned: always
  type: list
  elements: str
"""

import time
from typing import Any, Dict, List, Optional, Tuple

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fieldops.mattermost.plugins.module_utils._client import Client, Connection
from ansible_collections.fieldops.mattermost.plugins.module_utils._errors import MattermostError

PAUSE = 1.0
GRACE = 5.0  # a queued start finds the unit as its last run left it
LINES = 12


def unit_state(module: AnsibleModule, unit: str) -> Dict[str, str]:
    """What systemd says of the unit."""
    names = ("LoadState", "ActiveState", "NRestarts", "Result")
    _rc, out, _err = module.run_command(["systemctl", "show", unit, *(f"--property={name}" for name in names)])
    return dict(line.split("=", 1) for line in out.splitlines() if "=" in line)


def judge_unit(state: Dict[str, str], *, restarts: int, waited: float) -> Tuple[Optional[str], bool]:
    """What is missing of the unit, if anything, and whether waiting on can help.

    restarts are those since the waiting began: systemd goes on counting from an earlier start until it carries out the new one.
    """
    if state.get("LoadState") != "loaded":
        return f"systemd knows no such unit ({state.get('LoadState', 'no answer')})", False
    if state.get("ActiveState") == "active":
        return None, True
    if restarts >= 2 or (state.get("ActiveState") == "failed" and waited >= GRACE):
        return f"the unit does not stay up ({state.get('Result')}, restarted {restarts} times)", False
    return f"the unit is {state.get('ActiveState')}", True


def judge_server(socket_path: str) -> Optional[str]:
    """What the server says is missing, if anything."""
    # Without use_rest_semantics an unhealthy server answers 500 and does not say what is wrong.
    query = {"get_server_status": "true", "use_rest_semantics": "true"}
    try:
        with Client(Connection(socket_path=socket_path, timeout=10), retries=0) as client:
            answer: Dict[str, Any] = client.get("/system/ping", tried="ask the server for its health", query=query)
    except MattermostError as error:
        return str(error).rstrip(".")
    parts = ("status", "database_status", "filestore_status")
    bad = [f"{part.replace('_', ' ')} {answer[part]}" for part in parts if answer.get(part, "OK") != "OK"]
    return f"the server reports {', '.join(bad)}" if bad else None


def last_lines(module: AnsibleModule, unit: str) -> List[str]:
    """The last words of the unit's own processes, without what systemd says about them."""
    command = ["journalctl", f"_SYSTEMD_UNIT={unit}", f"--lines={LINES}", "--output=cat", "--no-pager"]
    _rc, out, _err = module.run_command(command)
    return out.splitlines()


def wait(module: AnsibleModule) -> Dict[str, Any]:
    """Ask until all is well, the time is over, or waiting is in vain."""
    unit, start, base = module.params["unit"], time.monotonic(), None
    while True:
        state, waited = unit_state(module, unit), time.monotonic() - start
        count = int(state.get("NRestarts") or 0)
        base = count if base is None else min(base, count)
        reason, hope = judge_unit(state, restarts=count - base, waited=waited)
        if reason is None:
            reason = judge_server(module.params["socket_path"])
        seconds = time.monotonic() - start
        if reason is None or not hope or seconds >= module.params["timeout"]:
            log = last_lines(module, unit) if reason else []
            return {"healthy": reason is None, "reason": reason or "", "seconds": round(seconds, 1), "log": log}
        time.sleep(PAUSE)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "unit": {"type": "str", "default": "mattermost.service"},
            "socket_path": {"type": "path", "required": True},
            "timeout": {"type": "int", "default": 120},
            "required": {"type": "bool", "default": True},
            "conceal": {"type": "list", "elements": "str", "default": [], "no_log": True},
        },
        supports_check_mode=True,
    )
    found = wait(module)
    if module.params["required"] and not found["healthy"]:
        lines = "\n  ".join(found["log"]) or "(its journal is empty)"
        reason = found["reason"] if found["reason"].endswith("?") else found["reason"] + "."
        module.fail_json(
            msg=f"{module.params['unit']} is not well after {found['seconds']} seconds: {reason} Its own last lines:\n  {lines}\n"
            "Mend what they name (mostly the database's address, its password, or a directory), then run again.",
            **found,
        )
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
