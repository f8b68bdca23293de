# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Apt repositories of a depot: signed by it, with every form of index apt may ask for, by hash too."""

from __future__ import annotations

import gzip
import lzma
import os
from dataclasses import dataclass, field, replace
from typing import Any, Dict, List, Mapping, Sequence

from .. import aptrepo, fsutil
from ..depot_tree import ORIGIN, Held, Tree, told_repository
from ..errors import BundleError
from ..lock import Item, Repository
from . import apt_sources
from .apt_sources import Sources


@dataclass(frozen=True)
class Published:
    """One apt repository of the depot: the same name in several bundles is one repository."""

    repository: Repository
    items: List[Item]
    stanzas: Dict[str, str]
    date: int
    sources: Sources = field(default_factory=Sources)


def publish(tree: Tree, bundles: Sequence[Held]) -> Dict[str, Any]:
    """What all bundles amount to, one repository for each name. Two things that claim one place are refused."""
    groups: Dict[str, Published] = {}
    for lock in (held.lock for held in bundles):
        for repository in lock.repositories:
            if repository.kind == "apt":
                stanzas = aptrepo.read_stanzas(lock, repository, tree.store.read(repository.stanzas) or b"")
                items = lock.items_of(repository)
                found = Published(repository, items, stanzas, lock.created_at)
                groups[repository.name] = _join(groups[repository.name], found) if repository.name in groups else found
    for name, sources in apt_sources.collect(tree, bundles).items():
        if name not in groups:
            raise BundleError(f"A bundle brings sources for {name}, but no packages of that repository.")
        groups[name] = replace(groups[name], sources=sources)
    ordered = [_dated(tree, groups[name]) for name in sorted(groups)]
    return {"repositories": [_told(group) for group in ordered]}


def _dated(tree: Tree, group: Published) -> Published:
    """Written, or taken over with its date. apt ignores what is dated before what it has, so dates only go forward."""
    base = f"apt/{group.repository.name}"
    earlier = {row["path"]: row["date"] for row in tree.earlier.get("repositories", []) if "date" in row}
    made_of = [[item.sha256, aptrepo.deb_name(item)] for item in group.items]
    about = [
        group.repository.release,
        group.repository.architecture,
        sorted(group.stanzas.items()),
        group.sources.told(),
    ]
    if tree.reuse(base, [sorted(made_of), about]):
        return replace(group, date=earlier[base])
    group = replace(group, date=max(group.date, earlier.get(base, 0) + 1))
    _write(tree, group)
    return group


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
    if group.sources.files:
        sources = group.sources.write(tree, base)
        files.update({aptrepo.SOURCES_PATH: sources, f"{aptrepo.SOURCES_PATH}.xz": lzma.compress(sources)})
    dists = f"{base}/dists/{name}"
    for file, data in files.items():
        tree.write_by_hash(f"{dists}/{file}", data)
    if tree.previous is not None:
        _keep_old_indexes(tree, os.path.join(tree.previous, dists), dists, files)
    release = aptrepo.render_release(
        name=name, origin=ORIGIN, architecture=architecture, files=files, date=group.date, by_hash=True
    )
    tree.write(f"{dists}/Release", release)
    tree.write(f"{dists}/InRelease", tree.key.sign(release, clear=True, moment=group.date))


def _keep_old_indexes(tree: Tree, old: str, dists: str, files: Mapping[str, bytes]) -> None:
    """A client that read the last InRelease just before the switch still finds the indexes it names."""
    for file in files:
        source = os.path.join(old, file)
        if fsutil.size_of(source) is not None:
            tree.keep_by_hash(source, f"{dists}/{file}", fsutil.read_plain(source))


def _told(group: Published) -> Dict[str, Any]:
    sources = {"sources": len(group.sources.blocks)} if group.sources.blocks else {}
    return {**told_repository(group.repository, group.items, group.date), **sources}
