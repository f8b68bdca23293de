# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The apt section of a bill of materials."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Dict, List, Optional, Tuple

from ..names import ARCHITECTURE, NAME, NAME_TOLD, PACKAGE, union
from ..reader import Reader

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+-]*")
_SUITE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+-]*|\.?/")
_PINNED = re.compile(r"[a-z0-9*?][a-z0-9+.*?-]*")
_PIN = re.compile(r"(?:release [^/\s].*|version [^/\s]\S*|origin \S+)")
_INSTALLED = re.compile(r"/.+|[a-z0-9][a-z0-9+.-]+(?::[a-z0-9-]+)?\s+[A-Za-z0-9.+~:-]+(?:\s+[a-z0-9-]+)?")
_REQUIRED = ("name", "release", "architecture", "packages")
_SWITCHES = {"carry_indexes": True, "recommends": False, "source_packages": False}
_KEYS = (*_REQUIRED, "sources", "exclude", "pins", "installed", *_SWITCHES)


@dataclass(frozen=True)
class AptSource:
    """One apt source as a BOM may name it: signed_by are paths, fingerprints or one armoured key."""

    uri: str
    suites: Tuple[str, ...]
    components: Tuple[str, ...]
    signed_by: Tuple[str, ...]


@dataclass(frozen=True)
class Pin:
    """A preference in apt's own words: of which packages which versions, and how much they are wanted."""

    package: str
    pin: str
    priority: int


@dataclass(frozen=True)
class AptItem:
    """Packages for one release and architecture."""

    name: str
    release: str
    architecture: str
    packages: Tuple[str, ...]
    host: bool = True  # the sources of the connected machine count
    sources: Tuple[AptSource, ...] = ()
    exclude: Tuple[str, ...] = ()
    carry_indexes: bool = True
    recommends: bool = False
    source_packages: bool = False
    pins: Tuple[Pin, ...] = ()
    installed: Tuple[str, ...] = ()


def read(reader: Reader, where: str, row: object) -> Optional[AptItem]:
    item = reader.table(where, row, _KEYS, _REQUIRED)
    if item is None:
        return None
    told, packages = "a Debian package name", item.get("packages")
    if isinstance(packages, (list, tuple)) and not packages:
        reader.wrong(f"{where}.packages", "name at least one package.")
    switches = {name: reader.flag(where, item, name, default) for name, default in _SWITCHES.items()}
    release, architecture = f"{where}.release", f"{where}.architecture"
    host, sources = _read_sources(reader, f"{where}.sources", item.get("sources", "host"))
    return AptItem(
        name=reader.text(f"{where}.name", item.get("name"), NAME, NAME_TOLD),
        release=reader.text(release, item.get("release"), NAME, "the codename of a release, such as bookworm"),
        architecture=reader.text(
            architecture, item.get("architecture"), ARCHITECTURE, "a Debian architecture, such as amd64"
        ),
        packages=reader.texts(f"{where}.packages", packages, PACKAGE, told),
        host=host,
        sources=sources,
        exclude=reader.texts(f"{where}.exclude", item.get("exclude"), PACKAGE, told),
        pins=_read_pins(reader, f"{where}.pins", item.get("pins")),
        installed=reader.texts(
            f"{where}.installed", item.get("installed"), _INSTALLED, "an absolute path, or a package and its version"
        ),
        **switches,
    )


def _read_sources(reader: Reader, where: str, value: object) -> Tuple[bool, Tuple[AptSource, ...]]:
    if value == "host":
        return True, ()
    if not isinstance(value, (list, tuple)) or not value:
        reader.wrong(where, "either the word host or a list of sources is expected here.")
        return False, ()
    found = [_read_source(reader, at, row) for at, row in reader.rows(where, value) if row != "host"]
    return "host" in value, tuple(source for source in found if source is not None)


def _read_source(reader: Reader, where: str, row: object) -> Optional[AptSource]:
    item = reader.table(where, row, ("uri", "suites", "components", "signed_by"), ("uri", "suites", "signed_by"))
    if item is None:
        return None
    signed_by = item.get("signed_by")
    keys = signed_by if isinstance(signed_by, (list, tuple)) else [signed_by]
    suites = reader.texts(f"{where}.suites", item.get("suites"), _SUITE, "the name of a suite")
    components = reader.texts(f"{where}.components", item.get("components"), _WORD, "the name of a component")
    flat = [suite for suite in suites if suite.endswith("/")]
    if suites and not flat and not components:
        reader.wrong(f"{where}.components", "is required.")
    if flat and (components or len(flat) < len(suites)):
        reader.wrong(where, f"{flat[0]!r} ends with a slash: such a source has no components and no other suites.")
    return AptSource(
        uri=reader.url(f"{where}.uri", item.get("uri")).rstrip("/"),
        suites=suites,
        components=components,
        signed_by=tuple(reader.text(f"{where}.signed_by", entry) for entry in keys),
    )


def _read_pins(reader: Reader, where: str, value: object) -> Tuple[Pin, ...]:
    pins = []
    for at, row in reader.rows(where, value):
        item = reader.table(at, row, ("package", "pin", "priority"), ("package", "pin", "priority")) or {}
        package = reader.text(
            f"{at}.package", item.get("package"), _PINNED, "a package name, or a pattern with * and ?"
        )
        told = "a pin such as 'release n=bookworm-backports', 'version 1.2*' or 'origin deb.example.com'"
        pin = reader.text(f"{at}.pin", item.get("pin"), _PIN, told)
        priority = item.get("priority")
        if isinstance(priority, bool) or not isinstance(priority, int) or not 0 < abs(priority) < 32768:
            priority = 0
            if "priority" in item:
                reader.wrong(f"{at}.priority", "a number from -32767 to 32767 is expected, but not 0.")
        if package == "*" and pin.startswith("version"):
            reader.wrong(at, "a version is pinned for named packages, not for all.")
        pins.append(Pin(package, pin, priority))
    return tuple(pins)


def join(reader: Reader, items: List[AptItem]) -> Tuple[AptItem, ...]:
    """Items of the same name, from several BOMs, become one, if they mean the same repository."""
    joined: Dict[str, AptItem] = {}
    for item in items:
        other = joined.get(item.name, item)
        if (other.release, other.architecture) != (item.release, item.architecture):
            ending = item.release if other.architecture == item.architecture else item.architecture
            reader.wrong(
                "apt",
                f"the name {item.name!r} stands for {other.release} {other.architecture} and for {item.release} "
                f"{item.architecture}. A repository has one release and one architecture: give each a name of its own, "
                f"such as {item.name}-{ending}.",
            )
        if other.host != item.host:
            reader.wrong("apt", f"the name {item.name!r} stands for different sources, those of the host and others.")
        told: Dict[str, Any] = {name: getattr(other, name) or getattr(item, name) for name in _SWITCHES}
        for name in ("packages", "sources", "exclude", "pins", "installed"):
            told[name] = union(getattr(other, name), getattr(item, name))
        joined[item.name] = replace(item, **told)
    return tuple(joined.values())
