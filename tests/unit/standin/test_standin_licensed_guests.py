# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Guest accounts: who they are, what is kept from them, and how they are invited."""

from __future__ import annotations

import email
import re
import socket
import threading
from typing import Any, Callable, Iterator

import pytest
from launcher import Server

ON = {"GuestAccountsSettings": {"Enable": True}}
PASSWORD = "Guest-pass-2026!"


@pytest.fixture
def mail() -> Iterator[Any]:
    """A mail server for one connection at a time: its port, and the letters it took."""
    letters: list[str] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _address = listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb", buffering=0) as stream:
                stream.write(b"220 test\r\n")
                for line in stream:
                    if line.upper().startswith(b"DATA"):
                        stream.write(b"354 go on\r\n")
                        letters.append("".join(iter(lambda: stream.readline().decode(), ".\r\n")))
                    stream.write(b"221 bye\r\n" if line.upper().startswith(b"QUIT") else b"250 ok\r\n")

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1], letters
    listener.close()


def account(target: Server, name: str) -> dict[str, Any]:
    body = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
    found: dict[str, Any] = target.admin("POST", "/users", body)
    return found


def place(target: Server, *members: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A team and a private channel of it, with these members."""
    team = target.admin("POST", "/teams", {"name": "force", "display_name": "Force", "type": "O"})
    wanted = {"team_id": team["id"], "name": "joint", "display_name": "Joint", "type": "P"}
    channel = target.admin("POST", "/channels", wanted)
    for user in members:
        target.admin("POST", f"/teams/{team['id']}/members", {"team_id": team["id"], "user_id": user["id"]})
        target.admin("POST", f"/channels/{channel['id']}/members", {"user_id": user["id"]})
    return team, channel


@pytest.mark.parametrize("version", ["9.11.0", "11.6.0"])
def test_demoted_and_promoted(licensed: Callable[..., Server], version: str) -> None:
    target = licensed(version, sku="professional", config=ON)
    user = account(target, "gina")
    team, channel = place(target, user)
    path = f"/users/{user['id']}"
    assert target.call("POST", path + "/promote", token=target.token)[0] == 501
    target.admin("POST", path + "/demote")
    assert target.admin("GET", path)["roles"] == "system_guest"
    member = target.admin("GET", f"/teams/{team['id']}/members/{user['id']}")
    assert (member["roles"], member["scheme_guest"], member["scheme_user"]) == ("team_guest", True, False)
    assert target.admin("GET", f"/channels/{channel['id']}/members/{user['id']}")["roles"] == "channel_guest"
    assert target.admin("GET", f"/channels/{channel['id']}/stats")["guest_count"] == 1
    assert [row["username"] for row in target.admin("GET", "/users?role=system_guest")] == ["gina"]
    status, answer = target.call("POST", path + "/demote", token=target.token)
    assert (status, answer["id"]) == (501, "api.user.demote_user_to_guest.already_guest.app_error")
    assert target.call("POST", path + "/promote", local=True)[0] == 200
    assert target.admin("GET", path)["roles"] == "system_user"


def test_a_guest_sees_and_does_little(licensed: Callable[..., Server]) -> None:
    target = licensed(config=ON)
    guest, friend, stranger = (account(target, name) for name in ("gina", "fred", "stan"))
    team, channel = place(target, guest, friend)
    target.admin("POST", f"/users/{guest['id']}/demote")
    for name in ("off-topic", "town-square"):  # where it was before it became a guest
        square = target.admin("GET", f"/teams/{team['id']}/channels/name/{name}")
        target.admin("DELETE", f"/channels/{square['id']}/members/{guest['id']}")
    target.admin("POST", f"/teams/{team['id']}/members", {"team_id": team["id"], "user_id": stranger["id"]})
    token = target.login("gina", PASSWORD)

    def ask(method: str, path: str, body: Any = None) -> int:
        return target.call(method, path, body, token=token)[0]

    place_in = {"team_id": team["id"], "name": "own", "display_name": "Own"}
    for method, path, body, status in [
        ("POST", "/posts", {"channel_id": channel["id"], "message": "hello"}, 201),
        ("GET", f"/channels/{channel['id']}", None, 200),
        ("GET", f"/channels/{square['id']}", None, 403),
        ("POST", f"/channels/{square['id']}/members", {"user_id": guest["id"]}, 403),
        ("POST", f"/channels/{channel['id']}/members", {"user_id": stranger["id"]}, 403),
        ("PUT", f"/channels/{channel['id']}/patch", {"header": "mine"}, 403),
        ("GET", f"/teams/{team['id']}/channels", None, 403),
        ("POST", "/channels", {**place_in, "type": "O"}, 403),
        ("POST", "/channels", {**place_in, "type": "P"}, 403),
        ("POST", "/teams", {"name": "mine", "display_name": "Mine", "type": "O"}, 403),
        ("GET", f"/users/{friend['id']}", None, 200),
        ("GET", f"/users/{stranger['id']}", None, 403),
        ("GET", "/users/username/stan", None, 403),
        ("POST", "/channels/direct", [guest["id"], stranger["id"]], 403),
        ("POST", "/channels/direct", [guest["id"], friend["id"]], 201),
    ]:
        assert ask(method, path, body) == status, (method, path, body)
    names = {row["username"] for row in target.call("GET", "/users", token=token)[1]}
    assert names == {"gina", "fred", "sysadmin"}
    found = target.call("GET", f"/teams/{team['id']}/members", token=token)[1]
    assert stranger["id"] not in {row["user_id"] for row in found}
    assert target.call("POST", "/users/search", {"term": "stan"}, token=token)[1] == []


def test_switching_guests_off_deactivates_them(licensed: Callable[..., Server]) -> None:
    target = licensed(config=ON)
    user = account(target, "gina")
    target.admin("POST", f"/users/{user['id']}/demote")
    target.admin("PUT", "/config/patch", {"GuestAccountsSettings": {"Enable": False}})
    assert target.admin("GET", f"/users/{user['id']}")["delete_at"] > 0
    status, answer = target.call("POST", f"/users/{user['id']}/demote", token=target.token)
    assert (status, answer["id"]) == (501, "api.team.demote_user_to_guest.disabled.error")


def test_invited_by_letter(licensed: Callable[..., Server], mail: Any) -> None:
    port, letters = mail
    target = licensed(config={**ON, "ServiceSettings": {"EnableEmailInvitations": True}})
    team, channel = place(target)
    body = {"emails": ["Gina@Example.com", "x@other.example"], "channels": [channel["id"]], "message": "come in"}
    path = f"/teams/{team['id']}/invite-guests/email"
    refused = target.admin("POST", path + "?graceful=true", body)
    assert [row["error"]["id"].rsplit(".", 2)[1] for row in refused] == ["unable_to_send_email_with_defaults"] * 2
    settings = {"EmailSettings": {"SMTPServer": "127.0.0.1", "SMTPPort": str(port)}}
    settings["GuestAccountsSettings"] = {"RestrictCreationToDomains": "example.com"}
    target.admin("PUT", "/config/patch", settings)
    results = target.admin("POST", path + "?graceful=true", body)
    assert [(row["email"], bool(row["error"])) for row in results] == [
        *(("gina@example.com", False), ("x@other.example", True)),
    ]
    text = email.message_from_string(letters[0]).get_payload(decode=True).decode()
    token = re.search(r"&t=(\w{64})", text)
    assert token and "come in" in text
    new = {"username": "gina", "email": "gina@example.com", "password": PASSWORD}
    assert target.call("POST", f"/users?t={token[1]}", {**new, "email": "no@example.com"})[0] == 400
    status, guest = target.call("POST", f"/users?t={token[1]}", new)
    assert (status, guest["roles"]) == (201, "system_guest")
    assert target.admin("GET", f"/channels/{channel['id']}/members/{guest['id']}")["scheme_guest"] is True
    assert target.call("POST", f"/users?t={token[1]}", {**new, "username": "two"})[0] == 400


def test_refused_without_a_licence(server: Callable[..., Server]) -> None:
    target = server("11.6.0", edition="enterprise").start().make_admin()
    target.admin("PUT", "/config/patch", ON)
    user = account(target, "gina")
    team, channel = place(target)
    wanted = {"emails": ["g@example.com"], "channels": [channel["id"]]}
    for path, body in ((f"/users/{user['id']}/demote", None), (f"/teams/{team['id']}/invite-guests/email", wanted)):
        status, answer = target.call("POST", path, body, token=target.token)
        assert (status, answer["message"]) == (501, "Your license does not support guest accounts")
