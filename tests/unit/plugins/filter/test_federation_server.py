# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What is done on one partner's server: the table compared with what the server and the partners say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.fieldops.mattermost.plugins.filter.federation import federation_part
from ansible_collections.fieldops.mattermost.plugins.filter.federation_server import (
    FilterModule,
    federation_failures,
    federation_group,
    federation_heard,
    federation_hosts,
    federation_invitation_files,
    federation_issued,
    federation_left_behind,
    federation_let_down,
    federation_not_crossed,
    federation_probes,
    federation_received,
    federation_server_problems,
    federation_shares,
    federation_status,
    federation_steps,
    federation_taken,
)

HOUR = 3600 * 1000
NOW = 1795847400000
ALPHA, BRAVO = "https://chat.alpha.example", "https://chat.bravo.example"
CHANNELS = [
    {"name": "joint-ops", "home": "alpha", "shared_with": "all"},
    {"name": "bulletins", "home": "bravo", "shared_with": "all", "read_only": "all"},
]


def table(*, channels: Any = None, **states: str) -> dict[str, Any]:
    partners = [
        {"name": "alpha", "site_url": ALPHA, "team": "operations"},
        {"name": "bravo", "site_url": BRAVO, "team": "coalition", "display_name": "Bravo Force"},
    ]
    for partner in partners:
        partner["state"] = states.get(partner["name"], "present")
    return {"topology": "mesh", "partners": partners, "channels": CHANNELS if channels is None else channels}


def part(name: str = "alpha", **given: Any) -> dict[str, Any]:
    return federation_part(table(**given), name)


def row(name: str = "bravo", *channels: Any, **changes: Any) -> dict[str, Any]:
    """A connection as the module secure_connection_info tells it."""
    return {
        "id": f"id-{name}",
        "name": name,
        "display_name": "Bravo Force" if name == "bravo" else name,
        "site_url": f"https://chat.{name}.example",
        "team": "operations" if name == "bravo" else "coalition",
        "state": "confirmed",
        "online": True,
        "last_ping_at": NOW,
        "create_at": NOW - HOUR,
        "channels": list(channels),
        "healthy": True,
        "reasons": [],
        **changes,
    }


def pending(name: str = "bravo", *, left: int = 40 * HOUR, **changes: Any) -> dict[str, Any]:
    fields = {"state": "pending", "online": False, "site_url": "", "last_ping_at": 0}
    return row(name, **{**fields, "create_at": NOW + left - 48 * HOUR, "invitation_expires_at": NOW + left, **changes})


def link(name: str, team: str, **changes: Any) -> dict[str, Any]:
    return {
        "team": team,
        "channel": name,
        "channel_id": f"id-{name}",
        "home": True,
        "confirmed": True,
        "read_only": False,
        "last_post_at": NOW,
        "create_at": NOW,
        **changes,
    }


JOINT, ARRIVED = link("joint-ops", "operations"), link("bulletins", "operations", home=False, read_only=True)


def context(given: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "heard": {},
        "here": [],
        "table": given,
        "archive": False,
        "exchange_dir": "",
        "expected": [],
        "files": {},
        "renew": [],
        "now": NOW,
        **changes,
    }


def steps(seen: list[Any], *, name: str = "alpha", given: Any = None, **changes: Any) -> dict[str, Any]:
    """Only the steps that there are."""
    given = given or table()
    found = federation_steps(federation_part(given, name), seen, context(given, **changes))
    return {kind: value for kind, value in found.items() if value and kind != "invitations"}


def invitation(inviter: str = "alpha", accepter: str = "bravo", **changes: Any) -> dict[str, str]:
    content = {
        "format": "fieldops.mattermost invitation 1",
        "from": inviter,
        "to": accepter,
        "site_url": f"https://chat.{inviter}.example",
        "created": NOW - 8 * HOUR,
        "expires": NOW + 40 * HOUR,
        "invitation": "AAAA",
        **changes,
    }
    return {f"/exchange/{inviter}+to+{accepter}.invitation.json": json.dumps(content)}


def heard(*seen: Any, channels: Any = ()) -> dict[str, Any]:
    return {"seen": list(seen), "channels": list(channels)}


class TestInOnePlay:
    def test_a_pair_that_has_nothing(self) -> None:
        assert steps([], heard={"bravo": heard()}) == {"issue": ["bravo"], "wait": ["bravo"]}
        assert steps([], name="bravo", heard={"alpha": heard()}) == {"accept": ["alpha"], "wait": ["alpha"]}

    def test_a_pair_that_stands(self) -> None:
        both = {"bravo": heard(row("alpha", id="id-bravo"))}
        assert steps([row("bravo", JOINT)], heard=both) == {}
        assert steps([row(display_name="Bravo")], heard=both) == {"adjust": ["bravo"]}
        assert steps([row(team="other")], heard=both) == {"adjust": ["bravo"]}
        assert steps([row(online=False)], heard=both) == {"wait": ["bravo"]}

    @pytest.mark.parametrize(
        ("here", "there"),
        [
            (row(), None),
            (pending(), None),
            (row(), row("alpha", id="another")),
            (row(), pending("alpha", id="id-bravo")),
            (pending(), row("alpha", id="id-bravo")),
        ],
    )
    def test_a_half_begins_anew_on_both_sides(self, here: Any, there: Any) -> None:
        seen = heard(*([there] if there else []))
        assert steps([here], heard={"bravo": seen}) == {"close": ["bravo"], "issue": ["bravo"], "wait": ["bravo"]}
        found = steps(seen["seen"], name="bravo", heard={"alpha": heard(here)})
        assert found.pop("close", []) == (["alpha"] if there else [])
        assert found == {"accept": ["alpha"], "wait": ["alpha"]}

    def test_a_peer_whose_host_failed(self) -> None:
        why = {"waiting": {"bravo": "bravo failed above in this play. Mend what it says there, then run again."}}
        assert steps([], heard={"bravo": None}) == why
        assert steps([pending()], heard={"bravo": None}) == why
        assert steps([row(team="other")], heard={"bravo": None}) == {**why, "adjust": ["bravo"]}


class TestApart:
    def test_nowhere_to_leave_an_invitation(self) -> None:
        why = "bravo is not in this play: give mattermost_federation_exchange_dir, a directory for invitations."
        assert steps([]) == {"waiting": {"bravo": why}}
        assert steps([row()]) == {}

    @pytest.mark.parametrize("place", ["", "/exchange"])
    def test_one_that_is_met_in_a_play_and_is_missing_in_this_one(self, place: str) -> None:
        """It waits, and its link is not made by files on the side."""
        why = {
            "bravo": "bravo is in the inventory, but not in this play: run again when its hosts can be reached, without --limit. Or agree on "
            "a password with it, give that as mattermost_federation_passwords, and let the invitation travel as a file."
        }
        given: dict[str, Any] = {"expected": ["alpha", "bravo"], "exchange_dir": place}
        assert steps([], **given) == steps([pending()], **given) == {"waiting": why}
        assert steps([row()], **given) == {}
        assert steps([], name="bravo", **given)["waiting"]["alpha"].startswith("alpha is in the inventory")
        found = federation_status(part(), [], {"failures": [], "waiting": why, "probed": {}, "checked_at": "now"})
        assert found["connections"][0]["reasons"] == [why["bravo"]] and not found["healthy"]

    def test_inviting(self) -> None:
        why = {
            "bravo": "bravo has not accepted the invitation yet: bring /exchange/alpha+to+bravo.invitation.json there, and tell the "
            "password by another way."
        }
        issue = {"issue_file": ["bravo"], "waiting": why}
        place: dict[str, Any] = {"exchange_dir": "/exchange"}
        assert steps([], **place) == issue
        assert steps([pending()], **place) == issue
        assert steps([pending()], files=invitation(), **place) == {"waiting": why}
        # The file is of another connection than the one there is, or its time is nearly over.
        assert steps([pending()], files=invitation(created=1), **place) == issue
        old = pending(left=HOUR)
        assert steps([old], files=invitation(created=old["create_at"]), **place) == issue
        assert steps([pending()], files=invitation(), renew=["bravo"], **place) == {**issue, "close": ["bravo"]}
        assert steps([], renew=["bravo"], **place) == issue
        assert steps([row()], renew=["bravo"], files=invitation(), **place) == {
            "used_files": ["alpha+to+bravo.invitation.json"]
        }

    @pytest.mark.parametrize(
        ("files", "why"),
        [
            ({}, "Waiting for the invitation of alpha: put it at /exchange/alpha+to+bravo.invitation.json."),
            (
                invitation(expires=NOW),
                "The invitation of alpha has expired: ask alpha to run the role again, and put the new file at "
                "/exchange/alpha+to+bravo.invitation.json.",
            ),
            (
                invitation(site_url="https://evil.example"),
                "/exchange/alpha+to+bravo.invitation.json invites to https://evil.example, but the table says that alpha is at "
                "https://chat.alpha.example; agree on one, and ask for a new invitation.",
            ),
        ],
    )
    def test_nothing_to_accept(self, files: Any, why: str) -> None:
        assert steps([], name="bravo", files=files, exchange_dir="/exchange") == {"waiting": {"alpha": why}}

    def test_accepting(self) -> None:
        accept = {"accept_file": ["alpha"], "wait": ["alpha"]}
        place: dict[str, Any] = {"name": "bravo", "files": invitation(), "exchange_dir": "/exchange"}
        assert steps([], **place) == accept
        assert steps([pending("alpha")], **place) == accept
        given = context(table(), files=invitation(), exchange_dir="/exchange")
        assert federation_steps(part("bravo"), [], given)["invitations"] == {"alpha": "alpha+to+bravo.invitation.json"}
        assert steps([row("alpha")], **place) == {"used_files": ["alpha+to+bravo.invitation.json"]}


ENDS = [
    {"team": "operations", "channel": "joint-ops", "connection": "bravo"},
    {"team": "operations", "channel": "bulletins", "connection": "bravo"},
]


class TestTakeDown:
    @pytest.mark.parametrize("peer", [{}, {"bravo": None}, {"bravo": {"seen": [], "channels": []}}])
    @pytest.mark.parametrize("archive", [False, True])
    def test_a_partner_leaves_whether_it_can_be_reached_or_not(self, peer: Any, archive: bool) -> None:
        seen = [row("bravo", JOINT, ARRIVED, online=False)]
        found = steps(seen, given=table(bravo="absent"), heard=peer, archive=archive)
        departs = {"archive": ENDS[1:]} if archive else {}
        assert found == {"close": ["bravo"], "leave": ["bravo"], "unshare": ENDS, **departs}
        assert steps([], given=table(bravo="absent"), heard=peer) == {}

    def test_the_one_who_leaves(self) -> None:
        found = steps([pending("alpha")], name="bravo", given=table(bravo="absent"), files=invitation())
        assert found == {"close": ["alpha"], "leave": ["alpha"], "used_files": ["alpha+to+bravo.invitation.json"]}

    def test_partners_who_are_not_linked_any_more(self) -> None:
        given = table()
        given["topology"] = "list"
        assert steps([row("bravo"), row("zulu")], given=given)["close"] == ["bravo"]

    def test_a_channel_ends(self) -> None:
        ended = table(channels=[{**channel, "state": "absent"} for channel in CHANNELS])
        both = [row("bravo", JOINT, ARRIVED)]
        assert steps(both, given=ended) == {"unshare": ENDS}
        assert steps(both, given=ended, archive=True) == {"unshare": ENDS, "archive": ENDS[1:]}
        assert steps([row("bravo", link("by-hand", "operations"))], given=ended) == {}

    def test_a_channel_of_that_name_in_another_team_is_not_the_tables(self) -> None:
        """Here its team tells; where it arrived, its identifier does when its home is in the play."""
        ended = table(channels=[{**channel, "state": "absent"} for channel in CHANNELS])
        assert steps([row("bravo", link("joint-ops", "board"))]) == {}
        assert steps([row("bravo", link("joint-ops", "board"))], given=ended) == {}
        arrived = [row("bravo", ARRIVED)]
        here = known("bulletins", team="coalition")
        for channel_id, found in (("id-bulletins", {"unshare": ENDS[1:]}), ("another", {})):
            there = heard(row("alpha", id="id-bravo"), channels=[{**here, "id": channel_id}])
            assert steps(arrived, given=ended, heard={"bravo": there}) == found
        elsewhere = table(channels=[{**CHANNELS[0], "team": "board"}])
        assert steps([row("bravo", JOINT)], given=elsewhere) == {}
        assert steps([row("bravo", link("joint-ops", "board"))], given=elsewhere) == {}

    def test_what_an_earlier_end_left_marked_as_shared(self) -> None:
        here = [known(shared=True), known("bulletins", shared=True), known("by-hand", shared=True)]
        gone = table(bravo="absent")
        assert steps([], given=gone, here=here) == {"unshare": ENDS}
        # Nothing takes the mark away in an archived channel, so that nothing is foreseen that does not come.
        assert steps([], given=gone, here=here, archive=True) == {"unshare": ENDS[:1], "archive": ENDS[1:]}
        archived = [{**row, "active": False} for row in here]
        assert steps([], given=gone, here=archived) == steps([], given=gone, here=archived, archive=True) == {}
        assert steps([], given=gone, here=[known()]) == {}
        assert "unshare" not in steps([], here=here)

    def test_what_has_no_name_goes_with_the_connection(self) -> None:
        found = steps([row("bravo", link("", ""), link("", "operations"), JOINT)], given=table(bravo="absent"))
        assert [one["channel"] for one in found["unshare"]] == ["joint-ops"]

    def test_a_half_that_begins_anew_keeps_its_channels(self) -> None:
        found = steps([row("bravo", JOINT, ARRIVED)], heard={"bravo": heard()}, archive=True)
        assert found["unshare"] == ENDS and "archive" not in found


class TestChannels:
    def test_shares(self) -> None:
        one = {"team": "operations", "channel": "joint-ops", "connection": "bravo", "read_only": False}
        assert federation_shares(part(), [row()]) == [one]
        assert federation_shares(part(), [row("bravo", link("joint-ops", "operations", confirmed=False))]) == [one]
        assert federation_shares(part(), [row("bravo", link("joint-ops", "operations", read_only=True))]) == [one]
        assert federation_shares(part(), [row("bravo", JOINT)]) == []
        assert federation_shares(part(), [pending()]) == []
        assert federation_shares(part(), []) == []
        assert federation_shares(part(bravo="absent"), [row()]) == []

    def test_nothing_is_shared_with_another_server(self) -> None:
        """Somebody else may have accepted the invitation since the role looked first."""
        assert federation_shares(part(), [row(site_url="https://chat.mallory.example")]) == []
        assert federation_shares(part(), [row(site_url="https://Chat.bravo.example/")]) != []

    def test_invitations_that_another_server_accepted(self) -> None:
        """In this run: what led elsewhere before is for the operator to judge."""
        mallory = [row(site_url="https://chat.mallory.example")]
        (found,) = federation_taken(part(), mallory, ["bravo"])
        assert found["told"] == f"bravo: {found['why']}" and found["why"].startswith(
            "The invitation to bravo was accepted by https://chat.mallory.example, not by https://chat.bravo.example. The connection was "
            "removed again"
        )
        assert federation_taken(part(), mallory, []) == federation_taken(part(), [row()], ["bravo"]) == []
        assert federation_taken(part(), [pending()], ["bravo"]) == []

    def test_probes(self) -> None:
        both = [row("bravo", JOINT, ARRIVED, link("by-hand", "operations"))]
        assert federation_probes(part(), both) == [
            {"team": "operations", "channel": "joint-ops", "connections": ["bravo"]}
        ]
        assert federation_probes(part(), [row("bravo", JOINT, online=False)]) == []
        assert federation_probes(part(), [row("bravo", link("joint-ops", "operations", confirmed=False))]) == []
        at_bravo = [
            row("alpha", link("bulletins", "coalition", read_only=True), link("joint-ops", "coalition", home=False))
        ]
        assert [one["channel"] for one in federation_probes(part("bravo"), at_bravo)] == ["bulletins", "joint-ops"]


def facts(**changes: Any) -> dict[str, Any]:
    return {
        "acting": {"alpha": ["a1"]},
        "batch": ["a1"],
        "hosts": ["a1"],
        "files": {},
        "renew": [],
        "ready": True,
        "refused": "",
        "enabled": True,
        "licensed": True,
        "restricted": False,
        "server": {"site_url": ALPHA},
        "seen": [],
        "channels": [],
        "heard": {},
        "closing": [],
        "exchange_dir": "",
        "expected": [],
        "passwords": [],
        **changes,
    }


def known(name: str = "joint-ops", **changes: Any) -> dict[str, Any]:
    """A channel as the module channel_info tells it."""
    flags = {"default": False, "group_constrained": False, "policy_enforced": False, "active": True, "shared": False}
    return {"team": "operations", "name": name, "id": f"id-{name}", **flags, **changes}


TAKEN = (
    "The channel bulletins of bravo cannot arrive in the team operations: {what} has that name there, and is not shared with bravo "
    "(any more). Delete it for good (mmctl channel delete operations:bulletins), or give the channel of bravo another name."
)


class TestProblems:
    def test_no_password_is_asked_for_with_one_that_is_met_in_a_play(self) -> None:
        """Missing in this play or not: that is no mistake, and other links are set up."""
        for known_by in ({"expected": ["bravo"]}, {"heard": {"bravo": None}}, {"passwords": ["bravo"]}):
            assert federation_server_problems(part(), facts(exchange_dir="/exchange", **known_by)) == []

    def test_none(self) -> None:
        stands = facts(
            seen=[row("bravo", JOINT, ARRIVED)],
            channels=[known(), known("bulletins")],
            server={"site_url": ALPHA + "/"},
        )
        assert federation_server_problems(part(), stands) == []
        assert federation_server_problems(part(), facts()) == []

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"refused": "The token is wrong."}, "The token is wrong."),
            (
                {"enabled": False, "licensed": False},
                "The server has no licence, and connected workspaces need one: Enterprise or higher. Install it, and restart the "
                "server.",
            ),
            (
                {"enabled": False},
                "The server runs without connected workspaces. Set ConnectedWorkspacesSettings.EnableSharedChannels and "
                "EnableRemoteClusterService to true, and restart it: settings and licence are looked at only when it starts.",
            ),
            (
                {"server": {"site_url": ""}},
                "The server says that its site address is none, but the table says https://chat.alpha.example. Partners meet it at "
                "the first: set ServiceSettings.SiteURL, or correct the table.",
            ),
            (
                {"restricted": True},
                "TeamSettings.RestrictCreationToDomains is set. The accounts by which the partners' people appear have made-up "
                "addresses, so the server could not create them and their posts would be lost; empty the setting.",
            ),
            (
                {"seen": [row(site_url="https://old.example")]},
                "The connection bravo leads to https://old.example, but the table says https://chat.bravo.example. Where a server "
                "was replaced, run once with this partner's state absent, then again.",
            ),
            (
                {"channels": [known(default=True)]},
                "The channel joint-ops in the team operations is one that everybody of the team is in. No server takes such a "
                "channel; share another one.",
            ),
            (
                {"channels": [known(group_constrained=True)]},
                "The channel joint-ops in the team operations has its members from groups, so that partners' people cannot be in "
                "it; unlink the groups.",
            ),
            (
                {"channels": [known(policy_enforced=True)]},
                "The channel joint-ops in the team operations has an access policy, which the server refuses on shared channels; "
                "remove the policy.",
            ),
            (
                {"channels": [known()], "seen": [row("zulu", link("joint-ops", "operations", home=False))]},
                "The channel joint-ops in the team operations came from zulu, and only its home shares a channel; correct its home "
                "in the table.",
            ),
            ({"channels": [known("bulletins")]}, TAKEN.format(what="a channel")),
            ({"channels": [known("bulletins", active=False)]}, TAKEN.format(what="an archived channel")),
            (
                {"channels": [known("bulletins")], "seen": [row("bravo", ARRIVED)], "closing": ["bravo"]},
                TAKEN.format(what="a channel"),
            ),
            (
                {
                    "channels": [known("bulletins")],
                    "seen": [row()],
                    "heard": {"bravo": heard(channels=[known("bulletins", team="coalition", id="another")])},
                },
                TAKEN.format(what="a channel"),
            ),
            (
                {"exchange_dir": "/exchange"},
                "mattermost_federation_passwords has none for bravo, which is not in this play: agree on one by another way than "
                "the invitation's, and give both sides the same.",
            ),
            (
                {"passwords": ["zulu"]},
                "mattermost_federation_passwords names zulu, which alpha is not linked with.",
            ),
            ({"renew": ["zulu"]}, "mattermost_federation_renew names zulu, which alpha is not linked with."),
            (
                {"exchange_dir": "exchange", "passwords": ["bravo"]},
                "mattermost_federation_exchange_dir is 'exchange'; give a full path on the control node.",
            ),
            (
                {"hosts": ["a1", "b1"]},
                "The play has serial, but partners wait for one another; leave serial out.",
            ),
            (
                {"acting": {"alpha": ["a1", "a2"]}},
                "a1, a2 all act for alpha; run the role on one server of each partner.",
            ),
            (
                {"files": {"/exchange/alpha+to+bravo.invitation.json": "{}"}},
                "/exchange/alpha+to+bravo.invitation.json is no invitation of this collection, or it is damaged; have it sent again.",
            ),
            (
                {"files": invitation(expires="soon")},
                "/exchange/alpha+to+bravo.invitation.json is no invitation of this collection, or it is damaged; have it sent again.",
            ),
            (
                {"files": {"/exchange/zulu+to+alpha.invitation.json": next(iter(invitation().values()))}},
                "/exchange/zulu+to+alpha.invitation.json holds the invitation of alpha to bravo; give it the name "
                "alpha+to+bravo.invitation.json.",
            ),
        ],
    )
    def test_each(self, changes: dict[str, Any], sentence: str) -> None:
        assert federation_server_problems(part(), facts(**changes)) == [sentence]

    def test_all_at_once(self) -> None:
        wrong = facts(restricted=True, renew=["zulu"], server={"site_url": BRAVO}, channels=[known(default=True)])
        assert len(federation_server_problems(part(), wrong)) == 4

    @pytest.mark.parametrize(
        "changes",
        [
            {"enabled": False, "licensed": False},
            {"server": {"site_url": "https://moved.example"}},
            {"restricted": True},
            {"refused": "The token is wrong.", "enabled": False, "server": {}},
        ],
    )
    def test_a_server_that_only_leaves_stops_nobody(self, changes: dict[str, Any]) -> None:
        """The same that stops all where a link is to stand."""
        for leaving in (part("bravo", bravo="absent"), part("bravo", alpha="absent")):
            assert federation_server_problems(leaving, facts(**{"server": {"site_url": BRAVO}, **changes})) == []
        assert federation_server_problems(part("bravo"), facts(**changes)) != []

    def test_what_a_server_that_leaves_keeps(self) -> None:
        lapsed = facts(enabled=False, licensed=False)
        (kept,) = federation_left_behind(part("bravo", bravo="absent"), lapsed)
        assert (kept["peer"], kept["told"]) == ("alpha", kept["why"])
        assert kept["why"] == (
            "The server has no licence, and connected workspaces need one: Enterprise or higher. Install it, and restart the server. Until "
            "then bravo keeps what it has of its links, which is of no use to it: the others take down their sides. Or take its row out of "
            "the table when they have done so."
        )
        for given, known_facts in (
            (part("bravo"), lapsed),
            (part("bravo", bravo="absent"), facts()),
            (part("bravo", bravo="absent"), facts(enabled=False, ready=False)),
        ):
            assert federation_left_behind(given, known_facts) == []

    def test_a_server_that_is_not_ready_is_judged_later(self) -> None:
        assert federation_server_problems(part(), facts(ready=False, enabled=False, server={})) == []
        assert len(federation_server_problems(part(), facts(ready=False, renew=["zulu"]))) == 1

    def test_a_channel_may_come_back_over_the_same_connection(self) -> None:
        back = {"channels": [known("bulletins")], "seen": [row()]}
        assert federation_server_problems(part(), facts(**back)) == []
        home = heard(channels=[known("bulletins", team="coalition")])
        assert federation_server_problems(part(), facts(heard={"bravo": home}, **back)) == []

    def test_what_has_ended_is_in_nobodys_way(self) -> None:
        ended = part(channels=[{**channel, "state": "absent"} for channel in CHANNELS])
        found = facts(channels=[known(default=True), known("bulletins")])
        assert federation_server_problems(ended, found) == []
        left = facts(seen=[row(site_url="https://old.example")], exchange_dir="/exchange")
        assert federation_server_problems(part(bravo="absent"), left) == []


def notes(**changes: Any) -> dict[str, Any]:
    return {"checked_at": "2026-11-28 06:30:00 UTC", "waiting": {}, "failures": [], "probed": {}, **changes}


def probed(**changes: Any) -> dict[str, Any]:
    found = {"crossed": {"bravo": 2.5}, "failed_connections": {}, "problems": []}
    return {"channels": [{"team": "operations", "channel": "joint-ops", "marker": "m", **found, **changes}]}


class TestStatus:
    def test_a_link_that_is_well(self) -> None:
        status = federation_status(part(), [row("bravo", JOINT, ARRIVED)], notes(probed=probed()))
        (side,) = status.pop("connections")
        assert status == {
            "name": "alpha",
            "display_name": "alpha",
            "site_url": ALPHA,
            "team": "operations",
            "checked_at": "2026-11-28 06:30:00 UTC",
            "healthy": True,
            "unlisted_connections": [],
            "unlisted_channels": [],
        }
        assert [(one["name"], one["home"], one["crossed"]) for one in side.pop("channels")] == [
            ("joint-ops", "alpha", 2.5),
            ("bulletins", "bravo", None),
        ]
        assert side == {
            "peer": "bravo",
            "inviter": True,
            "wanted": "present",
            "state": "confirmed",
            "online": True,
            "create_at": NOW - HOUR,
            "last_ping_at": NOW,
            "healthy": True,
            "reasons": [],
        }

    @pytest.mark.parametrize(
        ("seen", "changes", "state", "reasons"),
        [
            ([], {}, "missing", ["There is no confirmed connection to bravo."]),
            ([], {"waiting": {"bravo": "Patience."}}, "missing", ["Patience."]),
            ([pending()], {"waiting": {"bravo": "Patience."}}, "pending", ["Patience."]),
            (
                [row("bravo", JOINT, ARRIVED, reasons=["It does not answer."], healthy=False)],
                {"waiting": {"bravo": "Of no account, it is online."}},
                "confirmed",
                ["It does not answer."],
            ),
            (
                [row()],
                {},
                "confirmed",
                ["joint-ops is not shared with bravo yet.", "bulletins of bravo has not arrived yet."],
            ),
            (
                [row("bravo", JOINT, ARRIVED)],
                {
                    "failures": [
                        {"peer": "bravo", "why": "No.", "told": ""},
                        {"peer": "zulu", "why": "Not it.", "told": ""},
                    ]
                },
                "confirmed",
                ["No."],
            ),
        ],
    )
    def test_why_not(self, seen: Any, changes: Any, state: str, reasons: list[str]) -> None:
        status = federation_status(part(), seen, notes(**changes))
        side = status["connections"][0]
        assert (side["state"], side["healthy"], side["reasons"], status["healthy"]) == (state, False, reasons, False)

    def test_the_other_side_of_a_link_that_is_gone(self) -> None:
        said = notes(waiting={"bravo": "bravo failed above in this play."})
        side = federation_status(part(bravo="absent"), [], said)["connections"][0]
        assert side["reasons"] == ["bravo may still have its side. bravo failed above in this play."]

    def test_a_link_that_is_gone(self) -> None:
        gone = federation_status(part(bravo="absent"), [], notes())
        assert (gone["connections"][0]["state"], gone["connections"][0]["reasons"], gone["healthy"]) == (
            "absent",
            [],
            True,
        )
        left = federation_status(part(bravo="absent"), [row()], notes())["connections"][0]
        assert (left["state"], left["reasons"]) == ("confirmed", ["The connection to bravo is still there."])
        failed = notes(failures=[{"peer": "bravo", "why": "No.", "told": ""}])
        assert federation_status(part(bravo="absent"), [row()], failed)["connections"][0]["reasons"] == ["No."]

    def test_what_somebody_set_up_by_hand(self) -> None:
        status = federation_status(
            part(), [row("bravo", JOINT, ARRIVED, link("joint-ops", "board")), row("zulu")], notes()
        )
        assert (status["unlisted_connections"], status["unlisted_channels"]) == (["zulu"], ["board:joint-ops (bravo)"])
        only = federation_status(part(), [row("bravo", link("joint-ops", "board"), ARRIVED)], notes())
        assert only["connections"][0]["reasons"] == ["joint-ops is not shared with bravo yet."]


class TestPlay:
    def test_who_is_in_it(self) -> None:
        groups = {federation_group("alpha"): ["a1"], federation_group("bravo"): ["b1", "b2", "elsewhere"]}
        assert federation_hosts(part(), groups, ["a1", "b1", "b2"]) == {"alpha": ["a1"], "bravo": ["b1", "b2"]}
        assert federation_hosts(part(), groups, ["a1"]) == {"alpha": ["a1"]}
        assert federation_group("a.b-c").isidentifier() and federation_group("a") != federation_group("b")

    def test_what_they_say(self) -> None:
        hostvars = {"b1": {"said": 1}, "c1": {"said": 2}, "d1": {}}
        acting = {"bravo": ["b1"], "charlie": ["c1"], "delta": ["d1"]}
        assert federation_heard(acting, hostvars, ["b1", "d1"], "said") == {"bravo": 1, "charlie": None, "delta": None}

    def test_invitations_are_handed_over(self) -> None:
        done = {"results": [{"item": "bravo", "invitation": "AAAA"}, {"item": "charlie", "failed": True, "msg": "No."}]}
        issued = federation_issued(done, "secret")
        assert list(issued) == ["bravo"] and issued["bravo"]["invitation"] == "AAAA"
        assert len(issued["bravo"]["password"]) == 64 and "secret" not in issued["bravo"]["password"]
        assert federation_issued(done, "other")["bravo"]["password"] != issued["bravo"]["password"]
        given = {"alpha": issued, "delta": None, "echo": {}}
        assert federation_received(given, "bravo") == {"alpha": issued["bravo"]}
        assert federation_received(given, "charlie") == {}
        assert federation_issued({"changed": False, "skipped": True}, "secret") == {}

    def test_files(self) -> None:
        done = {"results": [{"item": "bravo", "invitation": "AAAA", "secure_connection": pending()}, {"item": "x"}]}
        (one,) = federation_invitation_files(done, part())
        assert one == {
            "file": "alpha+to+bravo.invitation.json",
            "content": json.loads(next(iter(invitation().values()))),
        }

    def test_failures(self) -> None:
        item = {"team": "ops", "connection": "charlie"}
        done = {
            "results": [
                {"item": "bravo", "failed": True, "msg": "No."},
                {"item": "delta", "failed": False},
                {"item": item, "failed": True, "msg": "Not this one."},
            ]
        }
        assert federation_failures(done, "connection") == [
            {"peer": "bravo", "why": "No.", "told": "bravo: No."},
            {"peer": "charlie", "why": "Not this one.", "told": "charlie: Not this one."},
        ]
        alone = [{"peer": "", "why": "All wrong.", "told": "All wrong."}]
        assert federation_failures({"failed": True, "msg": "All wrong."}) == alone
        assert federation_failures({"results": []}) == []

    def test_markers_that_did_not_cross(self) -> None:
        probes = [{"team": "operations", "channel": "joint-ops", "connections": ["bravo", "charlie"]}]
        some = probed(failed_connections={"charlie": "It is away."})
        why = "operations:joint-ops: It is away."
        assert federation_not_crossed(some, probes) == [{"peer": "charlie", "why": why, "told": f"charlie: {why}"}]
        left = federation_not_crossed(probed(problems=["A message is left."]), probes)
        assert left == [{"peer": "bravo", "why": "A message is left.", "told": "A message is left."}]
        none = federation_not_crossed({"failed": True, "msg": "Nobody answers."}, probes * 2)
        assert [(one["peer"], one["told"]) for one in none] == [
            ("bravo", "Nobody answers."),
            ("charlie", "Nobody answers."),
        ]

    def test_who_let_this_one_down(self) -> None:
        noted = {
            "bravo": [{"peer": "alpha", "why": "No.", "told": ""}, {"peer": "charlie", "why": "Other.", "told": ""}],
            "charlie": None,
            "delta": [],
        }
        assert federation_let_down(noted, "alpha") == {
            "bravo": "The server of bravo said: No.",
            "charlie": "charlie failed above in this play. Mend what it says there, then run again.",
        }


def test_every_filter_is_described() -> None:
    assert len(FilterModule().filters()) == 16
