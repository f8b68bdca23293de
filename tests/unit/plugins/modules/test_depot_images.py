# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""depot_images as Ansible runs it, against a real registry."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Callable, Dict, Iterator

import pytest
from ansible_collections.fieldops.mattermost.tests.unit.registries import (
    PASSWORD,
    Authority,
    DockerRegistry,
    Image,
    digest_of,
)

Run = Callable[..., Dict[str, Any]]
pytestmark = pytest.mark.skipif(not shutil.which("docker-registry"), reason="docker-registry is not installed")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[DockerRegistry]:
    server = DockerRegistry(tmp_path / "registry", Authority(tmp_path / "ca"))
    yield server
    server.stop()


@pytest.fixture
def image(tmp_path: Path) -> Image:
    """An image on a depot."""
    image = Image(b"a layer", b"another")
    blobs = tmp_path / "depot/current/images/blobs/sha256"
    blobs.mkdir(parents=True)
    for data in (image.data, *image.blobs):
        (blobs / digest_of(data)[7:]).write_bytes(data)
    row = {"name": "docker.io/team/one:1.0", "digest": image.digest}
    (tmp_path / "depot/current/manifest.json").write_text(json.dumps({"images": [row]}))
    return image


def test_a_registry_is_filled(tmp_path: Path, registry: DockerRegistry, image: Image, run_module: Run) -> None:
    given = {"registry": registry.url, "path": str(tmp_path / "depot"), "credentials": registry.credentials}
    would = run_module("depot_images", check=True, **given)
    assert would["changed"] and registry.tags("team/one") == []
    result = run_module("depot_images", **given)
    assert result["images"] == [
        {
            "name": "docker.io/team/one:1.0",
            "target": f"{registry.host}/team/one:1.0",
            "digest": image.digest,
            "pushed": True,
        }
    ]
    assert (result["changed"], result["blobs_pushed"]) == (True, 3)
    assert result["bytes_pushed"] == would["bytes_pushed"] == sum(len(blob) for blob in image.blobs)
    assert result["diff"]["after"] == would["diff"]["after"] == f"{registry.host}/team/one:1.0 {image.digest}\n"
    assert registry.manifest("team/one", "1.0") == (200, image.digest, image.data)
    again = run_module("depot_images", **given)
    assert (again["changed"], again["blobs_pushed"], again["diff"]["after"]) == (False, 0, "")
    assert PASSWORD not in result["text"].split('"invocation"')[0]


def test_failures_are_messages_without_secrets(
    tmp_path: Path, registry: DockerRegistry, image: Image, run_module: Run
) -> None:
    given = {"registry": registry.url, "path": str(tmp_path / "depot")}
    wrong = [{**registry.credentials[0], "password": "wr0ng-one"}]
    result = run_module("depot_images", **given, credentials=wrong)
    assert f"the server refuses what credentials give for {registry.url} (HTTP 401)" in result["msg"]
    assert "wr0ng-one" not in result["text"]
    result = run_module("depot_images", **{**given, "path": str(tmp_path / "none")})
    assert result["msg"].startswith("Cannot read ")
    result = run_module("depot_images", **given, credentials=[{"url": registry.url}])
    assert result["msg"].startswith("credentials[0]: give username and password, token, or ca_certificates")
