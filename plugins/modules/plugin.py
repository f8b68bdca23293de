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
  - Sets the plugin's own settings before it is switched on, because many do not start without theirs.
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
      - Settings that the server masks can be compared only over O(socket_path) or with O(config_path). Otherwise they are
        sent on every run, see O(update_secrets).
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
  settings:
    description:
      - The plugin's settings to set, other ones are left alone. Plugins read the names without regard to case, so
        that the spelling that is stored already is kept.
      - Values below a name are not merged. A name whose value is a mapping is set whole.
      - Names that tell that they are secret are hidden, also those inside a value. To hide others use O(secret_settings).
    type: dict
    default: {}
  secret_settings:
    description:
      - Settings like O(settings), whose values are secret and never shown.
    type: dict
    default: {}
  update_secrets:
    description:
      - What to do with a secret setting that is set on the server but can be neither read nor compared.
      - V(always) sends it every time, and reports a change.
      - V(on_create) leaves it alone.
    type: str
    choices: [always, on_create]
    default: always
  config_path:
    description:
      - The server's configuration file on the target host, to compare settings that the server masks.
      - Over O(url) it is needed to set settings from release 10 on, because there servers hide the settings of plugins
        that are not installed, which would be lost.
    type: path
  wait_timeout:
    description:
      - Seconds to wait for the plugin to run, or to stop.
    type: int
    default: 60
notes:
  - Uploads need C(PluginSettings.Enable) and C(PluginSettings.EnableUploads) to be on and
    C(PluginSettings.RequirePluginSignature) to be off. M(fieldops.mattermost.settings) can set C(EnableUploads) over
    O(socket_path) only.
  - Settings of a plugin stay when it is removed.
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
    settings:
      DefaultEnabled: true
      AllowEnableCalls: true
    secret_settings:
      RTCDServiceURL: "{{ vault_rtcd_url }}"

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
settings:
  description: The settings of the plugin that were changed, before and after. Secrets are hidden.
  returned: success
  type: dict
  contains:
    before:
      description: The values that were found. A setting that was not there is V(null).
      type: dict
      returned: success
      sample: {"defaultenabled": false}
    after:
      description: The values that were set.
      type: dict
      returned: success
      sample: {"defaultenabled": true}
"""

from typing import Any, Dict, Optional, Tuple

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fieldops.mattermost.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.fieldops.mattermost.plugins.module_utils._client import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils._errors import MattermostError
from ansible_collections.fieldops.mattermost.plugins.module_utils._module import run_module
from ansible_collections.fieldops.mattermost.plugins.module_utils._plugins import (
    Manifest,
    Plugin,
    PluginSettings,
    manifest_of,
    secret_texts,
)
from ansible_collections.fieldops.mattermost.plugins.module_utils._resource import ensure

SPEC = ArgumentSpec(
    options={
        "id": {"type": "str"},
        "path": {"type": "path"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "enabled": {"type": "bool"},
        "force": {"type": "bool", "default": False},
        "settings": {"type": "dict", "default": {}},
        "secret_settings": {"type": "dict", "default": {}, "no_log": True},
        "update_secrets": {"type": "str", "choices": ["always", "on_create"], "default": "always", "no_log": False},
        "config_path": {"type": "path"},
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
    # Before anything can fail: a failure shows the arguments, too.
    module.no_log_values.update(secret_texts(params))
    plugin_id, manifest = identify(params)
    plugin = Plugin(client, plugin_id, patience=params["wait_timeout"])
    current = plugin.read()
    present, enabled = params["state"] == "present", params["enabled"]
    if present and current is None and manifest is None:
        raise MattermostError(f"Cannot manage the plugin {plugin_id}: it is not installed. Give its bundle as path.")
    settings = PluginSettings(client, params, plugin_id) if present else None

    def bring(upload: bool) -> Dict[str, Any]:
        if upload:
            plugin.upload(params["path"])
        if settings:
            settings.write()
        return plugin.switch(enabled)

    changes = settings.shown() if settings else {}
    version = manifest.version if manifest else None
    outcome = ensure(
        present=present,
        current=current,
        wanted={"id": plugin_id, "version": version, "enabled": enabled, "settings": changes.get("after")},
        create=lambda: bring(True),
        update=lambda found: bring("version" in found),
        delete=plugin.remove,
        check_mode=module.check_mode,
    )
    if present and current and not outcome.changed:
        if params["force"]:
            outcome.changed = True
            outcome.found = current if module.check_mode else bring(True)
        elif enabled and not module.check_mode:
            outcome.found = plugin.settle(running=True)
    if changes:
        outcome.before = {**outcome.before, "settings": changes["before"]}
        outcome.after = {**outcome.after, "settings": changes["after"]}
        outcome.found = {key: value for key, value in (outcome.found or {}).items() if key != "settings"}
    return {**outcome.result("plugin"), "settings": changes}


def main() -> None:
    """Run the module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
