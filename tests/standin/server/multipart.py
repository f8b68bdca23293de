# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Forms with files (multipart/form-data)."""

from __future__ import annotations

import re
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from server.errors import invalid_body
from server.http import Request


def is_multipart(request: Request) -> bool:
    return str(request.headers.get("Content-Type", "")).lower().startswith("multipart/form-data")


def parse(request: Request) -> tuple[dict[str, str], dict[str, list[Any]]]:
    """(fields, files): the value of each field, and (file name, content) of each file under its field's name."""
    match = re.search(r'boundary="?([^";]+)"?', request.headers.get("Content-Type", ""))
    if not match:
        raise invalid_body("form")
    fields: dict[str, str] = {}
    files: dict[str, list[Any]] = {}
    for part in request.body.split(b"--" + match.group(1).encode())[1:]:
        if part.startswith(b"--"):
            break
        head, _blank, content = part.lstrip(b"\r\n").partition(b"\r\n\r\n")
        headers = BytesParser(policy=HTTP).parsebytes(head + b"\r\n\r\n")
        disposition: Any = headers["Content-Disposition"]
        content = content[:-2] if content.endswith(b"\r\n") else content
        name = disposition.params.get("name", "")
        if "filename" in disposition.params:
            files.setdefault(name, []).append((disposition.params["filename"], content))
        else:
            fields[name] = content.decode(errors="replace")
    return fields, files
