# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Posts for the record: the job message_export, and what a compliance report has in it.

The real exporters are closed. The names and the columns here are those of their results; of the formats there are
`csv` and a plain form of `actiance`.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from server.database import Row
from server.ids import now

if TYPE_CHECKING:
    from server.app import App

_COLUMNS = [
    "TeamName",
    "TeamDisplayName",
    "ChannelName",
    "ChannelDisplayName",
    "ChannelType",
    "UserUsername",
    "UserEmail",
    "UserNickname",
    "UserType",
    "PostId",
    "PostCreateAt",
    "PostUpdateAt",
    "PostDeleteAt",
    "PostRootId",
    "PostOriginalId",
    "PostMessage",
    "PostType",
    "PostProps",
    "PostHashtags",
    "PostFileIds",
]
_SECONDS_END = 100_000_000_000  # a time below this is in seconds, as the pages of the setting say it is


def run(app: App, job: Row) -> dict[str, str]:
    """Write what was said since the last export into the file store, and tell where."""
    start, end = _start(app, job), now()
    rows = posts(app, start, end)
    stamp = datetime.fromtimestamp(end / 1000, timezone.utc).strftime("%Y-%m-%d-%Hh%Mm%Ss")
    folder = f"export/compliance-export-{stamp}-{start}-to-{end}"
    kind = str(job["data"].get("export_type") or app.config("MessageExportSettings.ExportFormat"))
    makers = {"csv": ("posts.csv", as_csv), "actiance": ("actiance_export.xml", as_xml)}
    if kind not in makers:
        raise ValueError(f"the stand-in has no export format {kind}")
    name, make = makers[kind]
    app.files.write(f"{folder}/batch001.zip", zipped({name: make(rows)}))
    downloadable = bool(app.config("MessageExportSettings.DownloadExportResults"))
    told = {"export_type": kind, "export_dir": folder, "messages_exported": str(len(rows))}
    times = {"job_start_time": str(start), "job_end_time": str(end)}
    return {**told, **times, "is_downloadable": str(downloadable).lower()}


def _start(app: App, job: Row) -> int:
    """Where this export begins: as it was asked for, else where the last one ended, else where the settings say."""
    given = job["data"].get("job_start_time")
    if not given:
        done = app.store.find("jobs", type="message_export", status="success", order="createat DESC", limit=1)
        given = done[0]["data"].get("job_end_time") if done else None
    if given:
        return int(given)
    start = int(app.config("MessageExportSettings.ExportFromTimestamp"))
    return start * 1000 if start < _SECONDS_END else start


def posts(app: App, start: int, end: int, *, keywords: str = "", emails: str = "") -> list[dict[str, Any]]:
    """Those changed within the time, with any of the words, by any of the addresses, as rows of the columns."""
    found = app.store.find(
        "posts", "updateat > :start AND updateat <= :end", order="createat, id", values={"start": start, "end": end}
    )
    words, senders = keywords.replace(",", " ").lower().split(), emails.replace(",", " ").lower().split()
    rows = [_row(app, post) for post in found]
    if words:
        rows = [row for row in rows if any(word in row["PostMessage"].lower() for word in words)]
    return [row for row in rows if not senders or row["UserEmail"] in senders]


def _row(app: App, post: Row) -> dict[str, Any]:
    channel = app.store.get("channels", id=post["channel_id"]) or {}
    team = app.store.get("teams", id=channel.get("team_id", "")) or {}
    user = app.store.get("users", id=post["user_id"]) or {}
    bot = app.store.get("bots", user_id=post["user_id"]) is not None
    places = [team.get("name"), team.get("display_name"), channel.get("name"), channel.get("display_name")]
    author = [user.get("username"), user.get("email"), user.get("nickname"), "bot" if bot else "user"]
    names = ("id", "create_at", "update_at", "delete_at", "root_id", "original_id", "message", "type")
    rest = [json.dumps(post["props"]), post["hashtags"], json.dumps(post["file_ids"] or [])]
    values = [*places, channel.get("type"), *author, *(post[name] for name in names), *rest]
    return dict(zip(_COLUMNS, values))


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, _COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().encode()


def as_xml(rows: list[dict[str, Any]]) -> bytes:
    """One conversation for each channel, with its messages."""
    root = ElementTree.Element("FileDump")
    conversations: dict[Any, ElementTree.Element] = {}
    for row in rows:
        place = (row["TeamName"], row["ChannelName"])
        if place not in conversations:
            conversations[place] = ElementTree.SubElement(
                root, "Conversation", Perspective=str(row["ChannelDisplayName"])
            )
        message = ElementTree.SubElement(conversations[place], "Message")
        fields = {
            "LoginName": "UserEmail",
            "MessageId": "PostId",
            "DateTimeUTC": "PostCreateAt",
            "Content": "PostMessage",
        }
        for tag, column in fields.items():
            ElementTree.SubElement(message, tag).text = str(row[column])
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()
