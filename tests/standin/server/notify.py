# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Readiness for systemd (Type=notify)."""

from __future__ import annotations

import os
import socket


def ready() -> None:
    """Send READY=1 where the manager asked for it; a path that starts with @ is in the abstract namespace."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.connect(address)
        channel.sendall(b"READY=1")
