# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What needs a licence: one row per route, with the refusal that an unlicensed real server gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from server.errors import ApiError
from server.http import Request
from server.release import Release
from server.router import ADMIN, SESSION, Route

if TYPE_CHECKING:
    from server.app import App

_LDAP = "api.ldap_groups.license_error"
_OAUTH = "api.context.outgoing_oauth_connection.not_available.configuration_disabled"

# (methods, path, refusal): administrators are refused so, others with 403
_GATES = [
    ("GET", "/channels/{channel_id}/moderations", "api.channel.get_channel_moderations.license.error"),
    ("PUT", "/channels/{channel_id}/moderations/patch", "api.channel.patch_channel_moderations.license.error"),
    ("GET", "/saml/metadata", "api.admin.saml.not_available.app_error"),
    ("POST", "/elasticsearch/test", "ent.elasticsearch.test_config.license.error"),
    ("GET", "/ip_filtering", "api.context.ip_filtering.not_available.app_error"),
    ("GET", "/oauth/outgoing_connections", _OAUTH),
    ("POST", "/trial-license", "api.license.upgrade_needed.app_error"),
]
# refused so to anyone
_GATES_FOR_ALL = [
    ("GET POST", "/groups", "api.license_error"),
]
_LOCAL_FOR_ALL = [("POST", "/ldap/test", _LDAP)]
_LOCAL_TOO = [
    ("POST", "/ldap/sync", _LDAP),
    ("GET", "/ldap/groups", _LDAP),
    ("GET", "/system/support_packet", "api.no_license"),
]


def routes(release: Release) -> list[Route]:
    found = [
        Route("GET", "/saml/certificate/status", _saml_certificates, ADMIN),
    ]
    tables = [(_GATES, ADMIN, False), (_LOCAL_TOO, ADMIN, True)]
    tables += [(_GATES_FOR_ALL, SESSION, False), (_LOCAL_FOR_ALL, SESSION, True)]
    for table, access, local in tables:
        for methods, path, refusal in table:
            found += [Route(method, path, _refuse(refusal), access, local=local) for method in methods.split()]
    return found


def _refuse(error_id: str) -> Callable[[App, Request], Any]:
    def handler(_app: App, _request: Request) -> Any:
        raise ApiError(error_id)

    return handler


def _saml_certificates(_app: App, _request: Request) -> dict[str, bool]:
    return dict.fromkeys(("idp_certificate_file", "private_key_file", "public_certificate_file"), False)
