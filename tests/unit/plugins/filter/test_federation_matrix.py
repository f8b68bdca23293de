# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The state of links, as both sides tell it, in one table."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.fieldops.mattermost.plugins.filter.federation import federation_matrix, federation_table


def side(peer: str, **changes: Any) -> dict[str, Any]:
    return {
        "peer": peer,
        "inviter": False,
        "wanted": "present",
        "state": "confirmed",
        "create_at": 1795847400000,
        "last_ping_at": 1795848000000,
        "healthy": True,
        "reasons": [],
        "channels": [],
        **changes,
    }


def shown(home: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"id-{home}",
        "name": "joint-ops",
        "home": home,
        "read_only": False,
        "confirmed": True,
        "create_at": 1795847460000,
        **changes,
    }


class TestMatrix:
    def test_both_sides_make_one_row(self) -> None:
        rows = federation_matrix(
            [
                {
                    "name": "alpha",
                    "connections": [
                        side("bravo", inviter=True, channels=[shown("alpha", crossed=2.5, **{"from": "alpha"})])
                    ],
                },
                {
                    "name": "bravo",
                    "connections": [
                        side(
                            "alpha",
                            create_at=1795847520000,
                            channels=[shown("alpha", crossed=3.0, **{"from": "bravo"})],
                        )
                    ],
                },
            ]
        )
        assert rows == [
            {
                "link": "alpha - bravo",
                "partners": ["alpha", "bravo"],
                "seen_by": ["alpha", "bravo"],
                "state": "confirmed",
                "since": "2026-11-28 06:32 UTC",
                "last_ping": "2026-11-28 06:40 UTC",
                "channels": [
                    {
                        "name": "joint-ops",
                        "home": "alpha",
                        "receiver": "bravo",
                        "read_only": False,
                        "since": "2026-11-28 06:31 UTC",
                        "confirmed": True,
                        "crossed": {"alpha": 2.5, "bravo": 3.0},
                    }
                ],
                "healthy": True,
                "why": [],
            }
        ]

    def test_two_channels_of_one_name_are_two(self) -> None:
        channels = [shown("alpha"), shown("alpha", id="another", read_only=True)]
        (row,) = federation_matrix([{"name": "alpha", "connections": [side("bravo", channels=channels)]}])
        assert [one["read_only"] for one in row["channels"]] == [False, True]

    def test_one_side_and_why_not(self) -> None:
        sides = [
            {
                "name": "bravo",
                "connections": [side("alpha", healthy=False, reasons=["no ping"], state="pending", last_ping_at=0)],
            },
            {"name": "alpha", "connections": [side("bravo", inviter=True)]},
        ]
        row = federation_matrix(sides)[0]
        assert row["link"] == "alpha - bravo"
        assert row["state"] == "pending at bravo, confirmed at alpha"
        assert row["healthy"] is False
        assert row["why"] == ["bravo says: no ping"]
        alone = federation_matrix(sides[:1])[0]
        assert (alone["seen_by"], alone["state"], alone["last_ping"]) == (["bravo"], "pending", "")

    def test_a_link_that_is_gone_is_neither_healthy_nor_ill(self) -> None:
        gone = side("bravo", wanted="absent", state="absent", create_at=0, last_ping_at=0, healthy=False)
        row = federation_matrix([{"name": "alpha", "connections": [gone]}])[0]
        assert (row["healthy"], row["since"], row["channels"]) == (None, "", [])

    def test_tables_to_read(self) -> None:
        rows = federation_matrix(
            [
                {
                    "name": "alpha",
                    "connections": [
                        side(
                            "bravo",
                            inviter=True,
                            channels=[shown("alpha", read_only=True), shown("bravo", confirmed=False)],
                        ),
                        side("charlie", inviter=True, healthy=False, reasons=["no ping | since\nnoon"]),
                    ],
                }
            ]
        )
        text = federation_table(rows)
        assert text[0].split() == ["Link", "State", "Since", "Last", "ping", "Channels", "Healthy"]
        assert set(text[1]) == {"-", " "}
        assert "joint-ops (alpha > bravo, read-only), joint-ops (bravo > alpha, not confirmed)  yes" in text[2]
        assert text[3].startswith("alpha - charlie  confirmed") and text[3].endswith("  no")
        assert text[4:] == ["alpha - charlie: alpha says: no ping | since\nnoon"]
        markdown = federation_table(rows, "markdown")
        assert markdown[1] == "| --- | --- | --- | --- | --- | --- | --- |"
        assert markdown[3].endswith("| no | alpha says: no ping \\| since noon |")
        with pytest.raises(ValueError) as error:
            federation_table(rows, "html")
        assert str(error.value) == "There is no table of the form 'html'; choose text or markdown."
