# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is in a team or a channel, by user name.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Dict, List, Mapping, Optional

from . import _lookup
from ._client import Client

MEMBER_OPTIONS: Dict[str, Dict[str, Any]] = {
    "members": {"type": "list", "elements": "str"},
    "members_exclusive": {"type": "bool", "default": False},
}


class Members:
    """The members of one place: what there is, what is asked for, and how one becomes the other.

    The server answers 201 to adding a member who is there already, so that only a look tells what has changed.
    """

    def __init__(
        self, client: Client, kind: str, params: Mapping[str, Any], *, needs: str, check_mode: bool = False
    ) -> None:
        self.client = client
        self.kind = kind
        self.needs = needs
        self.check_mode = check_mode
        self.warnings: List[str] = []
        names = params["members"]
        self.given: Optional[List[str]] = None if names is None else sorted({name.lower() for name in names})
        self.exclusive: bool = params["members_exclusive"]
        self._ids: Dict[str, str] = {}
        self._remote: List[str] = []

    def read(self, place_id: str) -> List[str]:
        """Everybody who is there."""
        query = {f"in_{self.kind}": place_id}
        accounts = list(self.client.pages("/users", tried=f"list the members of the {self.kind}", query=query))
        self._ids = {account["username"]: account["id"] for account in accounts}
        self._remote = [account["username"] for account in accounts if account.get("remote_id")]
        return sorted(self._ids)

    def wanted(self) -> Optional[List[str]]:
        """Everybody who is to be there; connected servers decide about their own accounts."""
        if self.given is None:
            return None
        for name in sorted(set(self.given) - set(self._ids)):
            # Before anything is changed.
            _lookup.foreseen(partial(_lookup.user, self.client, name), self.warnings, lenient=self.check_mode)
        keep = self._remote if self.exclusive else list(self._ids)
        return sorted({*self.given, *keep})

    def bring(self, place_id: str, title: str) -> None:
        """Add who is missing, and take away who must not be there."""
        current = self.read(place_id)
        wanted = self.wanted()
        if wanted is None:
            return
        path = f"/{self.kind}s/{place_id}/members"
        for name in sorted(set(wanted) - set(current)):
            body = {"user_id": _lookup.user(self.client, name)["id"]}
            if self.kind == "team":
                body["team_id"] = place_id
            self.client.post(path, body, tried=f"add {name} to the {title}", needs=self.needs)
        for name in sorted(set(current) - set(wanted)):
            tried = f"remove {name} from the {title}"
            self.client.delete(f"{path}/{self._ids[name]}", tried=tried, needs=self.needs)
