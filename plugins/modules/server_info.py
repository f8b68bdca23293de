#!/usr/bin/python
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: server_info
short_description: Read what a Mattermost server is and whether it is healthy
version_added: 1.0.0
author: The fieldops.mattermost authors (@fieldops)
description:
  - Reads the version, the licence and the health of a server, its database and its file store.
extends_documentation_fragment:
  - fieldops.mattermost.attributes
  - fieldops.mattermost.attributes.info_module
  - fieldops.mattermost.attributes.actiongroup_mattermost
  - fieldops.mattermost.connection
notes:
  - Needs no credentials over O(url), but then tells less.
"""

EXAMPLES = r"""
- name: Look at the server
  fieldops.mattermost.server_info:
    socket_path: /run/mattermost/local.socket
  register: mattermost

- name: Stop if its database does not answer
  ansible.builtin.assert:
    that: mattermost.server.database_status == 'OK'
"""

RETURN = r"""
server:
  description: What the server tells.
  returned: success
  type: dict
  contains:
    version:
      description: Its release.
      type: str
      returned: success
      sample: 10.11.0
    build_number:
      description: The number of its build.
      type: str
      returned: success
    build_hash:
      description: The commit it was built from.
      type: str
      returned: success
    enterprise_ready:
      description: Whether it is the Enterprise release, which can use a licence.
      type: bool
      returned: success
    site_url:
      description: The address its users write.
      type: str
      returned: success
    no_accounts:
      description: Whether it has no account yet. Whoever makes the first one becomes its administrator.
      type: bool
      returned: success
    status:
      description: V(OK) or V(UNHEALTHY).
      type: str
      returned: success
    database_status:
      description: V(OK) or V(UNHEALTHY).
      type: str
      returned: success
    filestore_status:
      description: V(OK) or V(UNHEALTHY).
      type: str
      returned: success
    search_backend:
      description: What searches.
      type: str
      returned: success
      sample: database
    schema_version:
      description: The newest migration of its database. V(null) when the connection may not know.
      type: int
      returned: success
    license:
      description: Its licence. V(null) when the server does not tell.
      type: dict
      returned: success
      contains:
        is_licensed:
          description: Whether it has one.
          type: bool
          returned: success
        id:
          description: The identifier. Empty when the connection may not know.
          type: str
          returned: success
        sku_short_name:
          description: The tier.
          type: str
          returned: success
          sample: enterprise
        expires_at:
          description: When it ends, in milliseconds since 1970. V(0) when the connection may not know.
          type: int
          returned: success
"""

from typing import Any, Dict, Optional

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fieldops.mattermost.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.fieldops.mattermost.plugins.module_utils._client import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils._errors import MattermostError
from ansible_collections.fieldops.mattermost.plugins.module_utils._licences import installed
from ansible_collections.fieldops.mattermost.plugins.module_utils._module import run_module


def schema_version(client: Client) -> Optional[int]:
    """The newest migration; only administrators and the local socket may ask."""
    try:
        applied = client.get("/system/schema/version", tried="read the version of the database schema")
    except MattermostError as error:
        if error.status in (401, 403, 404):
            return None
        raise
    return max((migration["version"] for migration in applied), default=None)


def read(client: Client) -> Dict[str, Any]:
    """Everything this module returns."""
    # Without use_rest_semantics an unhealthy server answers 500 and does not say what is wrong.
    query = {"get_server_status": "true", "use_rest_semantics": "true"}
    health = client.get("/system/ping", tried="read the health of the server", query=query)
    config = client.client_config
    return {
        "version": config.get("Version", ""),
        "build_number": config.get("BuildNumber", ""),
        "build_hash": config.get("BuildHash", ""),
        "enterprise_ready": config.get("BuildEnterpriseReady") == "true",
        "site_url": config.get("SiteURL", ""),
        "no_accounts": config.get("NoAccounts") == "true",
        "status": health.get("status", ""),
        "database_status": health.get("database_status", ""),
        "filestore_status": health.get("filestore_status", ""),
        "search_backend": health.get("ActiveSearchBackend", ""),
        "schema_version": schema_version(client) if health.get("database_status") == "OK" else None,
        "license": installed(client),
    }


def run(_module: AnsibleModule, client: Client) -> Dict[str, Any]:
    """The result of the module."""
    return {"changed": False, "server": read(client)}


def main() -> None:
    """Run the module."""
    run_module(ArgumentSpec(), run)


if __name__ == "__main__":
    main()
