# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Yum repositories of a depot: metadata signed by it, packages as their vendors signed them, and the vendors' keys beside."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Dict, List, Sequence

from .. import fsutil, yumrepo
from ..depot_tree import Held, Tree, told_repository
from ..lock import Item, Lock, Repository
from ..sources.rpm_repomd import read_repomd
from .repositories import by_file, refuse_contradiction, settle

KEYS = "RPM-GPG-KEYS"
UNSIGNED = "UNSIGNED"


@dataclass(frozen=True)
class Published:
    """One yum repository of the depot: the same name in several bundles is one repository."""

    repository: Repository
    files: Dict[str, Item]  # by the names they get
    description: yumrepo.Description
    date: int

    @property
    def keys(self) -> List[str]:
        """Of the vendors, each once."""
        return list(dict.fromkeys(key for source in self.description.sources for key in source.keys))

    @property
    def unsigned(self) -> List[str]:
        """Packages whose own signatures nobody checks, and the reason that their BOM gives."""
        sources = self.description.sources
        reasons = [(package, sources[package.source].unsigned) for package in self.description.packages]
        return sorted(f"{yumrepo.package_file(package)}: {reason}\n" for package, reason in reasons if reason)


def publish(tree: Tree, bundles: Sequence[Held]) -> Dict[str, Any]:
    """What all bundles amount to, one repository for each name. Two things that claim one place are refused."""
    groups: Dict[str, Published] = {}
    for lock in (held.lock for held in bundles):
        for repository in lock.repositories:
            if repository.kind == "rpm":
                found = _find(tree, lock, repository)
                groups[repository.name] = _join(groups[repository.name], found) if repository.name in groups else found
    return {"repositories": [_settle(tree, groups[name]) for name in sorted(groups)]}


def _find(tree: Tree, lock: Lock, repository: Repository) -> Published:
    description = yumrepo.read_description(lock, repository, tree.store.read(repository.stanzas) or b"")
    names = {package.sha256: yumrepo.package_file(package) for package in description.packages}
    files = by_file(lock, repository, lambda item: names[item.sha256])
    return Published(repository, files, description, lock.created_at)


def _join(first: Published, second: Published) -> Published:
    refuse_contradiction(first.repository, second.repository, first.files, second.files)
    description = yumrepo.merge(first.description, second.description)
    files = {**first.files, **second.files}
    return Published(second.repository, files, description, max(first.date, second.date))


def _settle(tree: Tree, group: Published) -> Dict[str, Any]:
    """Written, or taken over. Returns what there is to tell of it."""
    base = f"rpm/{group.repository.name}"
    about = [group.repository.release, group.repository.architecture, group.description.dump().decode()]
    date = settle(tree, base, about, group.date, lambda date: _write(tree, group, base, date))
    told = told_repository(group.repository, group.files.values(), date)
    return {**told, "gpgcheck": not group.unsigned, "keys": f"{base}/{KEYS}"}


def _write(tree: Tree, group: Published, base: str, date: int) -> None:
    for file, item in group.files.items():
        tree.link(item, f"{base}/packages/{file}")
    if tree.previous is not None:
        _keep_old_metadata(tree, os.path.join(tree.previous, base), base)
    for name, data in yumrepo.render(group.description, moment=date).items():
        tree.write(f"{base}/{name}", data)
        if name == yumrepo.REPOMD:
            tree.write(f"{base}/{name}.asc", tree.key.sign(data, clear=False, moment=date))
    if group.unsigned:
        tree.write(f"{base}/{UNSIGNED}", "".join(group.unsigned).encode())
    keys = "".join(group.keys).encode()
    tree.write(f"{base}/{KEYS}", keys)
    tree.write(f"{base}/{KEYS}.asc", tree.key.sign(keys, clear=False, moment=date))


def _keep_old_metadata(tree: Tree, old: str, base: str) -> None:
    """A client that read the last repomd.xml just before the switch still finds the files it names."""
    path = os.path.join(old, yumrepo.REPOMD)
    if fsutil.size_of(path) is not None:
        for told in read_repomd(fsutil.read_plain(path), where=old).files.values():
            tree.write(f"{base}/{told.href}", fsutil.read_plain(os.path.join(old, told.href)))
