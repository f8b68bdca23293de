# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a partner's server says before anything is touched, and what it says at the end."""

from __future__ import annotations

from typing import Any, Iterable, Mapping

from ansible_collections.fieldops.mattermost.plugins.plugin_utils import link_results
from ansible_collections.fieldops.mattermost.plugins.plugin_utils.link_steps import by_name, home_id, read_invitations

Row = dict  # a connection, as the module secure_connection_info tells it
PREFIX = "mattermost_federation_"


def _given(part: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    """What is wrong with the role's other variables, and with the play."""
    problems = []
    names = [connection["peer"] for connection in part["connections"]]
    for variable in ("passwords", "renew"):
        problems += [
            f"{PREFIX}{variable} names {name}, which {part['name']} is not linked with."
            for name in given[variable]
            if name not in names
        ]
    if given["exchange_dir"] and not given["exchange_dir"].startswith("/"):
        problems.append(f"{PREFIX}exchange_dir is {given['exchange_dir']!r}; give a full path on the control node.")
    if len(given["batch"]) < len(given["hosts"]):
        problems.append("The play has serial, but partners wait for one another; leave serial out.")
    for name, hosts in given["acting"].items():
        if len(hosts) > 1:
            problems.append(f"{', '.join(hosts)} all act for {name}; run the role on one server of each partner.")
    return problems + read_invitations(given["files"])[1]


def server_problems(part: Mapping[str, Any], facts: Mapping[str, Any]) -> list[str]:
    """What stands in the way: in the role's variables, in the play, and on the server as `facts` has heard it."""
    problems = _given(part, facts)
    present = _present(part)
    if not facts["ready"]:
        return problems
    if present and facts["refused"]:
        return [*problems, facts["refused"]]
    if present and not facts["enabled"]:
        return [*problems, _not_enabled(facts["licensed"])]
    site_url = facts["server"].get("site_url", "").rstrip("/")
    if present and site_url.lower() != part["site_url"].lower():
        problems.append(
            f"The server says that its site address is {site_url or 'none'}, but the table says {part['site_url']}. Partners meet it at the "
            "first: set ServiceSettings.SiteURL, or correct the table."
        )
    if present and facts["restricted"]:
        problems.append(
            "TeamSettings.RestrictCreationToDomains is set. The accounts by which the partners' people appear have made-up addresses, so "
            "the server could not create them and their posts would be lost; empty the setting."
        )
    problems += _elsewhere(part, facts["seen"])
    channels = {(row["team"], row["name"]): row for row in facts["channels"]}
    problems += _homed(part, channels, facts["seen"])
    return problems + _taken(part, channels, facts) + _passwords(present, facts)


def _present(part: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The connections that are to stand. Where there are none, a server that is not fit for any must not stop the others."""
    return [connection for connection in part["connections"] if connection["state"] == "present"]


def left_behind(part: Mapping[str, Any], facts: Mapping[str, Any]) -> list[dict[str, str]]:
    """What a server keeps of links that all end, because it can no longer take them down; as failures, by partner."""
    if _present(part) or not facts["ready"] or facts["enabled"]:
        return []
    why = (
        f"{_not_enabled(facts['licensed'])} Until then {part['name']} keeps what it has of its links, which is of no use to it: the others "
        "take down their sides. Or take its row out of the table when they have done so."
    )
    return [{"peer": connection["peer"], "why": why, "told": why} for connection in part["connections"]]


def _not_enabled(licensed: bool | None) -> str:
    if licensed is False:
        return "The server has no licence, and connected workspaces need one: Enterprise or higher. Install it, and restart the server."
    return (
        "The server runs without connected workspaces. Set ConnectedWorkspacesSettings.EnableSharedChannels and "
        "EnableRemoteClusterService to true, and restart it: settings and licence are looked at only when it starts."
    )


def _other_sites(part: Mapping[str, Any], seen: list[Row]) -> dict[str, tuple[str, str]]:
    """Where connections lead that are confirmed with another server than the table says, and where they should."""
    rows = by_name(seen)
    wanted = {connection["peer"]: connection["site_url"] for connection in _present(part) if connection["peer"] in rows}
    return {
        peer: (rows[peer]["site_url"], site_url)
        for peer, site_url in wanted.items()
        if rows[peer]["state"] == "confirmed" and rows[peer]["site_url"].rstrip("/").lower() != site_url.lower()
    }


def _elsewhere(part: Mapping[str, Any], seen: list[Row]) -> list[str]:
    return [
        f"The connection {peer} leads to {there}, but the table says {wanted}. Where a server was replaced, run once with this partner's "
        "state absent, then again."
        for peer, (there, wanted) in _other_sites(part, seen).items()
    ]


def taken(part: Mapping[str, Any], seen: list[Row], issued: list[str]) -> list[dict[str, str]]:
    """Invitations of this run that another server than the one that was meant has accepted; as failures, by partner."""
    sentences = {
        peer: f"The invitation to {peer} was accepted by {there}, not by {wanted}. The connection was removed again, and that server still "
        "has its side. Correct the site_url in the table if it is the right one."
        for peer, (there, wanted) in _other_sites(part, seen).items()
        if peer in issued
    }
    return [{"peer": peer, "why": why, "told": f"{peer}: {why}"} for peer, why in sentences.items()]


def _homed(part: Mapping[str, Any], channels: Mapping[tuple[str, str], Any], seen: list[Row]) -> list[str]:
    """Channels that are there already and cannot be shared."""
    guests = {one["channel_id"]: row["name"] for row in seen for one in row["channels"] if not one["home"]}
    problems = []
    for wanted in part["channels"]:
        row = channels.get((wanted["team"], wanted["name"]))
        if row is None or wanted["state"] == "absent":
            continue
        label = f"The channel {wanted['name']} in the team {wanted['team']}"
        if row["default"]:
            problems.append(
                f"{label} is one that everybody of the team is in. No server takes such a channel; share another one."
            )
        if row["group_constrained"]:
            problems.append(
                f"{label} has its members from groups, so that partners' people cannot be in it; unlink the groups."
            )
        if row["policy_enforced"]:
            problems.append(
                f"{label} has an access policy, which the server refuses on shared channels; remove the policy."
            )
        if row["id"] in guests:
            problems.append(
                f"{label} came from {guests[row['id']]}, and only its home shares a channel; correct its home in the table."
            )
    return problems


def _taken(part: Mapping[str, Any], channels: Mapping[tuple[str, str], Any], facts: Mapping[str, Any]) -> list[str]:
    """Names that are taken where channels are to arrive: the server would refuse them, and tell nobody."""
    shared = {
        one["channel_id"] for row in facts["seen"] for one in row["channels"] if row["name"] not in facts["closing"]
    }
    standing = {row["name"] for row in facts["seen"] if row["state"] == "confirmed"} - set(facts["closing"])
    problems = []
    for arrival in part["arrivals"]:
        row = channels.get((arrival["team"], arrival["name"]))
        if arrival["state"] == "absent" or row is None or row["id"] in shared:
            continue
        there = home_id(arrival["home_team"], arrival["name"], facts["heard"].get(arrival["home"]))
        # Over a connection that stands, a channel that was here before is taken back; over a new one it never is.
        stands = arrival["home"] in standing
        if stands and there in (None, row["id"]):
            continue
        state = "" if row["active"] else "archived "
        problems.append(
            f"The channel {arrival['name']} of {arrival['home']} cannot arrive in the team {arrival['team']}: a{'n' if state else ''} "
            f"{state}channel has that name there, and is not shared with {arrival['home']} (any more). Delete it for good (mmctl channel "
            f"delete {arrival['team']}:{arrival['name']}), or give the channel of {arrival['home']} another name."
        )
    return problems


def _passwords(present: list[Mapping[str, Any]], facts: Mapping[str, Any]) -> list[str]:
    rows = by_name(facts["seen"])
    problems = []
    for connection in present if facts["exchange_dir"] else ():
        peer = connection["peer"]
        done = rows.get(peer, {}).get("state") == "confirmed"
        # One that is met in a play, and is missing in this one, waits.
        known = facts["heard"].keys() | {*facts["expected"], *facts["passwords"]}
        if not done and peer not in known:
            problems.append(
                f"{PREFIX}passwords has none for {peer}, which is not in this play: agree on one by another way than the invitation's, "
                "and give both sides the same."
            )
    return problems


def status(part: Mapping[str, Any], seen: list[Row], notes: Mapping[str, Any]) -> dict[str, Any]:
    """What the server says of its links at the end, for the report."""
    rows = by_name(seen)
    connections = [_side(part, connection, rows.get(connection["peer"]), notes) for connection in part["connections"]]
    names = {connection["peer"] for connection in part["connections"]}
    # As in _key: where a channel arrived, the table may name another team today.
    known = {(row["team"], row["name"]) for row in part["channels"]} | {
        (row["home"], row["name"]) for row in part["arrivals"]
    }
    return {
        **{key: part[key] for key in ("name", "display_name", "site_url", "team")},
        "checked_at": notes["checked_at"],
        "healthy": all(side["healthy"] for side in connections if side["wanted"] == "present"),
        "connections": connections,
        # What somebody has set up by hand is told, and left alone.
        "unlisted_connections": [name for name in rows if name not in names],
        "unlisted_channels": [
            f"{one['team']}:{one['channel']} ({name})"
            for name in rows
            if name in names
            for one in rows[name]["channels"]
            if (one["team"] if one["home"] else name, one["channel"]) not in known
        ],
    }


def _side(
    part: Mapping[str, Any], connection: Mapping[str, Any], row: Row | None, notes: Mapping[str, Any]
) -> dict[str, Any]:
    peer, wanted = connection["peer"], connection["state"]
    crossed = link_results.crossed(notes["probed"])
    channels = [
        {
            "id": one["channel_id"],
            "name": one["channel"],
            "team": one["team"],
            "home": part["name"] if one["home"] else peer,
            "read_only": one["read_only"],
            "confirmed": one["confirmed"],
            "create_at": one["create_at"],
            "last_post_at": one["last_post_at"],
            "crossed": crossed.get((one["team"], one["channel"], peer)),
            "from": part["name"],
        }
        for one in (row["channels"] if row else ())
    ]
    reasons = _reasons(part, peer, row, notes) if wanted == "present" else _leftovers(peer, row, notes)
    return {
        "peer": peer,
        "inviter": connection["inviter"],
        "wanted": wanted,
        "state": row["state"] if row else ("missing" if wanted == "present" else "absent"),
        "online": bool(row and row["online"]),
        "create_at": row["create_at"] if row else 0,
        "last_ping_at": row["last_ping_at"] if row else 0,
        "channels": channels,
        "healthy": wanted == "present" and row is not None and row["state"] == "confirmed" and not reasons,
        "reasons": reasons,
    }


def _failed(peer: str, notes: Mapping[str, Any]) -> list[str]:
    return [failure["why"] for failure in notes["failures"] if failure["peer"] == peer]


def _leftovers(peer: str, row: Row | None, notes: Mapping[str, Any]) -> list[str]:
    """Why a link that ends is not gone: on this side, or as far as it is known on the other one."""
    reasons = _failed(peer, notes) or ([f"The connection to {peer} is still there."] if row else [])
    if peer in notes["waiting"]:
        reasons.append(f"{peer} may still have its side. {notes['waiting'][peer]}")
    return reasons


def _reasons(part: Mapping[str, Any], peer: str, row: Row | None, notes: Mapping[str, Any]) -> list[str]:
    """Why a link that is wanted is not well; what was tried and failed says more than what is missing."""
    reasons = _failed(peer, notes)
    if peer in notes["waiting"] and (row is None or row["state"] != "confirmed" or not row["online"]):
        reasons.append(notes["waiting"][peer])
    if row is not None and row["state"] == "confirmed":
        reasons += [reason for reason in row["reasons"] if reason not in reasons]
        reasons += _missing(part, peer, row)
    return reasons or ([] if row and row["state"] == "confirmed" else [f"There is no confirmed connection to {peer}."])


def _missing(part: Mapping[str, Any], peer: str, row: Row) -> list[str]:
    here = {(one["team"], one["channel"]) for one in row["channels"] if one["home"]}
    arrived = {one["channel"] for one in row["channels"] if not one["home"]}
    missing: Iterable[str] = (
        channel["name"]
        for channel in part["channels"]
        for share in channel["shares"]
        if share["peer"] == peer and share["state"] == "present" and (channel["team"], channel["name"]) not in here
    )
    reasons = [f"{name} is not shared with {peer} yet." for name in missing]
    return reasons + [
        f"{arrival['name']} of {peer} has not arrived yet."
        for arrival in part["arrivals"]
        if arrival["home"] == peer and arrival["state"] == "present" and arrival["name"] not in arrived
    ]
