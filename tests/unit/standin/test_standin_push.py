# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What a push server is told of a mention, by what notifications are to say and what is licensed."""

from __future__ import annotations

import http.server
import json
import threading
import time
from typing import Any, Callable, Iterator

import pytest
from launcher import Server

TEXT = "the convoy leaves at four"


class PushServer:
    """Takes notifications, and says that all is well."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        got = self.got

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == "/api/v1/send_push"
                got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b'{"status": "OK"}')

            def log_message(self, *_arguments: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        url = f"http://127.0.0.1:{self.server.server_port}"
        self.env = {
            "MM_EMAILSETTINGS_SENDPUSHNOTIFICATIONS": "true",
            "MM_EMAILSETTINGS_PUSHNOTIFICATIONSERVER": url,
        }
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def first(self) -> dict[str, Any]:
        end = time.monotonic() + 10
        while not self.got and time.monotonic() < end:
            time.sleep(0.02)
        return self.got[0]


@pytest.fixture
def push_server() -> Iterator[PushServer]:
    found = PushServer()
    yield found
    found.server.shutdown()
    found.server.server_close()


def mention(target: Server) -> None:
    """Maria, who has a phone, is mentioned by the administrator."""
    user = target.admin("POST", "/users", {"username": "maria", "email": "m@example.com", "password": "Maria-2026"})
    team = target.admin("POST", "/teams", {"name": "push", "display_name": "Push", "type": "O"})
    target.admin("POST", f"/teams/{team['id']}/members", {"team_id": team["id"], "user_id": user["id"]})
    phone = target.login("maria", "Maria-2026")
    assert target.call("PUT", "/users/sessions/device", {"device_id": "apple_rn-v2:phone"}, token=phone)[0] == 200
    channel = target.admin("GET", f"/teams/{team['id']}/channels/name/town-square")
    target.admin("POST", "/posts", {"channel_id": channel["id"], "message": f"@maria {TEXT}"})


@pytest.mark.parametrize(
    ("contents", "sku", "said", "named"),
    [
        ("full", "enterprise", f"@{{sender}}: @maria {TEXT}", True),
        ("generic", "enterprise", "@{sender} mentioned you.", True),
        ("generic_no_channel", "enterprise", "@{sender} mentioned you.", False),
        ("id_loaded", "enterprise", "You've received a new message.", False),
        ("id_loaded", "professional", "@{sender} mentioned you.", True),
    ],
)
def test_contents(
    licensed: Callable[..., Server], push_server: PushServer, contents: str, sku: str, said: str, named: bool
) -> None:
    env = {**push_server.env, "MM_EMAILSETTINGS_PUSHNOTIFICATIONCONTENTS": contents}
    target = licensed(sku=sku, env=env)
    mention(target)
    got, me = push_server.first(), target.admin("GET", "/users/me")
    assert got["message"] == said.format(sender=me["username"])
    assert (got["platform"], got["device_id"]) == ("apple_rn-v2", "phone")
    assert got["is_id_loaded"] is (said == "You've received a new message.")
    assert ("channel_name" in got) is named
    assert got["post_id"] and got["server_id"] and got["ack_id"]


def test_a_device_is_in_one_session_alone(licensed: Callable[..., Server], push_server: PushServer) -> None:
    target = licensed(env=push_server.env)
    mention(target)
    again = target.login("maria", "Maria-2026")
    assert target.call("PUT", "/users/sessions/device", {"device_id": "apple_rn-v2:phone"}, token=again)[0] == 200
    sessions = target.call("GET", "/users/me/sessions", token=again)[1]
    assert [session["device_id"] for session in sessions] == ["apple_rn-v2:phone"]
