# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The calls a server on stock settings makes to the outside.

The stand-in does not send anything: it looks the name up and opens a connection, as the real server would first, and
closes it. That is what an air gap has to stop, so a test that counts packets counts these. With an outgoing proxy in
the environment the proxy is what is called, as by the real server.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from typing import Any, Callable
from urllib.parse import urlsplit

from server.log import Logger
from server.release import Release

_TIMEOUT = 2.0
_HOUR = 3600
Setting = Callable[[str], Any]

_SECURITY = "https://securityupdatecheck.mattermost.com"
_SENTRY = "https://o94110.ingest.us.sentry.io"
_TELEMETRY = "https://pdat.matterlytics.com"


class Outbound:
    """Tries each call that the settings allow, in the background, and logs what fails."""

    def __init__(self, setting: Setting, release: Release, log: Logger) -> None:
        self._setting = setting
        self._release = release
        self._log = log

    def start(self) -> None:
        threading.Thread(target=self._hourly, name="outbound", daemon=True).start()

    def attempt(self, url: str, failure: str, level: str = "error") -> None:
        """One call, in a thread of its own."""
        threading.Thread(target=self.try_now, args=(url, failure, level), daemon=True).start()

    def try_now(self, url: str, failure: str, level: str = "error") -> bool:
        try:
            _connect(url)
        except (OSError, ValueError) as error:
            self._log(level, failure, url=url, error=str(error))
            return False
        return True

    def regular(self) -> list[tuple[str, str]]:
        """The calls of a start and of every hour: (address, what the log says when it fails)."""
        on = self._setting
        calls = []
        if on("ServiceSettings.EnableSecurityFixAlert"):
            calls.append((_SECURITY, "Failed to get security update information from Mattermost."))
        if on("AnnouncementSettings.AdminNoticesEnabled") or on("AnnouncementSettings.UserNoticesEnabled"):
            calls.append((on("AnnouncementSettings.NoticesURL"), "Failed to fetch product notices"))
        if on("LogSettings.EnableSentry") and on("LogSettings.EnableDiagnostics"):
            calls.append((_SENTRY, "Sentry could not be reached"))
        if on("LogSettings.EnableDiagnostics") and not self._release.is_11:
            calls.append((_TELEMETRY, "Failed to send telemetry"))
        return calls

    def preview(self, url: str) -> None:
        if self._setting("ServiceSettings.EnableLinkPreviews"):
            self.attempt(url, "Failed to get embedded content for a post", "warn")

    def _hourly(self) -> None:
        while True:
            for url, failure in self.regular():
                self.attempt(url, failure)
            time.sleep(_HOUR)


def _connect(url: str) -> None:
    parts = urlsplit(url)
    proxy = os.environ.get(f"{parts.scheme.upper()}_PROXY") or os.environ.get(f"{parts.scheme}_proxy")
    target = urlsplit(proxy) if proxy and not _bypassed(parts.hostname or "") else parts
    port = target.port or (443 if target.scheme == "https" else 80)
    socket.create_connection((target.hostname or "", port), timeout=_TIMEOUT).close()


def _bypassed(host: str) -> bool:
    names = (os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or "").split(",")
    return any(name.strip() and (name.strip() == "*" or host.endswith(name.strip())) for name in names)
