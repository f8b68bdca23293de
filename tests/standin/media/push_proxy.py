# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""A stand-in of the push proxy: its API, which checks a notification as the real one does, and shows in its log what it would send on.

Like the real one it goes on without a platform whose key it cannot read, and says so in its log alone.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

WANTED = {"ListenAddress": str, "ThrottlePerSec": int, "ApplePushSettings": list, "AndroidPushSettings": list}


def targets(config: dict[str, Any]) -> set[str]:
    """The platforms whose keys can be read."""
    ready = set()
    for settings in config["ApplePushSettings"]:
        key = settings.get("AppleAuthKeyFile") or settings.get("ApplePushCertPrivate")
        if key and "PRIVATE KEY" in _read(key):
            ready.add(settings["Type"])
        else:
            print("error Failed to initialize client", flush=True)
    for settings in config["AndroidPushSettings"]:
        try:
            json.loads(_read(settings.get("ServiceFileLocation", "")))["project_id"]
            ready.add(settings["Type"])
        except (ValueError, KeyError):
            print("error Failed to initialize client", flush=True)
    return ready


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def send(message: dict[str, Any], ready: set[str]) -> dict[str, str]:
    """The answer to a notification."""
    for key, name in (("server_id", "server Id"), ("device_id", "device Id")):
        if not message.get(key):
            return {"status": "FAIL", "error": f"Failed because of missing {name}"}
    platform = str(message.get("platform", "")).partition("-v")[0]
    if platform not in ready:
        return {"status": "FAIL", "error": f"Did not send message because of missing platform property type={platform}"}
    print(f"would send on: {json.dumps(message, sort_keys=True)}", flush=True)
    return {"status": "OK"}


def _handler(version: str, ready: set[str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _give(self, status: int, text: str, kind: str = "application/json") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def do_GET(self) -> None:
            if self.path == "/":
                self._give(200, "<html><body>Mattermost Push Proxy (a stand-in)</body></html>", "text/html")
            elif self.path == "/version":
                self._give(200, json.dumps({"hash": "stand-in", "version": version}))
            else:
                self._give(404, "404 page not found", "text/plain")

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path == "/api/v1/send_push":
                self._give(200, json.dumps(send(json.loads(raw or b"{}"), ready)))
            elif self.path == "/api/v1/ack":
                self._give(200, json.dumps({"status": "OK"}))
            else:
                self._give(404, "404 page not found", "text/plain")

        def log_message(self, format: str, *args: Any) -> None:
            print(f"{self.address_string()} {format % args}", flush=True)

    return Handler


def main(version: str) -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-config", "--config", default="config/mattermost-push-proxy.json", type=Path)
    try:
        config = json.loads(parser.parse_args().config.read_text())
        for key, kind in WANTED.items():
            if not isinstance(config[key], kind):
                raise TypeError(f"{key} is no {kind.__name__}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.exit(f"cannot load the configuration: {error!r}")
    host, _colon, port = config["ListenAddress"].rpartition(":")
    server = ThreadingHTTPServer((host, int(port)), _handler(version, targets(config)))
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"Server is listening on {config['ListenAddress']}", flush=True)
    server.serve_forever()
