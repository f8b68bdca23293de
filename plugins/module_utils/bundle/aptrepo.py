# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Apt repositories made from what upstream says about its packages; no package is ever opened."""

from __future__ import annotations

import email.utils
import re
from dataclasses import dataclass
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from . import fsutil
from .errors import BundleError
from .lock import Item, Lock, Repository
from .names import SOURCE_FILE
from .sources.debian import SIZE, parse_stanza

COMPONENT = "main"
SOURCES_PATH = f"{COMPONENT}/source/Sources"
SOURCE_POOL = "pool/source"
_DIRECTORY = re.compile(r"^Directory:.*\n?", re.MULTILINE)
_FILENAME = re.compile(r"^Filename:.*\n?", re.MULTILINE)
_SHOWN = ("Package", "Version", "Architecture", "SHA256", "Size")


def packages_path(architecture: str) -> str:
    return f"{COMPONENT}/binary-{architecture}/Packages"


def read_stanzas(lock: Lock, repository: Repository, text: bytes) -> Dict[str, str]:
    """What upstream says of each package, by the package's sha256. It has to be exactly what the lock names."""
    what = f"The package descriptions of {repository.name}"
    wanted = {item.sha256: item for item in lock.items_of(repository)}
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


def stanzas_without(full: Lock, slim: Lock, repository: Repository, text: bytes) -> bytes:
    """What upstream says of the packages of a repository that a slimmer lock still has."""
    kept = {item.sha256 for item in slim.items_of(repository)}
    stanzas = read_stanzas(full, repository, text)
    return "".join(f"{stanza}\n\n" for sha256, stanza in stanzas.items() if sha256 in kept).encode()


@dataclass(frozen=True)
class Source:
    """A source package as an index of sources describes it."""

    name: str
    version: str
    directory: str
    files: Mapping[str, Tuple[str, int]]


def read_source(stanza: str) -> Optional[Source]:
    """None when the stanza tells of no file that could be used."""
    fields = parse_stanza(stanza)
    files: Dict[str, Tuple[str, int]] = {}
    for line in fields.get("Checksums-Sha256", "").splitlines():
        parts = line.split()
        if parts and not (len(parts) == 3 and fsutil.is_sha256(parts[0]) and SIZE.fullmatch(parts[1])):
            return None
        if parts:
            files[parts[2]] = (parts[0], int(parts[1]))
    usable = files and all(SOURCE_FILE.fullmatch(name) for name in files) and fields.get("Version")
    return Source(fields.get("Package", ""), fields["Version"], fields.get("Directory", ""), files) if usable else None


def read_sources(lock: Lock, repository: Repository, text: bytes) -> List[str]:
    """What upstream says of each source package, whose files have to be exactly those that the lock names."""
    what = f"The source descriptions of {repository.name}"
    wanted = {item.name: item for item in lock.items_of(repository)}
    blocks = [block.strip("\n") for block in text.decode("utf-8", "replace").split("\n\n") if block.strip()]
    named = set()
    for block in blocks:
        source = read_source(block)
        files = source.files if source is not None else {"": ("", 0)}
        for name, told in files.items():
            if name not in wanted or told != (wanted[name].sha256, wanted[name].size):
                raise BundleError(f"{what} tell of the file {name!r}, which the lock does not name so.")
            named.add(name)
    if set(wanted) - named:
        raise BundleError(f"{what} lack {', '.join(sorted(set(wanted) - named))}.")
    return blocks


def source_stanzas_without(full: Lock, slim: Lock, repository: Repository, text: bytes) -> bytes:
    kept = {item.name for item in slim.items_of(repository)}
    blocks = [(block, read_source(block)) for block in read_sources(full, repository, text)]
    return "".join(f"{block}\n\n" for block, source in blocks if source and set(source.files) <= kept).encode()


def render_sources(blocks: Sequence[str]) -> bytes:
    """The upstream stanzas of sources, untouched but for the directory the files have here."""
    return "".join(f"{_DIRECTORY.sub('', block).rstrip()}\nDirectory: {SOURCE_POOL}\n\n" for block in blocks).encode()


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
