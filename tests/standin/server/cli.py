# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The command line of bin/mattermost."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from server.release import Release


def main() -> int:
    release = Release.packed()
    arguments = _parser().parse_args()
    commands = {"version": _version, "server": _server, "db": _database}
    return commands[arguments.command or "server"](release, arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mattermost", description="A stand-in for the Mattermost server, for tests of fieldops.mattermost."
    )
    parser.add_argument("-c", "--config", default="", help="Configuration file to use.")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("-c", "--config", default=argparse.SUPPRESS, help="Configuration file to use.")
    commands = parser.add_subparsers(dest="command", metavar="[command]")
    commands.add_parser("server", parents=[shared], help="Run the Mattermost server")
    commands.add_parser("version", parents=[shared], help="Display version information")
    database = commands.add_parser("db", parents=[shared], help="Commands related to the database")
    database.add_argument("action", choices=["init", "migrate", "version"])
    return parser


def _version(release: Release, _arguments: Any) -> int:
    print(f"Version: {release.version} (stand-in)")
    print(f"Build Number: {release.build_number}")
    print(f"Build Date: {release.build_date}")
    print(f"Build Hash: {release.build_hash}")
    print(f"Build Enterprise Ready: {str(release.enterprise_ready).lower()}")
    return 0


def release_dir() -> Path:
    """The folder above bin/, where this program lies."""
    return Path(sys.argv[0]).resolve().parent.parent


def _load_config(release: Release, arguments: Any) -> Any:
    from server.config import Config, ConfigError
    from server.config_backing import BackingError, open_backing
    from server.database import DatabaseError, NoDatabase
    from server.settings import Settings

    source = arguments.config or os.environ.get("MM_CONFIG") or "config.json"
    try:
        return Config(Settings(release), open_backing(source, release_dir()), dict(os.environ))
    except (BackingError, ConfigError, NoDatabase, DatabaseError) as error:
        print(
            f"Error: failed to load configuration: failed to create store: unable to load on store creation: {error}",
            file=sys.stderr,
        )
        return None


def _server(release: Release, arguments: Any) -> int:
    from server.app import App, StartError
    from server.log import Logger

    config = _load_config(release, arguments)
    if config is None:
        return 1
    log = Logger()
    try:
        App(release, config, release_dir(), log).run()
    except StartError as error:
        print(f"Error: {error}", file=sys.stderr)
        log.error(str(error))
        return 1
    return 0


def _database(release: Release, arguments: Any) -> int:
    from server.database import Database, NoDatabase
    from server.log import Logger
    from server.schema import TooNew, migrate, version

    config = _load_config(release, arguments)
    if config is None:
        return 1
    database = Database(config("SqlSettings.DataSource"))
    try:
        if arguments.action == "version":
            print(f"Current database schema version is: {version(database)}")
        elif arguments.action == "migrate":
            applied = migrate(database, release, Logger())
            print("Database migrated" if applied else "No migrations to apply.")
    except (NoDatabase, TooNew) as error:
        print(f"Error: could not initialize store: error setting up connections: {error}", file=sys.stderr)
        return 1
    return 0
