# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's config.json, read and written as the server itself does it.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

import json
import os
from typing import Any, Dict, Mapping, Optional

from ._errors import MattermostError
from ._settings import FRESH_INSTALL, Path, nest, put

# The server's encoder writes these so; with the same bytes a diff of the file shows only what was changed.
_ESCAPES = {"&": "\\u0026", "<": "\\u003c", ">": "\\u003e", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def read(path: str) -> Optional[Dict[str, Any]]:
    """The file's content; None when there is no file."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        config = json.loads(text) if text.strip() else {}
    except FileNotFoundError:
        return None
    except OSError as error:
        message = f"Cannot read the configuration file {path}: {error.strerror}."
        raise MattermostError(message + " Become root or its owner.") from error
    except ValueError as error:
        message = f"Cannot read the configuration file {path}: it is not valid JSON ({error}). Mend or restore it."
        raise MattermostError(message) from error
    if not isinstance(config, dict):
        raise MattermostError(f"Cannot read the configuration file {path}: it does not hold an object.")
    return config


def start_of(path: str, initial_path: Optional[str]) -> Dict[str, Any]:
    """What to build on: the file; else the release's own; else the values of a fresh installation."""
    config = read(path)
    if config is None and initial_path:
        config = read(initial_path)
        if config is None:
            raise MattermostError(f"Cannot start from initial_path {initial_path}: there is no such file.")
    return nest(FRESH_INSTALL) if config is None else config


def write(path: str, config: Dict[str, Any], changes: Mapping[Path, Any]) -> None:
    """Merge the changes into the file, in place: the server keeps no other file than this, owner and mode are set."""
    for key, value in changes.items():
        put(config, key, value)
    text = json.dumps(config, indent=4, ensure_ascii=False)
    for char, escape in _ESCAPES.items():
        text = text.replace(char, escape)
    data = text.encode()
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            # Never empty on the way: the server takes an empty file for a new installation.
            file.write(data)
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise MattermostError(f"Cannot write the configuration file {path}: {error.strerror}.") from error
