# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a chart, an index or a challenge holds: it is read, or refused in words."""

from __future__ import annotations

import contextlib
import gzip
import json
from typing import Any, Dict

from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.access import _bearer
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.oci import REFERENCE, Reference
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources.chart_archive import read_chart
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources.chart_images import find_images
from ansible_collections.fieldops.mattermost.tests.unit.charts import archive, chart
from hypothesis import given, settings
from hypothesis import strategies as some

WORDS = [
    "image",
    "repository",
    "registry",
    "tag",
    "digest",
    "imageTag",
    "global",
    "imageRegistry",
    "sub",
    "dependencies",
]
WORDS += ["condition", "tags", "alias", "name", "annotations", "artifacthub.io/images", "appVersion", "values"]
TEXTS = ["a/b", "a/b:1", "quay.io/a/b", "latest", "sha256:" + "a" * 64, "{{ x }}", "sub.enabled", "- {image: a}", ""]
VALUES = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.sampled_from(TEXTS) | some.text(max_size=5),
    lambda below: some.lists(below, max_size=4) | some.dictionaries(some.sampled_from(WORDS), below, max_size=5),
    max_leaves=25,
)
MAPPINGS = some.dictionaries(some.sampled_from(WORDS), VALUES, max_size=6)
LINES = some.lists(
    some.sampled_from(
        [
            "image: a/b:1",
            "- image: {{ .Values.image }}",
            "image: {{ .Values.image.repository }}:{{ .Values.tag }}",
            'image: {{ include "x" . }}',
            "{{ $x := .Values.sub }}",
            "image: {{ $x.image }}",
            '{{ define "x" }}{{ include "x" . }}{{ .Values.global }}{{ end }}',
            "image: {{",
            "image: '",
        ]
    ),
    max_size=8,
)


@settings(max_examples=300, deadline=None)
@given(MAPPINGS, MAPPINGS, MAPPINGS, LINES)
def test_any_chart(metadata: Dict[str, Any], values: Dict[str, Any], over: Dict[str, Any], lines: Any) -> None:
    files = {
        "chat/Chart.yaml": json.dumps({**metadata, "version": "1.0.0"}),
        "chat/values.yaml": json.dumps(values),
        "chat/templates/x.yaml": "\n".join(lines),
        "chat/charts/sub/Chart.yaml": json.dumps({"name": "sub", **metadata}),
        "chat/charts/sub/values.yaml": json.dumps(over),
        "chat/charts/sub/templates/y.tpl": "\n".join(reversed(lines)),
    }
    with contextlib.suppress(BundleError):
        found = find_images(read_chart(archive(files), "The chart"), over)
        for reference in found.images.values():
            assert REFERENCE.fullmatch(reference.name) and (reference.tag or reference.digest)


@settings(max_examples=200, deadline=None)
@given(some.integers(min_value=0), some.integers(min_value=1, max_value=255), some.binary(max_size=40))
def test_damaged_archives(place: int, flip: int, more: bytes) -> None:
    data = bytearray(chart(files={"values.yaml": "image: a/b:1\n"}))
    data[place % len(data)] ^= flip
    for damaged in (bytes(data), bytes(data[: place % len(data)]), bytes(data) + more, gzip.compress(more)):
        with contextlib.suppress(BundleError):
            find_images(read_chart(damaged, "The chart"), {})


@settings(max_examples=300, deadline=None)
@given(some.text(alphabet="ab./:@-_%ABZ019 \n{}", max_size=40))
def test_any_reference(text: str) -> None:
    for reference in (Reference.parse(text), Reference.short(text)):
        if reference is not None:
            again = Reference.parse(f"{reference.place}{':' + reference.tag if reference.tag else ''}")
            assert again is not None and again.place == reference.place
            assert ".." not in reference.repository.split("/") and "//" not in reference.place


@settings(max_examples=300, deadline=None)
@given(some.text(alphabet='Bearer realm="\\,= x1', max_size=60))
def test_any_challenge(text: str) -> None:
    for challenge in (text, f"Bearer {text}"):
        found = _bearer([challenge])
        assert found is None or all(isinstance(value, str) for value in found.values())
