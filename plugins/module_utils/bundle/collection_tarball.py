# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The tarball of an Ansible collection: what it says of itself, and whether it holds what it says."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import Any, Dict, Tuple

from . import fsutil, licences, tarball
from .boms.collections import COLLECTION
from .errors import BundleError
from .semver import key_of

MANIFEST = "MANIFEST.json"
FILES = "FILES.json"
_LIMITS = {MANIFEST: 4 << 20, FILES: 64 << 20}


@dataclass(frozen=True)
class Contents:
    """What the manifest of a collection says; the signature of a Galaxy server is of the manifest."""

    name: str
    version: str
    dependencies: Dict[str, str]
    manifest: bytes
    licenses: Tuple[str, ...] = ()


def read(path: str, *, what: str) -> Contents:
    """Name, version and dependencies, without looking at the rest."""
    data = tarball.find(path, lambda name: name == MANIFEST, limit=_LIMITS[MANIFEST], what=what)
    if data is None:
        raise BundleError(f"{what} has no {MANIFEST}; build it with ansible-galaxy collection build.")
    return _parse(data, what)


def verify(path: str, *, what: str) -> Contents:
    """The same after a look at all of it: every file is listed, and is what its list says."""
    held = tarball.listing(path, _LIMITS, what=what)
    sums, kept = held.sums, held.kept
    if set(kept) != set(_LIMITS):
        raise BundleError(f"{what} has no {MANIFEST} or {FILES}; build it with ansible-galaxy collection build.")
    found = _parse(kept[MANIFEST], what)
    listing = fsutil.load_object(kept[MANIFEST], what).get("file_manifest_file")
    if not isinstance(listing, dict) or listing.get("chksum_sha256") != sums[FILES]:
        raise BundleError(f"{what} is damaged: its {FILES} is not the one that its manifest names.")
    rows = fsutil.load_object(kept[FILES], what).get("files")
    listed = {str(row.get("name")): row for row in rows if isinstance(row, dict)} if isinstance(rows, list) else {}
    for name, sha256 in sums.items():
        row = listed.get(name, {})
        if name not in _LIMITS and (name not in listed or (sha256 and row.get("chksum_sha256") != sha256)):
            raise BundleError(f"{what} is damaged: {name} is not what its {FILES} says.")
    absent = [name for name, row in listed.items() if row.get("ftype") == "file" and name not in sums]
    if absent:
        raise BundleError(f"{what} is damaged: {absent[0]} is missing in it.")
    folders = {posixpath.dirname(name) for name in sums}
    for name, target in held.links.items():
        if target not in sums and target not in folders:
            raise BundleError(
                f"{what}: {name} is a link to {target}, which is not in it, so that nobody could install it; "
                "take the link out (build_ignore in galaxy.yml), and build again."
            )
    return found


def _parse(data: bytes, what: str) -> Contents:
    info: Any = fsutil.load_object(data, f"{what}: {MANIFEST}").get("collection_info")
    info = info if isinstance(info, dict) else {}
    name, version = f"{info.get('namespace')}.{info.get('name')}", str(info.get("version"))
    dependencies = checked_dependencies(info.get("dependencies"), what)
    if not COLLECTION.fullmatch(name) or key_of(version) is None:
        raise BundleError(f"{what}: its manifest gives no name and version of a collection.")
    return Contents(name, version, dependencies, data, licences.stated(info.get("license")))


def checked_dependencies(value: object, what: str) -> Dict[str, str]:
    """Names and ranges as a manifest or a Galaxy server gives them."""
    found = value if isinstance(value, dict) else {}
    for name, wanted in found.items():
        if not COLLECTION.fullmatch(str(name)) or not isinstance(wanted, (str, type(None))):
            raise BundleError(f"{what}: its dependency {name!r} is not one of a collection.")
    return {str(name): str(wanted or "*") for name, wanted in found.items()}
