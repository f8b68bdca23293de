# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Access policies: kept, evaluated for an account, and brought about by the job access_control_sync.

The real code is closed. What it keeps and answers around that is known from its callers; that members are removed
whatever `active` says, that only an active policy adds some, and that bots are left alone, is what its pages say.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from server import attributes, people, places
from server.cel import CelError, Expression
from server.database import Row
from server.errors import ApiError
from server.ids import is_id, new_id, now

if TYPE_CHECKING:
    from server.app import App

TABLE = "accesscontrolpolicies"
_ID = re.compile(r"\bid_([a-z0-9]{26})\b")
_INVALID = "model.access_policy.is_valid"


def enforced(app: App, channel_id: str) -> bool:
    """Whether a policy decides who may be in a channel."""
    on = app.licence.has("access_control") and app.config("AccessControlSettings.EnableAttributeBasedAccessControl")
    return bool(on) and app.store.get(TABLE, id=channel_id) is not None


def require(app: App, channel: Row, user: Row) -> None:
    """Refuse an account that the policy of a channel does not let in, or its groups: there are none here."""
    if channel["group_constrained"]:
        raise ApiError("api.channel.add_members.user_denied", ids=user["id"])
    policy = app.store.get(TABLE, id=channel["id"]) if enforced(app, channel["id"]) else None
    if policy is not None and not allows(app, policy, user["id"]):
        raise ApiError("api.channel.add_user.to.channel.rejected")


def allows(app: App, policy: Row, user_id: str) -> bool:
    """Every rule of the policy and of those it imports has to hold."""
    parents = [app.store.get(TABLE, id=parent_id) for parent_id in policy["imports"]]
    rules = [rule for one in [policy, *parents] if one is not None for rule in one["rules"]]
    found = attributes.of_user(app, user_id)
    return all(Expression(rule["expression"]).holds(found) for rule in rules)


def stored(app: App, text: str) -> str:
    """An expression as it is kept, attributes by identifier; CelError when it cannot be read."""
    ids = {field["name"]: field["id"] for field in attributes.fields(app)}
    parts, end = [], 0
    for name, place in Expression(text).attributes:
        if name not in ids and name[3:] not in ids.values():
            raise CelError(text, place, f"undefined field '{name}'")
        parts += [text[end:place], f"id_{ids[name]}" if name in ids else name]
        end = place + len(name)
    return "".join([*parts, text[end:]])


def named(app: App, text: str) -> str:
    """The same with attributes by name."""
    names = {field["id"]: field["name"] for field in attributes.fields(app)}
    return _ID.sub(lambda match: names.get(match[1], match[0]), text)


def save(app: App, wanted: dict[str, Any]) -> Row:
    """Create or change a policy; one that says what is there already keeps its revision."""
    policy: Row = {key: str(wanted.get(key) or "") for key in ("id", "name", "type", "version")}
    policy["id"] = policy["id"] or new_id()
    policy.update(
        active=bool(wanted.get("active")), imports=wanted.get("imports") or [], props=wanted.get("props") or {}
    )
    policy["rules"] = [_rule(app, rule) for rule in wanted.get("rules") or []]
    _check(app, policy)
    before = app.store.get(TABLE, id=policy["id"])
    taken = app.store.get(TABLE, name=policy["name"], type="parent") if policy["type"] == "parent" else None
    if taken is not None and taken["id"] != policy["id"]:
        raise ApiError("app.pap.save_policy.name_exists.app_error")
    if before is not None and before["type"] != policy["type"]:
        raise ApiError("app.pap.save_policy.app_error", "cannot change type of existing policy")
    if before is not None and all(before[key] == policy[key] for key in ("imports", "rules", "version")):
        return app.store.update(TABLE, before, name=policy["name"])
    revision = before["revision"] + 1 if before else 1
    return app.store.save(TABLE, {**policy, "create_at": now(), "revision": revision})


def _rule(app: App, rule: dict[str, Any]) -> dict[str, Any]:
    try:
        text = stored(app, str(rule.get("expression") or ""))
    except CelError as error:
        raise ApiError("app.pap.save_policy.app_error", str(error), status=400) from error
    return {"actions": rule.get("actions") or [], "expression": text}


def _check(app: App, policy: Row) -> None:
    wrong = ""
    if policy["version"] not in (("v0.1", "v0.2") if app.release.number < (11, 7) else ("v0.1", "v0.2", "v0.3")):
        wrong = "version"
    elif not is_id(policy["id"]):
        wrong = "id"
    elif policy["type"] == "parent" and not 0 < len(policy["name"]) <= 128:
        wrong = "name"
    elif policy["type"] == "parent" and not policy["rules"]:
        wrong = "rules"
    elif policy["type"] == "parent" and policy["imports"]:
        wrong = "imports"
    elif policy["type"] == "channel" and not (policy["rules"] or policy["imports"]):
        wrong = "rules_imports"
    if wrong:
        raise ApiError(f"{_INVALID}.{wrong}.app_error")


def require_fit(channel: Row, error_id: str) -> None:
    """Refuse channels that no policy can be for."""
    reason = ""
    if channel["type"] != "P" or channel["group_constrained"]:
        reason = "Channel is not of type private"
    elif channel.get("shared"):
        reason = "Channel is shared"
    if reason:
        raise ApiError(error_id, reason, status=400)


def sync(app: App, policy_id: str = "") -> dict[str, str]:
    """Bring memberships in line: of one channel, of a parent's channels, or of all; answers what the job tells."""
    results: dict[str, dict[str, list[str]]] = {}
    for policy in app.store.find(TABLE, type="channel"):
        if policy_id and policy_id not in (policy["id"], *policy["imports"]):
            continue
        channel = app.store.get("channels", id=policy["id"], delete_at=0)
        if channel is not None and enforced(app, channel["id"]):
            results[channel["id"]] = _sync_channel(app, policy, channel)
    return {"sync_results": json.dumps(results)}


def _sync_channel(app: App, policy: Row, channel: Row) -> dict[str, list[str]]:
    bots = {row["user_id"] for row in app.store.find("bots")}
    members = {row["user_id"] for row in app.store.find("channelmembers", channel_id=channel["id"])} - bots
    removed = [user_id for user_id in members if not allows(app, policy, user_id)]
    for user_id in removed:
        app.store.delete("channelmembers", channel_id=channel["id"], user_id=user_id)
    team = {row["user_id"] for row in app.store.find("teammembers", team_id=channel["team_id"], delete_at=0)} - bots
    added = [one for one in team - members if allows(app, policy, one)] if policy["active"] else []
    for user_id in added:
        places.join_channel(app, channel, people.find(app, id=user_id), admin=False)
    return {"MembersAdded": added, "MembersRemoved": removed}
