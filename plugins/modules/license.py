#!/usr/bin/python
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: license
short_description: Manage the licence of a Mattermost server
version_added: 1.0.0
author: The fieldops.mattermost authors (@fieldops)
description:
  - Installs or removes the licence of a server. A licence is recognised by its identifier, so that it is uploaded only when
    it is another one.
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
      - The socket of older releases, 9.11 for instance, does not tell which licence is installed. Over O(socket_path) such a
        server gets the licence again on every run once it has one. Use O(url) there.
options:
  path:
    description:
      - File with the licence on the target host.
      - Mutually exclusive with O(content).
    type: path
  content:
    description:
      - The text of the licence file.
    type: str
  state:
    description:
      - Whether the licence is installed. V(absent) removes whatever licence there is, except the built-in one of an
        Enterprise release without a licence (Entry).
    type: str
    choices: [present, absent]
    default: present
notes:
  - Some features need a restart of the server before they recognise a licence, connected workspaces for instance.
seealso:
  - module: fieldops.mattermost.server_info
"""

EXAMPLES = r"""
- name: Install the licence
  fieldops.mattermost.license:
    socket_path: /run/mattermost/local.socket
    content: "{{ vault_mattermost_license }}"

- name: Remove it
  fieldops.mattermost.license:
    url: https://chat.example.org
    token: "{{ vault_token }}"
    state: absent
"""

RETURN = r"""
license:
  description: The licence of the server, or in check mode the one it would have. Empty when it has none.
  returned: success
  type: dict
  sample:
    id: abcdefghijklmnopqrstuvwxyz
    sku_short_name: enterprise
    expires_at: 1830297600000
"""

from typing import Any, Dict, Optional

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fieldops.mattermost.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.fieldops.mattermost.plugins.module_utils._client import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils._errors import MattermostError
from ansible_collections.fieldops.mattermost.plugins.module_utils._licences import installed, parse
from ansible_collections.fieldops.mattermost.plugins.module_utils._module import run_module
from ansible_collections.fieldops.mattermost.plugins.module_utils._multipart import Multipart
from ansible_collections.fieldops.mattermost.plugins.module_utils._resource import ensure

NEEDS = "manage_license_information"

SPEC = ArgumentSpec(
    options={
        "path": {"type": "path"},
        "content": {"type": "str", "no_log": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    },
    mutually_exclusive=[("path", "content")],
    required_if=[("state", "present", ["path", "content"], True)],
)


def licence_text(params: Dict[str, Any]) -> bytes:
    """The licence file's content."""
    if params["content"]:
        return str(params["content"]).encode()
    try:
        with open(params["path"], "rb") as file:
            return file.read()
    except OSError as error:
        raise MattermostError(f"Cannot read the licence file {params['path']}: {error.strerror}.") from error


def current_licence(client: Client, *, present: bool) -> Optional[Dict[str, Any]]:
    """The licence of the server; the built-in one is none."""
    found = installed(client)
    if found is None:
        # Nothing is known: to be on the safe side, what is asked for is done.
        return None if present else {"id": "", "sku_short_name": "", "expires_at": 0}
    if not found.pop("is_licensed") or found["sku_short_name"] == "entry":
        return None
    return found


def run(module: AnsibleModule, client: Client) -> Dict[str, Any]:
    """Compare, change, and tell what was done."""
    present = module.params["state"] == "present"
    text = licence_text(module.params) if present else b""
    wanted = parse(text) if present else {}

    def upload() -> Dict[str, Any]:
        client.post("/license", Multipart(name="license", source=text), tried="install the licence", needs=NEEDS)
        return wanted

    outcome = ensure(
        present=present,
        current=current_licence(client, present=present),
        wanted={"id": wanted.get("id")},
        create=upload,
        update=lambda changes: upload(),
        delete=lambda: client.delete("/license", tried="remove the licence", needs=NEEDS) and None,
        check_mode=module.check_mode,
    )
    if present and client.client_config.get("BuildEnterpriseReady") == "false":
        module.warn(
            "This is a Team Edition server: what the licence is for is not in it. Install the Enterprise release."
        )
    return outcome.result("license")


def main() -> None:
    """Run the module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
