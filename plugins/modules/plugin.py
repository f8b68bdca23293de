#!/usr/bin/python
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: plugin
short_description: Manage the plugins of a Mattermost server
version_added: 1.0.0
author: The fieldops.mattermost authors (@fieldops)
description:
  - Installs a plugin from a bundle on the target host, enables, disables and removes it.
  - The bundle's own version is compared with the installed one, so that a bundle is uploaded only when it differs.
  - After enabling, waits until the plugin really runs. The server answers success to enabling a plugin that crashes.
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
      - With O(force=true) the bundle is uploaded on every run.
options:
  id:
    description:
      - Identifier of the plugin, for instance V(com.mattermost.calls). Known from O(path), if that is given.
    type: str
  path:
    description:
      - The bundle (C(.tar.gz)) on the target host. Needed to install.
    type: path
  state:
    description:
      - Whether the plugin is installed.
    type: str
    choices: [present, absent]
    default: present
  enabled:
    description:
      - Whether the plugin is switched on and runs. If not given, it is left as it is.
    type: bool
  force:
    description:
      - Upload the bundle even if the same version is installed, for instance one that was built again.
    type: bool
    default: false
  wait_timeout:
    description:
      - Seconds to wait for the plugin to run, or to stop.
    type: int
    default: 60
notes:
  - Uploads need C(PluginSettings.Enable) and C(PluginSettings.EnableUploads) to be on and
    C(PluginSettings.RequirePluginSignature) to be off. M(fieldops.mattermost.settings) can set C(EnableUploads) over
    O(socket_path) only.
  - The settings of a plugin go through M(fieldops.mattermost.settings) (C(PluginSettings.Plugins)).
  - Over O(socket_path) the reason why a plugin failed is looked for in the server's log, which it must keep in a file.
seealso:
  - module: fieldops.mattermost.settings
"""

EXAMPLES = r"""
- name: Install and run a plugin
  fieldops.mattermost.plugin:
    socket_path: /run/mattermost/local.socket
    path: /opt/mattermost/bundles/mattermost-plugin-calls-v1.12.2.tar.gz
    enabled: true

- name: Switch a plugin off
  fieldops.mattermost.plugin:
    socket_path: /run/mattermost/local.socket
    id: com.mattermost.nps
    enabled: false

- name: Remove a plugin
  fieldops.mattermost.plugin:
    url: https://chat.example.org
    token: "{{ vault_token }}"
    id: com.example.old
    state: absent
"""

RETURN = r"""
plugin:
  description: The plugin as it is, or in check mode as it would be. Empty when it is not installed.
  returned: success
  type: dict
  sample:
    id: com.mattermost.calls
    name: Calls
    version: 1.12.2
    enabled: true
    running: true
"""

from typing import Any, Dict, Optional, Tuple

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fieldops.mattermost.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.fieldops.mattermost.plugins.module_utils._client import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils._errors import MattermostError
from ansible_collections.fieldops.mattermost.plugins.module_utils._module import run_module
from ansible_collections.fieldops.mattermost.plugins.module_utils._plugins import Manifest, Plugin, manifest_of
from ansible_collections.fieldops.mattermost.plugins.module_utils._resource import ensure

SPEC = ArgumentSpec(
    options={
        "id": {"type": "str"},
        "path": {"type": "path"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "enabled": {"type": "bool"},
        "force": {"type": "bool", "default": False},
        "wait_timeout": {"type": "int", "default": 60},
    },
    required_one_of=[("id", "path")],
    required_if=[("force", True, ["path"])],
)


def identify(params: Dict[str, Any]) -> Tuple[str, Optional[Manifest]]:
    """The plugin's id, from the bundle if there is one."""
    wanted = (params["id"] or "").lower()
    if not params["path"] or (params["state"] == "absent" and wanted):
        return wanted, None
    manifest = manifest_of(params["path"])
    if wanted and manifest.id != wanted:
        raise MattermostError(f"The bundle {params['path']} holds the plugin {manifest.id}, not {wanted}.")
    return manifest.id, manifest


def run(module: AnsibleModule, client: Client) -> Dict[str, Any]:
    """Compare, change, and tell what was done."""
    params = module.params
    plugin_id, manifest = identify(params)
    plugin = Plugin(client, plugin_id, patience=params["wait_timeout"])
    current = plugin.read()
    present, enabled = params["state"] == "present", params["enabled"]
    if present and current is None and manifest is None:
        raise MattermostError(f"Cannot manage the plugin {plugin_id}: it is not installed. Give its bundle as path.")

    def bring(upload: bool) -> Dict[str, Any]:
        if upload:
            plugin.upload(params["path"])
        return plugin.switch(enabled)

    outcome = ensure(
        present=present,
        current=current,
        wanted={"id": plugin_id, "version": manifest.version if manifest else None, "enabled": enabled},
        create=lambda: bring(True),
        update=lambda changes: bring("version" in changes),
        delete=plugin.remove,
        check_mode=module.check_mode,
    )
    if present and current and not outcome.changed:
        if params["force"]:
            outcome.changed = True
            outcome.found = current if module.check_mode else bring(True)
        elif enabled and not module.check_mode:
            outcome.found = plugin.settle(running=True)
    return outcome.result("plugin")


def main() -> None:
    """Run the module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
