# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests: accounts that are in the teams and channels they were put into, and nowhere else.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Dict, List, Mapping, Optional, Tuple
from urllib.parse import quote

from . import _lookup
from ._accounts import MANAGE
from ._client import Client
from ._errors import REMEDIES, MattermostError

_NO_LICENCE = "api.team.demote_user_to_guest.license.error"
_SWITCHED_OFF = "api.team.demote_user_to_guest.disabled.error"
_NO_FEATURE = "api.team.invite_guests_to_channels.disabled.error"

Fields = Dict[str, Any]


def memberships(client: Client, user: Fields) -> Tuple[Dict[str, str], Dict[str, str]]:
    """The teams an account is in, and the channels in them (TEAM:CHANNEL), with their ids; direct messages do not count."""
    name, user_id = user["username"], user["id"]
    if client.local:
        listed: List[Fields] = list(client.pages("/teams", tried="list the teams"))
    else:
        listed = client.get(f"/users/{user_id}/teams", tried=f"list the teams of {name}") or []
    found = [team for team in listed if not team["delete_at"]]
    teams = {team["name"]: team["id"] for team in found if not client.local or _is_in(client, team, name)}
    channels: Dict[str, str] = {}
    for team_name, team_id in teams.items():
        for channel in _channels(client, team_id, user):
            channels[f"{team_name}:{channel['name']}"] = channel["id"]
    return teams, channels


def _is_in(client: Client, team: Fields, name: str) -> bool:
    """The local socket tells who is in a team, not where an account is."""
    members = client.pages("/users", tried=f"list the members of {team['name']}", query={"in_team": team["id"]})
    return any(member["username"] == name for member in members)


def _channels(client: Client, team_id: str, user: Fields) -> List[Fields]:
    tried, user_id = f"list the channels of {user['username']}", user["id"]
    if not client.local:
        # The server answers 404 when there is none.
        listed: Any = client.find(f"/users/{user_id}/teams/{team_id}/channels", tried=tried) or []
        return [channel for channel in listed if channel["team_id"] == team_id]
    found = []
    for kind in ("", "/private"):
        for channel in client.pages(f"/teams/{team_id}/channels{kind}", tried=tried):
            if client.find(f"/channels/{channel['id']}/members/{user_id}", tried=tried):
                found.append(channel)
    return found


class Guest:
    """One guest account."""

    def __init__(self, client: Client, params: Mapping[str, Any], *, check_mode: bool) -> None:
        self.client = client
        # Names are kept in lower case; one that was written otherwise is the same place.
        channels = params["channels"]
        self.params = {**params, "channels": channels and sorted({channel.lower() for channel in channels})}
        self.check_mode = check_mode
        self.name: str = params["username"].lower()
        self.warnings: List[str] = []
        self.raw: Optional[Fields] = None
        self._teams: Dict[str, str] = {}
        self._channels: Dict[str, str] = {}

    def read(self) -> Optional[Fields]:
        """The account as it is shown."""
        path = f"/users/username/{quote(self.name, safe='')}"
        self.raw = raw = self.client.find(path, tried=f"look for the account {self.name}")
        if raw is None:
            return None
        shown = {name: raw[name] for name in ("id", "username", "email")}
        shown.update(guest="system_guest" in raw["roles"].split(), active=not raw["delete_at"])
        if self.params["channels"] is not None:
            self._teams, self._channels = memberships(self.client, raw)
            shown.update(teams=sorted(self._teams), channels=sorted(self._channels))
        return shown

    def wanted(self) -> Fields:
        """What is asked for; everything that can be known is checked before the first change."""
        raw, channels = self.raw, self.params["channels"]
        if raw is None and not (self.params["email"] and self.params["password"]):
            raise MattermostError(f"Cannot create the guest {self.name}: give its email and password.")
        if raw is None or "system_guest" not in raw["roles"].split():
            self._check_account(raw)
            self._check_server()
        for channel in channels or []:
            _lookup.foreseen(partial(_lookup.channel_of, self.client, channel), self.warnings, lenient=self.check_mode)
        return {
            "username": self.name,
            "email": self.params["email"],
            "guest": True,
            "active": True,
            "teams": None if channels is None else sorted({channel.partition(":")[0] for channel in channels}),
            "channels": channels,
        }

    def _check_account(self, raw: Optional[Fields]) -> None:
        """Some accounts must not become guests, whoever asks for it."""
        why = None
        if raw is None:
            first = self.client.client_config.get("NoAccounts") == "true"
            why = (
                "the first account of a server is its administrator, so create that with the module user"
                if first
                else None
            )
        elif "system_admin" in raw["roles"].split():
            why = "it is a system administrator. Take that role away first, if it is meant"
        elif raw.get("is_bot") or raw.get("remote_id"):
            why = "it belongs to a " + ("bot" if raw.get("is_bot") else "connected server")
        if why:
            raise MattermostError(f"Cannot make {self.name} a guest: {why}.")

    def _check_server(self) -> None:
        """Whether the server has guests: else a new account would be left over as an ordinary member."""
        licence = self.client.licence
        tried = f"Cannot make {self.name} a guest: "
        if licence is not None and licence.get("IsLicensed") != "true":
            message = f"{tried}the server has no licence. It needs a licence: Professional or higher."
            raise MattermostError(message, status=501, error_id=_NO_LICENCE)
        if licence is not None and licence.get("GuestAccounts") == "false":
            message = f"{tried}its licence does not cover guest accounts. {REMEDIES[_NO_FEATURE]}"
            raise MattermostError(message, status=403, error_id=_NO_FEATURE)
        if self.client.client_config.get("EnableGuestAccounts") == "false":
            message = f"{tried}guest accounts are switched off. {REMEDIES[_SWITCHED_OFF]}"
            raise MattermostError(message, status=501, error_id=_SWITCHED_OFF)

    def create(self) -> Fields:
        """Create the account and make it a guest before it is anywhere; if that fails, it must not stay as a member."""
        body = {"username": self.name, "email": self.params["email"], "password": self.params["password"]}
        made = self.client.post("/users", {**body, "email_verified": True}, tried=f"create the account {self.name}")
        try:
            self._demote(made["id"])
        except MattermostError as error:
            message = f"{error.message} {self._undo(made['id'])}"
            raise MattermostError(message, status=error.status, error_id=error.error_id) from error
        if self.params["channels"]:
            self._add(made["id"], self.params["channels"])
        return self.read() or {}

    def _undo(self, user_id: str) -> str:
        """Deactivate the new account; gives a sentence that says whether that was done."""
        tried = f"deactivate the new account {self.name}"
        try:
            self.client.delete(f"/users/{user_id}", tried=tried, needs=MANAGE)
        except MattermostError as error:
            return (
                f"The new account {self.name} is an ordinary member, and could not be deactivated either; do that by "
                f"hand. {error.message}"
            )
        return "The new account was deactivated."

    def update(self, changes: Fields) -> Fields:
        """Make it a guest, take it out of where it must not be, and only then let it in."""
        raw = self.raw or {}
        user_id, channels = raw["id"], self.params["channels"]
        if "email" in changes:
            body = {**raw, "email": changes["email"]}
            self.client.put(
                f"/users/{user_id}", body, tried=f"change the account {self.name}", needs="edit_other_users"
            )
        if changes.get("guest"):
            self._demote(user_id)
        if "guest" in changes or "active" in changes:
            self._remove(user_id, channels)
        if changes.get("active"):
            body = {"active": True}
            self.client.put(f"/users/{user_id}/active", body, tried=f"activate the account {self.name}", needs=MANAGE)
        if channels is not None:
            self._teams, self._channels = memberships(self.client, raw)
            self._add(user_id, channels)
            # Last, because a guest who leaves the last channel of a team leaves the team.
            self._remove(user_id, channels)
        return self.read() or {}

    def delete(self) -> Fields:
        """Deactivate the account, or make it an ordinary member."""
        path = f"/users/{(self.raw or {})['id']}"
        if self.params["when_absent"] == "promote":
            self.client.post(f"{path}/promote", tried=f"make {self.name} a member", needs="promote_guest")
        else:
            self.client.delete(path, tried=f"deactivate the account {self.name}", needs=MANAGE)
        return self.read() or {}

    def _demote(self, user_id: str) -> None:
        self.client.post(f"/users/{user_id}/demote", tried=f"make {self.name} a guest", needs="demote_to_guest")

    def _add(self, user_id: str, channels: List[str]) -> None:
        for address in sorted(set(channels) - set(self._channels)):
            team_name = address.partition(":")[0]
            if team_name not in self._teams:
                self._teams[team_name] = team_id = _lookup.team(self.client, team_name)["id"]
                body = {"team_id": team_id, "user_id": user_id}
                tried = f"add {self.name} to the team {team_name}"
                self.client.post(f"/teams/{team_id}/members", body, tried=tried, needs="add_user_to_team")
            path = f"/channels/{_lookup.channel_of(self.client, address)['id']}/members"
            needs = "manage_public_channel_members or manage_private_channel_members"
            self.client.post(path, {"user_id": user_id}, tried=f"add {self.name} to the channel {address}", needs=needs)

    def _remove(self, user_id: str, channels: Optional[List[str]]) -> None:
        """Whole teams first: with them go their channels."""
        if channels is None:
            return
        teams = {address.partition(":")[0] for address in channels}
        for name in sorted(set(self._teams) - teams):
            path, tried = (
                f"/teams/{self._teams.pop(name)}/members/{user_id}",
                f"remove {self.name} from the team {name}",
            )
            self.client.delete(path, tried=tried, needs="remove_user_from_team")
            self._channels = {key: value for key, value in self._channels.items() if key.partition(":")[0] != name}
        for address in sorted(set(self._channels) - set(channels)):
            path = f"/channels/{self._channels.pop(address)}/members/{user_id}"
            needs = "manage_public_channel_members or manage_private_channel_members"
            self.client.delete(path, tried=f"remove {self.name} from the channel {address}", needs=needs)
