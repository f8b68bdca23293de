# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The modules of people and places, run for real: in check mode, then, then again, over the network and the socket."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import struct
import time
from pathlib import Path
from typing import Any, Callable, Dict

import pytest
from launcher import ADMIN, Server

TARGET = os.environ.get("STANDIN_TARGET")
VERSIONS = [os.path.basename(TARGET)] if TARGET else ["9.11.0", "11.6.0"]
Bring = Callable[..., Dict[str, Any]]


@pytest.fixture(params=VERSIONS)
def started(server: Callable[..., Server], request: Any) -> Server:
    """A server without a licence and its administrator; a real release when STANDIN_TARGET names its tarball."""
    env = {"MM_SERVICESETTINGS_ENABLEUSERACCESSTOKENS": "true", "MM_SERVICESETTINGS_ENABLEBOTACCOUNTCREATION": "true"}
    archive = {"archive": Path(TARGET)} if TARGET else {"version": request.param}
    return server(env=env, **archive).start().make_admin()


@pytest.fixture(params=["url", "socket"])
def to(request: Any, started: Server) -> Dict[str, Any]:
    return connection(started, request.param)


def connection(found: Server, way: str) -> Dict[str, Any]:
    if way == "socket":
        return {"socket_path": found.socket}
    return {"url": found.base, "login_username": ADMIN["username"], "login_password": ADMIN["password"]}


@pytest.fixture
def bring(run_module: Callable[..., Dict[str, Any]]) -> Bring:
    """Check, do, do again, check again: what was predicted comes true, and then nothing is left to do."""

    def call(name: str, /, **args: Any) -> Dict[str, Any]:
        predicted = run_module(name, check=True, **args)
        assert not predicted.get("failed") and predicted["changed"], predicted["text"]
        done = run_module(name, **args)
        assert not done.get("failed") and done["changed"], done["text"]
        for key, value in predicted[name].items():
            found = done[name][key]
            assert set(value) <= set(found) if key == "members" else found == value, key  # who creates is in, too
        for check in (False, True):
            again = run_module(name, check=check, **args)
            assert not again.get("failed") and not again["changed"], again["text"]
            assert again[name] == {key: value for key, value in done[name].items() if key != "token"}
        return done

    return call


@pytest.fixture
def crew(started: Server) -> None:
    for name in ("ann", "bob"):
        body = {"username": name, "email": f"{name}@example.test", "password": "Crew-pass-2026"}
        assert started.admin("POST", "/users", body)


def test_team(bring: Bring, to: Dict[str, Any], crew: None) -> None:
    team = {**to, "name": "ops"}
    made = bring("team", **team, display_name=" Operations ", description="All", members=["Ann"])["team"]
    assert (made["type"], made["display_name"]) == ("invite", "Operations") and "ann" in made["members"]
    assert bring("team", **team, type="open", allowed_domains=["@example.test", "b.test"])["team"]["type"] == "open"
    assert bring("team", **team, type="invite", allowed_domains=[])["team"]["allowed_domains"] == []
    assert bring("team", **team, members=["bob"], members_exclusive=True)["team"]["members"] == ["bob"]
    assert not bring("team", **team, state="absent")["team"]["active"]
    assert bring("team", **team, display_name="Again", members=["ann"])["team"]["members"] == ["ann", "bob"]


def test_channel(bring: Bring, to: Dict[str, Any], crew: None) -> None:
    bring("team", **to, name="ops", members=["ann", "bob"])
    channel = {**to, "team": "ops", "name": "joint_ops"}
    made = bring("channel", **channel, purpose="Plan", header="# Plan", members=["ann"])["channel"]
    assert (made["type"], made["display_name"]) == ("private", "joint_ops") and "ann" in made["members"]
    changed = bring("channel", **channel, display_name="Joint", purpose="", type="public")["channel"]
    assert (changed["purpose"], changed["type"], changed["header"]) == ("", "public", "# Plan")
    assert bring("channel", **channel, members=["bob"], members_exclusive=True)["channel"]["members"] == ["bob"]
    assert not bring("channel", **channel, state="absent")["channel"]["active"]
    back = bring("channel", **channel, type="private", header="")["channel"]
    assert back["id"] == made["id"] and back["type"] == "private"


def test_not_in_the_team(run_module: Callable[..., Dict[str, Any]], to: Dict[str, Any], crew: None) -> None:
    run_module("team", **to, name="ops")
    result = run_module("channel", **to, team="ops", name="plans", members=["ann"])
    assert (
        "Cannot add ann to the channel plans in the team ops" in result["msg"] and "to the team first" in result["msg"]
    )
    result = run_module("channel", **to, team="ops", name="town-square", state="absent")
    assert "Cannot archive the channel town-square" in result["msg"]


@pytest.fixture(params=["9.11.0", "11.6.0"])
def with_licence(licensed: Callable[..., Server], request: Any) -> Server:
    """A server with guests and schemes; a real one is not to be had with a licence."""
    if TARGET:
        pytest.skip("there is no licence for a real server")
    return licensed(request.param, sku="professional", config={"GuestAccountsSettings": {"Enable": True}})


@pytest.mark.parametrize("way", ["url", "socket"])
def test_guest(bring: Bring, run_module: Callable[..., Dict[str, Any]], with_licence: Server, way: str) -> None:
    to = connection(with_licence, way)
    for team in ("ops", "intel"):
        run_module("team", **to, name=team)
        for channel in ("plans", "news"):
            run_module("channel", **to, team=team, name=channel)
    account = {"email": "gina@example.test", "password": "Guest-pass-2026"}
    guest = {**to, "username": "gina"}
    made = bring("guest", **guest, **account, channels=["ops:plans"])["guest"]
    assert (made["teams"], made["channels"], made["guest"]) == (["ops"], ["ops:plans"], True)
    moved = bring("guest", **guest, channels=["ops:news", "intel:news"])["guest"]
    assert moved["channels"] == ["intel:news", "ops:news"]
    assert bring("guest", **guest, channels=["ops:news"])["guest"]["teams"] == ["ops"]
    assert not bring("guest", **guest, state="absent")["guest"]["active"]
    assert bring("guest", **guest, channels=["ops:plans"])["guest"]["active"]
    assert not bring("guest", **guest, state="absent", when_absent="promote")["guest"]["guest"]
    member = run_module("team", **to, name="intel", members=["gina"])
    assert member["changed"]
    back = bring("guest", **guest, channels=["ops:plans"])["guest"]
    assert (back["teams"], back["channels"], back["id"]) == (["ops"], ["ops:plans"], made["id"])
    assert bring("guest", **guest, channels=[])["guest"]["teams"] == []


def test_no_guests_without_a_licence(
    run_module: Callable[..., Dict[str, Any]], to: Dict[str, Any], started: Server
) -> None:
    wanted = {"username": "gina", "email": "gina@example.test", "password": "Guest-pass-2026"}
    for check in (True, False):
        result = run_module("guest", check=check, **to, **wanted)
        assert result["status"] == 501 and "It needs a licence: Professional or higher" in result["msg"]
    assert started.call("GET", "/users/username/gina", token=started.token)[0] == 404


def test_bot(
    bring: Bring, run_module: Callable[..., Dict[str, Any]], to: Dict[str, Any], started: Server, crew: None
) -> None:
    bot = {**to, "username": "alerts"}
    refused = run_module("bot", **connection(started, "socket"), username="alerts")
    assert "the local socket has no route for that" in refused["msg"]
    if "socket_path" in to:
        run_module("bot", **connection(started, "url"), username="alerts", display_name="Alerts")
    else:
        assert bring("bot", **bot, display_name="Alerts")["bot"]["owner"] == ADMIN["username"]
    changed = bring("bot", **bot, description="Tells", owner="ann")["bot"]
    assert (changed["description"], changed["owner"], changed["display_name"]) == ("Tells", "ann", "Alerts")
    assert not bring("bot", **bot, state="absent")["bot"]["active"]
    assert bring("bot", **bot, description="")["bot"]["active"]
    assert "a person has this user name" in run_module("bot", **to, username="ann")["msg"]


def test_access_token(bring: Bring, to: Dict[str, Any], started: Server, crew: None) -> None:
    token = {**to, "username": "ann", "description": "script"}
    made = bring("access_token", **token)
    assert made["text"].count(made["access_token"]["token"]) == 1
    secret = {"url": started.base, "token": made["access_token"]["token"]}
    if "url" in to:
        started.admin("POST", "/users/tokens/disable", {"token_id": made["access_token"]["id"]})
        assert started.call("GET", "/users/me", token=secret["token"])[0] == 401
        assert bring("access_token", **token)["access_token"]["id"] == made["access_token"]["id"]
    assert started.call("GET", "/users/me", token=secret["token"])[1]["username"] == "ann"
    bring("access_token", **token, state="absent")
    assert started.call("GET", "/users/me", token=secret["token"])[0] == 401


def one_time_code(secret: str) -> str:
    """What an authenticator shows for this secret now (RFC 6238)."""
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(int.from_bytes(digest[start : start + 4], 'big') & 0x7FFFFFFF) % 10**6:06}"


def test_second_factor(
    bring: Bring, run_module: Callable[..., Dict[str, Any]], to: Dict[str, Any], started: Server
) -> None:
    """The administrator logs in with a code, and the socket takes the factor away when the device is lost."""
    started.admin("PUT", "/config/patch", {"ServiceSettings": {"EnableMultifactorAuthentication": True}})
    user_id = started.admin("GET", "/users/me")["id"]
    secret = started.admin("POST", f"/users/{user_id}/mfa/generate")["secret"]
    code = one_time_code(secret)
    started.admin("PUT", f"/users/{user_id}/mfa", {"activate": True, "code": code})
    login = connection(started, "url")
    refused = run_module("team", **login, name="ops")
    assert refused["status"] == 401 and "Give the code that is valid now as mfa_code" in refused["msg"]
    assert run_module("team", **login, mfa_code=one_time_code(secret), name="ops")["changed"]
    with_token = {"url": started.base, "token": started.token} if "url" in to else to
    assert bring("user", **with_token, username=ADMIN["username"], mfa_active=False)["user"]["mfa_active"] is False
    assert run_module("team", **login, name="intel")["changed"]


def test_role(bring: Bring, run_module: Callable[..., Dict[str, Any]], to: Dict[str, Any]) -> None:
    role = {**to, "name": "system_user"}
    changed = bring("role", **role, remove_permissions=["create_team"])["role"]
    assert "create_team" not in changed["permissions"]
    whole = [*changed["permissions"], "create_team"]
    assert bring("role", **role, permissions=whole)["role"]["permissions"] == sorted(whole)
    members = bring("role", **to, name="team_user", remove_permissions=["create_private_channel"])["role"]
    assert "create_private_channel" not in members["permissions"]
    assert "no server lets manage_system" in run_module("role", **role, add_permissions=["manage_system"])["msg"]
    refused = run_module("role", **to, name="team_guest", add_permissions=["create_emojis"])
    assert refused["status"] == 501 and "It needs a licence" in refused["msg"]
    assert "There is no role none" in run_module("role", **to, name="none", permissions=[])["msg"]


def test_scheme(bring: Bring, run_module: Callable[..., Dict[str, Any]], with_licence: Server) -> None:
    to = connection(with_licence, "url")
    for team in ("ops", "intel"):
        run_module("team", **to, name=team)
    run_module("channel", **to, team="ops", name="plans")
    scheme = {**to, "name": "coalition"}
    made = bring("scheme", **scheme, roles={"team_user": ["view_team", "list_team_channels"]}, teams=["ops"])["scheme"]
    assert (made["display_name"], made["teams"]) == ("coalition", ["ops"])
    changed = bring(
        "scheme", **scheme, display_name="Coalition", teams=["intel"], roles={"channel_user": ["read_channel"]}
    )
    assert changed["scheme"]["roles"] == {"channel_user": ["read_channel"]} and changed["scheme"]["teams"] == ["intel"]
    bring("scheme", **scheme, state="absent")
    assert bring("scheme", **scheme, teams=[])["scheme"]["id"] != made["id"]
    channel = {**to, "name": "quiet", "scope": "channel"}
    assert bring("scheme", **channel, channels=["ops:plans"])["scheme"]["channels"] == ["ops:plans"]
    quiet = bring("scheme", **channel, roles={"channel_user": ["add_reaction"], "channel_guest": []})["scheme"]["roles"]
    assert quiet == {"channel_user": ["add_reaction"], "channel_guest": []}
    assert "no way to leave a channel without one" in run_module("scheme", **channel, channels=[])["msg"]
    assert "no server can" in run_module("scheme", **{**channel, "scope": "team"})["msg"]
    bring("scheme", **channel, state="absent")


def test_no_schemes_without_a_licence(run_module: Callable[..., Dict[str, Any]], started: Server) -> None:
    for check in (True, False):
        result = run_module("scheme", check=check, **connection(started, "url"), name="coalition")
        assert result["status"] == 501 and "It needs a licence: Professional or higher" in result["msg"]
    result = run_module("scheme", **connection(started, "socket"), name="coalition")
    assert "the local socket has no routes for schemes. Use url" in result["msg"]
