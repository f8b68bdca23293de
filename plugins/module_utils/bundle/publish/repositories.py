# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What holds for repositories of packages of every kind: several bundles may bring one, and its dates only go forward."""

from __future__ import annotations

from typing import Callable, Dict, Mapping

from ..depot_tree import Tree
from ..errors import BundleError
from ..lock import Item, Lock, Repository


def by_file(lock: Lock, repository: Repository, name: Callable[[Item], str]) -> Dict[str, Item]:
    """The packages that a bundle brings for a repository, by the names that their files get."""
    items = {item.sha256: item for item in lock.items_of(repository)}
    files = {name(item): item for item in items.values()}
    if len(files) < len(items):
        raise BundleError(f"The bundle {lock.name} brings different packages of one file name for {repository.name}.")
    return files


def refuse_contradiction(
    ours: Repository, theirs: Repository, files: Mapping[str, Item], more: Mapping[str, Item]
) -> None:
    """Two bundles that bring a repository of one name have to mean the same by it, and by the name of each file in it."""
    if (ours.release, ours.architecture) != (theirs.release, theirs.architecture):
        raise BundleError(
            f"Two bundles bring {ours.kind} repositories named {ours.name} for different releases or architectures."
        )
    for file, item in more.items():
        if files.get(file, item).sha256 != item.sha256:
            raise BundleError(f"Two bundles bring different packages as {file} for {ours.name}.")


def settle(tree: Tree, base: str, made_of: object, date: int, write: Callable[[int], None]) -> int:
    """Take the directory over with its date, or write it with a later one: clients ignore what is not newer. Returns the date."""
    earlier = {row["path"]: row["date"] for row in tree.earlier.get("repositories", []) if "date" in row}
    if tree.reuse(base, made_of):
        return int(earlier[base])
    date = max(date, earlier.get(base, 0) + 1)
    write(date)
    return date
