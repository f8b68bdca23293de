# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The rows of secure connections. Names are labels of this side alone; the key is (remote_id, name)."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from server.database import Row
from server.errors import ApiError
from server.ids import is_id, new_id, now
from server.schema import COLUMNS
from server.store import Duplicate

if TYPE_CHECKING:
    from server.app import App

TABLE = "remoteclusters"
PENDING, PLUGIN = "pending_", "plugin_"
PING_SECONDS = float(os.environ.get("STANDIN_PING_SECONDS", "60"))
# five minutes on a real server, where a round of pings is a minute
OFFLINE_AFTER_MS = int(PING_SECONDS * 5000)
_NAME = re.compile(r"[a-zA-Z0-9._-]{1,64}")
_FIELDS = list(COLUMNS[TABLE])


def new(app: App, **fields: Any) -> Row:
    """A connection that is stored; ApiError says what is wrong with it, Duplicate that its key is taken."""
    row: Row = {name: "" for name in _FIELDS}
    row.update(dict.fromkeys(("delete_at", "last_ping_at", "last_global_user_sync_at", "options"), 0))
    row.update(remote_id=new_id(), token=new_id(), create_at=now())
    row.update(fields)
    row["display_name"] = row["display_name"] or row["name"]
    row["name"] = row["name"].lower()
    check(row)
    taken = app.store.get(TABLE, site_url=row["site_url"], remote_team_id=row["remote_team_id"])
    if taken is not None and not keeps_deleted(app):
        raise Duplicate("remote_clusters_site_url_unique")
    return app.store.insert(TABLE, row)


def check(row: Row) -> None:
    if not is_id(row["remote_id"]) or not is_id(row["creator_id"]):
        raise ApiError("model.cluster.is_valid.id.app_error")
    if not _NAME.fullmatch(row["name"]):
        raise ApiError("model.cluster.is_valid.name.app_error")
    if row["default_team_id"] and not is_id(row["default_team_id"]):
        raise ApiError("model.cluster.is_valid.id.app_error")


def add(app: App, **fields: Any) -> Row:
    """The same for an inviter, with the errors that its callers see."""
    try:
        return new(app, site_url=PENDING + new_id(), **fields)
    except Duplicate as error:
        raise ApiError("api.remote_cluster.save_not_unique.app_error") from error
    except ApiError as error:
        raise ApiError("api.remote_cluster.save.app_error") from error


def find(app: App, remote_id: str, *, deleted: bool = False) -> Row:
    row = app.store.get(TABLE, remote_id=remote_id, **({} if deleted else {"delete_at": 0}))
    if row is None:
        raise ApiError("api.remote_cluster.get.not_found")
    return row


def listing(app: App, query: dict[str, str], *, limit: int = 0, offset: int = 0) -> list[Row]:
    """What the filters leave over. `only_confirmed` drops rows without a site URL, which pending ones have."""
    conditions, values = [], {}
    flags = {
        "exclude_offline": f"lastpingat > {now() - OFFLINE_AFTER_MS}",
        "only_confirmed": "siteurl <> ''",
        "only_plugins": "pluginid <> ''",
        "exclude_plugins": "pluginid = ''",
    }
    conditions += [test for name, test in flags.items() if _is_on(query, name)]
    linked = "(SELECT remoteid FROM sharedchannelremotes WHERE channelid = :{})"
    tests = {
        "in_channel": "remoteid IN " + linked.format("in_channel"),
        "not_in_channel": "remoteid NOT IN " + linked.format("not_in_channel"),
        "creator_id": "creatorid = :creator_id",
        "plugin_id": "pluginid = :plugin_id",
        "topic": "(topics LIKE '% ' || :topic || ' %' OR topics = '*')",
    }
    for name, test in tests.items():
        if query.get(name):
            conditions.append(test)
            values[name] = query[name].strip()
    if not _is_on(query, "include_deleted"):
        conditions.append("deleteat = 0")
    condition = " AND ".join(conditions or ["TRUE"])
    order = "displayname, name"
    return app.store.find(TABLE, condition, order=order, limit=limit, offset=offset, values=values)


def _is_on(query: dict[str, str], name: str) -> bool:
    return query.get(name, "").lower() in ("true", "1", "t")


def delete(app: App, remote_id: str) -> bool:
    """The tokens die with the row, and the links with it; the other side is not told."""
    store, stamp = app.store, now()
    rows = store.find(TABLE, remote_id=remote_id)
    if not keeps_deleted(app):
        store.delete(TABLE, remote_id=remote_id)
        return bool(rows)
    for row in rows:
        store.update(TABLE, row, delete_at=stamp)
    for link in store.find("sharedchannelremotes", remote_id=remote_id):
        store.update("sharedchannelremotes", link, delete_at=stamp, update_at=stamp)
    return bool(rows)


def keeps_deleted(app: App) -> bool:
    """Before 10.2 rows are gone at once, and no two may have one site URL."""
    return app.release.number >= (10, 2)


def is_confirmed(row: Row) -> bool:
    return bool(row["plugin_id"]) or bool(row["site_url"] and not row["site_url"].startswith(PENDING))


def is_online(row: Row) -> bool:
    return bool(row["last_ping_at"] > now() - OFFLINE_AFTER_MS)


def shown_url(row: Row) -> str:
    """As slash commands show it."""
    if row["site_url"].startswith(PENDING):
        return "..."
    return "plugin" if row["site_url"].startswith(PLUGIN) else str(row["site_url"])


def show(app: App, row: Row, *, tokens: bool = False) -> dict[str, Any]:
    """As the API shows it, with the fields that this release has."""
    hidden = set() if keeps_deleted(app) else {"default_team_id", "delete_at"}
    hidden |= set() if app.release.is_11 else {"last_global_user_sync_at"}
    shown = {name: row[name] for name in _FIELDS if name not in hidden}
    return shown if tokens else {**shown, "token": "", "remote_token": ""}


def info(app: App, row: Row) -> dict[str, Any]:
    """The little that members of a shared channel see."""
    names = ["name", "display_name", "create_at", "delete_at", "last_ping_at"]
    return {name: row[name] for name in names if name != "delete_at" or keeps_deleted(app)}
