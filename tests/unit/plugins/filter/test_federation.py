# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The table of links: every mistake has its sentence."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.fieldops.mattermost.plugins.filter.federation import (
    FilterModule,
    federation_problems,
)
from ansible_collections.fieldops.mattermost.tests.unit.federation_tables import (
    PEM,
    channel,
    hub,
    listed,
    partner,
    table,
)


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


def test_the_names_of_the_filters() -> None:
    assert set(FilterModule().filters()) == {
        "federation_problems",
        "federation_part",
        "federation_matrix",
        "federation_table",
    }
