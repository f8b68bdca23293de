# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests and indexes that are not what they should be."""

from __future__ import annotations

import contextlib
import json
from typing import Any, Dict, List

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.oci import Document, make_index
from ansible_collections.fieldops.mattermost.tests.unit.registries import (
    DOCKER_CONFIG,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    Image,
    descriptor,
    index,
)
from hypothesis import given, settings
from hypothesis import strategies as some

LAYER = descriptor(b"layer", OCI_LAYER)
CONFIG = descriptor(b"{}", OCI_CONFIG)
GOOD: Dict[str, Any] = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": CONFIG, "layers": [LAYER]}


@pytest.mark.parametrize(
    "change, told",
    [
        ({"schemaVersion": 1}, "is a manifest of Docker's schema 1"),
        ({"fsLayers": []}, "is a manifest of Docker's schema 1"),
        ({"manifests": []}, "is neither an image manifest nor an index"),
        ({"layers": None}, "is neither an image manifest nor an index"),
        ({"layers": None, "manifests": []}, "is neither an image manifest nor an index"),
        ({"mediaType": OCI_INDEX}, "has the form of another"),
        ({"mediaType": ["x"]}, "has the form of another"),
        ({"config": None}, "not described by an object"),
        ({"layers": ["x"]}, "not described by an object"),
        ({"layers": [{**LAYER, "digest": "sha512:" + "a" * 128}]}, "which is no sha256 digest"),
        ({"layers": [{**LAYER, "digest": "sha256:../../etc/passwd"}]}, "which is no sha256 digest"),
        ({"layers": [{**LAYER, "digest": 5}]}, "which is no sha256 digest"),
        ({"layers": [{**LAYER, "size": -1}]}, "which cannot be"),
        ({"layers": [{**LAYER, "size": True}]}, "which cannot be"),
        ({"layers": [{**LAYER, "size": "5"}]}, "which cannot be"),
        ({"layers": [{**LAYER, "size": 1 << 50}]}, "which cannot be"),
        ({"layers": [{**LAYER, "urls": ["https://example.com"]}]}, "its registry may not give away"),
        ({"layers": [{**LAYER, "mediaType": None}]}, "its registry may not give away"),
        (
            {"layers": [{**LAYER, "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"}]},
            "its registry may not give away",
        ),
        ({"layers": [LAYER, {**LAYER, "size": 1}]}, "gives two sizes for"),
        ({"subject": "x"}, "not described by an object"),
    ],
)
def test_manifests_that_are_not(change: Dict[str, Any], told: str) -> None:
    document = {key: value for key, value in {**GOOD, **change}.items() if value is not None or key == "config"}
    with pytest.raises(BundleError, match=r"^The manifest ") as caught:
        Document.parse(json.dumps(document).encode(), "The manifest")
    assert told in str(caught.value)


def test_manifests_that_do_not_say_their_type() -> None:
    for config, kind in ((CONFIG, OCI_MANIFEST), (descriptor(b"{}", DOCKER_CONFIG), DOCKER_MANIFEST)):
        document = {key: value for key, value in GOOD.items() if key != "mediaType"}
        assert Document.parse(json.dumps({**document, "config": config}).encode(), "x").media_type == kind
    assert Document.parse(b'{"schemaVersion": 2, "manifests": []}', "x").media_type == OCI_INDEX


def test_an_index_of_our_own() -> None:
    rows: List[Dict[str, Any]] = [
        Image(b"x", platform="linux/arm/v7").describe(),
        {**descriptor(b"y", OCI_MANIFEST), "annotations": {"a": "b", "odd": 1}, "artifactType": "application/sbom"},
    ]
    document = Document.parse(index(*rows), "x")
    data = make_index(document.children)
    assert Document.parse(data, "x").children == document.children
    assert make_index(Document.parse(data, "x").children) == data
    assert document.children[1].note("a") == "b" and document.children[1].artifact_type == "application/sbom"


JSON = some.recursive(
    some.none()
    | some.booleans()
    | some.integers()
    | some.text(max_size=8)
    | some.just(OCI_MANIFEST)
    | some.just(LAYER),
    lambda below: (
        some.lists(below, max_size=3) | some.dictionaries(some.sampled_from([*GOOD, "manifests", "subject"]), below)
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(some.dictionaries(some.sampled_from([*GOOD, "manifests", "subject", "annotations", "fsLayers"]), JSON))
def test_nothing_but_a_sentence_comes_out(change: Dict[str, Any]) -> None:
    """Whatever a registry sends is read, or refused in words."""
    with contextlib.suppress(BundleError):
        document = Document.parse(json.dumps({**GOOD, **change}).encode(), "The manifest")
        assert all(part.digest.startswith("sha256:") for part in (*document.blobs, *document.children))


@settings(max_examples=100, deadline=None)
@given(some.binary(max_size=200))
def test_bytes_are_refused_in_words(data: bytes) -> None:
    with pytest.raises(BundleError):
        Document.parse(data, "The manifest")
