# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The table of links: every mistake has its sentence, and the parts of the partners fit together."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.fieldops.mattermost.plugins.filter.federation import (
    FilterModule,
    federation_matrix,
    federation_part,
    federation_problems,
    federation_table,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st

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


class TestProblems:
    def test_good_tables_have_none(self) -> None:
        full = partner("alpha", display_name="Alpha Force", state="present", ca_certificate=PEM, address="10.99.0.1")
        fine = [
            table(
                channels=[
                    channel(
                        read_only=["charlie"], shared_with=["charlie"], private=False, purpose="Plans", header="Today"
                    )
                ]
            ),
            table(partners=[full, partner("bravo", ca_certificate="", address="")]),
            table(channels=[channel(), channel(state="absent", home="bravo")]),
            hub(channel(shared_with=["bravo"])),
            listed(channel(shared_with=["bravo"]), channel(home="charlie", team="planning", name="plans")),
            {"topology": "mesh", "partners": [partner("alpha", site_url="http://127.0.0.1:8065")]},
            table(channels=[channel(team="one", shared_with=["bravo"]), channel(team="two", shared_with=["charlie"])]),
        ]
        assert [federation_problems(one, "alpha") for one in fine] == [[]] * len(fine)

    @pytest.mark.parametrize(
        ("wrong", "sentence"),
        [
            ([], "The table of links is no dictionary; give topology, partners and channels."),
            (table("star"), "The topology is 'star'; choose mesh, hub or list."),
            ({"partners": [partner("alpha")]}, "The topology is None; choose mesh, hub or list."),
            (table("hub"), "The topology is hub, but no hub is named; say which partner it is."),
            (
                table(hub="alpha"),
                "A hub is named (alpha), but the topology is mesh; leave the hub out, or choose the topology hub.",
            ),
            (table("hub", hub="delta"), "The hub delta is no partner in the table of links."),
            (table(partners=[]), "The table of links has no partners."),
            (table(partners={"alpha": 1}), "The table of links has partners that are no list: dict."),
            ({**table(), "channels": "joint-ops"}, "The table of links has channels that are no list: str."),
            (table(link=[]), "The table of links has the unknown key link."),
        ],
    )
    def test_the_table(self, wrong: Any, sentence: str) -> None:
        assert federation_problems(wrong) == [sentence]

    @pytest.mark.parametrize(
        ("wrong", "sentence"),
        [
            (None, "Partner 1 is empty: None."),
            ("alpha", "Partner 1 is empty: 'alpha'."),
            (partner(""), "Partner 1 needs a name of 1 to 64 lower-case letters, digits, '.', '_' and '-'."),
            (
                partner("Alpha", site_url="https://a.example"),
                "Partner 1 (Alpha) needs a name of 1 to 64 lower-case letters, digits, '.', '_' and '-'.",
            ),
            (
                partner("plugin_x", site_url="https://a.example"),
                "Partner 1 (plugin_x) has a name that starts with plugin_, as the server's plugins name their own connections.",
            ),
            (
                partner("alpha", site_url="http://chat.alpha.example"),
                "Partner 1 (alpha) has the site_url http://chat.alpha.example; between partners only https will do.",
            ),
            (
                partner("alpha", site_url="chat.alpha.example"),
                "Partner 1 (alpha) has the site_url 'chat.alpha.example'; give the address of the server, such as "
                "https://chat.example.org.",
            ),
            (
                partner("alpha", site_url="https://a.example:99999"),
                "Partner 1 (alpha) has the site_url 'https://a.example:99999'; give the address of the server, such as "
                "https://chat.example.org.",
            ),
            (
                partner("alpha", site_url=None),
                "Partner 1 (alpha) has the site_url None; give the address of the server, such as https://chat.example.org.",
            ),
            (
                partner("alpha", site_url="https://ann@a.example"),
                "Partner 1 (alpha) has the site_url 'https://ann@a.example'; give it without account, question mark and "
                "number sign.",
            ),
            (
                partner("alpha", team="Ops Team"),
                "Partner 1 (alpha) has the team 'Ops Team'; names of teams are 2 to 64 lower-case letters, digits and "
                "hyphens inside.",
            ),
            (partner("alpha", state="left"), "Partner 1 (alpha) has the state 'left'; it is present or absent."),
            (partner("alpha", teams="x"), "Partner 1 (alpha) has the unknown key teams."),
            (
                partner("alpha", linked_with="bravo"),
                "Partner 1 (alpha) has the linked_with 'bravo', which is no list of partners' names.",
            ),
            (
                partner("alpha", linked_with=["bravo", "bravo"]),
                "Partner 1 (alpha) names bravo twice in linked_with.",
            ),
            (partner("alpha", display_name=7), "Partner 1 (alpha) has the display_name 7, which is no text."),
            (
                partner("alpha", display_name="a" * 65),
                "Partner 1 (alpha) has a display_name of 65 characters; the server takes 64.",
            ),
            (
                partner("alpha", address="gate.alpha.example"),
                "Partner 1 (alpha) has the address 'gate.alpha.example'; give the IP address that its site name resolves to.",
            ),
            (
                partner("alpha", ca_certificate="MII"),
                "Partner 1 (alpha) has a ca_certificate that is not in PEM form (-----BEGIN CERTIFICATE-----).",
            ),
        ],
    )
    def test_a_partner(self, wrong: Any, sentence: str) -> None:
        assert federation_problems(table(partners=[wrong, partner("bravo")])) == [sentence]

    @pytest.mark.parametrize(
        ("wrong", "sentence"),
        [
            ({}, "Channel 1 is empty: {}."),
            (
                channel("Joint Ops"),
                "Channel 1 (Joint Ops) needs a name of 1 to 64 lower-case letters, digits, and '-' and '_' inside.",
            ),
            (
                channel("town-square"),
                "Channel 1 (town-square) is a channel that every team has; such a one cannot be shared, make another.",
            ),
            (
                channel("off-topic"),
                "Channel 1 (off-topic) is a channel that every team has; such a one cannot be shared, make another.",
            ),
            (
                channel("a" * 26 + "__" + "b" * 26),
                f"Channel 1 ({'a' * 26}__{'b' * 26}) has the name of a direct or group message; the server shares public and "
                "private channels only.",
            ),
            (
                channel("0f" * 20),
                f"Channel 1 ({'0f' * 20}) has the name of a direct or group message; the server shares public and private "
                "channels only.",
            ),
            (
                channel(type="D"),
                "Channel 1 (joint-ops) has type: only public and private channels can be shared, direct and group messages "
                "cannot; say private: true or false.",
            ),
            (
                channel(access_policy="eyes-only"),
                "Channel 1 (joint-ops) has access_policy: the server refuses access policies on shared channels; decide by "
                "membership at home, and by whom it is shared with.",
            ),
            (
                channel(group_constrained=True),
                "Channel 1 (joint-ops) has group_constrained: a channel whose members come from groups cannot take the "
                "partners' people; leave it out.",
            ),
            (
                channel(members=["ann"]),
                "Channel 1 (joint-ops) has members: add members with the module channel; partners add their own people.",
            ),
            (
                channel(home=""),
                "Channel 1 (joint-ops) has no home; name the partner on whose server it is.",
            ),
            (
                channel(team="Ops"),
                "Channel 1 (joint-ops) has the team 'Ops'; names of teams are 2 to 64 lower-case letters, digits and hyphens "
                "inside.",
            ),
            (channel(private="yes"), "Channel 1 (joint-ops) has private 'yes'; it is true or false."),
            (
                channel(shared_with=None),
                "Channel 1 (joint-ops) does not say with whom it is shared; give shared_with, a list of partners or all.",
            ),
            (
                channel(shared_with=[]),
                "Channel 1 (joint-ops) is shared with nobody; name partners in shared_with, or set its state to absent.",
            ),
            (
                channel(shared_with="bravo"),
                "Channel 1 (joint-ops) has the shared_with 'bravo', which is no list of partners' names.",
            ),
            (channel(read_only=["bravo", "bravo"]), "Channel 1 (joint-ops) names bravo twice in read_only."),
            (channel(state="gone"), "Channel 1 (joint-ops) has the state 'gone'; it is present or absent."),
            (channel(readonly=True), "Channel 1 (joint-ops) has the unknown key readonly."),
            (
                channel(purpose="p" * 251),
                "Channel 1 (joint-ops) has a purpose of 251 characters; the server takes 250.",
            ),
        ],
    )
    def test_a_channel(self, wrong: Any, sentence: str) -> None:
        assert federation_problems(table(channels=[wrong])) == [sentence]

    @pytest.mark.parametrize(
        ("wrong", "sentence"),
        [
            (
                table(partners=[partner("alpha"), partner("alpha", site_url="https://b.example")]),
                "The partner alpha is in the table twice.",
            ),
            (
                table(partners=[partner("alpha"), partner("bravo", site_url="https://CHAT.alpha.example/")]),
                "The partners alpha and bravo have the same site_url https://CHAT.alpha.example/.",
            ),
            (
                table(partners=[partner("alpha", linked_with=["bravo"]), partner("bravo")]),
                "alpha has linked_with, which counts in the topology list only; the topology is mesh.",
            ),
            (
                table("list", [partner("alpha", linked_with=["bravo"]), partner("bravo")]),
                "The link between alpha and bravo is asymmetric: alpha lists bravo, but bravo does not list alpha.",
            ),
            (table("list", [partner("alpha", linked_with=["alpha"])]), "alpha is linked with itself."),
            (
                table("list", [partner("alpha", linked_with=["delta"])]),
                "alpha is linked with delta, which is no partner in the table of links.",
            ),
            (
                table(channels=[channel(home="delta")]),
                "The channel joint-ops has its home at delta, which is no partner in the table of links.",
            ),
            (
                table(channels=[channel(shared_with=["delta"])]),
                "The channel joint-ops of alpha is shared with delta, which is no partner in the table of links.",
            ),
            (
                table(channels=[channel(shared_with=["alpha"])]),
                "The channel joint-ops of alpha is shared with its own home.",
            ),
            (
                listed(channel(shared_with=["charlie"])),
                "The channel joint-ops is shared with charlie, but its home alpha is not linked with charlie; link them, or "
                "leave charlie out.",
            ),
            (
                hub(channel(home="bravo", shared_with=["charlie"])),
                "The channel joint-ops is shared with charlie, but its home bravo is not linked with charlie; give it its home "
                "at the hub alpha, which passes posts on to all.",
            ),
            (
                table(channels=[channel(shared_with=["bravo"], read_only=["charlie"])]),
                "The channel joint-ops of alpha is read-only for charlie, which it is not shared with.",
            ),
            (
                table(channels=[channel(read_only=["charlie"])]),
                "The channel joint-ops of alpha is read-only for charlie, but not for bravo. A server notes that once for a "
                "channel, so make it read-only for all, or make two channels of it.",
            ),
            (
                table(channels=[channel(), channel(state="absent")]),
                "The channel joint-ops is in the table twice: its home is alpha, team operations, both times.",
            ),
            (
                table(channels=[channel(shared_with=["charlie"]), channel(home="bravo", shared_with=["charlie"])]),
                "The channel joint-ops is homed twice: those of alpha and bravo would both arrive at charlie in the team "
                "operations; rename one of them.",
            ),
            (
                table(channels=[channel(shared_with=["bravo"]), channel(home="bravo", shared_with=["charlie"])]),
                "The channel joint-ops of alpha would arrive at bravo in the team operations, where bravo has a channel of that "
                "name at home; rename one of them.",
            ),
            (
                table(channels=[channel(home="bravo", shared_with=["charlie"]), channel(shared_with=["bravo"])]),
                "The channel joint-ops of alpha would arrive at bravo in the team operations, where bravo has a channel of that "
                "name at home; rename one of them.",
            ),
            (
                table(
                    channels=[channel(team="one", shared_with=["bravo"]), channel(team="two", shared_with=["bravo"])]
                ),
                "alpha has two channels joint-ops, in the teams one and two, and both would arrive at bravo in the team "
                "operations; rename one of them.",
            ),
        ],
    )
    def test_rows_together(self, wrong: Any, sentence: str) -> None:
        assert federation_problems(wrong) == [sentence]

    def test_who_is_asking_must_be_in_it(self) -> None:
        assert federation_problems(table(), "delta") == [
            "delta is no partner in the table of links; the partners are alpha, bravo, charlie."
        ]

    def test_what_the_servers_cannot_do(self) -> None:
        context = {
            "policy_channels": ["joint-ops", "other"],
            "group_channels": ["joint-ops"],
            "restrict_creation_to_domains": "alpha.example",
        }
        assert federation_problems(table(channels=[channel()]), "alpha", context) == [
            "The channel joint-ops is to have an access policy, which the server refuses on shared channels; choose one of the two.",
            "The channel joint-ops is to have members from groups, which the server refuses on shared channels; choose one of the "
            "two.",
            "TeamSettings.RestrictCreationToDomains is 'alpha.example'. The accounts by which the partners' people appear have "
            "made-up addresses, so the server could not create them and their posts would be lost; empty the setting.",
        ]
        assert (
            federation_problems(table(channels=[channel(state="absent")]), "alpha", {"policy_channels": ["joint-ops"]})
            == []
        )

    def test_all_is_said_at_once(self) -> None:
        wrong = table(partners=[partner("A"), partner("bravo", team="x")], channels=[channel(home="")])
        assert len(federation_problems(wrong)) == 3

    def test_a_name_is_free_again_when_its_partner_left(self) -> None:
        partners = [partner("alpha", state="absent"), partner("bravo"), partner("charlie")]
        assert federation_problems(table(partners=partners, channels=[channel(), channel(home="bravo")])) == []


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
        with pytest.raises(AnsibleFilterError) as error:
            federation_part(table("star"), "alpha")
        assert error.value.message == (
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
        with pytest.raises(AnsibleFilterError) as error:
            federation_table(rows, "html")
        assert error.value.message == "There is no table of the form 'html'; choose text or markdown."


def test_the_names_of_the_filters() -> None:
    assert set(FilterModule().filters()) == {
        "federation_problems",
        "federation_part",
        "federation_matrix",
        "federation_table",
    }
