# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Apt repositories of a depot: signed by it, with every form of index apt may ask for, by hash too."""

from __future__ import annotations

import gzip
import lzma
import os
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Sequence

from .. import aptrepo, fsutil
from ..depot_tree import Held, Tree
from ..errors import BundleError
from ..lock import Item, Repository


@dataclass(frozen=True)
class Published:
    """One apt repository of the depot: the same name in several bundles is one repository."""

    repository: Repository
    items: List[Item]
    stanzas: Dict[str, str]
    date: int


def publish(tree: Tree, bundles: Sequence[Held]) -> Dict[str, Any]:
    """What all bundles amount to, one repository for each name. Two things that claim one place are refused."""
    groups: Dict[str, Published] = {}
    for lock in (held.lock for held in bundles):
        for repository in lock.repositories:
            if repository.kind == "apt":
                stanzas = aptrepo.read_stanzas(lock, repository, tree.store.read(repository.stanzas) or b"")
                items = [item for item in lock.items if (item.kind, item.group) == ("apt", repository.name)]
                found = Published(repository, items, stanzas, lock.created_at)
                groups[repository.name] = _join(groups[repository.name], found) if repository.name in groups else found
    ordered = [groups[name] for name in sorted(groups)]
    for group in ordered:
        _write(tree, group)
    return {"repositories": [_told(group) for group in ordered]}


def _join(first: Published, second: Published) -> Published:
    name = second.repository.name
    if (first.repository.release, first.repository.architecture) != (
        second.repository.release,
        second.repository.architecture,
    ):
        raise BundleError(f"Two bundles bring apt repositories named {name} for different releases or architectures.")
    known = {aptrepo.deb_name(item): item.sha256 for item in first.items}
    for item in second.items:
        if known.get(aptrepo.deb_name(item), item.sha256) != item.sha256:
            raise BundleError(f"Two bundles bring different packages as {aptrepo.deb_name(item)} for {name}.")
    items = [*first.items, *(item for item in second.items if aptrepo.deb_name(item) not in known)]
    return Published(second.repository, items, {**first.stanzas, **second.stanzas}, max(first.date, second.date))


def _write(tree: Tree, group: Published) -> None:
    name, architecture = group.repository.name, group.repository.architecture
    base = f"apt/{name}"
    for item in group.items:
        tree.link(item, f"{base}/pool/{aptrepo.deb_name(item)}")
    packages = aptrepo.render_packages(group.items, group.stanzas, lambda item: f"pool/{aptrepo.deb_name(item)}")
    path = aptrepo.packages_path(architecture)
    files = {path: packages, f"{path}.gz": gzip.compress(packages, 9, mtime=0), f"{path}.xz": lzma.compress(packages)}
    dists = f"{base}/dists/{name}"
    for file, data in files.items():
        tree.write(f"{dists}/{file}", data)
        tree.write(f"{dists}/{_by_hash(file)}/{fsutil.sha256_bytes(data)}", data)
    if tree.previous is not None:
        _keep_old_indexes(tree, os.path.join(tree.previous, dists), dists, files)
    release = aptrepo.render_release(
        name=name, origin=tree.title, architecture=architecture, files=files, date=group.date, by_hash=True
    )
    tree.write(f"{dists}/Release", release)
    tree.write(f"{dists}/InRelease", tree.key.sign(release, clear=True, moment=group.date))


def _keep_old_indexes(tree: Tree, old: str, dists: str, files: Mapping[str, bytes]) -> None:
    """A client that read the last InRelease just before the switch still finds the indexes it names."""
    for file in files:
        source = os.path.join(old, file)
        if fsutil.size_of(source) is not None:
            data = fsutil.read_plain(source)
            tree.write(f"{dists}/{_by_hash(file)}/{fsutil.sha256_bytes(data)}", data)


def _by_hash(path: str) -> str:
    return f"{os.path.dirname(path)}/by-hash/SHA256"


def _told(group: Published) -> Dict[str, Any]:
    repository = group.repository
    return {
        "name": repository.name,
        "release": repository.release,
        "architecture": repository.architecture,
        "path": f"apt/{repository.name}",
        "packages": len(group.items),
        "bytes": sum(item.size for item in group.items),
    }
