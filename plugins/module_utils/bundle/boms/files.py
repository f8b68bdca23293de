# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The files section of a bill of materials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Tuple

from .. import fsutil
from ..names import NAME, NAME_TOLD
from ..reader import Reader, names_of, read_reason

KINDS = ("file", "mattermost_release", "plugin")


@dataclass(frozen=True)
class Signature:
    """A detached signature, and the public key it must be from (a path or the armoured text)."""

    url: str
    keyring: str


@dataclass(frozen=True)
class FileItem:
    """One file, and by what it is known to be the right one."""

    name: str
    url: str
    destination: str
    kind: str = "file"
    version: str = ""
    sha256: str = ""
    signature: Optional[Signature] = None
    unverified: str = ""


def read(reader: Reader, where: str, row: object) -> Optional[FileItem]:
    keys = ("name", "url", "destination", "kind", "version", "sha256", "signature", "unverified")
    item = reader.table(where, row, keys, ("name", "url", "destination"))
    if item is None:
        return None
    destination = item.get("destination")
    if destination is not None and not fsutil.is_safe_relative(destination):
        reader.wrong(
            f"{where}.destination", f"{destination!r} is not a plain relative path such as mattermost/server.tar.gz."
        )
    kind = item.get("kind", "file")
    if kind not in KINDS:
        reader.wrong(f"{where}.kind", f"{kind!r} is none of {names_of(KINDS)}.")
    signature = _read_signature(reader, f"{where}.signature", item.get("signature"))
    reason = read_reason(reader, f"{where}.unverified", item.get("unverified"))
    if not any(item.get(key) for key in ("sha256", "signature", "unverified")):
        reader.wrong(where, "give sha256 or signature, or say in unverified.reason why neither can be had.")
    return FileItem(
        name=reader.text(f"{where}.name", item.get("name"), NAME, NAME_TOLD),
        url=reader.url(f"{where}.url", item.get("url")),
        destination=str(destination),
        kind=str(kind),
        version=reader.text(f"{where}.version", item.get("version")),
        sha256=reader.sha256(f"{where}.sha256", item.get("sha256")),
        signature=signature,
        unverified=reason,
    )


def _read_signature(reader: Reader, where: str, value: object) -> Optional[Signature]:
    if value is None:
        return None
    item = reader.table(where, value, ("url", "keyring"), ("url", "keyring"))
    if item is None:
        return None
    return Signature(reader.url(f"{where}.url", item.get("url")), reader.text(f"{where}.keyring", item.get("keyring")))


def join(reader: Reader, files: List[FileItem]) -> Tuple[FileItem, ...]:
    for key in ("name", "destination"):
        values = [str(getattr(item, key)) for item in files]
        for value in sorted({value for value in values if values.count(value) > 1}):
            reader.wrong("files", f"the {key} {value!r} is given to more than one file.")
    return tuple(files)
