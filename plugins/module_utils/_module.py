# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame that every module of the API family runs in: one way in, and one place where errors leave.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

from typing import Any, Callable, Dict

from ansible.module_utils.basic import AnsibleModule

from ._argspec import ArgumentSpec, connection_spec
from ._client import Client, Connection
from ._errors import MattermostError

Work = Callable[[AnsibleModule, Client], Dict[str, Any]]


def run_module(spec: ArgumentSpec, work: Work, *, connection_required: bool = True, **extra: Any) -> None:
    """Read the arguments, connect, work, and tell Ansible the result or what went wrong."""
    module = spec.merge(connection_spec(required=connection_required)).create_module(**extra)
    try:
        with Client(Connection.from_params(module.params)) as client:
            result = work(module, client)
    except MattermostError as error:
        module.fail_json(**error.result())
    module.exit_json(**result)
