# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""HTTP over TCP and over the local-mode socket: requests in, answers out. What they mean is in the routes."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import socket
import socketserver
import ssl
import sys
from dataclasses import dataclass, field
from typing import Any, Callable
from urllib.parse import parse_qs, unquote, urlsplit

from server import gojson
from server.errors import invalid_body

_MAX_BODY = 1 << 31


@dataclass
class Request:
    """One request, with what the router learnt about it."""

    method: str
    path: str
    query: dict[str, str]
    headers: Any
    body: bytes
    local: bool
    remote: str
    connection: Any = None
    params: dict[str, str] = field(default_factory=dict)
    session: dict[str, Any] | None = None
    user: dict[str, Any] | None = None
    request_id: str = ""

    def json(self, name: str = "body") -> dict[str, Any]:
        """The JSON object in the body; `name` is what the error calls it."""
        value = self.any_json(name)
        if not isinstance(value, dict):
            raise invalid_body(name)
        return value

    def any_json(self, name: str = "body") -> Any:
        try:
            return json.loads(self.body or b"null")
        except ValueError:
            raise invalid_body(name) from None

    def flag(self, name: str) -> bool:
        return self.query.get(name, "").lower() in ("true", "1", "t")

    def number(self, name: str, default: int, limit: int = 1 << 31) -> int:
        value = self.query.get(name, "")
        return min(int(value), limit) if value.isdigit() else default

    @property
    def page(self) -> tuple[int, int]:
        """(limit, offset) of a paged list."""
        per_page = self.number("per_page", 60, 200)
        return per_page, self.number("page", 0) * per_page


@dataclass
class Answer:
    """What goes back: a body already encoded, or any value to be written as JSON."""

    value: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    raw: bytes | None = None

    def encoded(self) -> bytes:
        return self.raw if self.raw is not None else gojson.dumps(self.value).encode()


TAKEN = object()  # a route answers this when it has taken the connection over (WebSocket)
Serve = Callable[[Request], "Answer | None"]


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 120  # of an idle connection; a WebSocket lifts it
    server: Any

    def handle_one_request(self) -> None:
        with contextlib.suppress(ConnectionError, socket.timeout, ssl.SSLError):
            super().handle_one_request()
            return
        self.close_connection = True

    def _handle(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        local = self.server.local
        request = Request(
            method=self.command,
            path=unquote(parts.path),
            query=query,
            headers=self.headers,
            body=self._body(),
            local=local,
            remote="" if local else str(self.client_address[0]),
            connection=self,
        )
        answer = self.server.serve(request)
        if answer is None:  # taken over (WebSocket) or to be dropped
            self.close_connection = True
            return
        body = answer.encoded()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = _handle

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self._chunked()
        length = self.headers.get("Content-Length", "0")
        return self.rfile.read(min(int(length), _MAX_BODY)) if length.isdigit() else b""

    def _chunked(self) -> bytes:
        parts = []
        while True:
            size = int(self.rfile.readline().split(b";")[0] or b"0", 16)
            if size == 0:
                break
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts)

    def send_response(self, code: int, message: str | None = None) -> None:
        self.send_response_only(code, message)
        self.send_header("Date", self.date_time_string())

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged at the level a stock server has."""


class _Threading(socketserver.ThreadingMixIn):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], (ConnectionError, socket.timeout)):
            super().handle_error(request, client_address)  # type: ignore[misc]


class TcpServer(_Threading, http.server.HTTPServer):
    allow_reuse_address = True
    local = False

    def __init__(self, listen: str, serve: Serve, tls: ssl.SSLContext | None) -> None:
        host, _colon, port = listen.rpartition(":")
        host = host.strip("[]")
        if ":" in host or (not host and socket.has_dualstack_ipv6()):
            self.address_family = socket.AF_INET6
        self.serve = serve
        self._tls = tls
        any_host = "::" if self.address_family == socket.AF_INET6 else ""
        super().__init__((host or any_host, int(port)), _Handler)

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "", int(self.server_address[1])  # no look-up of the host's name

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self._tls is not None:
            request = self._tls.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)


class UnixServer(_Threading, socketserver.UnixStreamServer):
    """The local-mode socket: owner only, replaces what an earlier run left."""

    local = True

    def __init__(self, path: str, serve: Serve) -> None:
        self.serve = serve
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        before = os.umask(0o177)
        try:
            super().__init__(path, _Handler)
        finally:
            os.umask(before)
