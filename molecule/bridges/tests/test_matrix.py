# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""A homeserver that has read the registration sends to the bridge, under its token, what is said in rooms that the bridge is in."""

from __future__ import annotations

import secrets

import pytest
import yaml
from conftest import GIVEN, REGISTRATION, SECRETS, Matrix, ask, plugin_settings, plugins_active, received, run, until

BRIDGE = Matrix(SECRETS["matrix_as_token"])
ROUTE = GIVEN["mattermost_bridge_matrix_registration_url"] + "/_matrix/app/v1/transactions/"


@pytest.fixture(scope="module")
def ann() -> Matrix:
    return Matrix.person(f"ann-{secrets.token_hex(3)}")


def events() -> list[dict]:
    return [event for entry in received() if entry["status"] == 200 for event in entry["events"]]


def texts() -> list[str]:
    return [event["content"].get("body") for event in events() if event["type"] == "m.room.message"]


def test_the_settings_are_in_the_server_and_messages_are_handed_on():
    settings = plugin_settings("com.mattermost.plugin-matrix-bridge")
    assert settings == {
        "matrix_server_url": "http://127.0.0.1:8008",
        "matrix_server_name": "matrix.example",
        "matrix_as_token": SECRETS["matrix_as_token"],
        "matrix_hs_token": SECRETS["matrix_hs_token"],
        "matrix_username_prefix": "matrix",
        "rate_limiting_mode": "automatic",
        "enable_sync": True,
    }
    assert "com.mattermost.plugin-matrix-bridge" in plugins_active()


def test_the_homeserver_knows_the_bridge_and_nobody_who_says_so():
    assert BRIDGE.ask("GET", "/account/whoami")["user_id"] == "@_mattermost_bridge:matrix.example"
    status, _answer = ask("GET", Matrix.BASE + "/account/whoami", "x" * 40)
    assert status == 401


def test_the_registration_is_the_homeserver_s_alone(chat):
    file = chat.file(REGISTRATION)
    assert (file.user, file.group, file.mode) == ("root", "matrix-synapse", 0o640)
    namespaces = yaml.safe_load(file.content_string)["namespaces"]
    assert namespaces["users"] == [{"exclusive": True, "regex": r"@_mattermost_.*:matrix\.example"}]
    assert namespaces["rooms"] == []


def test_what_is_said_in_the_bridge_s_room_arrives_under_the_homeserver_s_token(ann):
    room = ann.room(invite=["@_mattermost_bridge:matrix.example"])
    BRIDGE.ask("POST", f"/rooms/{room}/join", {})
    ann.say(room, "to the bridge")
    until(lambda: "to the bridge" in texts(), what="the message at the bridge")
    assert {entry["status"] for entry in received() if not entry["transaction"].startswith(("fieldops-", "test-"))} == {
        200
    }


def test_what_is_said_elsewhere_does_not_arrive(ann):
    shared = ann.room(invite=["@_mattermost_bridge:matrix.example"])
    BRIDGE.ask("POST", f"/rooms/{shared}/join", {})
    ann.say(ann.room(), "among ourselves")
    ann.say(shared, "after that")
    until(lambda: "after that" in texts(), what="the later message at the bridge")
    assert "among ourselves" not in texts()


def test_the_bridge_writes_as_somebody_of_mattermost(ann):
    room = ann.room(invite=["@_mattermost_bridge:matrix.example"])
    BRIDGE.ask("POST", f"/rooms/{room}/join", {})
    ghost = f"_mattermost_{secrets.token_hex(6)}"
    BRIDGE.ask("POST", "/register", {"type": "m.login.application_service", "username": ghost})
    ann.ask("POST", f"/rooms/{room}/invite", {"user_id": f"@{ghost}:matrix.example"})
    acting = f"?user_id=@{ghost}:matrix.example"
    BRIDGE.ask("POST", f"/rooms/{room}/join{acting}", {})
    body = {"msgtype": "m.text", "body": "from Mattermost"}
    BRIDGE.ask("PUT", f"/rooms/{room}/send/m.room.message/{secrets.token_hex(8)}{acting}", body)
    said = ann.ask("GET", f"/rooms/{room}/messages?dir=b&limit=5")["chunk"]
    assert [event["sender"] for event in said if event["content"].get("body") == "from Mattermost"] == [
        f"@{ghost}:matrix.example"
    ]


def test_nobody_else_takes_a_name_of_the_bridge():
    make = "/opt/synapse/bin/register_new_matrix_user --config /etc/matrix-synapse/homeserver.yaml --password rehearsal-Person-matrix --no-admin"
    said = run("sh", "-c", f"{make} --user _mattermost_stranger http://127.0.0.1:8008 2>&1 || true")
    assert "Success" not in said


def test_the_bridge_publishes_a_room_and_people_do_not(ann):
    room = ann.room(invite=["@_mattermost_bridge:matrix.example"])
    status, _answer = ask("PUT", f"{Matrix.BASE}/directory/list/room/{room}", ann.token, {"visibility": "public"})
    assert status == 403
    own = BRIDGE.room()
    BRIDGE.ask("PUT", f"/directory/list/room/{own}", {"visibility": "public"})


@pytest.mark.parametrize("token", ["", "x" * 40, SECRETS["matrix_as_token"]])
def test_another_token_is_refused_at_the_bridge(token):
    status, _answer = ask("PUT", ROUTE + "test-stranger", token, {"events": []})
    assert status == 401
