# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What is served outside /api/v4: the page of the web client, its static files, and the sub-path of the site URL."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from server.errors import no_such_route
from server.http import Answer, Request

if TYPE_CHECKING:
    from server.app import App


class Web:
    def __init__(self, app: App) -> None:
        self._app = app
        self.subpath = urlsplit(app.config("ServiceSettings.SiteURL")).path.rstrip("/")

    @property
    def client(self) -> Path:
        return self._app.find_dir("client")

    def prepare(self) -> None:
        """Write the sub-path into the client's page, which has to be writable when there is one."""
        page = self.client / "root.html"
        try:
            text = page.read_text(encoding="utf-8")
            head, _base, tail = text.partition('<base href="')
            if not _base:
                return
            wanted = head + _base + self.subpath + "/" + tail[tail.index('"') :]
            if wanted != text:
                page.write_text(wanted, encoding="utf-8")
        except OSError as error:
            self._app.log.error("Failed to update assets subpath from config", error=str(error))

    def serve(self, request: Request) -> Answer:
        path = request.path
        if path.startswith("/api/"):
            error = no_such_route(path)
            return Answer(error.body(""), error.status)
        if path.startswith("/static/"):
            return self._static(path[len("/static/") :])
        if request.method not in ("GET", "HEAD"):
            return Answer(None, 404, {}, "text/plain; charset=utf-8", b"404 page not found\n")
        return self._page()

    def _page(self) -> Answer:
        headers = {
            "Cache-Control": "no-cache, max-age=31556926, public",
            "Content-Security-Policy": "frame-ancestors 'self'; script-src 'self'",
            "X-Frame-Options": "SAMEORIGIN",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "X-Version-Id": self._app.version_id(),
        }
        try:
            return Answer(None, 200, headers, "text/html", (self.client / "root.html").read_bytes())
        except OSError:
            return Answer(None, 404, {}, "text/plain; charset=utf-8", b"404 page not found\n")

    def _static(self, name: str) -> Answer:
        root = self.client.resolve()
        path = (root / name).resolve()
        if root not in path.parents or not path.is_file():
            return Answer(
                None, 404, {"Cache-Control": "no-cache, public"}, "text/plain; charset=utf-8", b"404 page not found\n"
            )
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return Answer(None, 200, {"Cache-Control": "max-age=31556926, public"}, kind, path.read_bytes())
