# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The collection source: the collections of a BOM with all they depend on, each in the newest version that fits all."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Dict, List, Sequence, Tuple

from .. import fsutil
from ..boms.collections import GALAXY, CollectionItem
from ..collection_tarball import verify
from ..errors import BundleError
from ..lock import Evidence, Item
from ..openpgp import Keyring
from ..semver import Range, key_of
from ..workspace import Resolved, Workspace
from .galaxy import Galaxy, Release

_ROUNDS = 64
_LIMIT = 1 << 30  # of a tarball whose size nobody tells; Galaxy servers take far smaller ones only


@dataclass(frozen=True)
class Demand:
    """Somebody wants a collection: the BOM, or a collection."""

    name: str
    range: Range
    by: str
    place: CollectionItem  # where to get it, and whose signature it has to have


class CollectionsResolver:
    """All collections of a BOM together: what one needs restricts what another may be."""

    def __init__(self, items: Sequence[CollectionItem], workspace: Workspace) -> None:
        self.workspace = workspace
        self.rows = {item.name: item for item in items}
        self.wanted = [Demand(item.name, Range(item.version), "", item) for item in items]
        self._servers: Dict[str, Galaxy] = {}
        self._tarballs: Dict[str, Release] = {}

    def survey(self) -> List[str]:
        return [f"{release.name} {release.version} {release.sha256}" for release, _why in self._chosen]

    def resolve(self) -> Resolved:
        resolved = Resolved()
        for release, demand in self._chosen:
            proof = self._prove(release, demand, resolved)
            resolved.items.append(
                Item(
                    kind="collection",
                    name=release.name,
                    size=release.size,
                    sha256=release.sha256,
                    url=release.url,
                    proof=proof,
                    version=release.version,
                    destination=f"{release.name.replace('.', '-')}-{release.version}.tar.gz",
                    why=demand.by,
                    licenses=release.licenses,
                )
            )
        return resolved

    @functools.cached_property
    def _chosen(self) -> List[Tuple[Release, Demand]]:
        """Choose, see what the chosen ones need, and choose again until nothing moves."""
        chosen: Dict[str, Release] = {}
        for _round in range(_ROUNDS):
            demands = self._demands(chosen)
            after = {name: self._newest(name, rows) for name, rows in demands.items()}
            if after == chosen:
                return [(chosen[name], demands[name][0]) for name in sorted(chosen)]
            chosen = after
        raise BundleError(
            f"collections: no choice of {', '.join(sorted(chosen))} satisfies all of them; give some an exact version."
        )

    def _demands(self, chosen: Dict[str, Release]) -> Dict[str, List[Demand]]:
        """What the BOM wants, and what the choice needs, as far as something wanted leads to it."""
        found: Dict[str, List[Demand]] = {}
        queue = list(self.wanted)
        while queue:
            demand = queue.pop(0)
            rows = found.setdefault(demand.name, [])
            rows.append(demand)
            release = chosen.get(demand.name)
            if release is not None and len(rows) == 1:
                queue += [self._demand(name, text, demand) for name, text in release.dependencies]
        return found

    def _demand(self, name: str, text: str, by: Demand) -> Demand:
        """A dependency comes from where the BOM says, else from where that which needs it came from."""
        default = next(
            (item for item in self.rows.values() if not item.is_tarball), CollectionItem(name, source=GALAXY)
        )
        try:
            return Demand(name, Range(text), by.name, self.rows.get(name, default if by.place.is_tarball else by.place))
        except ValueError as error:
            raise BundleError(f"collections: {by.name} depends on {name} {text!r}, which is no range.") from error

    def _newest(self, name: str, demands: Sequence[Demand]) -> Release:
        place = demands[0].place
        told = "; ".join(f"{demand.by or 'the BOM'} wants {demand.range.text}" for demand in demands)
        if place.is_tarball:
            release = self._tarballs.get(place.source) or self._tarball(place)
            self._tarballs[place.source] = release
            versions = [release.version]
        else:
            exact = next((demand.range.exact for demand in demands if demand.range.exact), "")
            versions = [exact] if exact else self._server(place).versions(name)
        fitting = [version for version in versions if all(demand.range.fits(version) for demand in demands)]
        if not versions:
            raise BundleError(f"collections: {place.source} has no collection {name} ({told}).")
        if not fitting:
            newest = max(versions, key=lambda version: key_of(version) or ())
            raise BundleError(
                f"collections: no version of {name} fits all that is wanted: {told}. The newest of {place.source} is {newest}."
            )
        if place.is_tarball:
            return release
        newest = max(fitting, key=lambda version: key_of(version) or ())
        found = self._server(place).release(name, newest, again=bool(place.keyring))
        if found is None:
            raise BundleError(f"collections: {place.source} has no {name} {newest} ({told}).")
        return found

    def _server(self, place: CollectionItem) -> Galaxy:
        return self._servers.setdefault(place.source, Galaxy(place.source, self.workspace))

    def _tarball(self, item: CollectionItem) -> Release:
        """A collection that somebody built, by its path or URL. It is small, so it is fetched even to look at it."""
        memory, client, store = self.workspace.memory, self.workspace.client, self.workspace.fresh
        known = memory.get(item.source, {})
        held = self.workspace.locate(known["sha256"], known["size"]) if "sha256" in known else None
        size, validators = (known.get("size"), known) if item.sha256 else client.head(item.source)
        unchanged = bool(validators) and all(known.get(key) == value for key, value in validators.items())
        if (
            held is None
            or known["sha256"] != (item.sha256 or known["sha256"])
            or known["size"] != size
            or not unchanged
        ):
            part = store.part(fsutil.sha256_bytes(item.source.encode()))
            fetched = client.download(item.source, part, sha256=item.sha256 or None, limit=_LIMIT)
            store.adopt(part, fetched.sha256)
            known = memory[item.source] = {**validators, "sha256": fetched.sha256, "size": fetched.size}
            held = store.path(fetched.sha256)
        told = self._contents(item, held, str(known["sha256"]))
        if told["name"] != item.name:
            raise BundleError(f"The collection {item.source} is {told['name']}, not {item.name}, as the BOM says.")
        needs = tuple(sorted(told["dependencies"].items()))
        licenses = tuple(told["licenses"])
        return Release(
            item.name, told["version"], item.source, known["sha256"], known["size"], needs, licenses=licenses
        )

    def _contents(self, item: CollectionItem, path: str, sha256: str) -> Dict[str, Any]:
        """What a tarball says of itself. All of it is looked at once, as that takes its time."""
        key = f"collection {sha256}"
        if "licenses" not in self.workspace.memory.get(key, {}):
            found = verify(path, what=f"The collection {item.source}")
            told = {"name": found.name, "version": found.version, "dependencies": found.dependencies}
            self.workspace.memory[key] = {**told, "licenses": list(found.licenses)}
        return self.workspace.memory[key]

    def _prove(self, release: Release, demand: Demand, resolved: Resolved) -> str:
        place = demand.place
        if place.is_tarball and place.unverified:
            resolved.warnings.append(
                f"collection {release.name} has no pinned sha256. Reason given: {place.unverified}"
            )
            return f"unverified: {place.unverified}"
        if place.is_tarball:
            return "sha256 in the BOM"
        if not place.keyring:
            return f"sha256 told by {place.source}"
        return f"{self._check_signature(release, place, resolved)} and sha256 told by {place.source}"

    def _check_signature(self, release: Release, place: CollectionItem, resolved: Resolved) -> str:
        """The server signs the manifest, the manifest has the list of files, and the list what each one holds."""
        what = f"collection {release.name} {release.version}"
        path = self.workspace.fetch(release.url, sha256=release.sha256, size=release.size)
        manifest = verify(path, what=f"The {what}").manifest
        keyring, why = Keyring.given(place.keyring), f"{place.source} has none"
        for signature in release.signatures:
            try:
                signers = keyring.verify_detached(manifest, signature.encode(), what=what)
            except BundleError as error:
                why = str(error).rstrip(".")
                continue
            data = signature.encode()
            facts = {"of": release.name, "signed": "MANIFEST.json", "signed_by": signers}
            digest = self.workspace.keep(data)
            resolved.evidence.append(Evidence("signature", len(data), digest, release.told_by, facts=facts))
            return f"signature {digest} by {', '.join(signers)}"
        raise BundleError(f"The {what} has no good signature for the keyring that the BOM gives: {why}.")


def collection_resolvers(items: Sequence[CollectionItem], workspace: Workspace) -> List[CollectionsResolver]:
    """One for all of them, or none."""
    return [CollectionsResolver(items, workspace)] if items else []
