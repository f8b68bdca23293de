# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The chart source: a Helm chart from a repository or a registry, and the images it names."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Protocol, Sequence, Tuple

from .. import fsutil
from ..boms.charts import ChartItem
from ..boms.images import ImageItem
from ..errors import BundleError
from ..lock import Evidence, Item
from ..oci import Descriptor, Document, Reference
from ..openpgp import Keyring
from ..registry import Registry
from ..transport import place_of
from ..workspace import Resolved, Workspace
from .chart_archive import ARCHIVE_LIMIT, Chart, load_yaml, read_chart
from .chart_images import Named, find_images
from .oci import ImagesResolver

_LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
_PROVENANCE = "application/vnd.cncf.helm.chart.provenance.v1.prov"
_PROVENANCE_LIMIT = 1 << 20
_INDEX_LIMIT = 128 << 20  # large repositories list tens of thousands of charts


class ContainerResolver(Protocol):
    """Charts and images alike."""

    def survey(self) -> List[str]:
        """What upstream has now."""

    def resolve(self) -> Resolved:
        """What is carried of it."""


def container_resolvers(
    images: Sequence[ImageItem], charts: Sequence[ChartItem], workspace: Workspace
) -> List[ContainerResolver]:
    """Charts, and one resolver for all images: those the BOM names, and those the charts name."""
    resolvers = [ChartResolver(item, workspace) for item in charts]

    def named() -> List[ImageItem]:
        return [image for resolver in resolvers for image in resolver.images()]

    all_images = [ImagesResolver(images, named, workspace)] if images or charts else []
    return [*resolvers, *all_images]


@dataclass(frozen=True)
class Found:
    """An archive as its repository offers it."""

    url: str
    data: bytes
    sha256: str
    told: str  # where its digest is from
    provenance: bytes = b""
    provenance_url: str = ""


class ChartResolver:
    """One chart of a BOM."""

    def __init__(self, item: ChartItem, workspace: Workspace) -> None:
        self.item = item
        self.workspace = workspace

    def survey(self) -> List[str]:
        return [f"{self.found.url} {self.found.sha256} {fsutil.sha256_bytes(self.found.provenance)}"]

    def resolve(self) -> Resolved:
        item, found, chart = self.item, self.found, self.chart
        proof, warnings = self._proof()
        items = [
            Item(
                "chart",
                item.name,
                len(found.data),
                found.sha256,
                found.url,
                proof,
                item.version,
                destination=item.filename,
            )
        ]
        if found.provenance:
            digest, size = self.workspace.keep(found.provenance), len(found.provenance)
            named, place = f"{item.name}.prov", f"{item.filename}.prov"
            proof = f"provenance of {found.sha256}"
            items.append(
                Item(
                    "chart",
                    named,
                    size,
                    digest,
                    found.provenance_url,
                    proof,
                    item.version,
                    destination=place,
                    why=item.name,
                )
            )
        metadata = chart.metadata_json()
        facts = {"of": item.filename, "sha256": found.sha256}
        evidence = Evidence("chart", len(metadata), self.workspace.keep(metadata), facts=facts)
        warnings += self.named.warnings if item.carry_images else []
        return Resolved(items, [evidence], [], warnings)

    def images(self) -> List[ImageItem]:
        """What is given for the chart counts more than what it says itself."""
        item = self.item
        if not item.carry_images:
            return []
        given = {(image.reference.place, image.reference.tag) for image in item.images}
        found = [
            ImageItem(reference, item.platforms, unverified=item.unverified_images, why=item.name)
            for reference in self.named.images.values()
            if (reference.place, reference.tag) not in given and not self._is_excluded(reference)
        ]
        return [*item.images, *found]

    def _is_excluded(self, reference: Reference) -> bool:
        return any(
            (row.place, row.tag or reference.tag, row.digest or reference.digest)
            == (reference.place, reference.tag, reference.digest)
            for row in self.item.exclude
        )

    @functools.cached_property
    def named(self) -> Named:
        return find_images(self.chart, json.loads(self.item.values))

    @functools.cached_property
    def chart(self) -> Chart:
        item = self.item
        chart = read_chart(self.found.data, f"The chart {item.filename}")
        if (chart.name, chart.version) != (item.name, item.version):
            raise BundleError(
                f"{self.found.url} is the chart {chart.name} {chart.version}, not {item.name} {item.version}."
            )
        return chart

    @functools.cached_property
    def found(self) -> Found:
        try:
            found = self._from_registry(self.item.oci) if self.item.oci is not None else self._from_repository()
        except BundleError as error:
            raise BundleError(f"chart {self.item.name}: {error}") from error
        if self.item.sha256 not in ("", found.sha256):
            raise BundleError(
                f"chart {self.item.name}: {found.url} has sha256 {found.sha256}, and not the one in the BOM. If its publisher "
                "replaced it, find out why before you change the BOM."
            )
        return found

    def _proof(self) -> Tuple[str, List[str]]:
        item, found, proofs = self.item, self.found, []
        if item.sha256:
            proofs.append("sha256 in the BOM")
        if item.keyring:
            proofs.append(self._check_provenance())
        if proofs:
            return " and ".join(proofs), []
        warning = f"chart {item.name} has neither checked provenance nor pinned sha256. Reason given: {item.unverified}"
        return f"unverified: {item.unverified} ({found.told})", [warning]

    def _check_provenance(self) -> str:
        """The clear-signed file names the archive and its digest."""
        item, found = self.item, self.found
        what = f"the provenance of chart {item.name}"
        if not found.provenance:
            raise BundleError(f"chart {item.name}: its repository has no provenance file for {item.filename}.")
        text, signers = Keyring.given(item.keyring).verify_clearsigned(found.provenance, what=what)
        line = rf"^\s+{re.escape(item.filename)}: sha256:([0-9a-f]{{64}})\s*$"
        named = re.findall(line, text.decode("utf-8", "replace").rpartition("\n...\n")[2], re.MULTILINE)
        if named != [found.sha256]:
            raise BundleError(f"chart {item.name}: its signed provenance is of another archive than {found.url}.")
        return f"provenance {fsutil.sha256_bytes(found.provenance)} by {', '.join(signers)}"

    def _from_repository(self) -> Found:
        """By the index of a repository, asked for conditionally and read only when it is new."""
        index_url = f"{self.item.repository}/index.yaml"
        index = self.workspace.fetch_small(index_url, limit=_INDEX_LIMIT) or b""
        url, listed = self._listed(index, index_url)
        wanted = self.item.sha256 or listed
        if self.item.sha256 and listed and self.item.sha256 != listed:
            raise BundleError(
                f"{index_url} lists {self.item.filename} with sha256 {listed}, and not the one in the BOM."
            )
        data = self.workspace.read(wanted) if wanted else self.workspace.fetch_small(url, limit=ARCHIVE_LIMIT)
        if data is None:
            data = self.workspace.client.get(url, limit=ARCHIVE_LIMIT).body
            self.workspace.keep(data)
        sha256 = fsutil.sha256_bytes(data)
        if listed and sha256 != listed:
            raise BundleError(f"{url} has sha256 {sha256}, but its repository lists {listed}; try again later.")
        provenance = b""
        if self.item.keyring:
            provenance = self.workspace.fetch_small(f"{url}.prov", missing_ok=True) or b""
        return Found(url, data, sha256, f"listed by {index_url}", provenance, f"{url}.prov")

    def _listed(self, index: bytes, index_url: str) -> Tuple[str, str]:
        """URL and digest of the archive. An index may have megabytes, so the answer is kept with the index it is from."""
        item, digest = self.item, fsutil.sha256_bytes(index)
        memory = self.workspace.memory
        key = f"chart {index_url} {item.filename}"
        if memory.get(key, {}).get("index") != digest:
            row = _entry(load_yaml(index.decode("utf-8", "replace"), index_url), item, index_url)
            urls = row.get("urls")
            if not isinstance(urls, list) or not urls or not isinstance(urls[0], str):
                raise BundleError(f"{index_url} gives no address of {item.filename}.")
            url = place_of(index_url, urls[0], index_url)
            listed = _word(row.get("digest")).replace("sha256:", "", 1)
            memory[key] = {"index": digest, "url": url, "sha256": listed if fsutil.is_sha256(listed) else ""}
        return memory[key]["url"], memory[key]["sha256"]

    def _from_registry(self, reference: Reference) -> Found:
        registry = Registry(self.workspace.client, reference.base(plain_http=bool(self.item.plain_http)))
        digest = registry.digest_of(reference.tag)
        if digest is None:
            raise BundleError(f"its registry has no {reference.name}.")
        manifest = self.workspace.read(digest[len("sha256:") :]) or registry.manifest(digest)
        self.workspace.keep(manifest)
        parts = {part.media_type: part for part in Document.parse(manifest, registry.manifest_url(digest)).blobs}
        if _LAYER not in parts:
            raise BundleError(f"{reference.name} is no Helm chart: it has no layer of type {_LAYER}.")
        data = self._blob(registry, parts[_LAYER], ARCHIVE_LIMIT)
        signed: Optional[Descriptor] = parts.get(_PROVENANCE)
        provenance = self._blob(registry, signed, _PROVENANCE_LIMIT) if signed is not None else b""
        signed_url = registry.blob_url(signed.digest) if signed is not None else ""
        url = registry.blob_url(parts[_LAYER].digest)
        return Found(url, data, parts[_LAYER].sha256, f"tag resolved, manifest {digest}", provenance, signed_url)

    def _blob(self, registry: Registry, part: Descriptor, limit: int) -> bytes:
        if part.size > limit:
            raise BundleError(
                f"{part.digest} has {part.size} bytes, more than the {limit} expected at most of such a file."
            )
        path = self.workspace.fetch(registry.blob_url(part.digest), sha256=part.sha256, size=part.size)
        return fsutil.read_plain(path)


def _entry(document: object, item: ChartItem, index_url: str) -> Dict[str, Any]:
    entries = document.get("entries") if isinstance(document, dict) else None
    rows = entries.get(item.name) if isinstance(entries, dict) else None
    versions = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    for row in versions:
        if _word(row.get("version")) == item.version:
            return row
    there = ", ".join(filter(None, (_word(row.get("version")) for row in versions[:5]))) or "none"
    raise BundleError(f"{index_url} has no {item.name} {item.version}; of this chart it has {there}.")


def _word(value: object) -> str:
    """A plain value as text. Of others a few lines of YAML can be gigabytes of text, as one anchor stands for many."""
    return str(value) if isinstance(value, (str, int, float)) else ""
