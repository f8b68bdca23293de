# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The web server of the mirror benchmark, in a process of its own: python mirror_web.py ROOT PORT DELAY_MS

Every answer waits for the delay before its first byte, as a mirror at a distance does. It keeps connections open, continues
inside a file, answers conditional requests, and counts what it sent: GET /__reset. GET /__missing tells what was not there.
"""

from __future__ import annotations

import contextlib
import email.utils
import http.server
import os
import re
import sys
import threading
import time
from typing import Tuple
from urllib.parse import unquote

_RANGE = re.compile(r"bytes=(\d+)-$")


class Counter:
    """Requests and bytes of bodies, over all threads."""

    def __init__(self) -> None:
        self.guard = threading.Lock()
        self.requests = self.bytes = 0
        self.missing: set[str] = set()

    def add(self, size: int) -> None:
        with self.guard:
            self.requests += 1
            self.bytes += size

    def told(self) -> bytes:
        """What was counted since the last time."""
        with self.guard:
            text = f"{self.requests} {self.bytes}\n".encode()
            self.requests = self.bytes = 0
        return text

    def told_missing(self) -> bytes:
        with self.guard:
            text = "".join(f"{path}\n" for path in sorted(self.missing)).encode()
            self.missing.clear()
        return text


class Handler(http.server.BaseHTTPRequestHandler):
    """Plain files below a root."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # as web servers do: a body is not held back until its header was acknowledged
    root = ""
    delay = 0.0
    counter = Counter()

    def handle(self) -> None:
        """A client that leaves in the middle, as apt-mirror2 does after a 404, is no failure of the server."""
        with contextlib.suppress(ConnectionError):
            super().handle()

    def do_HEAD(self) -> None:
        self._serve(body=False)

    def do_GET(self) -> None:
        own = {"/__reset": self.counter.told, "/__missing": self.counter.told_missing}.get(self.path)
        if own is not None:
            data = own()
            self._head(200, len(data))
            self.wfile.write(data)
        else:
            self._serve(body=True)

    def _serve(self, *, body: bool) -> None:
        time.sleep(self.delay)
        path = os.path.join(self.root, unquote(self.path.split("?")[0]).lstrip("/"))
        if ".." in self.path or not os.path.isfile(path):
            self.counter.add(0)
            self.counter.missing.add(self.path)
            self._head(404, 0)
            return
        size, changed = os.path.getsize(path), email.utils.formatdate(int(os.path.getmtime(path)), usegmt=True)
        tag = f'"{os.stat(path).st_ino:x}-{size:x}"'
        if self.headers.get("If-None-Match") == tag or self._is_as_old(changed):
            self.counter.add(0)
            self._head(304, 0, changed, tag)
            return
        start, status = self._start(size)
        sent = size - start if body else 0
        self.counter.add(sent)
        extra = f"bytes {start}-{size - 1}/{size}" if status == 206 else ""
        self._head(status, size - start, changed, tag, extra)
        if body:
            with open(path, "rb") as source:
                self.connection.sendfile(source, start)

    def _is_as_old(self, changed: str) -> bool:
        return "If-None-Match" not in self.headers and self.headers.get("If-Modified-Since") == changed

    def _start(self, size: int) -> Tuple[int, int]:
        found = _RANGE.match(self.headers.get("Range", ""))
        if found is None or int(found.group(1)) >= size:
            return 0, 200
        return int(found.group(1)), 206

    def _head(self, status: int, length: int, changed: str = "", tag: str = "", content_range: str = "") -> None:
        self.send_response(status)
        self.send_header("Accept-Ranges", "bytes")
        if status != 304:
            self.send_header("Content-Length", str(length))
        for name, value in (("Last-Modified", changed), ("ETag", tag), ("Content-Range", content_range)):
            if value:
                self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: a benchmark prints numbers only."""


def main() -> None:
    Handler.root, port, delay = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    Handler.delay = delay / 1000
    http.server.ThreadingHTTPServer.request_queue_size = 64
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
