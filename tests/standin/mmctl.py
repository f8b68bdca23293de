# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The part of mmctl that the collection and its tests use, over the local-mode socket of the stand-in."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import sys
from typing import Any

VERSION = "0.0.0"
FLAGS = ("--local", "--json", "--suppress-warnings", "--disable-pager", "--quiet", "--strict")


class Failure(Exception):
    """What is written to stderr before an exit with status 1."""


class Connection(http.client.HTTPConnection):
    def connect(self) -> None:
        path = os.environ.get("MMCTL_LOCAL_SOCKET_PATH", "/var/tmp/mattermost_local.socket")
        if not os.path.exists(path):
            raise Failure(
                f'failed to create client: socket file "{path}" doesn\'t exist, '
                "please check the server configuration for local mode"
            )
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(path)


def call(method: str, path: str, body: Any = None) -> tuple[Any, str]:
    connection = Connection("localhost")
    try:
        connection.request(method, "/api/v4" + path, None if body is None else json.dumps(body))
        response = connection.getresponse()
        answer = json.loads(response.read())
    except OSError as error:
        raise Failure(f"failed to create client: {error}") from error
    if response.status >= 400:
        raise Failure(answer.get("message", str(response.status)))
    return answer, response.getheader("X-Version-Id", "")


def main() -> int:
    words = [word for word in sys.argv[1:] if word not in FLAGS]
    local = "--local" in sys.argv or os.environ.get("MMCTL_LOCAL") == "true"
    as_json = "--json" in sys.argv
    command = " ".join(words[:2])
    if words[:1] == ["version"]:
        print(f"mmctl:\nVersion:\t{VERSION} (stand-in)\nBuiltDate:\t1970-01-01T00:00:00Z")
        return 0
    actions = {
        "system status": lambda: status(as_json),
        "system version": version,
        "config get": lambda: config_get(words[2:]),
        "config set": lambda: config_set(words[2:]),
        "config show": lambda: print(json.dumps(call("GET", "/config")[0], indent=2)),
        "config reload": lambda: call("POST", "/config/reload"),
        "user list": users,
        "plugin list": plugins,
    }
    if command not in actions:
        print(f'Error: unknown command "{command}" for "mmctl" (this is a stand-in)', file=sys.stderr)
        return 1
    if not local:
        print("Error: the stand-in's mmctl works with --local only", file=sys.stderr)
        return 1
    try:
        actions[command]()
    except Failure as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


def status(as_json: bool) -> None:
    answer, _version = call("GET", "/system/ping?get_server_status=true&use_rest_semantics=true")
    if as_json:
        print(json.dumps(answer, indent=2))
        return
    print(f"Server status: {answer['status']}")
    print(f"Android Latest Version: {answer['AndroidLatestVersion']}")
    print(f"Android Minimum Version: {answer['AndroidMinVersion']}")
    print(f"Ios Latest Version: {answer['IosLatestVersion']}")
    print(f"Ios Minimum Version: {answer['IosMinVersion']}")
    print(f"Database Status: {answer['database_status']}")
    print(f"Filestore Status: {answer['filestore_status']}")


def version() -> None:
    _answer, found = call("GET", "/system/ping")
    print(f"Server version {found}")


def config_get(words: list[str]) -> None:
    value, _version = call("GET", "/config")
    for key in (words or [""])[0].split("."):
        if not isinstance(value, dict) or key not in value:
            raise Failure("invalid key")
        value = value[key]
    print(json.dumps(value, indent=2, ensure_ascii=False))


def config_set(words: list[str]) -> None:
    path, values = words[0].split("."), words[1:]
    old, _version = call("GET", "/config")
    for key in path:
        if not isinstance(old, dict) or key not in old:
            raise Failure("invalid key")
        old = old[key]
    new: Any = values[0]
    if isinstance(old, bool):
        new = {"true": True, "false": False}.get(values[0].lower(), values[0])
    elif isinstance(old, int) and re.fullmatch(r"-?\d+", values[0]):
        new = int(values[0])
    elif isinstance(old, list):
        new = values
    for key in reversed(path):
        new = {key: new}
    call("PUT", "/config/patch", new)
    print("Value changed successfully")


def users() -> None:
    found, _version = call("GET", "/users?per_page=200")
    for user in found:
        print(f"{user['id']}: {user['username']} ({user['email']})")
    print(f"There are {len(found)} users on local instance", file=sys.stderr)


def plugins() -> None:
    found, _version = call("GET", "/plugins")
    for title, key in (("enabled", "active"), ("disabled", "inactive")):
        print(f"Listing {title} plugins")
        for plugin in found[key]:
            print(f"{plugin['id']}: {plugin.get('name', '')}, Version: {plugin.get('version', '')}")


if __name__ == "__main__":
    raise SystemExit(main())
