#!/usr/bin/python
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: settings
short_description: Set the configuration of a Mattermost server
version_added: 1.0.0
author: The fieldops.mattermost authors (@fieldops)
description:
  - Sets configuration keys and leaves all others alone. Works on a running server over its socket or its API, and on
    the configuration file of a server that is stopped or not yet started.
  - Only keys whose effective value differs are sent. The configuration is read again afterwards, and the module fails
    naming every key that the server did not accept, because the server answers success to what it ignores as well.
  - Keys that an environment variable overrides are recognised, because writing them has no effect.
extends_documentation_fragment:
  - ansible.builtin.files
  - fieldops.mattermost.attributes
  - fieldops.mattermost.attributes.actiongroup_mattermost
  - fieldops.mattermost.connection
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Secrets are hidden in the diff.
  idempotent:
    support: partial
    details:
      - Secrets that the server masks can be compared only with O(config_path). Otherwise they are sent on every run,
        see O(update_secrets).
options:
  settings:
    description:
      - The keys to set, as sections with keys, for instance C(ServiceSettings) with C(SiteURL).
      - Lists are compared and written whole. C(PluginSettings.Plugins) and C(PluginSettings.PluginStates) are merged by
        plugin and key, so that other plugins keep theirs.
      - Values must have the type the server uses. A number in quotes is an error.
    type: dict
    default: {}
  secret_settings:
    description:
      - Keys like those of O(settings), whose values are secret and never shown.
      - Keys in O(settings) whose names tell that they are secret are hidden as well.
    type: dict
    default: {}
  config_path:
    description:
      - The server's configuration file on the target host.
      - If nobody answers at O(socket_path), or neither O(socket_path) nor O(url) is given, the keys are merged into
        this file. If the server answers, the file is only read, to compare secrets that the server masks.
      - Never give it for a server that keeps its configuration in the database.
    type: path
  initial_path:
    description:
      - Where to start from when O(config_path) does not exist, normally C(config/config.json) of the release.
      - Without it a new file begins with the few keys for which the server would otherwise take the values of an old
        installation.
    type: path
  environment_file:
    description:
      - The file with the environment variables of the service, in the format of systemd's C(EnvironmentFile).
      - Over O(socket_path) it is needed only when the environment of the server's process cannot be read. Over O(url)
        the server itself tells which keys are overridden.
    type: path
  environment_override:
    description:
      - What to do when an environment variable sets a key to another value than the one asked for.
    type: str
    choices: [fail, warn]
    default: fail
  update_secrets:
    description:
      - What to do with a secret that is set on the server but can be neither read nor compared.
      - V(always) sends it every time, and reports a change.
      - V(on_create) leaves it alone.
    type: str
    choices: [always, on_create]
    default: always
notes:
  - The file is written in place, keeping its inode. A new one gets the mode V(0600) unless O(mode) says otherwise, and
    must belong to the account the server runs under, because the server writes it too.
  - A server that is still starting does not answer at O(socket_path) yet, and would overwrite a file written then. Wait
    until it is healthy before using this module with O(socket_path) and O(config_path).
seealso:
  - module: fieldops.mattermost.plugin
  - name: Configuration settings of Mattermost
    description: Every key with its type and default.
    link: https://docs.mattermost.com/administration-guide/configure/configuration-settings.html
"""

EXAMPLES = r"""
- name: Configure the server, whether it runs or not
  fieldops.mattermost.settings:
    socket_path: /run/mattermost/local.socket
    config_path: /opt/mattermost/config/config.json
    initial_path: /opt/mattermost/current/config/config.json
    owner: mattermost
    group: mattermost
    mode: "0600"
    settings:
      ServiceSettings:
        SiteURL: https://chat.example.org
        EnableLinkPreviews: false
      PluginSettings:
        Plugins:
          com.mattermost.calls:
            defaultenabled: true
    secret_settings:
      EmailSettings:
        SMTPPassword: "{{ vault_smtp_password }}"
  register: configured

- name: Restart the server if a changed key asks for it
  ansible.builtin.service:
    name: mattermost
    state: restarted
  when: configured.restart_required

- name: Change one key over the network
  fieldops.mattermost.settings:
    url: https://chat.example.org
    token: "{{ vault_token }}"
    settings:
      TeamSettings:
        MaxUsersPerTeam: 500
"""

RETURN = r"""
settings:
  description: The keys that were changed, before and after. Secrets are hidden.
  returned: success
  type: dict
  contains:
    before:
      description: The values that were found. A key that was not there is V(null).
      type: dict
      returned: success
      sample: {"TeamSettings": {"MaxUsersPerTeam": 50}}
    after:
      description: The values that were set.
      type: dict
      returned: success
      sample: {"TeamSettings": {"MaxUsersPerTeam": 500}}
via:
  description: Where the keys were compared and set. V(api) for a running server, V(file) for the configuration file.
  returned: success
  type: str
  sample: api
restart_required:
  description: Whether the change takes effect only when the server is started again.
  returned: success
  type: bool
restart_keys:
  description: The changed keys that the server reads only when it starts.
  returned: success
  type: list
  elements: str
  sample: ["ServiceSettings.ListenAddress"]
overridden:
  description: The given keys that environment variables set. They were not written.
  returned: success
  type: list
  elements: dict
  contains:
    key:
      description: The configuration key.
      type: str
      returned: success
    variable:
      description: The environment variable.
      type: str
      returned: success
    matches:
      description: Whether it sets the value that was asked for. V(null) when that cannot be seen.
      type: bool
      returned: success
"""

import os
from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fieldops.mattermost.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.fieldops.mattermost.plugins.module_utils._client import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils._module import run_module
from ansible_collections.fieldops.mattermost.plugins.module_utils._settings_door import (
    Wanted,
    apply,
    find_server,
    make_plan,
    refuse,
)

SPEC = ArgumentSpec(
    options={
        "settings": {"type": "dict", "default": {}},
        "secret_settings": {"type": "dict", "default": {}, "no_log": True},
        "config_path": {"type": "path"},
        "initial_path": {"type": "path"},
        "environment_file": {"type": "path"},
        "environment_override": {"type": "str", "choices": ["fail", "warn"], "default": "fail"},
        "update_secrets": {"type": "str", "choices": ["always", "on_create"], "default": "always", "no_log": False},
    },
    required_one_of=[("url", "socket_path", "config_path")],
    required_by={"initial_path": ("config_path",)},
)


def run(module: AnsibleModule, client: Client) -> Dict[str, Any]:
    """Compare, set, and tell what was done."""
    params = module.params
    wanted = Wanted.of(params["settings"], params["secret_settings"])
    module.no_log_values.update(wanted.texts)
    secrets = wanted.secrets
    server = find_server(params, client)
    plan = make_plan(
        server,
        wanted.values,
        override_warns=params["environment_override"] == "warn",
        update_secrets=params["update_secrets"] == "always",
    )
    refuse(plan.problems, tried="set the configuration")
    for warning in plan.warnings:
        module.warn(warning)
    changed = bool(plan.changes) or not server.exists
    if changed and not module.check_mode:
        apply(server, plan, secrets=secrets)
    diff: Dict[str, Any] = {**plan.shown(secrets), "before_header": f"configuration ({server.via})"}
    result = {
        "settings": plan.shown(secrets),
        "diff": diff,
        "via": server.via,
        "restart_required": bool(plan.restart_keys) or (server.via == "file" and changed),
        "restart_keys": plan.restart_keys,
        "overridden": plan.overridden,
    }
    if params["config_path"] and os.path.exists(params["config_path"]):
        arguments = module.load_file_common_arguments({**params, "path": params["config_path"]})
        changed = module.set_fs_attributes_if_different(arguments, changed, diff=diff)
    return {"changed": changed, **result}


def main() -> None:
    """Run the module."""
    run_module(SPEC, run, connection_required=False, add_file_common_args=True)


if __name__ == "__main__":
    main()
