# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The software bill of materials of a bundle, as CycloneDX 1.5. It is made from the lock alone, so that anyone can make it again."""

from __future__ import annotations

import re
import uuid
from typing import Any, Dict, List, Mapping, Tuple
from urllib.parse import quote

from . import fsutil
from .contents import PARTS
from .lock import Item, Lock, Repository

_SPACE = uuid.UUID("5d3b6a52-6f0b-5c0e-9c53-1f2f8d1f6f0a")  # of serial numbers made from locks
_TYPES = {"image": "container", "file": "file", "mattermost_release": "application", "plugin": "application"}
_IMAGE = re.compile(r"(?P<repository>[^@]+?)(?::(?P<tag>[^:/@]+))?(?:@.*)?")
_EXPRESSION = re.compile(r"\(*[A-Za-z0-9.+-]+\)*(?: (?:AND|OR|WITH) \(*[A-Za-z0-9.+-]+\)*)+")
_EPOCH = re.compile(r"(?:(?P<epoch>[0-9]+):)?(?P<rest>.*)")

Groups = Mapping[Tuple[str, str], Repository]


def render_sbom(lock: Lock, digest: str) -> bytes:
    """One component for each item of the lock (of this sha256), sorted, with hashes, package URL and where it was found."""
    groups = {(repository.kind, repository.name): repository for repository in lock.repositories}
    items = sorted({item for item in lock.items if item.kind not in PARTS}, key=lambda item: (item.key, item.sha256))
    components = [_component(item, groups) for item in items]
    top = {"type": "application", "bom-ref": f"bundle:{lock.name}", "name": lock.name, "version": str(lock.version)}
    if lock.description:
        top["description"] = lock.description
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_SPACE, digest)}",
        "version": 1,
        "metadata": {
            "timestamp": lock.created,
            "component": top,
            "properties": [_property("lock", digest)],
        },
        "components": components,
        "dependencies": [{"ref": top["bom-ref"], "dependsOn": sorted({row["bom-ref"] for row in components})}],
    }
    return fsutil.dump_lines(document)


def _component(item: Item, groups: Groups) -> Dict[str, Any]:
    told: Dict[str, Any] = {
        "type": _TYPES.get(item.kind, "library"),
        "bom-ref": ":".join(part for part in (*item.key, item.version, item.architecture, item.sha256[:16]) if part),
        "name": item.name,
        "version": item.version,
        "hashes": [{"alg": "SHA-256", "content": item.sha256}],
        "purl": purl(item, groups),
        "externalReferences": [{"type": "distribution", "url": quote(item.url, safe="/:~?=&%#+@!$'()*,;")}],
        "properties": [
            _property(name, value)
            for name, value in (
                ("kind", item.kind),
                ("repository", item.group),
                ("size", str(item.size)),
                ("proof", item.proof),
                ("needed-by", item.why),
                ("destination", item.destination),
                ("security", "true" if item.security else ""),
            )
            if value
        ],
    }
    if item.licenses:
        told["licenses"] = _licenses(item.licenses)
    if not item.version:
        del told["version"]
    if not item.url:
        del told["externalReferences"]
    return told


def _licenses(texts: Tuple[str, ...]) -> List[Dict[str, Any]]:
    """What is written as an SPDX expression is one; everything else is a name, as nobody says that it is an identifier of SPDX."""
    if len(texts) == 1 and _EXPRESSION.fullmatch(texts[0]) and texts[0].count("(") == texts[0].count(")"):
        return [{"expression": texts[0]}]
    return [{"license": {"name": text}} for text in texts]


def _property(name: str, value: str) -> Dict[str, str]:
    return {"name": f"fieldops:{name}", "value": value}


def purl(item: Item, groups: Groups) -> str:
    """The package URL, by which scanners know what an item is."""
    repository = groups.get((item.kind, item.group))
    release = repository.release if repository is not None else ""
    if item.kind == "apt":
        space = "ubuntu" if "ubuntu" in item.url.lower() else "debian"
        return _purl(f"deb/{space}", item.name, item.version, {"arch": item.architecture, "distro": release})
    if item.kind == "rpm":
        match = _EPOCH.fullmatch(item.version)
        epoch, version = match.group("epoch", "rest") if match is not None else ("", item.version)
        facts = {"arch": item.architecture, "distro": release, "epoch": epoch or ""}
        return _purl("rpm", item.name, version, facts)
    if item.kind == "image":
        match = _IMAGE.fullmatch(item.name)
        place = match.group("repository") if match is not None else item.name
        name = place.rpartition("/")[2].lower()
        return _purl("oci", name, f"sha256:{item.sha256}", {"repository_url": place, "tag": item.version})
    if item.kind == "wheel":
        return _purl("pypi", re.sub(r"[-_.]+", "-", item.name).lower(), item.version, {})
    if item.kind == "chart":
        return _purl("helm", item.name, item.version, {})
    return _purl("generic", item.name, item.version, {"checksum": f"sha256:{item.sha256}", "download_url": item.url})


def _purl(kind: str, name: str, version: str, facts: Mapping[str, str]) -> str:
    told: List[str] = [f"{key}={quote(value, safe='/:')}" for key, value in sorted(facts.items()) if value]
    at = f"@{quote(version, safe=':')}" if version else ""
    return f"pkg:{kind}/{quote(name, safe='')}{at}{'?' if told else ''}{'&'.join(told)}"
