# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The bill of materials: what must be carried, checked so that every mistake is named by its path."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Dict, List, Mapping, Optional, Tuple

from . import fsutil
from .errors import BundleError
from .reader import Reader, names_of

LATER = ("rpm", "oci", "plugins", "wheels", "collections")
FILE_KINDS = ("file", "mattermost_release", "plugin")
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+-]*")
_ARCHITECTURE = re.compile(r"[a-z0-9][a-z0-9-]+")


@dataclass(frozen=True)
class AptSource:
    """One apt source as a BOM may name it: signed_by are paths, fingerprints or one armoured key."""

    uri: str
    suites: Tuple[str, ...]
    components: Tuple[str, ...]
    signed_by: Tuple[str, ...]


@dataclass(frozen=True)
class AptItem:
    """Packages for one release and architecture. No sources means those of the connected machine."""

    name: str
    release: str
    architecture: str
    packages: Tuple[str, ...]
    sources: Tuple[AptSource, ...] = ()
    exclude: Tuple[str, ...] = ()
    carry_indexes: bool = True


@dataclass(frozen=True)
class Signature:
    """A detached signature, and the public key it must be from (a path or the armoured text)."""

    url: str
    keyring: str


@dataclass(frozen=True)
class FileItem:
    """One file, and by what it is known to be the right one."""

    name: str
    url: str
    destination: str
    kind: str = "file"
    version: str = ""
    sha256: str = ""
    signature: Optional[Signature] = None
    unverified: str = ""


@dataclass(frozen=True)
class Bom:
    """A checked bill of materials."""

    name: str
    description: str
    expires_days: int
    apt: Tuple[AptItem, ...] = ()
    files: Tuple[FileItem, ...] = ()

    @classmethod
    def parse(cls, document: object) -> Bom:
        """One BOM, or several whose sections are joined under the name of the first. All that is wrong is told at once."""
        documents = document if isinstance(document, (list, tuple)) and document else [document]
        reader = Reader()
        boms = [
            _read_bom(reader.of(row, number) if len(documents) > 1 else reader, row)
            for number, row in enumerate(documents)
        ]
        bom = replace(
            boms[0],
            apt=_join_apt(reader, [item for part in boms for item in part.apt]),
            files=_refuse_twice(reader, [item for part in boms for item in part.files]),
        )
        if reader.problems:
            raise BundleError("The bill of materials is not usable.\n" + "\n".join(reader.problems))
        return bom


def _read_bom(reader: Reader, document: object) -> Bom:
    keys = ("name", "description", "expires_days", "apt", "files")
    if isinstance(document, Mapping):
        for key in LATER:
            if key in document:
                reader.wrong(key, "this kind of source is not supported yet by this version.")
        document = {key: value for key, value in document.items() if key not in LATER}
    before = len(reader.problems)
    top = reader.table("", document, keys, ("name",)) or {}
    days = top.get("expires_days", 90)
    if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= 3650:
        reader.wrong("expires_days", f"a number of days from 1 to 3650 is expected, not {days!r}.")
    name = reader.text(
        "name", top.get("name"), NAME, "a name of lower-case letters, digits, dots, dashes and underscores"
    )
    apt = [_read_apt(reader, at, row) for at, row in reader.rows("apt", top.get("apt"))]
    files = [_read_file(reader, at, row) for at, row in reader.rows("files", top.get("files"))]
    if not apt and not files and len(reader.problems) == before:
        reader.wrong("BOM", "it names nothing to carry; give apt or files.")
    return Bom(
        name=name,
        description=reader.text("description", top.get("description")),
        expires_days=days,
        apt=tuple(item for item in apt if item is not None),
        files=tuple(item for item in files if item is not None),
    )


def _read_apt(reader: Reader, where: str, row: object) -> Optional[AptItem]:
    keys = ("name", "release", "architecture", "packages", "sources", "exclude", "carry_indexes")
    item = reader.table(where, row, keys, ("name", "release", "architecture", "packages"))
    if item is None:
        return None
    name, packages = "a Debian package name", item.get("packages")
    if isinstance(packages, (list, tuple)) and not packages:
        reader.wrong(f"{where}.packages", "name at least one package.")
    carry = item.get("carry_indexes", True)
    if not isinstance(carry, bool):
        reader.wrong(f"{where}.carry_indexes", f"true or false is expected, not {carry!r}.")
    return AptItem(
        name=reader.text(
            f"{where}.name", item.get("name"), NAME, "a name of lower-case letters, digits, dots and dashes"
        ),
        release=reader.text(
            f"{where}.release", item.get("release"), NAME, "the codename of a release, such as bookworm"
        ),
        architecture=reader.text(
            f"{where}.architecture", item.get("architecture"), _ARCHITECTURE, "a Debian architecture, such as amd64"
        ),
        packages=reader.texts(f"{where}.packages", packages, PACKAGE, name),
        sources=_read_sources(reader, f"{where}.sources", item.get("sources", "host")),
        exclude=reader.texts(f"{where}.exclude", item.get("exclude"), PACKAGE, name),
        carry_indexes=bool(carry),
    )


def _read_sources(reader: Reader, where: str, value: object) -> Tuple[AptSource, ...]:
    if value == "host":
        return ()
    if not isinstance(value, (list, tuple)) or not value:
        reader.wrong(where, "either the word host or a list of sources is expected here.")
        return ()
    sources = []
    for at, row in reader.rows(where, value):
        item = reader.table(
            at, row, ("uri", "suites", "components", "signed_by"), ("uri", "suites", "components", "signed_by")
        )
        if item is not None:
            signed_by = item.get("signed_by")
            rows = signed_by if isinstance(signed_by, (list, tuple)) else [signed_by]
            keys = [reader.text(f"{at}.signed_by", entry) for entry in rows]
            sources.append(
                AptSource(
                    uri=reader.url(f"{at}.uri", item.get("uri")).rstrip("/"),
                    suites=reader.texts(f"{at}.suites", item.get("suites"), _WORD, "the name of a suite"),
                    components=reader.texts(
                        f"{at}.components", item.get("components"), _WORD, "the name of a component"
                    ),
                    signed_by=tuple(keys),
                )
            )
    return tuple(sources)


def _read_file(reader: Reader, where: str, row: object) -> Optional[FileItem]:
    keys = ("name", "url", "destination", "kind", "version", "sha256", "signature", "unverified")
    item = reader.table(where, row, keys, ("name", "url", "destination"))
    if item is None:
        return None
    destination = item.get("destination")
    if destination is not None and not fsutil.is_safe_relative(destination):
        reader.wrong(
            f"{where}.destination", f"{destination!r} is not a plain relative path such as mattermost/server.tar.gz."
        )
    kind = item.get("kind", "file")
    if kind not in FILE_KINDS:
        reader.wrong(f"{where}.kind", f"{kind!r} is none of {names_of(FILE_KINDS)}.")
    signature = _read_signature(reader, f"{where}.signature", item.get("signature"))
    reason = _read_reason(reader, f"{where}.unverified", item.get("unverified"))
    if not any(item.get(key) for key in ("sha256", "signature", "unverified")):
        reader.wrong(where, "give sha256 or signature, or say in unverified.reason why neither can be had.")
    digest = reader.text(f"{where}.sha256", item.get("sha256"))
    if digest and not fsutil.is_sha256(digest):
        reader.wrong(f"{where}.sha256", f"{digest!r} is not a sha256 of 64 lower-case hexadecimal digits.")
    return FileItem(
        name=reader.text(
            f"{where}.name", item.get("name"), NAME, "a name of lower-case letters, digits, dots and dashes"
        ),
        url=reader.url(f"{where}.url", item.get("url")),
        destination=str(destination),
        kind=str(kind),
        version=reader.text(f"{where}.version", item.get("version")),
        sha256=digest,
        signature=signature,
        unverified=reason,
    )


def _read_signature(reader: Reader, where: str, value: object) -> Optional[Signature]:
    if value is None:
        return None
    item = reader.table(where, value, ("url", "keyring"), ("url", "keyring"))
    if item is None:
        return None
    return Signature(reader.url(f"{where}.url", item.get("url")), reader.text(f"{where}.keyring", item.get("keyring")))


def _read_reason(reader: Reader, where: str, value: object) -> str:
    if value is None:
        return ""
    item = reader.table(where, value, ("reason",), ("reason",)) or {}
    reason = reader.text(f"{where}.reason", item.get("reason"))
    if item.get("reason") == "":
        reader.wrong(f"{where}.reason", "say why, in words.")
    return reason


def _join_apt(reader: Reader, items: List[AptItem]) -> Tuple[AptItem, ...]:
    """Items of the same name, from several BOMs, become one, if they mean the same repository."""
    joined: Dict[str, AptItem] = {}
    for item in items:
        other = joined.get(item.name, item)
        if (other.release, other.architecture, other.sources) != (item.release, item.architecture, item.sources):
            reader.wrong("apt", f"the name {item.name!r} stands for different releases, architectures or sources.")
        joined[item.name] = replace(
            item,
            packages=_union(other.packages, item.packages),
            exclude=_union(other.exclude, item.exclude),
            carry_indexes=other.carry_indexes or item.carry_indexes,
        )
    return tuple(joined.values())


def _refuse_twice(reader: Reader, files: List[FileItem]) -> Tuple[FileItem, ...]:
    for key in ("name", "destination"):
        values = [str(getattr(item, key)) for item in files]
        for value in sorted({value for value in values if values.count(value) > 1}):
            reader.wrong("files", f"the {key} {value!r} is given to more than one file.")
    return tuple(files)


def _union(first: Tuple[str, ...], second: Tuple[str, ...]) -> Tuple[str, ...]:
    return first + tuple(value for value in second if value not in first)
