# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What the stand-ins of rtcd and calls-offloader have in common: configuration, registered clients, HTTP.

Written from the documented behaviour: keys of at least 32 characters, an administrator who is known by the secret alone, errors as
{"error": ..., "code": ...}. TOML is read by the standard library, so that what a role writes is judged by a real parser (Python 3.11).
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import secrets
import signal
import socket
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable

import tomllib

SHORTEST_KEY = 32
Answer = tuple[int, dict[str, Any]]


class Refused(Exception):
    """An answer that is an error, with its status."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Clients:
    """Who is registered, in a directory as the real store is one."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._path = directory / "clients.json"
        self._lock = threading.Lock()
        self.tokens: dict[str, str] = {}

    def _read(self) -> dict[str, str]:
        return json.loads(self._path.read_text()) if self._path.exists() else {}

    def _write(self, clients: dict[str, str]) -> None:
        partial = self._path.with_suffix(".part")
        partial.write_text(json.dumps(clients))
        partial.replace(self._path)

    def register(self, client: str, key: str) -> None:
        if len(key) < SHORTEST_KEY:
            raise Refused(400, "registration failed: key not long enough")
        with self._lock:
            clients = self._read()
            if client in clients:
                raise Refused(400, "registration failed: already registered")
            clients[client] = _hash(key)
            self._write(clients)

    def unregister(self, client: str) -> None:
        with self._lock:
            clients = self._read()
            if clients.pop(client, None) is None:
                raise Refused(400, "unregister failed: not found")
            self._write(clients)

    def known(self, client: str, key: str) -> bool:
        return bool(client) and self._read().get(client) == _hash(key)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


class Service:
    """One service: routes of its own beside those that both have."""

    def __init__(self, name: str, version: str, config: dict[str, Any]) -> None:
        self.name, self.version, self.config = name, version, config
        self.security = config["api"].get("security", {})
        self.clients = Clients(Path(config["store"]["data_source"]))
        self.routes: dict[tuple[str, str], Callable[[dict[str, str], str], Answer]] = {
            ("POST", "/login"): self._login,
            ("POST", "/register"): self._register,
            ("POST", "/unregister"): self._unregister,
            ("GET", "/version"): lambda _body, _authorization: (200, self.about()),
        }

    def about(self) -> dict[str, Any]:
        return {"buildDate": "stand-in", "buildVersion": f"v{self.version}", "buildHash": "stand-in", "goVersion": ""}

    def caller(self, authorization: str) -> str:
        """The client's name; empty for the administrator."""
        kind, _space, value = authorization.partition(" ")
        if kind == "Bearer" and value in self.clients.tokens:
            return self.clients.tokens[value]
        if kind == "Basic":
            client, _colon, key = base64.b64decode(value).decode().partition(":")
            if self.security.get("enable_admin") and key == self.security.get("admin_secret_key"):
                return ""
            if self.clients.known(client, key):
                return client
        raise Refused(401, "authentication failed")

    def _login(self, body: dict[str, str], _authorization: str) -> Answer:
        if not self.clients.known(body.get("clientID", ""), body.get("authKey", "")):
            raise Refused(400, "login failed: authentication failed")
        token = secrets.token_urlsafe(32)
        self.clients.tokens[token] = body["clientID"]
        return 200, {"bearerToken": token, "code": "200"}

    def _register(self, body: dict[str, str], authorization: str) -> Answer:
        if not self.security.get("allow_self_registration"):
            self.caller(authorization)
        self.clients.register(body.get("clientID", ""), body.get("authKey", ""))
        return 201, {"clientID": body["clientID"], "code": "201"}

    def _unregister(self, body: dict[str, str], authorization: str) -> Answer:
        if not (self.security.get("enable_admin") or self.security.get("allow_self_registration")):
            raise Refused(403, "unregister not enabled")
        client = body.get("clientID", "")
        if self.caller(authorization) not in ("", client):
            raise Refused(403, "client id not valid")
        self.clients.unregister(client)
        return 200, {"code": "200"}

    def answer(self, method: str, path: str, body: dict[str, str], authorization: str) -> Answer:
        route = self.routes.get((method, path))
        if route is None:
            raise Refused(404, "404 page not found")
        return route(body, authorization)

    def serve(self) -> None:
        http = self.config["api"]["http"]
        host, _colon, port = http["listen_address"].rpartition(":")
        server = _Server((host.strip("[]"), int(port)), _handler(self))
        tls = http.get("tls", {})
        if tls.get("enable"):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls["cert_file"], tls["cert_key"])
            server.socket = context.wrap_socket(server.socket, server_side=True)
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
        print(f"{self.name} {self.version} (a stand-in): listening on {http['listen_address']}", flush=True)
        server.serve_forever()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True


def _handler(service: Service) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                body = json.loads(raw) if raw else {}
                status, data = service.answer(
                    self.command, self.path.partition("?")[0], body, self.headers.get("Authorization", "")
                )
            except Refused as refused:
                status, data = refused.status, {"error": str(refused), "code": str(refused.status)}
            except ValueError as error:
                status, data = 400, {"error": str(error), "code": "400"}
            text = data["text"].encode() if "text" in data else json.dumps(data).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain" if "text" in data else "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_DELETE = _any

        def log_message(self, format: str, *args: Any) -> None:
            print(f"{self.address_string()} {format % args}", flush=True)

    return Handler


def load(name: str, wanted: dict[str, type]) -> dict[str, Any]:
    """The configuration that --config names; ends as the real ones do when it is not one."""
    parser = argparse.ArgumentParser(prog=name, description=f"A stand-in of {name}.")
    parser.add_argument("--config", default="config/config.toml", type=Path)
    path = parser.parse_args().config
    try:
        config = tomllib.loads(path.read_text())
        for key, kind in wanted.items():
            value: Any = config
            for part in key.split("."):
                value = value[part]
            if not isinstance(value, kind):
                raise TypeError(f"{key} is no {kind.__name__}")
    except (OSError, KeyError, TypeError, tomllib.TOMLDecodeError) as error:
        sys.exit(f"{name}: failed to load config: {error!r}")
    return config


def ask_unix(path: str, target: str) -> bytes:
    """The answer of an HTTP server on a Unix socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(10)
        connection.connect(path)
        connection.sendall(f"GET {target} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        chunks = iter(lambda: connection.recv(65536), b"")
        return b"".join(chunks).partition(b"\r\n\r\n")[2]
