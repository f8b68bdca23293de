# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arguments that every module of the API family takes. Documented in doc_fragments/connection.py.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Sequence, Tuple

from ansible.module_utils.basic import AnsibleModule, env_fallback


@dataclass
class ArgumentSpec:
    """Options together with the rules between them, so that modules can add to a common part."""

    options: Dict[str, Dict[str, Any]] = field(default_factory=dict)
    mutually_exclusive: List[Sequence[str]] = field(default_factory=list)
    required_together: List[Sequence[str]] = field(default_factory=list)
    required_one_of: List[Sequence[str]] = field(default_factory=list)
    required_if: List[Sequence[Any]] = field(default_factory=list)
    required_by: Dict[str, Tuple[str, ...]] = field(default_factory=dict)

    def merge(self, other: ArgumentSpec) -> ArgumentSpec:
        """A specification with the options and rules of both."""
        return ArgumentSpec(
            options={**self.options, **other.options},
            mutually_exclusive=[*self.mutually_exclusive, *other.mutually_exclusive],
            required_together=[*self.required_together, *other.required_together],
            required_one_of=[*self.required_one_of, *other.required_one_of],
            required_if=[*self.required_if, *other.required_if],
            required_by={**self.required_by, **other.required_by},
        )

    def create_module(self, **extra: Any) -> AnsibleModule:
        """The module; check mode is supported by every module of the collection."""
        return AnsibleModule(
            argument_spec=self.options,
            mutually_exclusive=self.mutually_exclusive,
            required_together=self.required_together,
            required_one_of=self.required_one_of,
            required_if=self.required_if,
            required_by=self.required_by,
            supports_check_mode=True,
            **extra,
        )


def _option(env: str, **spec: Any) -> Dict[str, Any]:
    return {**spec, "fallback": (env_fallback, [env])}


def connection_spec(*, required: bool = True) -> ArgumentSpec:
    """How to reach the server: over its local socket, or over HTTPS with a token or a login."""
    return ArgumentSpec(
        options={
            "url": _option("MATTERMOST_URL", type="str"),
            "socket_path": _option("MATTERMOST_SOCKET_PATH", type="path"),
            "token": _option("MATTERMOST_TOKEN", type="str", no_log=True),
            "login_username": _option("MATTERMOST_LOGIN_USERNAME", type="str"),
            "login_password": _option("MATTERMOST_LOGIN_PASSWORD", type="str", no_log=True),
            "mfa_code": {"type": "str", "no_log": True},
            "ca_path": _option("MATTERMOST_CA_PATH", type="path"),
            "validate_certs": _option("MATTERMOST_VALIDATE_CERTS", type="bool", default=True),
            "use_proxy": {"type": "bool", "default": True},
            "timeout": _option("MATTERMOST_TIMEOUT", type="int", default=30),
        },
        mutually_exclusive=[("url", "socket_path"), ("token", "login_username")],
        required_together=[("login_username", "login_password")],
        required_one_of=[("url", "socket_path")] if required else [],
        required_by={"mfa_code": ("login_username",)},
    )
