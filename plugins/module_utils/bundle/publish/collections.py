# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Ansible collections of a depot: tarballs with their requirements, and the replies of a Galaxy server as plain files."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Sequence

from ..boms.collections import COLLECTION
from ..collection_tarball import read
from ..depot_tree import ORIGIN, Held, Tree, told_item
from ..errors import BundleError
from ..lock import Item, stamp
from ..semver import key_of

_API = "collections/api"
_VERSION_3 = "v3/"


def publish(tree: Tree, bundles: Sequence[Held]) -> Dict[str, Any]:
    """Every tarball once. Several bundles may bring several versions; the requirements name the newest."""
    found: Dict[str, Item] = {}
    for item in (item for held in bundles for item in held.lock.items if item.kind == "collection"):
        _check(item)
        if found.setdefault(item.destination, item).sha256 != item.sha256:
            raise BundleError(f"Two bundles bring different files for collections/{item.destination}; change one BOM.")
    ordered = sorted(found.values(), key=lambda item: (item.name, key_of(item.version) or ()))
    made_of = [[item.name, item.version, item.sha256, item.destination] for item in ordered]
    if ordered and not tree.reuse("collections", made_of):
        for item in ordered:
            tree.link(item, f"collections/{item.destination}")
        _write_requirements(tree, ordered)
        _write_api(tree, ordered)
    return {"collections": [told_item(item) for item in ordered]}


def _check(item: Item) -> None:
    """What becomes part of a path has to be what it is taken for."""
    file = f"{item.name.replace('.', '-')}-{item.version}.tar.gz"
    if not COLLECTION.fullmatch(item.name) or key_of(item.version) is None or item.destination != file:
        raise BundleError(
            f"A bundle brings the collection {item.name} {item.version} as {item.destination}, not as {file}."
        )


def _write_requirements(tree: Tree, items: Sequence[Item]) -> None:
    """For ansible-galaxy, run in the directory: no server, no dependency left to look for."""
    newest = {item.name: item for item in items}
    rows = "".join(f"  - name: {item.destination}\n    type: file\n" for item in newest.values())
    tree.write("collections/requirements.yml", f"---\ncollections:\n{rows}".encode())
    sums = "".join(f"{item.sha256}  {item.destination}\n" for item in items)
    tree.write_signed("collections/SHA256SUMS", sums.encode())


def _write_api(tree: Tree, items: Sequence[Item]) -> None:
    """What ansible-galaxy asks a server for, each reply as the index of a directory, for a depot at the root of its host."""
    _reply(tree, "", {"available_versions": {"v3": _VERSION_3}, "description": ORIGIN})
    names: Dict[str, List[Item]] = {}
    for item in items:
        names.setdefault(item.name, []).append(item)
    for name, versions in names.items():
        about = f"{_VERSION_3}collections/{name.replace('.', '/')}/"
        _reply(tree, about, {"created_at": stamp(tree.moment), "updated_at": stamp(tree.moment)})
        base = f"{about}versions/"
        rows = [{"version": item.version, "href": f"/{_API}/{base}{item.version}/"} for item in reversed(versions)]
        _reply(tree, base, {"meta": {"count": len(rows)}, "links": {"next": None}, "data": rows})
        for item in versions:
            _reply(tree, f"{base}{item.version}/", _detail(tree, item, f"/{_API}/{base}{item.version}/"))


def _detail(tree: Tree, item: Item, href: str) -> Dict[str, Any]:
    namespace, name = item.name.split(".")
    dependencies = read(tree.store.path(item.sha256), what=f"The collection {item.name}").dependencies
    return {
        "version": item.version,
        "href": href,
        "namespace": {"name": namespace},
        "name": name,
        "collection": {"name": name},
        "artifact": {"filename": item.destination, "sha256": item.sha256, "size": item.size},
        "download_url": f"/collections/{item.destination}",
        "metadata": {"dependencies": dependencies},
        "signatures": [],
    }


def _reply(tree: Tree, path: str, document: Dict[str, Any]) -> None:
    tree.write(f"{_API}/{path}index.html", json.dumps(document, sort_keys=True).encode())
