# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Apt repositories of a depot: signed by it, with every form of index apt may ask for, by hash too."""

from __future__ import annotations

import gzip
import lzma
import os
from dataclasses import dataclass, field, replace
from typing import Any, Dict, Mapping, Sequence

from .. import aptrepo, fsutil
from ..depot_tree import ORIGIN, Held, Tree, told_repository
from ..errors import BundleError
from ..lock import Item, Repository
from . import apt_sources
from .apt_sources import Sources
from .repositories import by_file, refuse_contradiction, settle


@dataclass(frozen=True)
class Published:
    """One apt repository of the depot: the same name in several bundles is one repository."""

    repository: Repository
    files: Dict[str, Item]  # by the names they get
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
                files = by_file(lock, repository, aptrepo.deb_name)
                found = Published(repository, files, stanzas, lock.created_at)
                groups[repository.name] = _join(groups[repository.name], found) if repository.name in groups else found
    for name, sources in apt_sources.collect(tree, bundles).items():
        if name not in groups:
            raise BundleError(f"A bundle brings sources for {name}, but no packages of that repository.")
        groups[name] = replace(groups[name], sources=sources)
    return {"repositories": [_settle(tree, groups[name]) for name in sorted(groups)]}


def _settle(tree: Tree, group: Published) -> Dict[str, Any]:
    """Written, or taken over. Returns what there is to tell of it."""
    base = f"apt/{group.repository.name}"
    made_of = [[item.sha256, file] for file, item in group.files.items()]
    about = [
        group.repository.release,
        group.repository.architecture,
        sorted(group.stanzas.items()),
        group.sources.told(),
    ]
    date = settle(tree, base, [sorted(made_of), about], group.date, lambda date: _write(tree, group, base, date))
    sources = {"sources": len(group.sources.blocks)} if group.sources.blocks else {}
    return {**told_repository(group.repository, group.files.values(), date), **sources}


def _join(first: Published, second: Published) -> Published:
    refuse_contradiction(first.repository, second.repository, first.files, second.files)
    files, stanzas = {**first.files, **second.files}, {**first.stanzas, **second.stanzas}
    return Published(second.repository, files, stanzas, max(first.date, second.date))


def _write(tree: Tree, group: Published, base: str, date: int) -> None:
    name, architecture = group.repository.name, group.repository.architecture
    for file, item in group.files.items():
        tree.link(item, f"{base}/pool/{file}")
    items = list(group.files.values())
    packages = aptrepo.render_packages(items, group.stanzas, lambda item: f"pool/{aptrepo.deb_name(item)}")
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
        name=name, origin=ORIGIN, architecture=architecture, files=files, date=date, by_hash=True
    )
    tree.write(f"{dists}/Release", release)
    tree.write(f"{dists}/InRelease", tree.key.sign(release, clear=True, moment=date))


def _keep_old_indexes(tree: Tree, old: str, dists: str, files: Mapping[str, bytes]) -> None:
    """A client that read the last InRelease just before the switch still finds the indexes it names."""
    for file in files:
        source = os.path.join(old, file)
        if fsutil.size_of(source) is not None:
            tree.keep_by_hash(source, f"{dists}/{file}", fsutil.read_plain(source))
