# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Environment variables that override configuration keys.

A change to such a key is answered with 200 and does nothing, and the local socket does not tell which keys those are.
The kernel knows which process listens on a socket, and that process's environment is the truth.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

import json
import re
import socket
import struct
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional

from ._errors import MattermostError
from ._settings import MISSING, Path, look_up, nest

_ASSIGNMENT = re.compile(r"^[ \t]*([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*(.*)$", re.DOTALL)
_TRUE = ("1", "t", "T", "true", "TRUE", "True")
_FALSE = ("0", "f", "F", "false", "FALSE", "False")


def of_listener(socket_path: str) -> Optional[Dict[str, str]]:
    """The environment of the process that listens on a socket; None when it may not be read."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(5)
            connection.connect(socket_path)
            raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        with open(f"/proc/{struct.unpack('3i', raw)[0]}/environ", "rb") as file:
            entries = file.read().decode("utf-8", "surrogateescape").split("\0")
    except OSError:
        return None
    return _relevant(entry.partition("=")[::2] for entry in entries)


def of_file(path: str) -> Dict[str, str]:
    """The variables of a file as systemd's EnvironmentFile= reads it; a file that is not there sets none."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise MattermostError(f"Cannot read environment_file {path}: {error}.") from error
    found = []
    for line in re.sub(r"(?<!\\)((?:\\\\)*)\\\n", r"\1", text).split("\n"):
        match = None if line.lstrip().startswith(("#", ";")) else _ASSIGNMENT.match(line)
        if match:
            found.append((match.group(1), _unquoted(match.group(2))))
    return _relevant(found)


def _relevant(pairs: Any) -> Dict[str, str]:
    return {name.upper(): value for name, value in pairs if name.upper().startswith("MM_")}


def _unquoted(text: str) -> str:
    """A value without its quotes; spaces inside belong to it."""
    result, quote, escaped = "", "", False
    kept = 0  # up to here trailing spaces are the value's own
    for char in text:
        if escaped:
            result += char if not quote or char in '"\\`$' else "\\" + char
            escaped = False
            kept = len(result)
        elif char == "\\" and quote != "'":
            escaped = True
        elif char == quote:
            quote = ""
            kept = len(result)
        elif not quote and char in "\"'":
            quote = char
        else:
            result += char
            if quote or not char.isspace():
                kept = len(result)
    return result[:kept]


@dataclass(frozen=True)
class Override:
    """A variable that sets a key, or a map around it."""

    variable: str
    text: str
    depth: int

    def value(self, path: Path, *, like: Any) -> Any:
        """What it sets the key to; MISSING when the server ignores it because it cannot read it."""
        if self.depth == len(path):
            return _parsed(self.text, like)
        try:
            return look_up(nest({path[: self.depth]: json.loads(self.text)}), path)
        except ValueError:
            return MISSING


def override(path: Path, environment: Mapping[str, str]) -> Optional[Override]:
    """What overrides a key, if anything does."""
    for depth in range(len(path), 1, -1):
        name = "MM_" + "_".join(path[:depth]).upper()
        if name in environment:
            return Override(name, environment[name], depth)
    return None


def _parsed(text: str, like: Any) -> Any:
    if isinstance(like, bool):
        return True if text in _TRUE else False if text in _FALSE else MISSING
    if isinstance(like, int):
        return int(text) if re.match(r"^[+-]?[0-9]+$", text) else MISSING
    if isinstance(like, list):
        return text.split(" ")
    if isinstance(like, dict):
        try:
            return json.loads(text)
        except ValueError:
            return MISSING
    return text
