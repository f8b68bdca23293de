# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images out of a real registry (Debian's docker-registry, with TLS of a private authority and a password) into a lock."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.access import Keychain
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.fetch import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.lock import Lock
from ansible_collections.fieldops.mattermost.tests.unit.registries import (
    OCI_LAYER,
    PASSWORD,
    Authority,
    Cosign,
    DockerRegistry,
    Image,
    descriptor,
    digest_of,
    index,
    with_layers,
)
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side

pytestmark = pytest.mark.skipif(not shutil.which("docker-registry"), reason="docker-registry is not installed")
BASE = b"a base layer that images share " * 1000
Row = Callable[..., Dict[str, Any]]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    top = tmp_path_factory.mktemp("registry")
    server = DockerRegistry(top / "upstream", Authority(top / "ca"))
    yield server
    server.stop()


@pytest.fixture
def row(registry: DockerRegistry, side: Side, request: pytest.FixtureRequest) -> Row:
    """A row for the BOM; each test has a repository of its own."""
    side.client = Client(attempts=2, sleep=lambda seconds: None, keychain=Keychain.given(registry.credentials))
    side.bom = {"name": "site", "images": []}

    def make(name: str, target: str, image: Image, **more: Any) -> Dict[str, Any]:
        registry.seed(f"team/{request.node.name.split('[')[0]}/{name}", target, image)
        return listed(name, target, **more)

    def listed(name: str, target: str, **more: Any) -> Dict[str, Any]:
        proof = more or {"unverified": {"reason": "the tests have only a tag"}}
        if not {"digest", "signature", "unverified"} & set(proof):
            proof = {"unverified": {"reason": "the tests have only a tag"}, **proof}
        place = f"{registry.host}/team/{request.node.name.split('[')[0]}/{name}:{target}"
        row = {"name": place, **proof}
        side.bom["images"].append(row)
        return row

    make.listed = listed  # type: ignore[attr-defined]
    make.repository = lambda name: f"team/{request.node.name.split('[')[0]}/{name}"  # type: ignore[attr-defined]
    return make


def blobs(lock: Lock) -> Dict[str, int]:
    return {item.name: item.size for item in lock.items if item.kind == "blob"}


def image_items(lock: Lock) -> Dict[str, Any]:
    return {item.name.rpartition("/")[2]: item for item in lock.items if item.kind == "image"}


def test_two_images_share_their_layers(side: Side, row: Row, registry: DockerRegistry) -> None:
    one, two = Image(BASE, b"one"), Image(BASE, b"two", docker=True)
    given = row("one", "1.0", one)
    row("two", "2.0", two, digest=two.digest)
    result = side.lock()
    lock = result.lock
    wanted = {digest_of(blob): len(blob) for image in (one, two) for blob in image.blobs}
    assert blobs(lock) == wanted
    item = image_items(lock)["one:1.0"]
    assert (item.sha256, item.size, item.version) == (one.digest[7:], len(one.data), "1.0")
    assert item.name == given["name"]
    assert item.url == f"{registry.url}/v2/{row.repository('one')}/manifests/{one.digest}"
    assert item.architecture == "linux/amd64"
    assert item.proof == f"unverified: the tests have only a tag (tag resolved over TLS, digest {one.digest})"
    assert image_items(lock)["two:2.0"].proof == "digest in the BOM"
    assert result.warnings == [
        f"image {given['name']} has neither pinned digest nor checked signature. Reason given: the tests have only a tag"
    ]
    shared = next(item for item in lock.items if item.name == digest_of(BASE))
    assert (shared.why, shared.proof) == (given["name"], f"named by {one.digest}")
    assert Lock.read(side.lock_path) == lock
    packed = side.pack()
    assert packed.bytes_fetched + packed.bytes_held == sum(wanted.values()) + len(one.data) + len(two.data)
    assert side.publish().changed


def test_unchanged_is_one_head_for_each_tag(side: Side, row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    row("one", "1.0", Image(BASE))
    two = Image(BASE, b"two")
    row("two", "2.0", two, digest=two.digest)
    assert side.lock().changed
    asked: List[str] = []
    send = side.client.transport._send
    monkeypatch.setattr(
        side.client.transport,
        "_send",
        lambda method, url, *rest: asked.append(f"{method} {url.rpartition('/')[2]}") or send(method, url, *rest),
    )
    assert not side.lock().changed
    assert asked == ["HEAD 1.0"]


def test_a_tag_that_moves(side: Side, row: Row, registry: DockerRegistry) -> None:
    old, new = Image(BASE, b"old"), Image(BASE, b"new")
    row("one", "1.0", old)
    before = side.lock().lock
    registry.seed(row.repository("one"), "1.0", new)  # type: ignore[attr-defined]
    assert side.pack().changed  # of the digest that was locked, whatever the tag says now
    assert (Path(side.store) / "objects/sha256" / old.digest[7:9] / old.digest[7:]).exists()
    result = side.lock()
    assert result.changed and result.lock.version > before.version
    assert image_items(result.lock)["one:1.0"].sha256 == new.digest[7:]
    assert digest_of(b"old") not in blobs(result.lock)


def test_platforms_of_an_index(side: Side, row: Row, registry: DockerRegistry) -> None:
    amd, arm = Image(BASE, b"amd"), Image(BASE, b"arm", platform="linux/arm64/v8")
    said = Image(b"in-toto", platform="unknown/unknown")
    note = {"annotations": {"vnd.docker.reference.digest": amd.digest}, "platform": said.platform}
    rows = [amd.describe(), arm.describe(), said.describe(**note)]
    repository = row.repository("one")  # type: ignore[attr-defined]
    for image in (amd, arm, said):
        registry.seed(repository, image.digest, image)
    top = index(*rows)
    registry.seed_manifest(repository, "1.0", top, "application/vnd.oci.image.index.v1+json")
    given = row.listed("one", "1.0")  # type: ignore[attr-defined]
    lock = side.lock().lock
    item = image_items(lock)["one:1.0"]
    assert (item.sha256, item.architecture) == (digest_of(top)[7:], "linux/amd64")
    assert {amd.digest, said.digest, digest_of(b"amd")} <= set(blobs(lock))
    assert not {arm.digest, digest_of(b"arm")} & set(blobs(lock))
    given["platforms"] = ["linux/arm64", "linux/amd64"]
    assert {arm.digest, amd.digest} <= set(blobs(side.lock().lock))
    given["platforms"] = "all"
    lock = side.lock().lock
    assert image_items(lock)["one:1.0"].architecture == "linux/amd64, linux/arm64/v8"
    given["platforms"] = ["linux/s390x"]
    with pytest.raises(
        BundleError, match=r"it has no image for linux/s390x; it has these: linux/amd64, linux/arm64/v8"
    ):
        side.lock()


def test_a_platform_that_is_not_clear(side: Side, row: Row, registry: DockerRegistry) -> None:
    images = [Image(b"six", platform="linux/arm/v6"), Image(b"seven", platform="linux/arm/v7")]
    repository = row.repository("one")  # type: ignore[attr-defined]
    for image in images:
        registry.seed(repository, image.digest, image)
    top = index(*(image.describe() for image in images))
    registry.seed_manifest(repository, "1.0", top, "application/vnd.oci.image.index.v1+json")
    row.listed("one", "1.0", platforms=["linux/arm"])  # type: ignore[attr-defined]
    with pytest.raises(
        BundleError, match=r"it has several images for linux/arm; it has these: linux/arm/v6, linux/arm/v7"
    ):
        side.lock()


def test_an_image_without_index_for_another_platform(side: Side, row: Row) -> None:
    given = row("one", "1.0", Image(BASE, platform="linux/arm64"))
    with pytest.raises(BundleError, match=r"image .*/one:1.0: it is for linux/arm64, and not for linux/amd64\.$"):
        side.lock()
    given["platforms"] = "all"
    assert image_items(side.lock().lock)["one:1.0"].architecture == "linux/arm64"


def test_what_lies_beside_an_image(side: Side, row: Row, registry: DockerRegistry, tmp_path: Path) -> None:
    image, cosign = Image(BASE), Cosign(tmp_path / "cosign")
    row("one", "1.0", image, signature={"key": str(cosign.public)})
    repository = row.repository("one")  # type: ignore[attr-defined]
    tag = image.digest.replace(":", "-")
    signature, attestation = cosign.sign(image.digest), Image(b"an attestation")
    registry.seed(repository, f"{tag}.sig", signature)
    registry.seed(repository, f"{tag}.att", attestation)
    about = Image(
        b"a bill", subject=json.loads(index(image.describe()))["manifests"][0], artifactType="application/sbom"
    )
    stranger = Image(b"of something else", subject=descriptor(b"other", "application/x"))
    for other in (about, stranger):
        registry.seed(repository, other.digest, other)
    fallback = index(about.describe(annotations={}), stranger.describe(annotations={}), about.describe(annotations={}))
    registry.seed_manifest(repository, tag, fallback, "application/vnd.oci.image.index.v1+json")
    result = side.lock()
    found = image_items(result.lock)
    assert set(found) == {
        "one:1.0",
        f"one:{tag}.sig",
        f"one:{tag}.att",
        f"one@{about.digest}",
    }
    statement = digest_of(signature.layers[0])
    assert found["one:1.0"].proof.startswith(f"signature {statement} by key ")
    assert found[f"one:{tag}.sig"].proof == f"beside {image.digest}"
    assert found[f"one@{about.digest}"].proof == f"about {image.digest}"
    assert found[f"one@{about.digest}"].version == "application/sbom"
    assert statement in blobs(result.lock) and digest_of(b"a bill") in blobs(result.lock)
    assert result.warnings == []
    side.pack()


@pytest.mark.parametrize("fault", ["none", "stranger", "other image", "other kind", "no base64"])
def test_signatures_that_are_not_good(
    side: Side, row: Row, registry: DockerRegistry, tmp_path: Path, fault: str
) -> None:
    image, cosign, stranger = Image(BASE, fault.encode()), Cosign(tmp_path / "cosign"), Cosign(tmp_path / "stranger")
    row("one", "1.0", image, signature={"key": cosign.public.read_text()})
    signatures = {
        "stranger": stranger.sign(image.digest),
        "other image": cosign.sign(image.digest, about=digest_of(b"other")),
        "other kind": cosign.sign(image.digest, kind="a recipe"),
        "no base64": with_layers(
            Image(b"x"),
            [descriptor(b"x", OCI_LAYER, annotations={"dev.cosignproject.cosign/signature": "!"})],
        ),
    }
    if fault in signatures:
        tag = f"{image.digest.replace(':', '-')}.sig"
        registry.seed(row.repository("one"), tag, signatures[fault])  # type: ignore[attr-defined]
    told = "there is no signature of cosign beside it" if fault == "none" else "no signature beside it is by the key"
    with pytest.raises(BundleError, match=f"image .*: {told}|image .*: the image: {told}"):
        side.lock()


def test_keys_that_are_none(side: Side, row: Row, registry: DockerRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    image = Image(BASE)
    given = row("one", "1.0", image, signature={"key": "-----BEGIN CERTIFICATE-----"})
    tag = f"{image.digest.replace(':', '-')}.sig"
    cosign = Cosign(side.top / "cosign")
    registry.seed(row.repository("one"), tag, cosign.sign(image.digest))  # type: ignore[attr-defined]
    with pytest.raises(BundleError, match=r"is no public key in PEM form, as cosign.pub is"):
        side.lock()
    given["signature"] = {"key": "-----BEGIN PUBLIC KEY-----\nabcde\n-----END PUBLIC KEY-----"}
    with pytest.raises(BundleError, match=r"is no public key in PEM form, as cosign.pub is"):
        side.lock()
    given["signature"] = {"key": str(cosign.public)}
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(BundleError, match=r"install openssl on this machine"):
        side.lock()


def test_what_is_not_there(side: Side, row: Row) -> None:
    row("one", "1.0", Image(BASE))
    side.lock()
    row.listed("one", "9.9")  # type: ignore[attr-defined]
    with pytest.raises(BundleError, match=r"image .*/one:9.9: its registry has no tag 9\.9\.$"):
        side.lock()
    side.bom["images"][1]["name"] = side.bom["images"][1]["name"].replace(":9.9", f"@{digest_of(b'none')}")
    with pytest.raises(BundleError, match=r"manifests/sha256:[0-9a-f]{64}: the server answered HTTP 404"):
        side.lock()


def test_credentials_are_needed_and_never_told(side: Side, row: Row, registry: DockerRegistry) -> None:
    row("one", "1.0", Image(BASE))
    trusting = {"url": registry.url, "ca_certificates": registry.credentials[0]["ca_certificates"]}
    side.client = Client(attempts=1, keychain=Keychain.given([trusting]))
    with pytest.raises(BundleError) as caught:
        side.lock()
    assert f"(HTTP 401), or does not have it. Give username and password, or token, for {registry.url}" in str(
        caught.value
    )
    side.client = Client(attempts=1, keychain=Keychain.given([{**trusting, "username": "robot", "password": "wr0ng"}]))
    with pytest.raises(BundleError) as caught:
        side.lock()
    assert f"the server refuses what credentials give for {registry.url} (HTTP 401)" in str(caught.value)
    assert "wr0ng" not in str(caught.value)
    side.client = Client(attempts=1)
    with pytest.raises(BundleError, match=r"its certificate is not trusted"):
        side.lock()
    side.client = Client(attempts=1, keychain=Keychain.given(registry.credentials))
    side.lock(), side.pack(), side.publish()
    secret = PASSWORD.encode()
    for path in side.top.rglob("*"):
        assert not path.is_file() or secret not in path.read_bytes(), path


def test_check_mode_keeps_nothing(side: Side, row: Row) -> None:
    row("one", "1.0", Image(BASE))
    result = side.lock(check=True)
    assert result.changed and not Path(side.lock_path).exists() and not Path(side.store).exists()
