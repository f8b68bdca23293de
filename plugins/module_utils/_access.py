# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Access policies: rules for many channels (parents) and rules of one channel, and what the server does not do with them.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator, List, Optional

from . import _lookup
from ._client import Client
from ._errors import MattermostError

POLICIES = "/access_control_policies"
# The release from which public channels may have policies.
PUBLIC_SINCE = [11, 8]
_DEFAULT_CHANNELS = ("town-square", "off-topic")
_NEEDS = "manage_system"
_SIZE = 1000
# A text in quotes, or white space outside of any.
_TOKEN = re.compile(r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|\s+""")
# How the server keeps an attribute in an expression; mostly it gives the name back.
_FIELD_ID = re.compile(r"\bid_([a-z0-9]{26})\b")

Fields = Dict[str, Any]


def ineligible(channel: Fields, version: List[int]) -> Optional[str]:
    """Why a channel cannot have an access policy."""
    if channel.get("delete_at"):
        return "it is archived"
    if channel["name"] in _DEFAULT_CHANNELS:
        return "everybody of the team is in this channel"
    if channel["type"] not in ("O", "P"):
        return "direct and group messages have none"
    if channel["type"] == "O" and version < PUBLIC_SINCE:
        return f"it is public, which servers before {'.'.join(map(str, PUBLIC_SINCE))} do not allow"
    if channel.get("group_constrained"):
        return "groups decide who is in it"
    if channel.get("shared"):
        return "it is shared with other servers, whose accounts have no attributes here"
    return None


def plain(rule: Fields) -> Fields:
    """A rule as it is compared and shown: older servers write all actions for membership, which is the only one there."""
    actions = ["membership" if action == "*" else action for action in rule["actions"]]
    return {"actions": sorted(actions), "expression": rule["expression"].strip()}


def same_rules(one: List[Fields], other: List[Fields]) -> bool:
    """Whether two lists of rules say the same; the server may write an expression with other white space."""

    def tight(rule: Fields) -> Any:
        return rule["actions"], _TOKEN.sub(lambda match: match.group(1) or "", rule["expression"])

    return [tight(plain(rule)) for rule in one] == [tight(plain(rule)) for rule in other]


class AccessPolicy:
    """What parents and the policies of channels have in common."""

    kind = ""

    def __init__(self, client: Client, params: Fields, title: str) -> None:
        self.client = client
        self.params = params
        self.title = title
        self.raw: Optional[Fields] = None

    def rules(self) -> List[Fields]:
        """Its rules as they are shown, with attributes by name."""
        rules = [plain(rule) for rule in (self.raw or {}).get("rules") or []]
        if any(_FIELD_ID.search(rule["expression"]) for rule in rules):
            fields = self.client.get("/custom_profile_attributes/fields", tried="list the user attributes") or []
            names = {field["id"]: field["name"] for field in fields}
            for rule in rules:
                rule["expression"] = _FIELD_ID.sub(lambda match: names.get(match[1], match[0]), rule["expression"])
        return rules

    def check_rules(self, rules: List[Fields]) -> None:
        """Have the server read every expression before anything is saved."""
        for rule in rules:
            body = {"expression": rule["expression"]}
            tried = f"check the rules of the {self.title}"
            found = self.client.post(f"{POLICIES}/cel/check", body, tried=tried, needs=_NEEDS) or []
            if found:
                said = "; ".join(f"line {each['line']}, column {each['column']}: {each['message']}" for each in found)
                raise MattermostError(
                    f"Cannot save the {self.title}: the server does not understand the expression "
                    f"{rule['expression']} ({said}). Attributes are written user.attributes.NAME and must exist."
                )

    def check_channels(self, channels: List[Fields]) -> None:
        """Refuse channels that cannot have a policy, all with their reasons."""
        version = self.client.version
        reasons = [(channel["name"], ineligible(channel, version)) for channel in channels]
        problems = [f"{name}: {reason}" for name, reason in reasons if reason]
        if problems:
            raise MattermostError(f"Cannot apply the {self.title} to these channels: " + "; ".join(problems) + ".")

    def save(self, fields: Fields) -> Fields:
        """Create or change it; what is not given stays as it is."""
        version = "v0.2" if self.client.version < [11, 7] else "v0.3"
        fresh: Fields = {
            "type": self.kind,
            "version": version,
            "imports": [],
            "rules": [],
            "props": {},
            "active": False,
        }
        body = {**fresh, **(self.raw or {}), **fields}
        body["rules"] = [{**rule, "actions": _sent(rule["actions"])} for rule in body["rules"]]
        body["imports"] = body["imports"] or []
        saved: Fields = self.client.put(POLICIES, body, tried=f"save the {self.title}", needs=_NEEDS)
        return saved

    def activate(self, ids: List[str], active: bool) -> None:
        """Switch policies on or off; saving one does not."""
        body = {"entries": [{"id": one, "active": active} for one in ids]}
        verb = "activate" if active else "deactivate"
        self.client.put(f"{POLICIES}/activate", body, tried=f"{verb} the {self.title}", needs=_NEEDS)

    def search(self, **query: Any) -> Iterator[Fields]:
        """Policies, page by page; without a limit the server gives ten."""
        after = ""
        while True:
            body = {**query, "limit": _SIZE, "cursor": {"id": after}}
            found = self.client.post(f"{POLICIES}/search", body, tried="look for access policies", needs=_NEEDS)
            batch = found.get("policies") or []
            yield from batch
            if len(batch) < _SIZE:
                return
            after = max(policy["id"] for policy in batch)

    def remove(self) -> None:
        """Delete it."""
        path = f"{POLICIES}/{(self.raw or {})['id']}"
        self.client.delete(path, tried=f"remove the {self.title}", needs=_NEEDS)


class ChannelPolicy(AccessPolicy):
    """The rules of one channel; its identifier is the channel's."""

    kind = "channel"

    def __init__(self, client: Client, params: Fields) -> None:
        super().__init__(client, params, f"access policy of the channel {params['channel']}")
        self.channel = _lookup.channel_of(client, params["channel"])

    def read(self) -> Optional[Fields]:
        """The rules; a channel that only has the rules of parents has none of its own."""
        self.raw = self.client.find(f"{POLICIES}/{self.channel['id']}", tried=f"read the {self.title}", needs=_NEEDS)
        if self.raw is None or not self.raw["rules"]:
            return None
        shown = {"id": self.raw["id"], "channel": self.params["channel"], "active": self.raw["active"]}
        return {**shown, "rules": self.rules()}

    def check(self, changes: Fields, *, new: bool) -> None:
        """Everything that can be known before the first change."""
        if new:
            self.check_channels([self.channel])
        self.check_rules(changes.get("rules") or [])

    def apply(self, changes: Fields) -> Fields:
        """Save the rules, and switch them on or off."""
        if "rules" in changes:
            names = {"id": self.channel["id"], "name": self.channel["display_name"]}
            self.save({**names, "rules": changes["rules"]})
        if changes.get("active") is not None:
            self.activate([self.channel["id"]], changes["active"])
        return self.read() or {}

    def delete(self) -> None:
        """Remove its own rules; those of parents stay."""
        if (self.raw or {}).get("imports"):
            self.save({"rules": []})
        else:
            self.remove()


class ParentPolicy(AccessPolicy):
    """Rules for any number of channels, found by name."""

    kind = "parent"

    def __init__(self, client: Client, params: Fields) -> None:
        super().__init__(client, params, f"access policy {params['name']}")
        self._channels: Dict[str, str] = {}

    def read(self) -> Optional[Fields]:
        """The policy with its channels by name."""
        found = [each["id"] for each in self.search(type="parent") if each["name"] == self.params["name"]]
        if not found:
            self.raw = None
            return None
        path = f"{POLICIES}/{found[0]}"
        self.raw = raw = self.client.get(path, tried=f"read the {self.title}", needs=_NEEDS)
        children = list(self.search(type="channel", parent_id=raw["id"]))
        self._channels = self._names(path, len(children))
        active = raw["active"] if all(child["active"] == raw["active"] for child in children) else None
        return {
            "id": raw["id"],
            "name": raw["name"],
            "active": active,
            "rules": self.rules(),
            "channels": sorted(self._channels),
        }

    def check(self, changes: Fields, *, new: bool) -> None:
        """Everything that can be known before the first change."""
        added = [name for name in changes.get("channels") or [] if name not in self._channels]
        self.check_channels([_lookup.channel_of(self.client, name) for name in added])
        self.check_rules(changes.get("rules") or [])

    def apply(self, changes: Fields) -> Fields:
        """Save the rules, bring the channels under them, and switch all of it on or off."""
        if "rules" in changes:
            self.raw = self.save({"name": self.params["name"], "rules": changes["rules"]})
        path = f"{POLICIES}/{(self.raw or {})['id']}"
        if changes.get("channels") is not None:
            wanted = set(changes["channels"])
            gone = [self._channels[name] for name in sorted(set(self._channels) - wanted)]
            self._unassign(path, gone)
            added = [_lookup.channel_of(self.client, name)["id"] for name in sorted(wanted - set(self._channels))]
            if added:
                tried = f"apply the {self.title} to channels"
                self.client.post(f"{path}/assign", {"channel_ids": added}, tried=tried, needs=_NEEDS)
        shown = self.read() or {}
        wish = self.params["active"]
        if wish is not None and shown["active"] != wish:
            self.activate([shown["id"], *self._channels.values()], wish)
            shown = self.read() or {}
        return shown

    def delete(self) -> None:
        """Take it away from its channels, then remove it."""
        self._unassign(f"{POLICIES}/{(self.raw or {})['id']}", list(self._channels.values()))
        self.remove()

    def _unassign(self, path: str, ids: List[str]) -> None:
        if ids:
            body = {"channel_ids": ids}
            self.client.delete(f"{path}/unassign", body=body, tried=f"take the {self.title} away", needs=_NEEDS)

    def _names(self, path: str, count: int) -> Dict[str, str]:
        """The channels of the policy, by name."""
        names: Dict[str, str] = {}
        after = ""
        while count:
            query = {"limit": _SIZE, "after": after} if after else {"limit": _SIZE}
            tried = f"list the channels of the {self.title}"
            found = self.client.get(f"{path}/resources/channels", tried=tried, query=query, needs=_NEEDS)
            batch = found.get("channels") or []
            names.update({f"{channel['team_name']}:{channel['name']}": channel["id"] for channel in batch})
            if len(batch) < _SIZE:
                break
            after = max(channel["id"] for channel in batch)
        return names


def _sent(actions: List[str]) -> List[str]:
    """Every release takes all actions for membership; newer ones keep it by its name."""
    return ["*" if action == "membership" else action for action in actions]
