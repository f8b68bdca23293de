# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The apt source: signed metadata, the closure over the union of its suites, and the evidence for both."""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Dict, List, Tuple
from urllib.parse import quote

from ..boms.apt import AptItem, AptSource
from ..errors import BundleError
from ..lock import Evidence, Item, Repository, stamp
from ..workspace import Resolved, Workspace
from . import apt_release
from .apt_host import Host
from .apt_index import COMPRESSIONS, Index, Package
from .apt_release import Release
from .apt_resolver import Layer, Resolver

_ORIGINS = {"debian": "Debian", "ubuntu": "Ubuntu"}


@dataclass(frozen=True)
class Suite:
    """A suite as it was found upstream just now."""

    source: AptSource
    release: Release
    sha256: str
    size: int
    url: str
    detached: Tuple[Evidence, ...] = ()


class AptResolver:
    """One apt item of a BOM."""

    def __init__(self, item: AptItem, workspace: Workspace, host: Host) -> None:
        self.item = item
        self.workspace = workspace
        self.host = host
        self.warnings: List[str] = []

    def survey(self) -> List[str]:
        """One conditional request per suite: what tells whether anything can have changed."""
        return [f"{suite.url} {suite.sha256}" for suite in self.suites]

    @functools.cached_property
    def suites(self) -> List[Suite]:
        sources = self.item.sources or self.host.distribution_sources(self.item.release)
        wanted = [(source, suite) for source in sources for suite in source.suites]
        with ThreadPoolExecutor(len(wanted)) as pool:
            found = list(pool.map(lambda pair: self._open_suite(*pair), wanted))
        return [suite for suite in found if self._belongs(suite)]

    def resolve(self) -> Resolved:
        layers: List[Layer] = []
        evidence: Dict[str, Evidence] = {}
        suites: List[Suite] = []  # that of each layer
        for suite in self.suites:
            for component in suite.source.components:
                for path in suite.release.index_paths(component, self.item.architecture):
                    index, proof = self._open_index(suite, path)
                    layers.append(Layer(index, suite.release.priority))
                    suites.append(suite)
                    evidence[proof.sha256] = proof
        resolver = Resolver(layers, architecture=self.item.architecture, exclude=self.item.exclude)
        try:
            chosen = resolver.resolve(self.item.packages)
        except BundleError as error:
            raise BundleError(f"apt repository {self.item.name}: {error}") from error
        items = [self._item(package, suites[package.origin], resolver.why[name]) for name, package in chosen.items()]
        kept = list(evidence.values()) if self.item.carry_indexes else []
        for suite in {suite.url: suite for suite in suites}.values():
            kept += [self._suite_evidence(suite), *suite.detached]
        stanzas = self._stanzas(chosen)
        item = self.item
        repository = Repository(
            item.name, item.release, item.architecture, tuple(sorted(item.packages)), stanzas.sha256
        )
        return Resolved(items, [*kept, stanzas], [repository], [*self.warnings, *resolver.conflicts()])

    def _open_suite(self, source: AptSource, suite: str) -> Suite:
        """Fetch and verify the metadata of one suite. A mirror that lags does not take us back."""
        base = f"{source.uri}/dists/{suite}"
        url = f"{base}/InRelease"
        memory = self.workspace.memory
        before = memory.get(url, {})
        data = self.workspace.fetch_small(url, missing_ok=True)
        if data is None:
            return self._open_detached(source, suite, base)
        verify = functools.partial(
            apt_release.verify_inrelease,
            uri=source.uri,
            suite=suite,
            signed_by=source.signed_by,
            default_keyrings=self.host.default_keyrings(),
        )
        release = verify(data)
        held = self.workspace.read(before.get("sha256", ""))
        if held is not None and apt_release.is_stale(data, held):
            memory[url] = before
            data, release = held, verify(held)
        self._check(release)
        return Suite(source, release, self.workspace.keep(data), len(data), url)

    def _open_detached(self, source: AptSource, suite: str, base: str) -> Suite:
        """Archives of the old form: Release, and its signature beside it."""
        data = self.workspace.fetch_small(f"{base}/Release") or b""
        signature = self.workspace.fetch_small(f"{base}/Release.gpg") or b""
        where = f"{source.uri} {suite}"
        keyring, allowed = apt_release.keyring_for(source.signed_by, self.host.default_keyrings(), where=where)
        signers = keyring.verify_detached(data, signature, what=f"the metadata of {where}")
        apt_release.check_signer(signers, allowed, where=where)
        release = apt_release.read_release(data, uri=source.uri, suite=suite, signed_by=signers)
        self._check(release)
        proof = Evidence(
            "release_signature", len(signature), self.workspace.keep(signature), f"{base}/Release.gpg", self.item.name
        )
        return Suite(source, release, self.workspace.keep(data), len(data), f"{base}/Release", (proof,))

    def _check(self, release: Release) -> None:
        release.check_suite()
        release.check_fresh(self.workspace.now)

    def _belongs(self, suite: Suite) -> bool:
        """Of this machine's own sources only those of the distribution itself are followed."""
        wanted = _ORIGINS.get(self.host.os_release().get("ID", ""))
        origin = suite.release.fields.get("Origin")
        if self.item.sources or wanted is None or origin == wanted:
            return True
        self.warnings.append(
            f"apt repository {self.item.name}: {suite.release.where} is of {origin}, not of {wanted}, and was left out. "
            "List it under sources if it is wanted."
        )
        return False

    def _open_index(self, suite: Suite, path: str) -> Tuple[Index, Evidence]:
        release = suite.release
        for ending in COMPRESSIONS:
            if path + ending in release.digests:
                break
        else:
            raise BundleError(f"The metadata of {release.where} lists no index {path} that this version can read.")
        sha256, size = release.digests[path + ending]
        folder, _slash, name = path.rpartition("/")
        base = f"{suite.source.uri}/dists/{release.suite}/{folder}"
        by_hash = release.fields.get("Acquire-By-Hash") == "yes"
        url = f"{base}/by-hash/SHA256/{sha256}" if by_hash else f"{base}/{name}{ending}"
        proof = Evidence("index", size, sha256, url, self.item.name, {"path": path + ending, "release": suite.sha256})
        index = None
        for cache in self.workspace.index_caches:
            index = index or Index.open(cache, sha256)
        if index is None:
            compressed = self.workspace.fetch(url, sha256=sha256, size=size)
            index = Index.build(self.workspace.index_caches[-1], sha256, compressed, ending)
        return index, proof

    def _item(self, package: Package, suite: Suite, why: str) -> Item:
        fields = package.fields
        filename, size = fields.get("Filename", ""), fields.get("Size", "")
        if not filename or not size.isdigit() or "SHA256" not in fields:
            raise BundleError(
                f"{suite.release.where}: the index does not give Filename, Size and SHA256 of {package.name}."
            )
        return Item(
            kind="apt",
            group=self.item.name,
            name=package.name,
            version=package.version,
            architecture=fields["Architecture"],
            size=int(size),
            sha256=fields["SHA256"],
            url=f"{suite.source.uri}/{quote(filename, safe='/:~')}",
            proof=f"listed by {suite.release.suite}, release {suite.sha256}",
            why=why,
        )

    def _suite_evidence(self, suite: Suite) -> Evidence:
        release = suite.release
        facts = {
            "uri": suite.source.uri,
            "suite": release.suite,
            "date": stamp(release.date),
            "signed_by": list(release.signed_by),
        }
        return Evidence("release", suite.size, suite.sha256, suite.url, self.item.name, facts)

    def _stanzas(self, chosen: Dict[str, Package]) -> Evidence:
        text = "".join(f"{package.stanza}\n\n" for package in chosen.values()).encode()
        return Evidence("stanzas", len(text), self.workspace.keep(text), "", self.item.name)
