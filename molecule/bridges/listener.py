# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Stands for the Matrix bridge's own route: looks at the homeserver's token first, keeps what comes with the right one, and counts the rest."""

from __future__ import annotations

import hmac
import http.server
import json
import re
import sys
from pathlib import Path

ROUTE = re.compile(r"/plugins/com\.mattermost\.plugin-matrix-bridge/_matrix/app/v1/transactions/([^/?]+)$")
TOKEN_FILE, RECORD = Path(sys.argv[1]), Path(sys.argv[2])


class Bridge(http.server.BaseHTTPRequestHandler):
    """One request."""

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        shown = self.headers.get("Authorization", "")
        found = ROUTE.fullmatch(self.path)
        allowed = hmac.compare_digest(shown, f"Bearer {TOKEN_FILE.read_text().strip()}")
        status = 404 if not found else 200 if allowed else 401
        entry = {"transaction": found[1] if found else "", "status": status}
        if status == 200:
            entry["events"] = json.loads(body)["events"]
        with RECORD.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def do_GET(self) -> None:
        self.send_error(404)


http.server.ThreadingHTTPServer(("127.0.0.1", 8069), Bridge).serve_forever()
