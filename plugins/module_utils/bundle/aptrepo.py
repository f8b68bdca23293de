# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Apt repositories made from what upstream says about its packages; no package is ever opened."""

from __future__ import annotations

import email.utils
import re
from typing import Callable, Dict, List, Mapping, Optional

from . import fsutil
from .errors import BundleError
from .lock import Item, Lock, Repository
from .sources.debian import parse_stanza

COMPONENT = "main"
_FILENAME = re.compile(r"^Filename:.*\n?", re.MULTILINE)
_SHOWN = ("Package", "Version", "Architecture", "SHA256", "Size")


def packages_path(architecture: str) -> str:
    return f"{COMPONENT}/binary-{architecture}/Packages"


def read_stanzas(lock: Lock, repository: Repository, text: bytes) -> Dict[str, str]:
    """What upstream says of each package, by the package's sha256. It has to be exactly what the lock names."""
    what = f"The package descriptions of {repository.name}"
    wanted = {item.sha256: item for item in lock.items if item.kind == "apt" and item.group == repository.name}
    found: Dict[str, str] = {}
    for stanza in text.decode("utf-8", "replace").split("\n\n"):
        if not stanza.strip():
            continue
        told = [parse_stanza(stanza).get(name, "") for name in _SHOWN]
        item = wanted.get(told[3])
        if item is None or told != [item.name, item.version, item.architecture, item.sha256, str(item.size)]:
            raise BundleError(f"{what} tell of {told[0]!r} {told[1]}, which the lock does not name so.")
        found[item.sha256] = stanza.strip("\n")
    absent = sorted(item.name for sha256, item in wanted.items() if sha256 not in found)
    if absent:
        raise BundleError(f"{what} lack {', '.join(absent)}.")
    return found


def deb_name(item: Item) -> str:
    """The file name Debian gives a package: without epoch, and safe because its parts were checked."""
    version = re.sub(r"[^A-Za-z0-9.+~-]", "_", item.version.partition(":")[2] or item.version)
    return f"{item.name}_{version}_{item.architecture}.deb"


def render_packages(items: List[Item], stanzas: Mapping[str, str], place: Callable[[Item], str]) -> bytes:
    """The upstream stanzas, untouched but for the place the file has here."""
    blocks = []
    for item in sorted(items, key=lambda item: (item.name, item.version, item.architecture)):
        stanza = _FILENAME.sub("", stanzas[item.sha256]).rstrip("\n")
        blocks.append(f"{stanza}\nFilename: {place(item)}\n\n")
    return "".join(blocks).encode()


def render_release(
    *,
    name: str,
    origin: str,
    architecture: str,
    files: Mapping[str, bytes],
    date: int,
    valid_until: Optional[int] = None,
    by_hash: bool = False,
) -> bytes:
    """The Release file; its dates come from the lock, so that it is the same bytes each time."""
    lines = [f"Origin: {origin}", f"Label: {origin}", f"Suite: {name}", f"Codename: {name}"]
    lines.append(f"Date: {email.utils.formatdate(date, usegmt=True)}")
    if valid_until is not None:
        lines.append(f"Valid-Until: {email.utils.formatdate(valid_until, usegmt=True)}")
    if by_hash:
        lines.append("Acquire-By-Hash: yes")
    lines += [
        f"Architectures: {architecture}",
        f"Components: {COMPONENT}",
        "No-Support-for-Architecture-all: Packages",
        "SHA256:",
    ]
    lines += [f" {fsutil.sha256_bytes(data)} {len(data)} {path}" for path, data in sorted(files.items())]
    return ("\n".join(lines) + "\n").encode()
