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

_REMOTE = "api.remote_cluster.service_not_enabled.app_error"
_RETENTION = "ent.data_retention.generic.license.error"
_COMPLIANCE = "ent.compliance.licence_disable.app_error"
_ATTRIBUTES = "api.custom_profile_attributes.license_error"
_LDAP = "api.ldap_groups.license_error"
_OAUTH = "api.context.outgoing_oauth_connection.not_available.configuration_disabled"

# (methods, path, refusal)
_GATES = [
    ("GET POST", "/remotecluster", _REMOTE),
    ("POST", "/remotecluster/accept_invite", _REMOTE),
    ("GET", "/sharedchannels/{team_id}", _REMOTE),
    ("POST", "/teams/{team_id}/invite-guests/email", "api.team.invite_guests_to_channels.license.error"),
    ("PUT", "/teams/{team_id}/scheme", "api.team.update_team_scheme.license.error"),
    ("PUT", "/channels/{channel_id}/scheme", "api.channel.update_channel_scheme.license.error"),
    ("GET", "/channels/{channel_id}/moderations", "api.channel.get_channel_moderations.license.error"),
    ("PUT", "/channels/{channel_id}/moderations/patch", "api.channel.patch_channel_moderations.license.error"),
    ("GET", "/data_retention/policy", _RETENTION),
    ("GET POST", "/data_retention/policies", _RETENTION),
    ("GET", "/data_retention/policies_count", _RETENTION),
    ("GET POST", "/compliance/reports", _COMPLIANCE),
    ("POST", "/schemes", "api.scheme.create_scheme.license.error"),
    ("GET POST", "/groups", "api.license_error"),
    ("GET", "/saml/metadata", "api.admin.saml.not_available.app_error"),
    ("POST", "/elasticsearch/test", "ent.elasticsearch.test_config.license.error"),
    ("GET", "/ip_filtering", "api.context.ip_filtering.not_available.app_error"),
    ("GET", "/oauth/outgoing_connections", _OAUTH),
    ("POST", "/trial-license", "api.license.upgrade_needed.app_error"),
]
_LOCAL_TOO = [
    ("POST", "/ldap/test", _LDAP),
    ("POST", "/ldap/sync", _LDAP),
    ("GET", "/ldap/groups", _LDAP),
    ("GET", "/system/support_packet", "api.no_license"),
]
_SINCE_11 = [
    ("GET POST", "/custom_profile_attributes/fields", _ATTRIBUTES),
    ("POST", "/access_control_policies/search", "app.pap.search_access_control_policies.app_error"),
]


def routes(_release: Release) -> list[Route]:
    found = [
        Route("GET", "/schemes", _empty, ADMIN),
        Route("GET", "/saml/certificate/status", _saml_certificates, ADMIN),
    ]
    for table, local, since in ((_GATES, False, (0, 0)), (_LOCAL_TOO, True, (0, 0)), (_SINCE_11, True, (11, 0))):
        for methods, path, refusal in table:
            access = SESSION if path.startswith("/custom_profile") else ADMIN
            for method in methods.split():
                found.append(Route(method, path, _refuse(refusal), access, local=local, since=since))
    return found


def _refuse(error_id: str) -> Callable[[App, Request], Any]:
    def handler(_app: App, _request: Request) -> Any:
        raise ApiError(error_id)

    return handler


def _empty(_app: App, _request: Request) -> list[Any]:
    return []


def _saml_certificates(_app: App, _request: Request) -> dict[str, bool]:
    return dict.fromkeys(("idp_certificate_file", "private_key_file", "public_certificate_file"), False)
