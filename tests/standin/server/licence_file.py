# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Licence files of the stand-in: in the form of real ones, which no real server takes.

A real file is base64 of the licence, as JSON, followed by 256 bytes of signature. Here those bytes are the SHA-512 of
the JSON, four times: enough to refuse a damaged file, and nothing that a real server's key would accept.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import Any

from server.errors import ApiError
from server.ids import new_id, now

_SIGNATURE = 256
_DAY = 86_400_000
# Tiers as the real server counts them, by the short name of the product.
TIERS = {"professional": 10, "enterprise": 20, "advanced": 30}
_NAMES = {"professional": "Professional", "enterprise": "Enterprise", "advanced": "Enterprise Advanced"}
# Each feature with the lowest tier that has it.
FEATURES = {
    **dict.fromkeys(("ldap", "ldap_groups", "mfa", "google_oauth", "office365_oauth", "openid", "saml", "mhpns"), 10),
    **dict.fromkeys(("announcement", "theme_management", "email_notification_contents", "guest_accounts"), 10),
    **dict.fromkeys(("guest_accounts_permissions", "custom_permissions_schemes", "lock_teammate_name_display"), 10),
    **dict.fromkeys(("metrics", "outgoing_oauth_connections", "custom_terms_of_service"), 10),
    **dict.fromkeys(("compliance", "cluster", "elastic_search", "data_retention", "message_export", "id_loaded"), 20),
    **dict.fromkeys(("enterprise_plugins", "advanced_logging", "shared_channels", "remote_cluster_service"), 20),
    **dict.fromkeys(("auto_translation",), 30),
    "cloud": 99,
    "future_features": 99,
}


def document(sku: str, *, days: int, users: int) -> dict[str, Any]:
    """What a licence says."""
    stamp = now()
    starts = min(stamp, stamp + days * _DAY) - _DAY
    tier = TIERS[sku]
    return {
        "id": new_id(),
        "issued_at": starts,
        "starts_at": starts,
        "expires_at": stamp + days * _DAY,
        "customer": {
            "id": new_id(),
            "name": "Stand-in, for tests",
            "email": "stand-in@example.com",
            "company": "Stand-in: no real server takes this licence",
        },
        "features": {"users": users, **{name: tier >= lowest for name, lowest in FEATURES.items()}},
        "sku_name": _NAMES[sku],
        "sku_short_name": sku,
        "is_trial": False,
        "is_gov_sku": False,
        "is_seat_count_enforced": False,
        "extra_users": None,
        "signup_jwt": None,
        "limits": None,
    }


def pack(licence: dict[str, Any]) -> bytes:
    text = json.dumps(licence).encode()
    while _digest(text).endswith(b"\0"):  # servers cut zeros off the end of a file
        text += b" "
    return base64.b64encode(text + _digest(text))


def unpack(content: bytes) -> dict[str, Any]:
    """The licence in a file, or the error of a real server that is given none of its own."""
    invalid = ApiError("api.license.add_license.invalid.app_error")
    try:
        decoded = base64.b64decode(b"".join(content.split()), validate=True).rstrip(b"\0")
    except binascii.Error as error:
        raise invalid from error
    text, signature = decoded[:-_SIGNATURE], decoded[-_SIGNATURE:]
    if not text or signature != _digest(text):
        raise invalid
    licence: dict[str, Any] = json.loads(text)
    return licence


def _digest(text: bytes) -> bytes:
    return hashlib.sha512(text).digest() * (_SIGNATURE // 64)
