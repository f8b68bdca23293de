# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Registries that break, lie or answer oddly."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any, Iterator, List

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.access import Keychain
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.fetch import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.oci import Document, walk
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.registry import Registry
from ansible_collections.fieldops.mattermost.tests.unit.registries import (
    OCI_CONFIG,
    OCI_INDEX,
    OCI_MANIFEST,
    Image,
    descriptor,
    digest_of,
    index,
)
from ansible_collections.fieldops.mattermost.tests.unit.token_registry import TokenRegistry
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side

LARGE = bytes(range(256)) * 8000
REASON = {"unverified": {"reason": "the tests have only a tag"}}


@pytest.fixture
def tokens(side: Side) -> Iterator[TokenRegistry]:
    server = TokenRegistry()
    keychain = Keychain.given(server.credentials)
    side.client = Client(attempts=2, sleep=lambda seconds: None, keychain=keychain, timeout=5)
    row = {"name": f"{server.host}/team/one:1.0", "plain_http": {"reason": "it is on this machine"}, **REASON}
    side.bom = {"name": "site", "images": [row]}
    yield server
    server.stop()


def test_a_layer_that_breaks_off_is_continued_where_the_blobs_are(side: Side, tokens: TokenRegistry) -> None:
    image = Image(LARGE)
    tokens.add("team/one", "1.0", image)
    tokens.storage = tokens.elsewhere
    result = side.lock()
    assert "(tag resolved without TLS, digest sha256:" in result.lock.items[-1].proof
    tokens.plan(f"/storage/{digest_of(LARGE)}", "cut")
    tokens.requests.clear()
    assert side.pack().bytes_fetched == len(LARGE)
    stored = [authorization for _method, path, authorization in tokens.requests if path.startswith("/storage")]
    assert stored == ["", ""]  # the storage is another server: it learns nothing
    assert all(authorization.startswith("Bearer") for _m, path, authorization in tokens.requests if "/v2/" in path)


def test_nothing_is_given_away_when_the_blobs_are_refused_elsewhere(side: Side, tokens: TokenRegistry) -> None:
    tokens.add("team/one", "1.0", Image(LARGE))
    tokens.storage = tokens.elsewhere
    side.lock()
    tokens.plan(f"/storage/{digest_of(LARGE)}", *[(403, {}, b"")] * 2)
    with pytest.raises(BundleError) as caught:
        side.pack()
    assert "(HTTP 403)" in str(caught.value) and "signature" not in str(caught.value)
    assert not (Path(side.output) / "site/volume-001/root.json").exists()


@pytest.mark.parametrize(
    "fault, told",
    [
        ((404, {}, b""), r"image .*/team/one:1.0: its registry has no tag 1.0\.$"),
        ((500, {}, b""), r"HTTP 500 .*\. Gave up after 2 attempts\.$"),
        ((429, {}, b""), r"HTTP 429 .*\. Gave up after 2 attempts\.$"),
        ((401, {}, b""), r"the server refuses what credentials give"),
        ((418, {}, b""), r"the server answered HTTP 418"),
    ],
)
def test_errors(side: Side, tokens: TokenRegistry, fault: Any, told: str) -> None:
    tokens.plan("/v2/team/one/manifests/1.0", fault, fault, fault)
    with pytest.raises(BundleError, match=told):
        side.lock()
    assert not Path(side.lock_path).exists()


def test_a_slow_registry_is_asked_again(side: Side, tokens: TokenRegistry) -> None:
    tokens.add("team/one", "1.0", Image(b"x"))
    side.client.transport.timeout = 0.3
    tokens.plan("/v2/team/one/manifests/1.0", 1.0)
    assert side.lock().changed
    tokens.plan("/v2/team/one/manifests/1.0", 1.0, 1.0)
    with pytest.raises(BundleError, match=r"timed out. Gave up after 2 attempts"):
        side.lock()


def test_registries_that_do_not_name_the_digest(side: Side, tokens: TokenRegistry) -> None:
    image = Image(b"x")
    tokens.add("team/one", "1.0", image)
    tokens.digest_header = False
    assert side.lock().lock.items[-1].sha256 == image.digest[7:]
    tokens.plan("/v2/team/one/manifests/1.0", (405, {}, b""), (404, {}, b""))
    with pytest.raises(BundleError, match=r"its registry has no tag 1.0"):
        side.lock()


def test_another_content_than_the_digest_says(side: Side, tokens: TokenRegistry) -> None:
    image = Image(b"x")
    tokens.add("team/one", "1.0", image)
    tokens.manifests[f"team/one/{image.digest}"] = image.data + b" "
    with pytest.raises(
        BundleError, match=r"has another content than its digest says; the registry, or somebody before"
    ):
        side.lock()
    tokens.manifests[f"team/one/{image.digest}"] = image.data
    tokens.blobs[digest_of(image.config)] = image.config.replace(b"linux", b"linus")
    with pytest.raises(BundleError, match=r"/blobs/sha256:[0-9a-f]{64} has another content than its digest says"):
        side.lock()


def test_limits(side: Side, tokens: TokenRegistry) -> None:
    big = Image(b"x", annotations={"x": "y" * (5 << 20)})
    tokens.add("team/one", "1.0", big)
    with pytest.raises(BundleError, match=r"larger than the 4194304 bytes expected at most"):
        side.lock()
    document = {
        "schemaVersion": 2,
        "config": {**descriptor(b"{}", OCI_CONFIG), "size": 5 << 20},
        "layers": [],
    }
    tokens.add_manifest("team/one", "1.0", json.dumps(document).encode(), OCI_MANIFEST)
    with pytest.raises(BundleError, match=r"its configuration has 5242880 bytes, more than any image needs"):
        side.lock()


def test_indexes_of_indexes(side: Side, tokens: TokenRegistry) -> None:
    inner = index(Image(b"x").describe())
    row = descriptor(inner, OCI_INDEX, platform={"os": "linux", "architecture": "amd64"})
    tokens.add_manifest("team/one", "inner", inner, OCI_INDEX)
    tokens.add_manifest("team/one", "1.0", index(row), OCI_INDEX)
    with pytest.raises(BundleError, match=r"names another index, sha256:[0-9a-f]{64}, which is not followed"):
        side.lock()
    with pytest.raises(BundleError, match=r"names another index"):
        list(walk(Document.parse(index(row), "x"), lambda sha256: inner))


def test_an_index_that_gives_a_wrong_size(side: Side, tokens: TokenRegistry) -> None:
    image = Image(b"x")
    tokens.add("team/one", image.digest, image)
    tokens.add_manifest("team/one", "1.0", index({**image.describe(), "size": 3}), OCI_INDEX)
    with pytest.raises(BundleError, match=r"bytes, and not the 3 that its index says"):
        side.lock()


def test_two_registries_that_disagree_about_a_size(side: Side, tokens: TokenRegistry) -> None:
    one, two = Image(b"x"), Image(b"x")
    tokens.add("team/one", "1.0", one)
    document = json.loads(two.data)
    document["layers"][0]["size"] = 7
    tokens.add_manifest("team/two", "1.0", json.dumps(document).encode(), OCI_MANIFEST)
    side.bom["images"].append({**side.bom["images"][0], "name": f"{tokens.host}/team/two:1.0"})
    with pytest.raises(BundleError, match=r"The registries disagree about sha256:[0-9a-f]{64}"):
        side.lock()


def test_an_image_that_is_for_no_platform(side: Side, tokens: TokenRegistry) -> None:
    """Such as a policy or a model: what is no image has no platform to check."""
    document = {"schemaVersion": 2, "config": descriptor(b"{}", "application/x"), "layers": [descriptor(b"y", "a/b")]}
    tokens.add_manifest("team/one", "1.0", json.dumps(document).encode(), OCI_MANIFEST)
    tokens.blobs.update({digest_of(b"{}"): b"{}", digest_of(b"y"): b"y"})
    assert side.lock().lock.items[-1].architecture == ""


def test_a_list_of_referrers(side: Side, tokens: TokenRegistry) -> None:
    image = Image(b"x")
    tokens.add("team/one", "1.0", image)
    about = Image(b"about", subject=descriptor(image.data, OCI_MANIFEST))
    tokens.add("team/one", about.digest, about)
    path = f"/v2/team/one/referrers/{image.digest}"
    odd = index(descriptor(b"x", "application/vnd.example.artifact"))
    linked = {"Link": f'<{path}?last=1>; rel="next"'}
    tokens.plan(path, (200, linked, odd), (200, {}, index(about.describe())))
    result = side.lock()
    names = [item.name for item in result.lock.items if item.kind == "image"]
    assert names == [f"{tokens.host}/team/one:1.0", f"{tokens.host}/team/one@{about.digest}"]
    assert any("beside it is of an unknown kind, and is left" in warning for warning in result.warnings)
    side.bom["description"] = "asked anew"
    tokens.plan(path, (200, {"Link": '<http://example.com/>; rel="next"'}, odd))
    with pytest.raises(BundleError, match=r"goes on at http://example.com, which is another server and not followed"):
        side.lock()
    tokens.plan(path, (200, {}, index(*[descriptor(bytes([n]), OCI_MANIFEST) for n in range(201)])))
    with pytest.raises(BundleError, match=r"201 things say they are about sha256:[0-9a-f]{64}, more than 200"):
        side.lock()
    tokens.plan(path, *[(200, linked, index())] * 20)
    assert side.lock().lock.items


def test_registries_that_take_images_in_odd_ways(tokens: TokenRegistry) -> None:
    registry = Registry(Client(attempts=1, keychain=Keychain.given(tokens.credentials)), f"{tokens.url}/v2/team/one")
    document = Document.parse(Image(b"x").data, "x")

    @contextlib.contextmanager
    def answering(*answers: Any) -> Iterator[None]:
        replies = iter(answers)
        asked = registry.client.transport.ask
        registry.client.transport.ask = lambda *args, **kwargs: next(replies)  # type: ignore[method-assign]
        yield
        registry.client.transport.ask = asked  # type: ignore[method-assign]

    class Told:
        def __init__(self, status: int, **headers: str) -> None:
            self.status, self.length = status, 0
            self.headers = {key.replace("_", "-"): value for key, value in headers.items()}

        def read(self, limit: int) -> bytes:
            return b""

    with answering(Told(202)), pytest.raises(BundleError, match=r"another server and not followed. If a proxy stands"):
        registry.push_blob("sha256:1", 1, open("/dev/null", "rb"))  # noqa: SIM115
    with answering(Told(202, location="http://[")), pytest.raises(BundleError, match=r"'http://\[' is not a URL"):
        registry.push_blob("sha256:1", 1, open("/dev/null", "rb"))  # noqa: SIM115
    with answering(Told(202, location="https://example.com/up")), pytest.raises(
        BundleError, match=r"https://example.com"
    ):
        registry.push_blob("sha256:1", 1, open("/dev/null", "rb"))  # noqa: SIM115
    with answering(Told(201)):
        assert not registry.push_blob("sha256:1", 1, open("/dev/null", "rb"), mount_from="team/two")  # noqa: SIM115
    with answering(Told(201, Docker_Content_Digest="sha256:2")), pytest.raises(
        BundleError, match=r"made sha256:2 of it"
    ):
        registry.push_manifest("1.0", document)


def test_a_broken_upload_is_begun_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: List[str] = []

    class Told:
        status, length = 202, 0
        headers = {"location": "/v2/team/one/blobs/uploads/1?state=x"}

        def read(self, limit: int) -> bytes:
            return b""

    def ask(method: str, url: str, headers: Any, *, also: Any = (), body: Any = None) -> Told:
        asked.append(f"{method} {url.rpartition('/')[2]} {body.read() if body else ''}")
        if len(asked) == 2:
            raise ConnectionResetError("gone")
        body and body.seek(0)
        return Told()

    (tmp_path / "blob").write_bytes(b"data")
    client = Client(attempts=2, sleep=lambda seconds: None)
    monkeypatch.setattr(client.transport, "ask", ask)
    with open(tmp_path / "blob", "rb") as content:
        content.seek(0)
        assert Registry(client, "https://registry.example.com/v2/team/one").push_blob("sha256:1", 4, content)
    assert [line.split(" ")[:2] for line in asked] == [["POST", ""], ["PUT", "1?state=x&digest=sha256%3A1"]] * 2


def test_what_is_sent_twice_is_sent_from_its_beginning(tokens: TokenRegistry, tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(b"data")
    client = Client(attempts=1, keychain=Keychain.given(tokens.credentials))
    sent: List[bytes] = []
    send = client.transport._connect

    def connect(*args: Any) -> Any:
        connection = send(*args)
        request = connection.request

        def noting(method: str, target: str, body: Any = None, headers: Any = None) -> None:
            if body is not None:
                sent.append(body.read())
                body.seek(0)
            request(method, target, body=None, headers=headers)

        connection.request = noting
        return connection

    client.transport._connect = connect  # type: ignore[method-assign]
    tokens.add("team/one", "1.0", Image(b"x"))
    with open(tmp_path / "blob", "rb") as content:
        client.once("GET", f"{tokens.url}/v2/team/one/manifests/1.0", body=content)
    assert sent == [b"data", b"data"]  # before the token and with it
