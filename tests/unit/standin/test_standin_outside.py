# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What the stand-in tries to call outside, setting by setting, and what its WebSocket does."""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
import threading
import time
from typing import Any, Callable, Iterator

import pytest
from launcher import QUIET, Server

Make = Callable[..., Server]


class Outside:
    """Stands where an outgoing proxy would be, and counts who comes."""

    def __init__(self) -> None:
        self.calls = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        while True:
            try:
                connection, _address = self._listener.accept()
            except OSError:
                return
            self.calls += 1
            connection.close()

    def settle(self, wanted: int) -> int:
        """The number of calls, after waiting for as many as are wanted; for none a moment has to do."""
        end = time.monotonic() + (5 if wanted else 0.5)
        while time.monotonic() < end and (not wanted or self.calls < wanted):
            time.sleep(0.02)
        return self.calls

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def outside() -> Iterator[Outside]:
    found = Outside()
    yield found
    found.close()


def proxied(outside: Outside) -> dict[str, str]:
    return {"HTTP_PROXY": outside.url, "HTTPS_PROXY": outside.url}


@pytest.mark.parametrize(
    ("on", "calls"),
    [
        ([], 0),
        (["SERVICESETTINGS_ENABLESECURITYFIXALERT"], 1),
        (["ANNOUNCEMENTSETTINGS_ADMINNOTICESENABLED"], 1),
        (["ANNOUNCEMENTSETTINGS_USERNOTICESENABLED"], 1),
        (["LOGSETTINGS_ENABLESENTRY"], 0),
        (["LOGSETTINGS_ENABLESENTRY", "LOGSETTINGS_ENABLEDIAGNOSTICS"], 2),
        ([name[3:] for name in QUIET], 4),
    ],
)
def test_calls_at_the_start(server: Make, outside: Outside, on: list[str], calls: int) -> None:
    server(env={**proxied(outside), **{f"MM_{name}": "true" for name in on}}).start()
    assert outside.settle(calls) == calls


def test_the_newer_release_has_no_telemetry(server: Make, outside: Outside) -> None:
    server("11.6.0", env={**proxied(outside), "MM_LOGSETTINGS_ENABLEDIAGNOSTICS": "true"}).start()
    assert outside.settle(0) == 0


@pytest.mark.parametrize("previews", [True, False])
def test_a_link_in_a_post_is_looked_up(server: Make, outside: Outside, previews: bool) -> None:
    env = {**proxied(outside), "MM_SERVICESETTINGS_ENABLELINKPREVIEWS": str(previews).lower()}
    target = server(env=env).start().make_admin()
    channel = town_square(target)
    target.admin("POST", "/posts", {"channel_id": channel, "message": "no link"})
    target.admin("POST", "/posts", {"channel_id": channel, "message": "see https://example.com/page"})
    assert outside.settle(int(previews)) == int(previews)


@pytest.mark.parametrize("push", [True, False])
def test_a_mention_is_pushed(server: Make, outside: Outside, push: bool) -> None:
    env = {**proxied(outside), "MM_EMAILSETTINGS_SENDPUSHNOTIFICATIONS": str(push).lower()}
    env["MM_EMAILSETTINGS_PUSHNOTIFICATIONSERVER"] = "https://push-test.mattermost.com"
    target = server(env=env).start().make_admin()
    channel = town_square(target)
    user = target.admin("POST", "/users", {"username": "maria", "email": "m@example.com", "password": "Maria-2026"})
    team = target.admin("GET", "/teams/name/alpha")
    target.admin("POST", f"/teams/{team['id']}/members", {"team_id": team["id"], "user_id": user["id"]})
    target.admin("POST", "/posts", {"channel_id": channel, "message": "hello @maria, who has no phone"})
    phone = target.login("maria", "Maria-2026")
    assert target.call("PUT", "/users/sessions/device", {"device_id": "apple_rn-v2:phone"}, token=phone)[0] == 200
    target.admin("POST", "/posts", {"channel_id": channel, "message": "hello @nobody and maria"})
    target.admin("POST", "/posts", {"channel_id": channel, "message": "hello @maria."})
    assert outside.settle(int(push)) == int(push)


def test_the_remote_marketplace_is_asked(server: Make, outside: Outside) -> None:
    on = {"MM_PLUGINSETTINGS_ENABLEREMOTEMARKETPLACE": "true"}
    target = server(env={**proxied(outside), **on}).start().make_admin()
    target.admin("GET", "/plugins/marketplace?local_only=true")
    assert outside.settle(0) == 0
    target.admin("GET", "/plugins/marketplace")
    assert outside.settle(1) == 1


def test_a_call_that_fails_is_logged(server: Make) -> None:
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:1", "MM_SERVICESETTINGS_ENABLESECURITYFIXALERT": "true"}
    target = server(env=nowhere).start()
    end = time.monotonic() + 5
    while time.monotonic() < end and "security update" not in target.log():
        time.sleep(0.02)
    assert "Failed to get security update information from Mattermost." in target.log()


class WebSocket:
    """As much of a client as the tests need."""

    def __init__(self, target: Server, headers: dict[str, str] | None = None) -> None:
        self._socket = socket.create_connection(("127.0.0.1", target.port), timeout=10)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = {
            "Host": f"127.0.0.1:{target.port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": key,
            "Sec-WebSocket-Version": "13",
            **(headers or {}),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._socket.sendall(f"GET /api/v4/websocket HTTP/1.1\r\n{head}\r\n".encode())
        self._stream = self._socket.makefile("rb")
        self.status = int(self._stream.readline().split()[1])
        while self._stream.readline().strip():
            pass

    def send(self, message: dict[str, Any]) -> None:
        data, mask = json.dumps(message).encode(), os.urandom(4)
        assert len(data) < 126
        body = bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))
        self._socket.sendall(bytes([0x81, 0x80 | len(data)]) + mask + body)

    def receive(self) -> dict[str, Any]:
        _first, length = self._stream.read(2)
        if length == 126:
            length = struct.unpack(">H", self._stream.read(2))[0]
        found: dict[str, Any] = json.loads(self._stream.read(length))
        return found


def test_websocket_challenge_and_events(server: Make) -> None:
    target = server().start().make_admin()
    channel = town_square(target)
    client = WebSocket(target)
    assert client.status == 101
    client.send({"seq": 1, "action": "ping"})
    assert client.receive()["status"] == "FAIL"
    client.send({"seq": 2, "action": "authentication_challenge", "data": {"token": target.token}})
    assert client.receive() == {"status": "OK", "seq_reply": 2}
    assert client.receive()["event"] == "hello"
    target.admin("POST", "/posts", {"channel_id": channel, "message": "pushed"})
    event = client.receive()
    assert (event["event"], json.loads(event["data"]["post"])["message"]) == ("posted", "pushed")
    assert event["broadcast"]["channel_id"] == channel


def test_websocket_refusals(server: Make) -> None:
    target = server(env={"MM_SERVICESETTINGS_SITEURL": "https://chat.example.test"}).start()
    assert WebSocket(target, {"Origin": "https://elsewhere.example"}).status == 403
    assert WebSocket(target, {"Origin": "https://chat.example.test"}).status == 101
    assert WebSocket(target, {"Upgrade": "h2c"}).status == 400
    client = WebSocket(target)
    client.send({"seq": 1, "action": "authentication_challenge", "data": {"token": "wrong"}})
    assert client._stream.read(1) == b""


def town_square(target: Server) -> str:
    team = target.admin("POST", "/teams", {"name": "alpha", "display_name": "Alpha", "type": "O"})
    found: str = target.admin("GET", f"/teams/{team['id']}/channels/name/town-square")["id"]
    return found
