# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A web server on this machine, in a thread, that leaves the answers to whoever uses it."""

from __future__ import annotations

import http.server
import threading
from typing import Any, Callable, Optional


class Loopback:
    """A subclass says in answer() what comes. Connections are kept open."""

    def listen(self, handler: Optional[Callable[..., Any]] = None) -> None:
        """Begin to serve: requests go to the given handler, or to answer()."""
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: Any) -> None:
                pass

            def do_GET(self) -> None:
                outer.answer(self)

            do_HEAD = do_GET

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that was killed, or hung up on purpose, is part of the story."""

        self.server = Server(("127.0.0.1", 0), handler or Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        """One request, GET or HEAD."""
        raise AssertionError(f"nobody answers {handler.command} {handler.path}")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
