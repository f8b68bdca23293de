# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""A stand-in of rtcd: its API, and its media port, which takes packets and throws them away."""

from __future__ import annotations

import os
import socket
import threading
from typing import Any

from service import Answer, Refused, Service, load

WANTED = {
    "api.http.listen_address": str,
    "rtc.ice_port_udp": int,
    "rtc.ice_port_tcp": int,
    "rtc.ice_host_override": str,
    "rtc.ice_servers": list,
    "store.data_source": str,
    "logger.enable_file": bool,
}


class Rtcd(Service):
    """rtcd's own routes."""

    def __init__(self, version: str, config: dict[str, Any]) -> None:
        super().__init__("rtcd", version, config)
        self.routes["GET", "/system"] = lambda _body, _authorization: (200, {"cpu_load": os.getloadavg()[0]})
        self.routes["GET", "/metrics"] = lambda _body, _authorization: (200, {"text": "rtcd_rtc_sessions_total 0\n"})
        self.routes["GET", "/ws"] = self._signalling

    def about(self) -> dict[str, Any]:
        return {**super().about(), "goOS": "linux", "goArch": "amd64"}

    def answer(self, method: str, path: str, body: dict[str, str], authorization: str) -> Answer:
        if method == "GET" and path.startswith("/calls/") and path.endswith("/sessions"):
            self.caller(authorization)
            return 200, {}
        return super().answer(method, path, body, authorization)

    def _signalling(self, _body: dict[str, str], authorization: str) -> Answer:
        self.caller(authorization)
        raise Refused(400, "the stand-in carries no calls")

    def listen_to_media(self) -> None:
        rtc = self.config["rtc"]
        for address in str(rtc.get("ice_address_udp") or "0.0.0.0").split(","):
            media = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            media.bind((address, rtc["ice_port_udp"]))
            threading.Thread(target=_swallow, args=(media,), daemon=True).start()
        for address in str(rtc.get("ice_address_tcp") or "0.0.0.0").split(","):
            media = socket.create_server((address, rtc["ice_port_tcp"]))
            threading.Thread(target=_hang_up, args=(media,), daemon=True).start()


def _swallow(media: socket.socket) -> None:
    while True:
        media.recvfrom(65536)


def _hang_up(media: socket.socket) -> None:
    while True:
        media.accept()[0].close()


def main(version: str) -> None:
    """Serve until SIGTERM."""
    service = Rtcd(version, load("rtcd", WANTED))
    service.listen_to_media()
    service.serve()
