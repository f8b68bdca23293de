# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Where a configuration is stored: a file, or two tables of a database."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Protocol

from server.database import Database
from server.ids import new_id, now


class BackingError(Exception):
    """The store of the configuration cannot be read or written."""


class Backing(Protocol):
    def read(self) -> str: ...

    def write(self, text: str) -> None: ...

    def describe(self) -> str: ...


def is_dsn(source: str) -> bool:
    return source.startswith(("postgres://", "postgresql://"))


def open_backing(source: str, release_dir: Path) -> Backing:
    return DatabaseBacking(source) if is_dsn(source) else FileBacking(find_file(source, release_dir))


def search_dirs(release_dir: Path) -> list[Path]:
    """Where the real server looks for its own files: from the working directory upwards, then beside the program."""
    return [Path("."), Path(".."), Path("../.."), release_dir / "bin", release_dir]


def find_file(source: str, release_dir: Path) -> Path:
    path = Path(source)
    if path.is_absolute():
        return path
    for base in search_dirs(release_dir):
        for candidate in (base / "config" / path, base / path):
            if candidate.is_file():
                return candidate.resolve()
    for base in search_dirs(release_dir):
        if (base / "config").is_dir():
            return (base / "config" / path).resolve()
    raise BackingError(f"failed to find config file {source}")


class FileBacking:
    """One JSON file, written in place so that its owner and mode stay."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> str:
        try:
            return self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise BackingError(f"failed to open {self._path} for reading: {error.strerror}") from error

    def write(self, text: str) -> None:
        try:
            # An absent file is made 0644, as the real server does: a role has to ship it 0600 or set a umask.
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
        except OSError as error:
            reason = (error.strerror or "").lower()
            raise BackingError(f"failed to persist: failed to write file: open {self._path}: {reason}") from error

    def describe(self) -> str:
        return f"file://{self._path}"


class DatabaseBacking:
    """Tables Configurations (one row per change, one of them active) and ConfigurationFiles."""

    def __init__(self, dsn: str) -> None:
        self._database = Database(dsn)
        self._database.run(
            "CREATE TABLE IF NOT EXISTS configurations (id VARCHAR(26) PRIMARY KEY, value TEXT NOT NULL, "
            "createat BIGINT NOT NULL, active BOOLEAN NULL UNIQUE, sha CHAR(64))"
        )
        self._database.run(
            "CREATE TABLE IF NOT EXISTS configurationfiles (name VARCHAR(64) PRIMARY KEY, data TEXT NOT NULL, "
            "createat BIGINT NOT NULL, updateat BIGINT NOT NULL)"
        )

    def read(self) -> str:
        rows = self._database.run("SELECT value FROM configurations WHERE active")
        if rows:
            return str(rows[0]["value"])
        return json.dumps({"SqlSettings": {"DriverName": "postgres", "DataSource": self._database.dsn}})

    def write(self, text: str) -> None:
        sha = hashlib.sha256(text.encode()).hexdigest()
        if self._database.run("SELECT id FROM configurations WHERE active AND sha = :sha", sha=sha):
            return
        with self._database.transaction() as run:
            run("UPDATE configurations SET active = NULL WHERE active")
            run(
                "INSERT INTO configurations (id, value, createat, active, sha) VALUES (:id, :value, :at, TRUE, :sha)",
                id=new_id(),
                value=text,
                at=now(),
                sha=sha,
            )

    def describe(self) -> str:
        return self._database.shown
