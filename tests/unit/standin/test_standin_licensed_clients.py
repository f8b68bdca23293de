# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What clients notice of a licence: the settings they are told, the enforced second factor, and the load."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
import time
from typing import Any, Callable

import pytest
from launcher import Server

CLIENT = "/config/client?format=old"


def code(secret: str) -> str:
    """The one-time password of this half minute."""
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start : start + 4])[0] & 0x7FFFFFFF) % 1_000_000:06d}"


@pytest.mark.parametrize(
    ("version", "section"), [("9.11.0", "ExperimentalSettings"), ("11.6.0", "ConnectedWorkspacesSettings")]
)
def test_settings_of_licensed_features_are_told(licensed: Callable[..., Server], version: str, section: str) -> None:
    config: dict[str, Any] = {section: {"EnableSharedChannels": True, "EnableRemoteClusterService": True}}
    config["DataRetentionSettings"] = {"EnableMessageDeletion": True, "MessageRetentionHours": 48}
    config["DataRetentionSettings"]["MessageRetentionDays"] = 0
    config["GuestAccountsSettings"] = {"Enable": True}
    target = licensed(version, config=config)
    wanted = {"ExperimentalSharedChannels": "true", "ExperimentalRemoteClusterService": "true"}
    wanted.update(DataRetentionEnableMessageDeletion="true", DataRetentionMessageRetentionHours="48")
    shown = target.admin("GET", CLIENT)
    assert {**shown, **wanted, "EnableGuestAccounts": "true"} == shown
    assert not set(wanted) & set(target.call("GET", CLIENT)[1]), "nothing of it without a session"
    target.admin("DELETE", "/license")
    without = target.admin("GET", CLIENT)
    assert without["ExperimentalSharedChannels"] == without["DataRetentionEnableMessageDeletion"] == "false"
    assert "ExperimentalRemoteClusterService" not in without


def test_a_second_factor_is_enforced(licensed: Callable[..., Server]) -> None:
    both = {"EnableMultifactorAuthentication": True, "EnforceMultifactorAuthentication": True}
    target = licensed(sku="professional", config={"ServiceSettings": both})
    status, answer = target.call("GET", "/users", token=target.token)
    assert (status, answer["id"]) == (403, "api.context.mfa_required.app_error")
    assert target.call("GET", CLIENT)[1]["EnforceMultifactorAuthentication"] == "true"
    own = target.admin("GET", "/users/me")["id"]
    secret = target.admin("POST", f"/users/{own}/mfa/generate")["secret"]
    target.admin("PUT", f"/users/{own}/mfa", {"activate": True, "code": code(secret)})
    assert target.call("GET", "/users", token=target.token)[0] == 200
    assert target.call("GET", "/users", local=True)[0] == 200


def test_no_factor_is_enforced_without_a_licence(server: Callable[..., Server]) -> None:
    target = server("11.6.0", edition="enterprise").start().make_admin()
    both = {"EnableMultifactorAuthentication": True, "EnforceMultifactorAuthentication": True}
    target.admin("PUT", "/config/patch", {"ServiceSettings": both})
    assert target.call("GET", "/users", token=target.token)[0] == 200
    assert target.call("GET", CLIENT)[1]["EnforceMultifactorAuthentication"] == "false"
    assert target.admin("GET", "/license/load_metric") == {"load": 0}


def test_the_load_of_a_licence(licensed: Callable[..., Server]) -> None:
    assert licensed().admin("GET", "/license/load_metric") == {"load": 1}
