# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the servers' source says more than the official API description, or something else, with the reason.

Shapes are written as in description.py. What the description says by now need not be here; a test finds it.
"""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

ANYTHING = "anything"

_POLICY = {
    "id": "string",
    "name": "string",
    "type": "string",
    "active": "bool",
    "create_at": "number",
    "revision": "number",
    "version": "string",
    "imports": ["string"],
    "rules": [{"actions": ["string"], "expression": "string"}],
    "props": ANYTHING,
}
_POLICY_WHY = "the description has a draft of the policy; since 11.0 servers have this (model.AccessControlPolicy)"
_COUNTED_WHY = "servers answer a list together with its length, the description has the list alone"

# Routes that are not described, as patterns.
ROUTES: Dict[str, str] = {}

# Names in queries.
QUERIES: Dict[str, Dict[str, str]] = {}

BODIES: Dict[str, List[Tuple[Any, str]]] = {
    "PUT /access_control_policies": [(_POLICY, _POLICY_WHY)],
    "POST /access_control_policies/search": [
        (
            {"type": "string", "parent_id": "string", "ids": ["string"], "cursor": {"id": "string"}, "limit": "number"},
            "described as pages; servers have a cursor (model.AccessControlPolicySearch)",
        )
    ],
    "PATCH /users/{user_id}/custom_profile_attributes": [
        ({"*": ANYTHING}, "described as a list; servers take a map of field ids to values")
    ],
    "POST /teams": [
        (
            {"description": "string", "allowed_domains": "string", "allow_open_invite": "bool"},
            "fields of the team (model.Team), described for the answer only",
        )
    ],
    "PUT /teams/{team_id}/patch": [
        ({"allowed_domains": "string"}, "a field that can be patched (model.TeamPatch), which the description forgets")
    ],
    "POST /users": [
        ({"email_verified": "bool"}, "a field of the account (model.User), which only administrators can set")
    ],
    "PUT /schemes/{scheme_id}/patch": [
        ({"display_name": "string"}, "a field that can be patched (model.SchemePatch), which the description forgets")
    ],
    "PUT /users/{user_id}": [
        (
            {"roles": "string", "auth_service": "string", "auth_data": "string", "delete_at": "number"},
            "the local socket has no patch, so that the account is sent back as it was read",
        )
    ],
}

ANSWERS: Dict[str, List[Tuple[Any, str]]] = {
    "GET /users/username/{username}": [
        ({"is_bot": "bool"}, "of the accounts of bots only (model.User), which were not recorded")
    ],
    "PUT /access_control_policies": [(_POLICY, _POLICY_WHY)],
    "GET /access_control_policies/{policy_id}": [(_POLICY, _POLICY_WHY)],
    "POST /access_control_policies/search": [({"policies": [_POLICY], "total": "number"}, _POLICY_WHY)],
    "PUT /access_control_policies/activate": [([_POLICY], _POLICY_WHY)],
    "GET /data_retention/policies": [
        (
            {
                "policies": [
                    {
                        "id": "string",
                        "display_name": "string",
                        "post_duration": "number",
                        "team_count": "number",
                        "channel_count": "number",
                    }
                ],
                "total_count": "number",
            },
            _COUNTED_WHY,
        )
    ],
    "GET /data_retention/policies/{policy_id}/teams": [
        ({"teams": [{"id": "string", "name": "string"}], "total_count": "number"}, _COUNTED_WHY)
    ],
    "GET /data_retention/policies/{policy_id}/channels": [
        (
            {"channels": [{"id": "string", "name": "string", "team_name": "string"}], "total_count": "number"},
            _COUNTED_WHY,
        )
    ],
    "GET /teams/{team_id}/channels/name/{channel_name}": [
        ({"policy_enforced": "bool"}, "not described; since 10.9 servers tell it of every channel (model.Channel)")
    ],
    "GET /remotecluster/{remote_id}/sharedchannelremotes": [
        ([{"last_post_create_at": "number"}], "described as a string; a time (model.SharedChannelRemote)")
    ],
    "POST /commands/execute": [
        (
            {"response_type": "string", "text": "string"},
            "described as any status; the answer of the command (model.CommandResponse)",
        )
    ],
    "POST /schemes": [
        (
            {"display_name": "string", "default_team_guest_role": "string", "default_channel_guest_role": "string"},
            "fields of the scheme (model.Scheme), which the description forgets",
        )
    ],
    "GET /license/client": [
        (
            {
                "Id": "string",
                "SkuShortName": "string",
                "ExpiresAt": "string",
                "GuestAccounts": "string",
                "GuestAccountsPermissions": "string",
                "CustomPermissionsSchemes": "string",
            },
            "of a licence; the servers that were recorded had none, and the description has no names (utils.GetClientLicense)",
        )
    ],
}
