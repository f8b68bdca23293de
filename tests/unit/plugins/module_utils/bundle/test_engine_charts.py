# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Helm charts from a repository and from a registry, with the images they name, to a depot that helm can use."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.access import Keychain
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.depot_tree import Held, Tree
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.fetch import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.lock import Evidence, Lock
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.publish import charts
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.store import Store
from ansible_collections.fieldops.mattermost.tests.unit.charts import ChartRepository, chart
from ansible_collections.fieldops.mattermost.tests.unit.registries import (
    OCI_MANIFEST,
    Authority,
    DockerRegistry,
    Image,
    descriptor,
    digest_of,
)
from ansible_collections.fieldops.mattermost.tests.unit.token_registry import TokenRegistry
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side

needs_registry = pytest.mark.skipif(not shutil.which("docker-registry"), reason="docker-registry is not installed")
CHART = chart()
CONFIG = "application/vnd.cncf.helm.config.v1+json"
LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
PROVENANCE = "application/vnd.cncf.helm.chart.provenance.v1.prov"


@pytest.fixture
def repository(side: Side) -> ChartRepository:
    side.bom = {"name": "site", "charts": []}
    return ChartRepository(side.upstream.root, side.keys["archive"])


@pytest.fixture
def row(side: Side, repository: ChartRepository) -> Dict[str, Any]:
    """A row of the BOM for a chart without images."""
    sha256 = repository.add(CHART)
    row = {"name": "chat", "repository": f"{side.web.url}/charts", "version": "1.2.3", "sha256": sha256}
    side.bom["charts"].append(row)
    return row


@pytest.fixture
def registry(tmp_path: Path, side: Side) -> Iterator[DockerRegistry]:
    server = DockerRegistry(tmp_path / "registry", Authority(tmp_path / "ca"))
    side.client = Client(attempts=1, keychain=Keychain.given(server.credentials))
    yield server
    server.stop()


def kinds(lock: Lock) -> Dict[str, List[str]]:
    found: Dict[str, List[str]] = {}
    for item in lock.items:
        found.setdefault(item.kind, []).append(item.name)
    return found


def test_a_chart(side: Side, row: Dict[str, Any]) -> None:
    result = side.lock()
    (item,) = result.lock.items
    assert (item.kind, item.name, item.version, item.destination) == ("chart", "chat", "1.2.3", "chat-1.2.3.tgz")
    assert (item.sha256, item.size, item.proof) == (row["sha256"], len(CHART), "sha256 in the BOM")
    assert item.url == f"{side.web.url}/charts/chat-1.2.3.tgz"
    side.web.requests.clear()
    assert not side.lock().changed
    assert side.web.paths() == ["/charts/index.yaml"]
    side.pack(), side.publish()
    top = side.top / "depot/current"
    assert (top / "charts/chat-1.2.3.tgz").read_bytes() == CHART
    index = json.loads((top / "charts/index.yaml").read_text())
    (entry,) = index["entries"]["chat"]
    assert (entry["urls"], entry["digest"], entry["appVersion"]) == (["chat-1.2.3.tgz"], row["sha256"], "9.9.9")
    assert entry["created"] == index["generated"] == result.lock.created
    assert (top / "charts/index.yaml.asc").exists()
    (told,) = json.loads((top / "manifest.json").read_text())["charts"]
    assert {key: value for key, value in told.items() if key != "since"} == {
        "name": "chat",
        "version": "1.2.3",
        "path": "charts/chat-1.2.3.tgz",
        "sha256": row["sha256"],
        "size": len(CHART),
    }


def test_two_bundles_with_charts(side: Side, row: Dict[str, Any], repository: ChartRepository) -> None:
    side.lock(), side.pack(), side.publish()
    side.bom["name"] = "other"
    side.lock_path = str(side.top / "work/other.lock.json")
    row["sha256"] = repository.add(chart(description="another"), version="1.2.3")
    repository.entries["chat"].pop(0)
    repository.write()
    side.lock(), side.pack()
    with pytest.raises(BundleError, match=r"Two bundles bring different charts as charts/chat-1.2.3.tgz"):
        side.publish(Path(side.output) / "other/volume-001")
    row.update(version="1.3.0", sha256=repository.add(chart(version="1.3.0"), version="1.3.0"))
    side.lock(now=side.now + 60), side.pack()
    side.publish(Path(side.output) / "other/volume-001")
    index = json.loads((side.top / "depot/current/charts/index.yaml").read_text())
    assert [entry["version"] for entry in index["entries"]["chat"]] == ["1.2.3", "1.3.0"]


def test_provenance(side: Side, row: Dict[str, Any], repository: ChartRepository) -> None:
    del row["sha256"]
    key = side.top / "key.asc"
    key.write_bytes(side.keys["archive"].public_key())
    row["provenance"] = {"keyring": str(key)}
    with pytest.raises(BundleError, match=r"chart chat: its repository has no provenance file for chat-1.2.3.tgz"):
        side.lock()
    repository.sign("chat-1.2.3.tgz", "0" * 64)
    with pytest.raises(BundleError, match=r"chart chat: its signed provenance is of another archive"):
        side.lock()
    repository.sign("other-1.2.3.tgz", digest_of(CHART)[7:])
    with pytest.raises(BundleError, match=r"chart chat: its signed provenance is of another archive"):
        side.lock()
    repository.sign("chat-1.2.3.tgz", digest_of(CHART)[7:])
    result = side.lock()
    assert [item.destination for item in result.lock.items] == ["chat-1.2.3.tgz", "chat-1.2.3.tgz.prov"]
    assert result.lock.items[0].proof.endswith(f" by {side.keys['archive'].fingerprint}")
    assert result.lock.items[1].why == "chat"
    side.pack(), side.publish()
    assert (side.top / "depot/current/charts/chat-1.2.3.tgz.prov").exists()
    key.write_bytes(side.keys["stranger"].public_key())
    side.bom["description"] = "asked anew"
    with pytest.raises(BundleError, match=r"The signature of the provenance of chart chat is not good"):
        side.lock()


def test_unverified(side: Side, repository: ChartRepository) -> None:
    repository.add(CHART, digest=False)
    row = {"name": "chat", "repository": f"{side.web.url}/charts", "version": "1.2.3"}
    side.bom["charts"].append({**row, "unverified": {"reason": "it is a lab"}})
    result = side.lock()
    assert result.warnings == ["chart chat has neither checked provenance nor pinned sha256. Reason given: it is a lab"]
    assert result.lock.items[0].proof == f"unverified: it is a lab (listed by {side.web.url}/charts/index.yaml)"
    side.web.requests.clear()
    assert not side.lock().changed
    assert side.web.paths() == ["/charts/index.yaml", "/charts/chat-1.2.3.tgz"]  # both conditionally
    (repository.root / "chat-1.2.3.tgz").write_bytes(chart(description="another"))
    assert side.lock().changed


@pytest.mark.parametrize(
    "change, told",
    [
        ({"sha256": "0" * 64}, r"lists chat-1.2.3.tgz with sha256 [0-9a-f]{64}, and not the one in the BOM"),
        ({"version": "9.0.0"}, r"index.yaml has no chat 9.0.0; of this chart it has 1.2.3"),
        ({"name": "other"}, r"index.yaml has no other 1.2.3; of this chart it has none"),
        ({"repository": "/nowhere"}, r"No such file"),
    ],
)
def test_what_the_repository_does_not_have(side: Side, row: Dict[str, Any], change: Dict[str, str], told: str) -> None:
    row.update(change)
    with pytest.raises(BundleError, match=rf"chart (chat|other): .*{told}"):
        side.lock()


def test_repositories_that_do_not_hold_what_they_list(
    side: Side, row: Dict[str, Any], repository: ChartRepository
) -> None:
    del row["sha256"]
    row["unverified"] = {"reason": "x"}
    (repository.root / "chat-1.2.3.tgz").write_bytes(b"another")
    with pytest.raises(BundleError, match=r"has sha256 [0-9a-f]{64}, but its repository lists [0-9a-f]{64}; try again"):
        side.lock()
    repository.entries["chat"][0].update(digest="", urls=["chat-1.2.3.tgz"])
    repository.write()
    row["sha256"] = "0" * 64
    with pytest.raises(BundleError, match=r"and not the one in the BOM. If its publisher replaced it, find out why"):
        side.lock()
    for urls in ([], "x", [1]):
        repository.entries["chat"][0]["urls"] = urls
        repository.write()
        with pytest.raises(BundleError, match=r"index.yaml gives no address of chat-1.2.3.tgz"):
            side.lock()
    repository.entries["chat"][0]["urls"] = ["ftp://example.com/x"]
    repository.write()
    with pytest.raises(BundleError, match=r"'ftp://example.com/x' is neither an http"):
        side.lock()
    (repository.root / "index.yaml").write_text("- odd\n")
    with pytest.raises(BundleError, match=r"index.yaml has no chat 1.2.3; of this chart it has none"):
        side.lock()
    (repository.root / "index.yaml").write_text("entries: {chat: odd, odd")
    with pytest.raises(BundleError, match=r"index.yaml is not readable YAML"):
        side.lock()


def test_an_index_that_would_be_gigabytes_of_text(side: Side, row: Dict[str, Any], repository: ChartRepository) -> None:
    nested = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12))
    bomb = f"a0: &a0 [x]\n{nested}\nentries: {{chat: [{{version: *a11}}, {{version: 1.2.3, digest: *a11, urls: [x.tgz]}}]}}"
    (repository.root / "index.yaml").write_text(bomb)
    row["version"] = "9.0.0"
    with pytest.raises(BundleError, match=r"has no chat 9.0.0; of this chart it has 1.2.3"):
        side.lock()
    row["version"] = "1.2.3"
    with pytest.raises(BundleError, match=r"Cannot fetch .*/x.tgz: the server answered HTTP 404"):
        side.lock()


def test_another_chart_under_the_name(side: Side, row: Dict[str, Any], repository: ChartRepository) -> None:
    row["sha256"] = repository.add(chart("other"))
    repository.entries["chat"].pop(0)
    repository.write()
    with pytest.raises(BundleError, match=r"chat-1.2.3.tgz is the chart other 1.2.3, not chat 1.2.3\."):
        side.lock()


@needs_registry
def test_the_images_of_a_chart(
    side: Side, row: Dict[str, Any], repository: ChartRepository, registry: DockerRegistry
) -> None:
    one, two, extra = Image(b"one"), Image(b"two"), Image(b"extra")
    for name, image in (("team/one", one), ("team/two", two), ("team/extra", extra)):
        registry.seed(name, "1.0", image)
    values = {
        "image": {"registry": registry.host, "repository": "team/one", "tag": "1.0"},
        "sidecar": {"image": f"{registry.host}/team/two:0.9"},
        "mysql": {"image": "mysql:8.0"},
        "newest": {"image": f"{registry.host}/team/extra:latest"},
    }
    template = "image: {{ .Values.unknown }}\n"
    data = chart(files={"values.yaml": json.dumps(values), "templates/x.yaml": template})
    repository.entries.clear()
    row["sha256"] = repository.add(data)
    with pytest.raises(BundleError) as caught:
        side.lock()
    assert str(caught.value).startswith("Charts name images by nothing but a tag: ")
    assert "docker.io/library/mysql:8.0" in str(caught.value) and f"{registry.host}/team/extra:latest" in str(
        caught.value
    )
    row.update(
        values={"sidecar": {"image": f"{registry.host}/team/two:1.0"}},
        exclude=["docker.io/library/mysql"],
        unverified_images={"reason": "the vendor signs none"},
        images=[{"name": f"{registry.host}/team/extra:latest", "digest": extra.digest}],
    )
    result = side.lock()
    found = {item.name.split("/", 1)[1]: item for item in result.lock.items if item.kind == "image"}
    assert {name: item.sha256 for name, item in found.items()} == {
        "team/one:1.0": one.digest[7:],
        "team/two:1.0": two.digest[7:],
        "team/extra:latest": extra.digest[7:],
    }
    assert (found["team/one:1.0"].why, found["team/extra:latest"].why) == ("chat", "")
    assert found["team/extra:latest"].proof == "digest in the BOM"
    assert any("templates/x.yaml line 1 names an image that cannot be told" in warning for warning in result.warnings)
    side.pack(), side.publish()
    assert not side.lock().changed
    row["images"][0]["name"] = f"{registry.host}/team/extra:1.0"
    row["exclude"] += [f"{registry.host}/team/extra:latest", f"{registry.host}/team/two:9"]
    row["values"]["image"] = {"tag": "7.0"}
    with pytest.raises(BundleError, match=r"its registry has no tag 7.0. If chat makes another name of it, exclude it"):
        side.lock()
    row["carry_images"] = False
    assert kinds(side.lock().lock) == {"chart": ["chat"]}


def push_chart(registry: DockerRegistry, data: bytes, *, provenance: bytes = b"", layer: str = LAYER) -> None:
    config = b"{}"
    parts = [(data, layer), *([(provenance, PROVENANCE)] if provenance else [])]
    for blob in (config, data, provenance):
        registry.seed_blob("charts/chat", blob)
    manifest = {
        "schemaVersion": 2,
        "config": descriptor(config, CONFIG),
        "layers": [descriptor(blob, kind) for blob, kind in parts],
    }
    registry.seed_manifest("charts/chat", "1.2.3", json.dumps(manifest).encode(), OCI_MANIFEST)


@needs_registry
def test_a_chart_in_a_registry(side: Side, repository: ChartRepository, registry: DockerRegistry) -> None:
    data = chart(description="in a registry")
    row: Dict[str, Any] = {"name": "chat", "repository": f"oci://{registry.host}/charts", "version": "1.2.3"}
    side.bom["charts"].append({**row, "sha256": digest_of(data)[7:]})
    with pytest.raises(BundleError, match=r"chart chat: its registry has no .*/charts/chat:1.2.3"):
        side.lock()
    push_chart(registry, data)
    (item,) = side.lock().lock.items
    assert item.url == f"{registry.url}/v2/charts/chat/blobs/{digest_of(data)}"
    assert not side.lock().changed
    repository.sign("chat-1.2.3.tgz", digest_of(data)[7:])
    provenance = (repository.root / "chat-1.2.3.tgz.prov").read_bytes()
    push_chart(registry, data, provenance=provenance)
    key = side.keys["archive"].public_key().decode()
    side.bom["charts"] = [{**row, "provenance": {"keyring": key}}]
    assert kinds(side.lock().lock) == {"chart": ["chat", "chat.prov"]}
    side.pack(), side.publish()
    side.bom["charts"] = [{**row, "unverified": {"reason": "x"}}]
    assert "(tag resolved, manifest sha256:" in side.lock().lock.items[0].proof
    push_chart(registry, b"data", layer="application/x")
    with pytest.raises(BundleError, match=r"/charts/chat:1.2.3 is no Helm chart: it has no layer of type"):
        side.lock()


def test_a_registry_that_promises_too_much(side: Side, repository: ChartRepository) -> None:
    server = TokenRegistry(anonymous=True)
    manifest = {
        "schemaVersion": 2,
        "config": descriptor(b"{}", CONFIG),
        "layers": [{**descriptor(b"x", LAYER), "size": 1 << 30}],
    }
    server.add_manifest("charts/chat", "1.2.3", json.dumps(manifest).encode(), OCI_MANIFEST)
    row = {"name": "chat", "repository": f"oci://{server.host}/charts", "version": "1.2.3"}
    row.update(unverified={"reason": "x"}, plain_http={"reason": "it is on this machine"})
    side.bom["charts"].append(row)
    with pytest.raises(BundleError, match=r"has 1073741824 bytes, more than the 33554432 expected at most"):
        side.lock()
    server.stop()


def test_evidence_of_other_kinds_makes_no_chart(side: Side, row: Dict[str, Any]) -> None:
    lock = side.lock().lock
    other = Evidence("release", 1, "0" * 64)
    held = Held(replace(lock, evidence=(other, *lock.evidence)), {}, {})
    tree = Tree(str(side.top / "tree"), Store(side.store), side.keys["depot"], 0, None)
    assert [told["name"] for told in charts.publish(tree, [held])["charts"]] == ["chat"]
    assert charts.publish(tree, [Held(replace(lock, items=(), evidence=(other,)), {}, {})]) == {"charts": []}
