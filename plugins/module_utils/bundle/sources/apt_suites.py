# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Suites as they are upstream just now: their signed metadata, and the indexes it names."""

from __future__ import annotations

import contextlib
import functools
from dataclasses import dataclass
from typing import Any, List, Mapping, Tuple

from ..boms.apt import AptSource
from ..errors import BundleError
from ..lock import Evidence, stamp
from ..workspace import Workspace
from . import apt_release
from .apt_index import COMPRESSIONS, Index
from .apt_release import Release


@dataclass(frozen=True)
class Suite:
    """A suite as it was found."""

    source: AptSource
    release: Release
    sha256: str
    size: int
    url: str
    detached: Tuple[Evidence, ...] = ()
    of_host: bool = False

    @property
    def base(self) -> str:
        return base_of(self.source, self.release.suite)

    def evidence(self, group: str) -> List[Evidence]:
        facts = {
            "uri": self.source.uri,
            "suite": self.release.suite,
            "date": stamp(self.release.date),
            "signed_by": list(self.release.signed_by),
        }
        return [Evidence("release", self.size, self.sha256, self.url, group, facts), *self.detached]


def base_of(source: AptSource, suite: str) -> str:
    """Where the metadata of a suite lies. One that ends with a slash is a plain directory, without dists."""
    if suite.endswith("/"):
        return f"{source.uri}/{suite.lstrip('./')}".rstrip("/")
    return f"{source.uri}/dists/{suite}"


class SuiteReader:
    """Opens suites and their indexes for one apt item of a BOM."""

    def __init__(self, group: str, workspace: Workspace, default_keyrings: List[str]) -> None:
        self.group = group
        self.workspace = workspace
        self.default_keyrings = default_keyrings

    def open(self, source: AptSource, suite: str, *, of_host: bool) -> Suite:
        """Fetch and verify the metadata of one suite. A mirror that lags does not take us back."""
        base = base_of(source, suite)
        url = f"{base}/InRelease"
        memory = self.workspace.memory
        before = memory.get(url, {})
        data = self.workspace.fetch_small(url, missing_ok=True)
        if data is None:
            return self._open_detached(source, suite, base, of_host)
        verify = functools.partial(
            apt_release.verify_inrelease,
            uri=source.uri,
            suite=suite,
            signed_by=source.signed_by,
            default_keyrings=self.default_keyrings,
        )
        release = verify(data)
        held = self.workspace.read(before.get("sha256", ""))
        if held is not None and apt_release.is_stale(data, held):
            # What was seen before counts, as long as today's keys vouch for it.
            with contextlib.suppress(BundleError):
                release, data = verify(held), held
                memory[url] = before
        self._check(release)
        return Suite(source, release, self.workspace.keep(data), len(data), url, of_host=of_host)

    def _open_detached(self, source: AptSource, suite: str, base: str, of_host: bool) -> Suite:
        """Archives of the old form: Release, and its signature beside it."""
        before = self.workspace.memory.get(f"{base}/Release", {})
        data = self.workspace.fetch_small(f"{base}/Release") or b""
        signature = self.workspace.fetch_small(f"{base}/Release.gpg") or b""
        where = f"{source.uri} {suite}"
        keyring, allowed = apt_release.keyring_for(source.signed_by, self.default_keyrings, where=where)
        signers = keyring.verify_detached(data, signature, what=f"the metadata of {where}")
        apt_release.check_signer(signers, allowed, where=where)
        release = apt_release.read_release(data, uri=source.uri, suite=suite, signed_by=signers)
        self._check(release)
        self._refuse_older(release, before)
        digest = self.workspace.keep(signature)
        proof = Evidence("release_signature", len(signature), digest, f"{base}/Release.gpg", self.group)
        return Suite(source, release, self.workspace.keep(data), len(data), f"{base}/Release", (proof,), of_host)

    def _refuse_older(self, release: Release, before: Mapping[str, Any]) -> None:
        """The signature of what was seen before is not at hand any more, so there is nothing to go on with."""
        held = self.workspace.read(before.get("sha256", ""))
        seen = apt_release.date_of(held, release.where) if held is not None else 0.0
        if release.date < seen:
            raise BundleError(
                f"The metadata of {release.where} is dated {stamp(release.date)}, older than the {stamp(seen)} that was seen "
                "before: the mirror is behind, or someone holds it back. Use another mirror."
            )

    def _check(self, release: Release) -> None:
        release.check_suite()
        release.check_fresh(self.workspace.now)

    def indexes(self, suite: Suite, paths: List[str]) -> Tuple[Suite, List[Tuple[Index, Evidence]]]:
        """The indexes of a suite, and the suite they are of.

        An archive may be renewed while it is read, and then lacks what its metadata of a moment ago names. That metadata
        is then fetched once more, and only when it is still the same, or that is not enough, something is wrong.
        """
        try:
            return suite, [self._open_index(suite, path) for path in paths]
        except BundleError as error:
            renewed = self.open(suite.source, suite.release.suite, of_host=suite.of_host)
            if renewed.sha256 == suite.sha256:
                raise
            try:
                return renewed, [self._open_index(renewed, path) for path in paths]
            except BundleError:
                raise BundleError(
                    f"{suite.release.where} changes while it is read: {error} Run again later, or use another mirror."
                ) from error

    def _open_index(self, suite: Suite, path: str) -> Tuple[Index, Evidence]:
        release = suite.release
        ending = next((ending for ending in COMPRESSIONS if path + ending in release.digests), None)
        if ending is None:
            raise BundleError(f"The metadata of {release.where} lists no index {path} that this version can read.")
        sha256, size = release.digests[path + ending]
        folder, _slash, name = path.rpartition("/")
        base = f"{suite.base}/{folder}".rstrip("/")
        by_hash = release.fields.get("Acquire-By-Hash") == "yes"
        url = f"{base}/by-hash/SHA256/{sha256}" if by_hash else f"{base}/{name}{ending}"
        proof = Evidence("index", size, sha256, url, self.group, {"path": path + ending, "release": suite.sha256})
        index = None
        for cache in self.workspace.index_caches:
            index = index or Index.open(cache, sha256)
        if index is None:
            compressed = self.workspace.fetch(url, sha256=sha256, size=size)
            full = release.digests[path][1] if path in release.digests else None
            index = Index.build(self.workspace.index_caches[-1], sha256, compressed, ending, limit=full)
        return index, proof
