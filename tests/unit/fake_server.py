# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that answers what a test tells it to, on a real socket."""

from __future__ import annotations

import contextlib
import json
import os
import socketserver
import ssl
import tempfile
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any, Dict, List, NamedTuple, Optional, Tuple


class Request(NamedTuple):
    """What the server was asked."""

    method: str
    path: str
    query: str
    headers: Dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Reply(NamedTuple):
    """What it answers."""

    status: int = 200
    body: Any = None
    headers: Optional[Dict[str, str]] = None


class Turns(List[Any]):
    """Answers that are used up one by one; the last one stays."""


class FakeServer:
    """Answers what the test put into `routes`.

    A function gets the request. A route that is not there answers as the real server does.
    """

    def __init__(self, *, unix: bool, certificate: Optional[Tuple[str, str]] = None) -> None:
        self.routes: Dict[Tuple[str, str], Any] = {("GET", "/system/ping"): {"status": "OK"}}
        self.requests: List[Request] = []
        self.directory = tempfile.mkdtemp(prefix="fm-")
        self.socket_path = os.path.join(self.directory, "s.socket")
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def handle_one(self) -> None:
                path, _mark, query = self.path.partition("?")
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                request = Request(self.command, path[len("/api/v4") :], query, dict(self.headers), body)
                fake.requests.append(request)
                reply = fake.answer(request)
                if reply is None:  # dies in the middle
                    self.close_connection = True
                    return
                data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
                self.send_response(reply.status)
                for name, value in (reply.headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                with contextlib.suppress(BrokenPipeError):
                    self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one

            def address_string(self) -> str:
                return "test"

            def log_message(self, *unused: Any) -> None:
                pass

        kind = socketserver.ThreadingUnixStreamServer if unix else socketserver.ThreadingTCPServer
        self._server = kind(self.socket_path if unix else ("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        scheme = "http"
        if certificate:
            scheme, context = "https", ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.url = "" if unix else f"{scheme}://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def answer(self, request: Request) -> Optional[Reply]:
        missing = Reply(404, {"id": "api.context.404.app_error", "message": "Sorry, we could not find the page."})
        found = self.routes.get((request.method, request.path), missing)
        if isinstance(found, Turns):
            found = found.pop(0) if len(found) > 1 else found[0]
        if callable(found):
            found = found(request)
        return found if found is None or isinstance(found, Reply) else Reply(200, found)

    def asked(self, method: str, path: str) -> List[Request]:
        return [request for request in self.requests if (request.method, request.path) == (method, path)]

    @property
    def writes(self) -> List[str]:
        """Everything but reads."""
        return [f"{request.method} {request.path}" for request in self.requests if request.method != "GET"]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.socket_path)
        os.rmdir(self.directory)


def error(status: int, error_id: str, message: str = "No.") -> Reply:
    """A refusal in the server's form."""
    return Reply(status, {"id": error_id, "message": message, "detailed_error": "", "status_code": status})
