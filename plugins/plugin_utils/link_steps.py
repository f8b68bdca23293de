# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is to be done on one partner's server: its part of the table, compared with what the server and the partners say."""

from __future__ import annotations

import json
from typing import Any, Iterable, Mapping

from ansible_collections.fieldops.mattermost.plugins.plugin_utils.links import read_table

FORMAT = "fieldops.mattermost invitation 1"
HOUR = 3600 * 1000

Row = dict  # a connection, as the module secure_connection_info tells it


def by_name(rows: Iterable[Row]) -> dict[str, Row]:
    """The connections of a server by their names."""
    return {row["name"]: row for row in rows}


def read_invitations(files: Mapping[str, str]) -> tuple[dict[tuple[str, str], dict[str, Any]], list[str]]:
    """The invitations in the exchange directory by who invites whom, and what is wrong with files there."""
    found, problems = {}, []
    for path, text in files.items():
        try:
            content = json.loads(text)
            way = (content["from"], content["to"])
            complete = content["format"] == FORMAT and all(
                isinstance(content[key], str) for key in ("from", "to", "site_url", "invitation")
            )
            complete = complete and all(isinstance(content[key], int) for key in ("created", "expires"))
        except (ValueError, KeyError, TypeError):
            complete = False
        if not complete:
            problems.append(f"{path} is no invitation of this collection, or it is damaged; have it sent again.")
        elif not path.endswith(f"/{invitation_file(*way)}"):
            problems.append(
                f"{path} holds the invitation of {way[0]} to {way[1]}; give it the name {invitation_file(*way)}."
            )
        else:
            found[way] = content
    return found, problems


def invitation_file(inviter: str, accepter: str) -> str:
    """The name of the file that an invitation travels in; no partner's name has a plus sign, so that it can mean one pair only."""
    return f"{inviter}+to+{accepter}.invitation.json"


def home_id(team: str, name: str, heard: Mapping[str, Any] | None) -> str | None:
    """The identifier of a channel at its home, where that is in the same play and has it; it is the same everywhere."""
    channels = (heard or {"channels": ()})["channels"]
    return next((row["id"] for row in channels if (row["team"], row["name"]) == (team, name)), None)


class Steps:
    """Decides, for one partner, what becomes of each of its connections."""

    def __init__(self, part: Mapping[str, Any], seen: list[Row], given: Mapping[str, Any]) -> None:
        self.part, self.given = part, given
        self.name: str = part["name"]
        self.rows = by_name(seen)
        self.files, _problems = read_invitations(given["files"])
        self.table = read_table(given["table"])
        kinds = ("close", "leave", "issue", "accept", "issue_file", "accept_file", "adjust", "used_files", "wait")
        self.result: dict[str, Any] = {kind: [] for kind in (*kinds, "archive", "unshare")}
        self.result.update(waiting={}, invitations={})

    def decide(self) -> dict[str, Any]:
        """All steps; what is in none of them is as it should be."""
        peers = {connection["peer"] for connection in self.part["connections"]}
        # Partners of the same table who are not linked (any more).
        for name in self.table.partners:
            if name != self.name and name not in peers:
                self._gone(name)
        for connection in self.part["connections"]:
            if connection["state"] == "absent":
                self._gone(connection["peer"])
            elif connection["peer"] in self.given["heard"]:
                self._together(connection, self.given["heard"][connection["peer"]])
            else:
                self._apart(connection)
        self._unshare()
        self._left_over()
        return self.result

    def _gone(self, peer: str) -> None:
        if peer in self.rows:
            self.result["close"].append(peer)
            self.result["leave"].append(peer)
        self._used(peer)

    def _used(self, peer: str) -> None:
        """Files of invitations that are of no more use."""
        for way in ((self.name, peer), (peer, self.name)):
            if way in self.files:
                self.result["used_files"].append(invitation_file(*way))

    def _stands(self, connection: Mapping[str, Any]) -> None:
        peer = connection["peer"]
        row = self.rows[peer]
        if (row["display_name"], row["team"]) != (connection["peer_display_name"], self.part["team"]):
            self.result["adjust"].append(peer)
        self._used(peer)

    def _together(self, connection: Mapping[str, Any], heard: Mapping[str, Any] | None) -> None:
        """Both sides are in this play: either both have the same confirmed connection, or both begin anew."""
        peer, row = connection["peer"], self.rows.get(connection["peer"])
        confirmed = row is not None and row["state"] == "confirmed"
        if heard is None:
            self.result["waiting"][peer] = f"{peer} failed above in this play. Mend what it says there, then run again."
            if confirmed:
                self._stands(connection)
            return
        back = by_name(heard["seen"]).get(self.name)
        if row is not None and confirmed and back and back["state"] == "confirmed" and back["id"] == row["id"]:
            self._stands(connection)
            if not row["online"]:
                self.result["wait"].append(peer)
            return
        if row is not None:
            self.result["close"].append(peer)
        self.result["issue" if connection["inviter"] else "accept"].append(peer)
        self.result["wait"].append(peer)

    def _apart(self, connection: Mapping[str, Any]) -> None:
        """The other side is another operator's: the invitation travels as a file, if there is a place for files."""
        peer, row = connection["peer"], self.rows.get(connection["peer"])
        if row is not None and row["state"] == "confirmed":
            self._stands(connection)
        elif peer in self.given["expected"]:
            self.result["waiting"][peer] = (
                f"{peer} is in the inventory, but not in this play: run again when its hosts can be reached, without --limit. Or agree on a "
                "password with it, give that as mattermost_federation_passwords, and let the invitation travel as a file."
            )
        elif not self.given["exchange_dir"]:
            self.result["waiting"][peer] = (
                f"{peer} is not in this play: give mattermost_federation_exchange_dir, a directory for invitations."
            )
        elif connection["inviter"]:
            self._invite_apart(peer, row)
        else:
            self._accept_apart(connection)

    def _invite_apart(self, peer: str, row: Row | None) -> None:
        way = (self.name, peer)
        path = f"{self.given['exchange_dir']}/{invitation_file(*way)}"
        self.result["waiting"][peer] = (
            f"{peer} has not accepted the invitation yet: bring {path} there, and tell the password by another way."
        )
        if peer in self.given["renew"]:
            if row is not None:
                self.result["close"].append(peer)
        elif row is not None and way in self.files:
            same = self.files[way]["created"] == row["create_at"]
            if same and row["invitation_expires_at"] - self.given["now"] > HOUR:
                return
        self.result["issue_file"].append(peer)

    def _accept_apart(self, connection: Mapping[str, Any]) -> None:
        peer = connection["peer"]
        path = f"{self.given['exchange_dir']}/{invitation_file(peer, self.name)}"
        invitation = self.files.get((peer, self.name))
        if invitation is None:
            self.result["waiting"][peer] = f"Waiting for the invitation of {peer}: put it at {path}."
        elif invitation["expires"] <= self.given["now"]:
            self.result["waiting"][peer] = (
                f"The invitation of {peer} has expired: ask {peer} to run the role again, and put the new file at {path}."
            )
        elif invitation["site_url"].rstrip("/").lower() != connection["site_url"].lower():
            self.result["waiting"][peer] = (
                f"{path} invites to {invitation['site_url']}, but the table says that {peer} is at {connection['site_url']}; "
                "agree on one, and ask for a new invitation."
            )
        else:
            self.result["accept_file"].append(peer)
            self.result["invitations"][peer] = invitation_file(peer, self.name)
            self.result["wait"].append(peer)

    def _unshare(self) -> None:
        """What not to share any more: all over connections that end, and elsewhere what the table does not have."""
        ending = set(self.result["close"])
        for name, row in self.rows.items():
            wanted = _wanted(self.part, name)
            for one in row["channels"]:
                if not (one["team"] and one["channel"]):
                    continue  # a direct message, or deleted for good: no one can end it alone, and it goes with the connection
                stray = _key(one) not in wanted and self._is_in_the_table(one, name)
                if name in ending or (stray and row["state"] == "confirmed"):
                    departs = not one["home"] and (stray or name in self.result["leave"])
                    if departs and self.given["archive"]:
                        self.result["archive"].append(_address(one, name))
                    self.result["unshare"].append(_address(one, name))

    def _is_in_the_table(self, one: Mapping[str, Any], peer: str) -> bool:
        """Whether this is a channel of the table, and not another one of that name, in another team, shared by hand.

        Where a channel arrived, nothing tells its team at home. If that partner is in the same play, its identifier does.
        """
        home = self.name if one["home"] else peer
        rows = [row for row in self.table.channels if (row.home, row.name) == (home, one["channel"])]
        if one["home"]:
            return any(row.team == one["team"] for row in rows)
        heard = self.given["heard"].get(peer)
        return any(home_id(row.team, row.name, heard) in (None, one["channel_id"]) for row in rows)

    def _left_over(self) -> None:
        """Channels that are to be shared no more, and are still marked as shared, though no connection has them.

        In an archived one nothing can take the mark away.
        """
        linked = {one["channel_id"] for row in self.rows.values() for one in row["channels"]}
        here = [row for row in self.given["here"] if row["shared"] and row["active"] and row["id"] not in linked]
        marked = {(row["team"], row["name"]) for row in here}
        peers = [connection["peer"] for connection in self.part["connections"]]
        homed = [(row, row["shares"], (peers or [""])[0], "unshare") for row in self.part["channels"]]
        departs = "archive" if self.given["archive"] else "unshare"
        arrived = [(row, [row], row["home"], departs) for row in self.part["arrivals"]]
        for row, uses, connection, kind in homed + arrived:
            if (row["team"], row["name"]) in marked and all(use["state"] == "absent" for use in uses):
                self.result[kind].append({"team": row["team"], "channel": row["name"], "connection": connection})


def _key(one: Mapping[str, Any]) -> tuple[bool, str]:
    # Where a channel arrived is where its connection led at that time; the table may name another team today.
    return (True, f"{one['team']}:{one['channel']}") if one["home"] else (False, one["channel"])


def _address(one: Mapping[str, Any], connection: str) -> dict[str, Any]:
    return {"team": one["team"], "channel": one["channel"], "connection": connection}


def _wanted(part: Mapping[str, Any], peer: str) -> dict[tuple[bool, str], bool]:
    """The channels that are shared with a partner, with whether for reading only."""
    wanted = {
        (True, f"{channel['team']}:{channel['name']}"): share["read_only"]
        for channel in part["channels"]
        for share in channel["shares"]
        if share["peer"] == peer and share["state"] == "present"
    }
    arrivals = [row for row in part["arrivals"] if row["home"] == peer and row["state"] == "present"]
    return {**wanted, **{(False, row["name"]): row["read_only"] for row in arrivals}}


def shares(part: Mapping[str, Any], seen: list[Row]) -> list[dict[str, Any]]:
    """The channels that are still to be shared, over the connections that are confirmed, and lead where the table says."""
    sites = {connection["peer"]: connection["site_url"].lower() for connection in part["connections"]}
    rows = {
        name: row
        for name, row in by_name(seen).items()
        if row["state"] == "confirmed" and row["site_url"].rstrip("/").lower() == sites.get(name)
    }
    found = []
    for channel in part["channels"]:
        for share in channel["shares"]:
            row = rows.get(share["peer"])
            if row is None or share["state"] == "absent":
                continue
            have = _have(row, channel)
            if have is None or not have["confirmed"] or have["read_only"] != share["read_only"]:
                one = {"team": channel["team"], "channel": channel["name"]}
                found.append({**_address(one, share["peer"]), "read_only": share["read_only"]})
    return found


def _have(row: Row, channel: Mapping[str, Any]) -> dict[str, Any] | None:
    address = (True, channel["team"], channel["name"])
    return next((one for one in row["channels"] if (one["home"], one["team"], one["channel"]) == address), None)


def probes(part: Mapping[str, Any], seen: list[Row]) -> list[dict[str, Any]]:
    """Where a marker can cross: each channel that may be written here, with the connections that take it."""
    found: dict[tuple[str, str], list[str]] = {}
    for name, row in by_name(seen).items():
        wanted = _wanted(part, name)
        for one in row["channels"]:
            read_only = wanted.get(_key(one))
            if read_only is None or not one["confirmed"] or not row["online"] or (read_only and not one["home"]):
                continue
            found.setdefault((one["team"], one["channel"]), []).append(name)
    return [{"team": team, "channel": name, "connections": names} for (team, name), names in found.items()]
