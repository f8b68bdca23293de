# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The WebSocket: upgrade, authentication challenge, and events to whoever may see them.

Events reach the clients of this server only: without a licensed cluster the real server does not pass them on either.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import struct
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from server.errors import ApiError
from server.http import TAKEN, Answer, Request
from server.ids import new_id
from server.sessions import factor_enforced, lacks_second_factor

if TYPE_CHECKING:
    from server.app import App

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10


class Client:
    """One connection; user_id is empty until it has authenticated."""

    def __init__(self, connection: Any) -> None:
        self._read = connection.rfile
        self._write = connection.wfile
        self._lock = threading.Lock()
        self.user_id = ""
        self.sequence = 0

    def send(self, message: dict[str, Any]) -> None:
        self.frame(_TEXT, json.dumps(message).encode())

    def event(self, name: str, data: dict[str, Any], broadcast: dict[str, Any]) -> None:
        full = {"omit_users": None, "user_id": "", "channel_id": "", "team_id": "", "connection_id": ""}
        self.send({"event": name, "data": data, "broadcast": {**full, **broadcast}, "seq": self.sequence})
        self.sequence += 1

    def frame(self, kind: int, payload: bytes) -> None:
        head = bytes([0x80 | kind])
        if len(payload) < 126:
            head += bytes([len(payload)])
        elif len(payload) < 65536:
            head += bytes([126]) + struct.pack(">H", len(payload))
        else:
            head += bytes([127]) + struct.pack(">Q", len(payload))
        with self._lock:
            self._write.write(head + payload)
            self._write.flush()

    def receive(self) -> tuple[int, bytes]:
        first, second = self._exactly(2)
        length = second & 0x7F
        if length == 126:
            length = struct.unpack(">H", self._exactly(2))[0]
        elif length == 127:
            length = struct.unpack(">Q", self._exactly(8))[0]
        mask = self._exactly(4) if second & 0x80 else b"\0\0\0\0"
        data = self._exactly(length)
        return first & 0x0F, bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))

    def _exactly(self, count: int) -> bytes:
        data: bytes = self._read.read(count)
        if len(data) < count:
            raise ConnectionError("closed by the client")
        return data


class Hub:
    """Keeps the connections of this server."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._clients: set[Client] = set()
        self._lock = threading.Lock()

    def upgrade(self, request: Request) -> Any:
        """Answer the handshake, then serve the connection in this thread until it ends."""
        key = request.headers.get("Sec-WebSocket-Key", "")
        if request.headers.get("Upgrade", "").lower() != "websocket" or not key:
            return Answer(None, 400, {}, "text/plain; charset=utf-8", b"Bad Request\n")
        if not self._same_origin(request):
            return Answer(None, 403, {}, "text/plain; charset=utf-8", b"Forbidden\n")
        accept = base64.b64encode(hashlib.sha1((key + _GUID).encode()).digest()).decode()
        handler = request.connection
        handler.connection.settimeout(None)
        handler.send_response_only(101)
        handler.send_header("Upgrade", "websocket")
        handler.send_header("Connection", "Upgrade")
        handler.send_header("Sec-WebSocket-Accept", accept)
        handler.end_headers()
        client = Client(handler)
        if request.user is not None:
            self._welcome(client, request.user["id"])
        with self._lock:
            self._clients.add(client)
        try:
            with contextlib.suppress(OSError, ValueError):
                self._serve(client)
        finally:
            with self._lock:
                self._clients.discard(client)
        return TAKEN

    def publish(self, name: str, data: dict[str, Any], *, users: set[str], **broadcast: Any) -> None:
        with self._lock:
            clients = [client for client in self._clients if client.user_id in users]
        for client in filter(self._may_hear, clients):
            with contextlib.suppress(OSError):
                client.event(name, data, broadcast)

    def _may_hear(self, client: Client) -> bool:
        """Whether it has said who it is, and, where a second factor is enforced, has one; before 11 that is not asked."""
        if not client.user_id or not self._app.release.is_11 or not factor_enforced(self._app):
            return bool(client.user_id)
        user = self._app.store.get("users", id=client.user_id)
        return user is not None and not lacks_second_factor(self._app, user)

    def _same_origin(self, request: Request) -> bool:
        origin = request.headers.get("Origin", "")
        if not origin:
            return True
        allowed = self._app.config("ServiceSettings.AllowCorsFrom").split()
        site = self._app.config("ServiceSettings.SiteURL")
        names = {urlsplit(site).netloc, request.headers.get("Host", "")}
        return "*" in allowed or origin in allowed or urlsplit(origin).netloc in names

    def _serve(self, client: Client) -> None:
        while not self._app.stopping.is_set():
            kind, payload = client.receive()
            if kind == _CLOSE:
                client.frame(_CLOSE, payload[:2])
                return
            if kind == _PING:
                client.frame(_PONG, payload)
            elif kind == _TEXT:
                self._message(client, json.loads(payload))

    def _message(self, client: Client, message: dict[str, Any]) -> None:
        sequence, action = message.get("seq", 0), message.get("action", "")
        if action == "authentication_challenge":
            token = str((message.get("data") or {}).get("token", ""))
            _session, user = self._app.sessions.of_token(token)
            if user is None:
                raise ConnectionError("authentication failed")
            client.send({"status": "OK", "seq_reply": sequence})
            self._welcome(client, user["id"])
        elif not self._may_hear(client):
            error = ApiError("api.web_socket_router.not_authenticated.app_error", status=401)
            client.send({"status": "FAIL", "error": error.body(""), "seq_reply": sequence})
        elif action == "ping":
            client.send({"status": "OK", "data": {"text": "pong"}, "seq_reply": sequence})
        else:
            client.send({"status": "OK", "seq_reply": sequence})

    def _welcome(self, client: Client, user_id: str) -> None:
        client.user_id = user_id
        data = {"server_version": self._app.version_id(), "connection_id": new_id()}
        client.event("hello", data, {"user_id": user_id})
