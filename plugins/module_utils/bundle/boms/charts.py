# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The charts section of a bill of materials: Helm charts, with the images they name."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Dict, List, Mapping, Optional, Tuple

from ..oci import Reference
from ..reader import Reader, read_reason
from . import images as image_rows
from .images import PLATFORMS, ImageItem

_CHART = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,127}")
_VERSION = re.compile(r"v?[0-9]+\.[0-9]+\.[0-9]+(?:[-+][0-9A-Za-z.+-]{1,64})?")


@dataclass(frozen=True)
class ChartItem:
    """One chart of one version, and how its images are found."""

    name: str
    repository: str
    version: str
    sha256: str = ""
    keyring: str = ""  # whose clear-signed provenance file it must have
    unverified: str = ""
    plain_http: str = ""
    values: str = "{}"  # JSON: what the deployment will set
    images: Tuple[ImageItem, ...] = ()  # images it does not tell of, or tells of with less proof
    exclude: Tuple[Reference, ...] = ()
    carry_images: bool = True
    platforms: Tuple[str, ...] = PLATFORMS
    unverified_images: str = ""

    @property
    def filename(self) -> str:
        return f"{self.name}-{self.version}.tgz"

    @property
    def oci(self) -> Optional[Reference]:
        """Where it lies when its repository is a registry."""
        if not self.repository.startswith("oci://"):
            return None
        place = f"{self.repository[len('oci://') :].rstrip('/')}/{self.name}"
        return Reference.parse(f"{place}:{self.version.replace('+', '_')}")


_REQUIRED = ("name", "repository", "version")
_PROOFS = ("sha256", "provenance", "unverified")
_IMAGES = ("values", "images", "exclude", "carry_images", "platforms", "unverified_images")


def read(reader: Reader, where: str, row: object) -> Optional[ChartItem]:
    item = reader.table(where, row, (*_REQUIRED, *_PROOFS, "plain_http", *_IMAGES), _REQUIRED)
    if item is None:
        return None
    keyring = ""
    if item.get("provenance") is not None:
        provenance = reader.table(f"{where}.provenance", item["provenance"], ("keyring",), ("keyring",)) or {}
        keyring = reader.text(f"{where}.provenance.keyring", provenance.get("keyring"))
    if all(item.get(key) is None for key in _PROOFS):
        reader.wrong(where, "give sha256 or provenance, or say in unverified.reason why neither can be had.")
    rows = [image_rows.read(reader, at, image) for at, image in reader.rows(f"{where}.images", item.get("images"))]
    chart = ChartItem(
        name=reader.text(f"{where}.name", item.get("name"), _CHART, "the name of a chart"),
        repository=_read_repository(reader, f"{where}.repository", item.get("repository")),
        version=reader.text(f"{where}.version", item.get("version"), _VERSION, "one version, such as 1.2.3"),
        sha256=reader.sha256(f"{where}.sha256", item.get("sha256")),
        keyring=keyring,
        unverified=read_reason(reader, f"{where}.unverified", item.get("unverified")),
        plain_http=read_reason(reader, f"{where}.plain_http", item.get("plain_http")),
        values=_read_values(reader, f"{where}.values", item.get("values")),
        images=tuple(image for image in rows if image is not None),
        exclude=_read_exclude(reader, f"{where}.exclude", item.get("exclude")),
        carry_images=reader.flag(where, item, "carry_images"),
        platforms=image_rows.read_platforms(reader, f"{where}.platforms", item.get("platforms")),
        unverified_images=read_reason(reader, f"{where}.unverified_images", item.get("unverified_images")),
    )
    if chart.repository.startswith("oci://") and chart.oci is None:
        reader.wrong(f"{where}.repository", f"{chart.repository!r} and {chart.name!r} make no place in a registry.")
    return chart


def _read_repository(reader: Reader, where: str, value: object) -> str:
    text = reader.text(where, value)
    return text if text.startswith("oci://") else reader.url(where, value).rstrip("/")


def _read_values(reader: Reader, where: str, value: object) -> str:
    if value is None:
        return "{}"
    if not isinstance(value, Mapping):
        reader.wrong(where, "a dictionary is expected here, as in a values file of the chart.")
        return "{}"
    try:
        return json.dumps(value, sort_keys=True)
    except (TypeError, ValueError):
        reader.wrong(where, "there is something in it that JSON does not know, such as a date; put it in quotes.")
        return "{}"


def _read_exclude(reader: Reader, where: str, value: object) -> Tuple[Reference, ...]:
    """References, with or without a tag."""
    found = []
    for at, row in reader.rows(where, value):
        text = reader.text(at, row)
        reference = Reference.short(text)
        if reference is None:
            reader.wrong(at, f"{text!r} is not the reference of an image, with or without a tag.")
        else:
            found.append(reference)
    return tuple(found)


def join(reader: Reader, charts: List[ChartItem]) -> Tuple[ChartItem, ...]:
    joined: Dict[str, ChartItem] = {}
    for item in charts:
        if joined.setdefault(item.name, item) != item:
            reader.wrong("charts", f"the chart {item.name!r} is given twice, and not in the same way.")
    return tuple(joined.values())
