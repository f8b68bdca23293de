# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What the filters of mattermost_firewall are given when nothing is wrong."""

from __future__ import annotations

from typing import Any


def firewall(*flows: Any, **changes: Any) -> dict[str, Any]:
    """The facts of a host with these flows; a difference is given by its name."""
    return {
        "flows": list(flows),
        "forwards": [],
        "default_forward": "none",
        "management_sources": ["10.0.9.0/24"],
        "ssh_connection": "",
        "ssh_port": 22,
        "default_in": "drop",
        "log_rate": "10/minute",
        "table": "mattermost",
        "confirm_timeout": 60,
        **changes,
    }
