# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Tables of links to test with, right ones unless asked otherwise."""

from __future__ import annotations

from typing import Any

PEM = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n"


def partner(name: str, **changes: Any) -> dict[str, Any]:
    return {"name": name, "site_url": f"https://chat.{name}.example", "team": "operations", **changes}


def channel(name: str = "joint-ops", home: str = "alpha", **changes: Any) -> dict[str, Any]:
    return {"name": name, "home": home, "shared_with": "all", **changes}


def table(topology: str = "mesh", partners: Any = None, channels: Any = (), **changes: Any) -> dict[str, Any]:
    three = [partner("alpha"), partner("bravo"), partner("charlie")]
    return {
        "topology": topology,
        "partners": three if partners is None else partners,
        "channels": list(channels),
        **changes,
    }


def hub(*channels: Any, **changes: Any) -> dict[str, Any]:
    return table("hub", channels=channels, hub="alpha", **changes)


def listed(*channels: Any) -> dict[str, Any]:
    """alpha and bravo are linked, and bravo and charlie; alpha and charlie are not."""
    partners = [
        partner("alpha", linked_with=["bravo"]),
        partner("bravo", linked_with=["charlie", "alpha"]),
        partner("charlie", linked_with=["bravo"]),
    ]
    return table("list", partners, channels)


def peers(part: dict[str, Any]) -> dict[str, bool]:
    return {connection["peer"]: connection["inviter"] for connection in part["connections"]}
