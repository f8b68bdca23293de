# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Posts, accounts, reactions and files as they cross to another server."""

from __future__ import annotations

from typing import Any

from server.database import Row
from server.ids import new_id

_POST = (
    "id create_at update_at edit_at delete_at is_pinned user_id channel_id root_id original_id message type props "
    "hashtags remote_id"
)
_USER = (
    "id create_at update_at delete_at username email nickname first_name last_name position props locale timezone "
    "remote_id"
)
_REACTION = "user_id post_id emoji_name create_at update_at delete_at remote_id channel_id"
_FILE = "id user_id post_id channel_id create_at update_at delete_at name extension size mime_type remote_id"


def post(row: Row) -> dict[str, Any]:
    """With empty metadata, which tells the receiver to take it even if nothing seems to have changed."""
    sent = {name: row[name] for name in _POST.split()}
    sent.update(file_ids=row["file_ids"] or [], pending_post_id="", reply_count=0, last_reply_at=0)
    return {**sent, "participants": None, "metadata": {}}


def user(row: Row) -> dict[str, Any]:
    """Without what is nobody else's business; the password is a random one."""
    sent = {name: row[name] for name in _USER.split()}
    sent.update(password=new_id(), auth_service="", roles="system_user", notify_props={})
    return {**sent, "disable_welcome_email": False}


def reaction(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in _REACTION.split()}


def file(row: Row) -> dict[str, Any]:
    return {**{name: row[name] for name in _FILE.split()}, "mini_preview": None, "archived": False}
