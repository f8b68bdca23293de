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
from federation_sites import FACTOR, admin_bot, team_of
from launcher import ADMIN, Server
from test_standin_outside import WebSocket

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
    target = licensed(sku="professional", config={"ServiceSettings": FACTOR})
    status, answer = target.call("GET", "/users", token=target.token)
    assert (status, answer["id"]) == (403, "api.context.mfa_required.app_error")
    assert target.call("GET", CLIENT)[1]["EnforceMultifactorAuthentication"] == "true"
    own = target.admin("GET", "/users/me")["id"]
    secret = target.admin("POST", f"/users/{own}/mfa/generate")["secret"]
    target.admin("PUT", f"/users/{own}/mfa", {"activate": True, "code": code(secret)})
    assert target.call("GET", "/users", token=target.token)[0] == 200
    assert target.call("GET", "/users", local=True)[0] == 200


@pytest.mark.parametrize("version", ["9.11.0", "11.6.0"])
def test_who_is_asked_for_a_second_factor(licensed: Callable[..., Server], postgres: Any, version: str) -> None:
    """A person is, with a token too, until it is set up; a bot is not, nor whom an identity provider vouches for."""
    dsn = postgres.database()
    target = licensed(version, dsn=dsn, config={"ServiceSettings": {"EnableUserAccessTokens": True}})
    bot, team = admin_bot(target), team_of(target)
    own = target.admin("GET", "/users/me")["id"]
    other = target.admin("POST", "/users", {"username": "ann", "email": "ann@example.org", "password": "Ann-2026-pass"})
    person = target.admin("POST", f"/users/{own}/tokens", {"description": "federation"})["token"]
    target.admin("PUT", "/config/patch", {"ServiceSettings": FACTOR})
    asked = (403, "api.context.mfa_required.app_error")

    def refused(token: str, method: str = "GET", path: str = f"/teams/{team}", body: Any = None) -> bool:
        status, answer = target.call(method, path, body, token=token)
        assert status in (200, 201) or (status, answer["id"]) == asked, answer
        return status == 403

    session = target.login(ADMIN["username"], ADMIN["password"])
    assert refused(session) and refused(person) and not refused(bot)
    # Setting it up is for themselves, and one's own account can be read.
    assert not refused(session, path="/users/me") and refused(session, path="/users/username/mfa")
    off = {"activate": False}
    assert refused(session, "PUT", f"/users/{other['id']}/mfa", off) is version.startswith("11")
    # A release of that age does not ask before a search.
    assert refused(session, "POST", "/users/search", {"term": "ann"}) is version.startswith("11")
    secret = target.admin("POST", f"/users/{own}/mfa/generate")["secret"]
    target.admin("PUT", f"/users/{own}/mfa", {"activate": True, "code": code(secret)})
    assert not refused(session) and not refused(person)
    target.admin("PUT", f"/users/{own}/mfa", off)
    assert refused(person)
    for service, gets_in in (("ldap", False), ("saml", True)):
        postgres.run(postgres.name(dsn), f"UPDATE users SET authservice = '{service}' WHERE id = '{own}'")
        assert refused(person) is not gets_in


@pytest.mark.parametrize("version", ["9.11.0", "11.6.0"])
def test_a_second_factor_on_the_websocket(licensed: Callable[..., Server], version: str) -> None:
    """Since 11 who lacks it hears nothing; before, it was not asked for there."""
    target = licensed(version)
    bot, team = admin_bot(target), team_of(target)
    channel = target.admin("GET", f"/teams/{team}/channels/name/town-square")["id"]
    target.admin("PUT", "/config/patch", {"ServiceSettings": FACTOR})
    client = WebSocket(target)
    client.send({"seq": 1, "action": "authentication_challenge", "data": {"token": target.token}})
    assert client.receive()["status"] == "OK" and client.receive()["event"] == "hello"
    client.send({"seq": 2, "action": "ping"})
    first = client.receive()
    assert first["status"] == ("FAIL" if version.startswith("11") else "OK"), first
    status, post = target.call("POST", "/posts", {"channel_id": channel, "message": "heard"}, token=bot)
    assert status == 201 and post["props"] == {"from_bot": "true"}
    client.send({"seq": 3, "action": "ping"})
    heard = client.receive()
    assert heard.get("event") == (None if version.startswith("11") else "posted"), heard


def test_no_factor_is_enforced_without_a_licence(server: Callable[..., Server]) -> None:
    target = server("11.6.0", edition="enterprise").start().make_admin()
    target.admin("PUT", "/config/patch", {"ServiceSettings": FACTOR})
    assert target.call("GET", "/users", token=target.token)[0] == 200
    assert target.call("GET", CLIENT)[1]["EnforceMultifactorAuthentication"] == "false"
    assert target.admin("GET", "/license/load_metric") == {"load": 0}


def test_the_load_of_a_licence(licensed: Callable[..., Server]) -> None:
    assert licensed().admin("GET", "/license/load_metric") == {"load": 1}
