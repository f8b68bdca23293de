# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Which rpm packages cannot do without others, by what their metadata says they require and provide."""

from __future__ import annotations

from typing import Dict, Iterator, Set, Tuple

from . import yumrepo
from .lock import Item, Lock, Repository
from .sources import rpm_xml

_FILELISTS = "http://linux.duke.edu/metadata/filelists"


def broken(
    lock: Lock, repository: Repository, gone: Set[Tuple[str, str, str]], data: bytes
) -> Iterator[Tuple[Item, str]]:
    """Packages of which something they require was met in the bundle, and is not any more; and by what it was met."""
    ours = {item.sha256: item for item in lock.items_of(repository)}
    names = {item.name for item in ours.values() if item.key in gone}
    if not names:
        return
    description = yumrepo.read_description(lock, repository, data)
    providers: Dict[str, Set[str]] = {}
    for package in description.packages:
        for provided in _provided(package):
            providers.setdefault(provided, set()).add(ours[package.sha256].name)
    for package in description.packages:
        item = ours[package.sha256]
        for need in _entries(package, "requires") if item.name not in names else ():
            stood = providers.get(need, set())
            if stood and stood <= names:
                yield item, min(stood)
                break


def _entries(package: yumrepo.Package, kind: str) -> Iterator[str]:
    """Names of capabilities, without their versions. A condition such as "(a if b)" is a name that nothing provides."""
    element = rpm_xml.parse_fragment(package.primary, what="A package description")
    for entry in element.iterfind(f".//{{{rpm_xml.RPM}}}{kind}/{{{rpm_xml.RPM}}}entry"):
        yield entry.get("name", "")


def _provided(package: yumrepo.Package) -> Iterator[str]:
    yield from _entries(package, "provides")
    element = rpm_xml.parse_fragment(package.filelists, what="A package description", namespace=_FILELISTS)
    for file in element.iterfind(f"{{{_FILELISTS}}}file"):
        yield file.text or ""
