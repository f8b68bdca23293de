# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retention policies for teams and channels: how they are read, written, and kept from taking each other's.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Optional

from . import _lookup
from ._client import Client
from ._errors import MattermostError

POLICIES = "/data_retention/policies"
_READ = "sysconsole_read_compliance_data_retention_policy"
_WRITE = "sysconsole_write_compliance_data_retention_policy"
_SIZE = 200

Fields = Dict[str, Any]
# What a policy applies to: under which name the server lists it and counts it, and how it takes it.
_KINDS = (("teams", "team_count", "team_ids"), ("channels", "channel_count", "channel_ids"))


class RetentionPolicy:
    """One retention policy on one server, found by its display name."""

    def __init__(self, client: Client, params: Fields) -> None:
        self.client = client
        # The server keeps these names in lower case.
        self._given = {kind: _lower(params[kind]) for kind, _count, _ids in _KINDS}
        self.days: Optional[int] = params["post_duration"]
        self.name: str = params["display_name"]
        self.raw: Optional[Fields] = None
        self._others: List[Fields] = []

    def read(self) -> Optional[Fields]:
        """The policy as it is shown, its teams and channels by name."""
        policies = list(self._all(POLICIES, "policies", tried="list the retention policies"))
        found = [policy for policy in policies if policy["display_name"] == self.name]
        if len(found) > 1:
            raise MattermostError(
                f"Cannot manage the retention policy {self.name}: the server has {len(found)} of that name. Remove all "
                "but one in the System Console."
            )
        self.raw = raw = found[0] if found else None
        self._others = [policy for policy in policies if policy is not raw]
        if raw is None:
            return None
        return {
            "id": raw["id"],
            "display_name": raw["display_name"],
            "post_duration": raw["post_duration"],
            **{kind: sorted(self._members(raw, kind)) for kind, _count, _ids in _KINDS},
        }

    def wanted(self, current: Optional[Fields]) -> Fields:
        """What was asked for; refuses teams and channels that another policy has."""
        problems = []
        for kind, count, _ids in _KINDS:
            added = set(self._given[kind] or []) - set((current or {}).get(kind, []))
            for policy in self._others if added else []:
                taken = sorted(added & set(self._members(policy, kind))) if policy[count] else []
                problems += [f"{name} is in the policy {policy['display_name']}" for name in taken]
        if problems:
            raise MattermostError(
                f"Cannot set up the retention policy {self.name}: {'; '.join(problems)}. A team or a channel can be in "
                "one policy only. Take it out of the other one first."
            )
        return {"display_name": self.name, "post_duration": self.days, **self._given}

    def create(self) -> Fields:
        """Create it with all it applies to."""
        body: Fields = {"display_name": self.name, "post_duration": self.days}
        for kind, _count, ids in _KINDS:
            body[ids] = self._ids(kind, self._given[kind] or [])
        self.client.post(POLICIES, body, tried=f"create the retention policy {self.name}", needs=_WRITE)
        return self.read() or {}

    def update(self, changes: Fields) -> Fields:
        """Change what differs; lists are replaced whole."""
        body: Fields = {"post_duration": changes["post_duration"]} if "post_duration" in changes else {}
        for kind, _count, ids in _KINDS:
            if kind in changes:
                body[ids] = self._ids(kind, changes[kind])
        path = f"{POLICIES}/{(self.raw or {})['id']}"
        self.client.patch(path, body, tried=f"change the retention policy {self.name}", needs=_WRITE)
        return self.read() or {}

    def delete(self) -> None:
        """Remove it; what it applied to falls under the global policy again."""
        path = f"{POLICIES}/{(self.raw or {})['id']}"
        self.client.delete(path, tried=f"remove the retention policy {self.name}", needs=_WRITE)

    def _members(self, policy: Fields, kind: str) -> Iterator[str]:
        """The teams or channels of a policy, by name."""
        tried = f"list the {kind} of the retention policy {policy['display_name']}"
        for found in self._all(f"{POLICIES}/{policy['id']}/{kind}", kind, tried=tried):
            yield f"{found['team_name']}:{found['name']}" if kind == "channels" else found["name"]

    def _ids(self, kind: str, names: List[str]) -> List[str]:
        if kind == "teams":
            return [_lookup.team(self.client, name)["id"] for name in names]
        return [_lookup.channel_of(self.client, name)["id"] for name in names]

    def _all(self, path: str, key: str, *, tried: str) -> Iterator[Fields]:
        """Every item of a list that comes with its length."""
        page = 0
        while True:
            answer = self.client.get(path, tried=tried, query={"page": page, "per_page": _SIZE}, needs=_READ)
            batch = answer.get(key) or []
            yield from batch
            if len(batch) < _SIZE:
                return
            page += 1


def _lower(names: Optional[List[str]]) -> Optional[List[str]]:
    return None if names is None else [name.lower() for name in names]
