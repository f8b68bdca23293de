# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The parts that partners have in a table of links fit together."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from ansible_collections.fieldops.mattermost.plugins.filter.federation import federation_part, federation_problems
from ansible_collections.fieldops.mattermost.tests.unit.federation_tables import (
    channel,
    listed,
    partner,
    peers,
    table,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st


class TestPart:
    def test_mesh(self) -> None:
        shared = channel(display_name="Joint operations", read_only="all", purpose="Plans", header="Today")
        parts = {name: federation_part(table(channels=[shared]), name) for name in ("alpha", "bravo", "charlie")}
        assert [peers(part) for part in parts.values()] == [
            {"bravo": True, "charlie": True},
            {"alpha": False, "charlie": True},
            {"alpha": False, "bravo": False},
        ]
        alpha = parts["alpha"]
        assert {key: alpha[key] for key in ("name", "display_name", "site_url", "team")} == {
            "name": "alpha",
            "display_name": "alpha",
            "site_url": "https://chat.alpha.example",
            "team": "operations",
        }
        assert alpha["channels"] == [
            {
                "name": "joint-ops",
                "team": "operations",
                "display_name": "Joint operations",
                "private": True,
                "purpose": "Plans",
                "header": "Today",
                "state": "present",
                "shares": [
                    {"peer": "bravo", "read_only": True, "state": "present"},
                    {"peer": "charlie", "read_only": True, "state": "present"},
                ],
            }
        ]
        assert alpha["arrivals"] == []
        assert parts["charlie"]["arrivals"] == [
            {
                "name": "joint-ops",
                "home": "alpha",
                "home_team": "operations",
                "team": "operations",
                "read_only": True,
                "state": "present",
            }
        ]
        assert parts["charlie"]["places"] == [{"team": "operations", "name": "joint-ops"}]

    def test_connections_carry_what_their_making_needs(self) -> None:
        partners = [
            partner("alpha"),
            partner("bravo", display_name="Bravo Force", site_url="https://bravo.example/chat/"),
        ]
        assert federation_part(table(partners=partners), "alpha")["connections"] == [
            {
                "peer": "bravo",
                "peer_display_name": "Bravo Force",
                "site_url": "https://bravo.example/chat",
                "inviter": True,
                "state": "present",
            }
        ]

    def test_the_hub_invites_wherever_it_stands(self) -> None:
        given = table("hub", hub="charlie")
        assert peers(federation_part(given, "charlie")) == {"alpha": True, "bravo": True}
        assert peers(federation_part(given, "alpha")) == {"charlie": False}

    def test_a_list(self) -> None:
        given = listed(channel(), channel("plans", home="bravo"))
        assert [peers(federation_part(given, name)) for name in ("alpha", "bravo", "charlie")] == [
            {"bravo": True},
            {"alpha": False, "charlie": True},
            {"bravo": False},
        ]
        assert [share["peer"] for share in federation_part(given, "alpha")["channels"][0]["shares"]] == ["bravo"]
        assert [row["name"] for row in federation_part(given, "charlie")["arrivals"]] == ["plans"]

    def test_a_partner_leaves(self) -> None:
        partners = [partner("alpha"), partner("bravo", state="absent"), partner("charlie")]
        given = table(partners=partners, channels=[channel(), channel("plans", home="bravo")])
        alpha, bravo = federation_part(given, "alpha"), federation_part(given, "bravo")
        assert {row["peer"]: row["state"] for row in alpha["connections"]} == {"bravo": "absent", "charlie": "present"}
        assert {row["peer"]: row["state"] for row in alpha["channels"][0]["shares"]} == {
            "bravo": "absent",
            "charlie": "present",
        }
        assert alpha["arrivals"][0]["state"] == "absent"
        assert {row["state"] for row in bravo["connections"]} == {"absent"}
        assert bravo["channels"][0]["state"] == "absent"
        assert {row["state"] for row in bravo["channels"][0]["shares"]} == {"absent"}

    def test_a_channel_ends(self) -> None:
        given = table(channels=[channel(state="absent", shared_with=["bravo"])])
        assert federation_part(given, "alpha")["channels"][0]["state"] == "absent"
        assert federation_part(given, "alpha")["channels"][0]["shares"] == [
            {"peer": "bravo", "read_only": False, "state": "absent"}
        ]
        assert federation_part(given, "bravo")["arrivals"][0]["state"] == "absent"
        assert federation_part(given, "charlie")["arrivals"] == []

    def test_twenty_partners(self) -> None:
        partners = [partner(f"p{number:02}") for number in range(20)]
        channels = [channel(f"room-{number:02}", home=f"p{number:02}") for number in range(20)]
        given = table(partners=partners, channels=channels)
        parts = [federation_part(given, row["name"]) for row in partners]
        assert [len(part["connections"]) for part in parts] == [19] * 20
        assert [sum(row["inviter"] for row in part["connections"]) for part in parts] == list(range(19, -1, -1))
        assert [len(part["arrivals"]) for part in parts] == [19] * 20

    def test_no_part_of_a_wrong_table(self) -> None:
        with pytest.raises(ValueError) as error:
            federation_part(table("star"), "alpha")
        assert str(error.value) == (
            "No part for alpha can be made of the table of links: The topology is 'star'; choose mesh, hub or list."
        )


NAMES = st.sampled_from(["alpha", "bravo", "charlie", "delta", "echo"])
STATES = st.sampled_from(["present", "present", "absent"])


@st.composite
def tables(draw: Any) -> dict[str, Any]:
    """Tables of any topology, often with mistakes in them."""
    names = draw(st.lists(NAMES, min_size=2, max_size=5, unique=True))
    topology = draw(st.sampled_from(["mesh", "hub", "list"]))
    pairs = draw(st.sets(st.sampled_from(list(itertools.combinations(names, 2)))))
    partners = []
    for name in names:
        row = partner(name, state=draw(STATES))
        if topology == "list":
            row["linked_with"] = [other for pair in pairs if name in pair for other in pair if other != name]
        partners.append(row)
    channels = []
    for name in draw(st.lists(st.sampled_from(["one", "two", "three"]), max_size=4)):
        some = draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
        home = draw(st.sampled_from(names))
        shared_with = draw(st.sampled_from(["all", some]))
        read_only = draw(st.sampled_from([[], "all", some]))
        channels.append(channel(name, home=home, shared_with=shared_with, read_only=read_only, state=draw(STATES)))
    extra = {"hub": draw(st.sampled_from(names))} if topology == "hub" else {}
    return table(topology, partners, channels, **extra)


@settings(max_examples=200, deadline=None)
@given(tables())
def test_the_parts_of_a_table_without_problems_fit_together(drawn: dict[str, Any]) -> None:
    assume(not federation_problems(drawn))
    parts = {row["name"]: federation_part(drawn, row["name"]) for row in drawn["partners"]}
    for name, part in parts.items():
        for connection in part["connections"]:
            back = [row for row in parts[connection["peer"]]["connections"] if row["peer"] == name]
            assert len(back) == 1
            assert back[0]["inviter"] is not connection["inviter"]
            assert back[0]["state"] == connection["state"]
            assert connection["site_url"] == parts[connection["peer"]]["site_url"]
    sent = sorted(
        (row["name"], name, share["peer"], share["read_only"], share["state"])
        for name, part in parts.items()
        for row in part["channels"]
        for share in row["shares"]
    )
    arrived = sorted(
        (row["name"], row["home"], name, row["read_only"], row["state"])
        for name, part in parts.items()
        for row in part["arrivals"]
    )
    assert sent == arrived
    linked = {(name, row["peer"]) for name, part in parts.items() for row in part["connections"]}
    assert {(home, receiver) for _name, home, receiver, _read_only, _state in sent} <= linked
