# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The tables, named as the real ones are, and the step from one release's schema to the next."""

from __future__ import annotations

from typing import Dict, List

from server.database import Database, Run
from server.log import Logger
from server.release import Release

_LOCK = 0x6D6D7374  # one server migrates at a time, also of two that start together
_TYPES = {
    "id": "VARCHAR(26) NOT NULL DEFAULT ''",
    "text": "TEXT NOT NULL DEFAULT ''",
    "name": "VARCHAR(128) NOT NULL DEFAULT ''",
    "ms": "BIGINT NOT NULL DEFAULT 0",
    "int": "INTEGER NOT NULL DEFAULT 0",
    "bool": "BOOLEAN NOT NULL DEFAULT FALSE",
    "maybe": "BOOLEAN",
    "json": "JSONB NOT NULL DEFAULT '{}'",
}
_STAMPS = "create_at:ms update_at:ms delete_at:ms"
# table: (key columns, columns as the API names them; the column itself has no underscores)
_TABLES = {
    "systems": ("name", "name:name value:text"),
    "users": (
        "id",
        f"id:id {_STAMPS} username:name password:text auth_data:text auth_service:name email:name nickname:name "
        "first_name:name last_name:name position:name roles:text notify_props:json props:json timezone:json "
        "last_password_update:ms failed_attempts:int locale:name mfa_active:bool mfa_secret:text email_verified:bool "
        "remote_id:id",
    ),
    "sessions": (
        "id",
        "id:id token:name create_at:ms expires_at:ms last_activity_at:ms user_id:id device_id:text roles:text "
        "is_oauth:bool props:json",
    ),
    "useraccesstokens": ("id", "id:id token:name user_id:id description:text is_active:bool"),
    "bots": ("user_id", f"user_id:id description:text owner_id:id {_STAMPS}"),
    "teams": (
        "id",
        f"id:id {_STAMPS} display_name:name name:name description:text email:name type:name company_name:name "
        "allowed_domains:text invite_id:id allow_open_invite:bool scheme_id:id group_constrained:bool",
    ),
    "teammembers": (
        "team_id user_id",
        "team_id:id user_id:id roles:text delete_at:ms scheme_admin:bool scheme_guest:bool create_at:ms",
    ),
    "channels": (
        "id",
        f"id:id {_STAMPS} team_id:id type:name display_name:name name:name header:text purpose:text last_post_at:ms "
        "total_msg_count:int total_msg_count_root:int last_root_post_at:ms creator_id:id scheme_id:id "
        "group_constrained:bool shared:maybe",
    ),
    "channelmembers": (
        "channel_id user_id",
        "channel_id:id user_id:id roles:text last_viewed_at:ms msg_count:int mention_count:int mention_count_root:int "
        "msg_count_root:int notify_props:json last_update_at:ms scheme_admin:bool scheme_guest:bool",
    ),
    "posts": (
        "id",
        f"id:id {_STAMPS} edit_at:ms is_pinned:bool user_id:id channel_id:id root_id:id original_id:id message:text "
        "type:name props:json hashtags:text file_ids:json remote_id:id",
    ),
    "reactions": (
        "user_id post_id emoji_name",
        f"user_id:id post_id:id emoji_name:name {_STAMPS} channel_id:id remote_id:id",
    ),
    "fileinfo": (
        "id",
        f"id:id user_id:id post_id:id channel_id:id {_STAMPS} path:text name:text extension:name size:ms "
        "mime_type:name remote_id:id",
    ),
    "preferences": ("user_id category name", "user_id:id category:name name:name value:text"),
    "roles": (
        "id",
        f"id:id name:name display_name:text description:text {_STAMPS} permissions:text scheme_managed:bool "
        "built_in:bool scheme_id:id",
    ),
    "schemes": (
        "id",
        f"id:id name:name display_name:name description:text {_STAMPS} scope:name default_team_admin_role:name "
        "default_team_user_role:name default_team_guest_role:name default_channel_admin_role:name "
        "default_channel_user_role:name default_channel_guest_role:name default_playbook_admin_role:name "
        "default_playbook_member_role:name default_run_admin_role:name default_run_member_role:name",
    ),
    "jobs": (
        "id",
        "id:id type:name priority:ms create_at:ms start_at:ms last_activity_at:ms status:name progress:ms data:json",
    ),
    "propertyfields": (
        "id",
        f"id:id group_id:id name:text type:name attrs:json target_id:id target_type:name {_STAMPS}",
    ),
    "propertyvalues": (
        "field_id target_id",
        "field_id:id target_id:id target_type:name group_id:id value:json update_at:ms",
    ),
    "accesscontrolpolicies": (
        "id",
        "id:id name:name type:name active:bool create_at:ms revision:int version:name imports:json rules:json "
        "props:json",
    ),
    "retentionpolicies": ("id", "id:id display_name:name post_duration:name"),
    "retentionpoliciesteams": ("team_id", "policy_id:id team_id:id"),
    "retentionpolicieschannels": ("channel_id", "policy_id:id channel_id:id"),
    "compliances": (
        "id",
        "id:id create_at:ms user_id:id status:name count:int description:text type:name start_at:ms end_at:ms keywords:text "
        "emails:text",
    ),
    "tokens": ("token", "token:name create_at:ms type:name extra:text"),
    "licenses": ("id", "id:id create_at:ms bytes:text"),
    "remoteclusters": (
        "remote_id name",
        "remote_id:id remote_team_id:id name:name display_name:name site_url:text default_team_id:id create_at:ms "
        "delete_at:ms last_ping_at:ms last_global_user_sync_at:ms token:id remote_token:id topics:text creator_id:id "
        "plugin_id:name options:int",
    ),
    "sharedchannels": (
        "channel_id",
        "channel_id:id team_id:id home:bool read_only:bool share_name:name share_display_name:name "
        "share_purpose:text share_header:text creator_id:id create_at:ms update_at:ms remote_id:id",
    ),
    "sharedchannelremotes": (
        "id",
        f"id:id channel_id:id creator_id:id {_STAMPS} is_invite_accepted:bool is_invite_confirmed:bool remote_id:id "
        "last_post_update_at:ms last_post_id:id last_post_create_at:ms last_post_create_id:id last_members_sync_at:ms",
    ),
    "sharedchannelusers": ("id", "id:id user_id:id channel_id:id remote_id:id create_at:ms last_sync_at:ms"),
    "sharedchannelattachments": ("id", "id:id file_id:id remote_id:id create_at:ms last_sync_at:ms"),
    "uploadsessions": (
        "id",
        "id:id type:name create_at:ms user_id:id channel_id:id filename:text path:text file_size:ms file_offset:ms "
        "remote_id:id req_file_id:id",
    ),
    "audits": ("id", "id:id create_at:ms user_id:id action:text extra_info:text ip_address:name session_id:id"),
}
_UNIQUE = {
    "users_username_key": "users (username)",
    "users_email_key": "users (email)",
    "teams_name_key": "teams (name)",
    "channels_name_teamid_key": "channels (name, teamid)",
    "roles_name_key": "roles (name)",
    "sessions_token_key": "sessions (token)",
    "schemes_name_key": "schemes (name)",
}

COLUMNS: Dict[str, Dict[str, str]] = {
    table: dict(column.split(":") for column in columns.split()) for table, (_key, columns) in _TABLES.items()
}
KEYS: Dict[str, List[str]] = {table: key.split() for table, (key, _columns) in _TABLES.items()}


class TooNew(Exception):
    """The database was migrated by a newer release."""


def column_name(api_name: str) -> str:
    return api_name.replace("_", "")


def version(database: Database) -> int:
    """The newest migration applied, 0 in an empty database."""
    exists = database.run("SELECT to_regclass('db_migrations') IS NOT NULL AS yes")[0]["yes"]
    if not exists:
        return 0
    return int(database.run("SELECT COALESCE(MAX(version), 0) AS newest FROM db_migrations")[0]["newest"])


def migrate(database: Database, release: Release, log: Logger) -> int:
    """Bring the database to this release's schema; answers how many migrations that took."""
    with database.transaction() as run:
        run(f"SELECT pg_advisory_xact_lock({_LOCK})")
        before = _current(run)
        if before > release.schema:
            raise TooNew(
                f"the database schema is at version {before}, newer than the {release.schema} of {release.version}: "
                "a downgrade is not possible"
            )
        if before < release.schema:
            log.info("Applying migrations", current=before, target=release.schema)
            for table, columns in COLUMNS.items():
                _create(run, table, columns)
            for number in range(before + 1, release.schema + 1):
                run("INSERT INTO db_migrations (version, name) VALUES (:n, :name)", n=number, name=f"standin_{number}")
        if release.broken == "migration":
            _break(run, release)
    return release.schema - before


def _current(run: Run) -> int:
    run("CREATE TABLE IF NOT EXISTS db_migrations (version BIGINT PRIMARY KEY, name VARCHAR(64) NOT NULL)")
    return int(run("SELECT COALESCE(MAX(version), 0) AS newest FROM db_migrations")[0]["newest"])


def _create(run: Run, table: str, columns: dict[str, str]) -> None:
    body = ", ".join(f"{column_name(name)} {_TYPES[kind]}" for name, kind in columns.items())
    key = ", ".join(column_name(name) for name in KEYS[table])
    run(f"CREATE TABLE IF NOT EXISTS {table} ({body}, PRIMARY KEY ({key}))")
    for name, target in _UNIQUE.items():
        if target.startswith(table + " "):
            run(f"CREATE UNIQUE INDEX IF NOT EXISTS {name} ON {target}")
    if table == "posts":
        run("CREATE INDEX IF NOT EXISTS posts_channelid_createat_idx ON posts (channelid, createat)")


def _break(run: Run, release: Release) -> None:
    """The half-done migration of a broken release: committed, and of no use to the release before it."""
    run("ALTER TABLE posts RENAME COLUMN message TO messagetext")
    run(
        "INSERT INTO db_migrations (version, name) VALUES (:n, 'standin_broken')",
        n=release.schema + 1,
    )
