# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Teams, channels and accounts by the names that people use; each is asked for once.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional
from urllib.parse import quote

from ._client import Client
from ._errors import MattermostError

Fields = Dict[str, Any]


def team(client: Client, name: str) -> Fields:
    """The team with this name (the one in addresses)."""
    return _found(client, f"/teams/name/{_part(name)}", f"team {name}")


def team_by_id(client: Client, team_id: str) -> Fields:
    """The team with this identifier."""
    return _found(client, f"/teams/{team_id}", f"team with the identifier {team_id}")


def channel(client: Client, team_name: str, name: str) -> Fields:
    """The channel with this name in this team; an archived one is not there."""
    team_id = team(client, team_name)["id"]
    return _found(client, f"/teams/{team_id}/channels/name/{_part(name)}", f"channel {name} in the team {team_name}")


def channel_of(client: Client, address: str) -> Fields:
    """The channel that is written as TEAM:CHANNEL."""
    team_name, colon, name = address.partition(":")
    if not (team_name and colon and name):
        raise MattermostError(f"Cannot tell which channel {address} is: write it as TEAM:CHANNEL.")
    return channel(client, team_name, name)


def user(client: Client, name: str) -> Fields:
    """The account with this user name."""
    return _found(client, f"/users/username/{_part(name)}", f"account {name}")


def username(client: Client, user_id: str) -> str:
    """The user name of an account."""
    return str(_found(client, f"/users/{user_id}", f"account with the identifier {user_id}")["username"])


def foreseen(look: Callable[[], Fields], warnings: List[str], *, lenient: bool) -> Optional[Fields]:
    """What is looked up. If lenient, as in check mode, None where there is none yet, and a warning."""
    try:
        return look()
    except MattermostError as error:
        if not lenient or error.status:
            raise
        warnings.append(f"{error.message} An earlier task may create it, so the check goes on.")
        return None


def _part(name: str) -> str:
    """A name as a part of a path; the server keeps all of them in lower case."""
    return quote(name.lower(), safe="")


def _found(client: Client, path: str, what: str) -> Fields:
    if path not in client.known:
        found = client.find(path, tried=f"look for the {what}")
        if found is None:
            raise MattermostError(
                f"There is no {what} on the server, or the account may not see it. Check the name, or create it first."
            )
        client.known[path] = found
    return client.known[path]
