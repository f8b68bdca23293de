# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From one real registry through lock, bundle and depot into another: the same digests at the end."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.access import Keychain
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.depot_tree import Held, Tree
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.fetch import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.lock import Lock
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.publish import images
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.push import Naming, Pusher, PushResult
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.registry import Registry
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.store import Store
from ansible_collections.fieldops.mattermost.tests.unit.registries import (
    OCI_INDEX,
    Authority,
    Cosign,
    DockerRegistry,
    Image,
    digest_of,
    index,
)
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side

pytestmark = pytest.mark.skipif(not shutil.which("docker-registry"), reason="docker-registry is not installed")
BASE = b"a base layer that images share " * 5000
REASON = {"unverified": {"reason": "the tests have only a tag"}}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def registries(tmp_path: Path, authority: Authority) -> Iterator[List[DockerRegistry]]:
    """The one upstream, and that of the enclave."""
    started = [DockerRegistry(tmp_path / name, authority) for name in ("there", "here")]
    yield started
    for registry in started:
        registry.stop()


class Story:
    """What the tests do over and over: seed, carry, push."""

    def __init__(self, side: Side, registries: List[DockerRegistry]) -> None:
        self.side = side
        self.there, self.here = registries
        side.client = self.client(self.there)
        side.bom = {"name": "site", "images": []}

    @staticmethod
    def client(registry: DockerRegistry) -> Client:
        return Client(attempts=2, sleep=lambda seconds: None, keychain=Keychain.given(registry.credentials))

    def seed(self, repository: str, tag: str, image: Image, **more: Any) -> str:
        self.there.seed(repository, tag, image)
        return self.add(repository, tag, **more)

    def add(self, repository: str, tag: str, **more: Any) -> str:
        name = f"{self.there.host}/{repository}:{tag}"
        self.side.bom["images"].append({"name": name, **(more or REASON)})
        return name

    def seed_index(self, repository: str, tag: str, *images: Image, **more: Any) -> str:
        for image in images:
            self.there.seed(repository, image.digest, image)
        self.there.seed_manifest(repository, tag, index(*(image.describe() for image in images)), OCI_INDEX)
        return self.add(repository, tag, **REASON, **more)

    def carry(self) -> Dict[str, Any]:
        """To the depot; gives its manifest."""
        self.side.lock(), self.side.pack(), self.side.publish()
        return json.loads(Path(self.current, "manifest.json").read_text())

    @property
    def current(self) -> str:
        return str(self.side.top / "depot/current")

    def push(self, *only: str, check: bool = False, **naming: Any) -> PushResult:
        pusher = Pusher(self.current, self.here.url, self.client(self.here), naming=Naming(**naming))
        return pusher.push(only, check=check)


@pytest.fixture
def story(side: Side, registries: List[DockerRegistry]) -> Story:
    return Story(side, registries)


def test_the_round_trip(story: Story, tmp_path: Path) -> None:
    cosign = Cosign(tmp_path / "cosign")
    one, two = Image(BASE, b"one"), Image(BASE, b"two", docker=True)
    tag = f"{one.digest.replace(':', '-')}.sig"
    story.there.seed("team/one", tag, cosign.sign(one.digest))
    about = Image(b"a bill", subject=json.loads(index(one.describe()))["manifests"][0])
    story.there.seed("team/one", about.digest, about)
    row = about.describe(annotations={"made": "today"})
    story.there.seed_manifest("team/one", one.digest.replace(":", "-"), index(row), OCI_INDEX)
    name = story.seed("team/one", "1.0", one, signature={"key": str(cosign.public)})
    story.seed("two", "2.0", two, digest=two.digest)
    manifest = story.carry()
    told = {row["name"].split("/", 1)[1]: row for row in manifest["images"]}
    assert told["team/one:1.0"]["digest"] == one.digest
    assert told["team/one:1.0"]["bytes"] == len(one.data) + sum(len(blob) for blob in one.blobs)
    assert (told["two:2.0"]["platform"], told["two:2.0"]["version"]) == (["linux/amd64"], "2.0")
    attached = [row["name"].rpartition("/")[2] for row in manifest["image_attachments"]]
    assert attached == [f"one:{tag}", f"one@{about.digest}"]

    would = story.push(check=True)
    assert would.changed and story.here.tags("team/one") == []
    done = story.push()
    assert (done.blobs, done.bytes) == (would.blobs, would.bytes)
    assert done.images[0]["target"].startswith(f"{story.here.host}/")
    for repository, target, image in (("team/one", "1.0", one), ("two", "2.0", two), ("team/one", about.digest, about)):
        status, digest, data = story.here.manifest(repository, target)
        assert (status, digest, data) == (200, image.digest, image.data)
        assert all(story.here.has_blob(repository, blob) for blob in image.blobs)
    assert story.here.manifest("team/one", tag)[1] == story.there.manifest("team/one", tag)[1]
    listed = json.loads(story.here.manifest("team/one", one.digest.replace(":", "-"))[2])
    assert [row["digest"] for row in listed["manifests"]] == [about.digest]

    again = story.push()
    assert (again.changed, again.blobs, again.bytes) == (False, 0, 0)
    assert {row["name"] for row in again.images} == {
        row["name"] for row in [*manifest["images"], *manifest["image_attachments"]]
    }
    assert name in {row["name"] for row in again.images}


def test_only_what_is_new_is_sent(story: Story) -> None:
    story.seed("one", "1.0", Image(BASE, b"old"))
    story.carry(), story.push()
    new = Image(BASE, b"new")
    story.there.seed("one", "1.0", new)
    story.seed("other", "1.0", Image(BASE, b"other"))
    story.side.now += 3600
    story.carry()
    result = story.push()
    assert result.changed
    assert (result.blobs, result.bytes) == (2, len(b"new") + len(b"other"))  # the rest is taken from where it is
    assert story.here.manifest("one", "1.0")[1] == new.digest
    assert story.here.has_blob("other", BASE)


def test_platforms(story: Story) -> None:
    amd, arm, old = (
        Image(BASE, name.encode(), platform=name) for name in ("linux/amd64", "linux/arm64", "linux/s390x")
    )
    top = digest_of(index(*(image.describe() for image in (amd, arm, old))))
    story.seed_index("all", "1", amd, arm, old, platforms="all")
    story.seed_index("one", "1", amd, arm, old)
    story.seed_index("two", "1", amd, arm, old, platforms=["linux/amd64", "linux/arm64"])
    story.there.seed("apart", "1", Image(b"x"))
    told = {row["name"].split("/", 1)[1]: row for row in story.carry()["images"]}
    assert told["one:1"]["upstream"] == told["two:1"]["upstream"] == top
    # In one bundle with the others, all platforms are there for every name that stands for this index.
    assert {row["digest"] for row in told.values()} == {top}
    assert story.push().changed
    assert {story.here.manifest(name, "1")[1] for name in ("all", "one", "two")} == {top}


@pytest.mark.parametrize("platforms", [["linux/amd64"], ["linux/arm64", "linux/amd64"]])
def test_some_platforms(story: Story, platforms: List[str]) -> None:
    """A registry takes no index whose images it does not have."""
    images = [Image(BASE, name.encode(), platform=name) for name in ("linux/amd64", "linux/arm64", "linux/s390x")]
    story.seed_index("some", "1", *images, platforms=platforms)
    (row,) = story.carry()["images"]
    assert sorted(row["platform"]) == sorted(platforms)
    assert story.push().changed and not story.push().changed
    status, digest, data = story.here.manifest("some", "1")
    assert (status, digest) == (200, row["digest"])
    if len(platforms) == 1:
        assert digest == images[0].digest
    else:
        assert {child["digest"] for child in json.loads(data)["manifests"]} == {image.digest for image in images[:2]}
        assert digest != row["upstream"]


def test_names(story: Story) -> None:
    name = story.seed("team/one", "1.0", Image(BASE))
    other = story.seed("two", "1.0", Image(b"two"))
    story.carry()
    (pushed,) = story.push(name, prefix="/mirror/", keep_registry=True).images
    repository = f"mirror/{story.there.host.replace(':', '-')}/team/one"
    assert pushed["target"] == f"{story.here.host}/{repository}:1.0"
    assert story.here.tags(repository) == ["1.0"]
    assert story.here.tags("two") == []
    with pytest.raises(BundleError, match=r"cannot go to 'Team/two', which is no name of a repository"):
        story.push(other, prefix="Team")
    with pytest.raises(BundleError, match=r"The depot has no image x, and no chart that brings one"):
        story.push("x")


def test_two_images_for_one_place(story: Story) -> None:
    story.seed("one", "1.0", Image(BASE))
    manifest = story.carry()
    row = {**manifest["images"][0], "name": "docker.io/one:1.0"}
    path = Path(story.current, "manifest.json")
    path.write_text(json.dumps({**manifest, "images": [*manifest["images"], {**row, "name": "quay.io/one:1.0"}]}))
    assert len(story.push().images) == 2  # the same image twice
    other = json.dumps({"schemaVersion": 2, "manifests": []}).encode()
    (Path(story.current) / "images/blobs/sha256" / digest_of(other)[7:]).write_bytes(other)
    row = {**row, "name": "quay.io/one:1.0", "digest": digest_of(other)}
    path.write_text(json.dumps({**manifest, "images": [*manifest["images"], row]}))
    with pytest.raises(BundleError, match=r"/one:1.0 and quay.io/one:1.0 would both become one:1.0; keep the names"):
        story.push()
    path.write_text(json.dumps({**manifest, "images": [{**row, "name": "../x"}]}))
    with pytest.raises(BundleError, match=r"names an image '../x', which is no reference"):
        story.push()
    path.write_text(json.dumps({**manifest, "images": []}))
    with pytest.raises(BundleError, match=r"has no images: its bundles bring none"):
        story.push()


def test_what_is_damaged_on_the_depot_is_not_pushed(story: Story) -> None:
    image = Image(BASE)
    story.seed("one", "1.0", image)
    story.carry()
    blobs = Path(story.current) / "images/blobs/sha256"
    layer = blobs / digest_of(BASE)[7:]
    layer.unlink()
    layer.write_bytes(b"X" + BASE[1:])
    with pytest.raises(BundleError, match=r"Cannot push to .*: the server answered HTTP 400"):
        story.push()
    assert story.here.tags("one") == []
    manifest = blobs / image.digest[7:]
    manifest.unlink()
    manifest.write_bytes(b"{}")
    with pytest.raises(BundleError, match=r"/images/blobs/sha256/[0-9a-f]{64} is damaged"):
        story.push()


def test_a_registry_that_wants_a_login(story: Story) -> None:
    story.seed("one", "1.0", Image(BASE))
    story.carry()
    trusting = {key: story.here.credentials[0][key] for key in ("url", "ca_certificates")}
    client = Client(attempts=1, keychain=Keychain.given([trusting]))
    with pytest.raises(BundleError, match=r"Give username and password, or token, for https://127"):
        Pusher(story.current, story.here.url, client, naming=Naming()).push()


def test_a_registry_that_is_gone(story: Story) -> None:
    story.seed("one", "1.0", Image(BASE))
    story.carry()
    story.here.stop()
    with pytest.raises(
        BundleError, match=r"^Cannot fetch .*/one/manifests/1.0: .* refused. Gave up after 2 attempts\.$"
    ):
        story.push()
    with open(f"{story.current}/manifest.json", "rb") as content, pytest.raises(
        BundleError, match=r"^Cannot push to http"
    ):
        Registry(Client(attempts=1), "http://127.0.0.1:9/v2/one").push_blob("sha256:1", 1, content)


@pytest.mark.parametrize(
    "url", ["http://registry.example.com", "https://", "https://x/v2", "https://u@x", "https://x:y"]
)
def test_urls_that_are_none_of_a_registry(url: str) -> None:
    with pytest.raises(BundleError, match=r"is not the https URL of a registry"):
        Pusher("/x", url, Client(), naming=Naming())


def test_images_that_do_not_fit_together(story: Story, side: Side) -> None:
    image = Image(BASE)
    story.seed("one", "1.0", image)
    story.carry()
    side.bom["name"] = "other"
    side.bom["images"][0] = {"name": f"{story.there.host}/one:1.0", **REASON}
    story.there.seed("one", "1.0", Image(b"moved"))
    side.lock_path = str(side.top / "work/other.lock.json")
    side.lock(), side.pack()
    with pytest.raises(BundleError, match=r"Two bundles bring different images as .*/one:1.0; change one BOM"):
        side.publish(Path(side.output) / "other/volume-001")


def test_an_image_of_an_index_that_is_there_already(story: Story) -> None:
    amd, arm, new = Image(b"amd"), Image(b"arm", platform="linux/arm64"), Image(b"new", platform="linux/arm64")
    story.seed_index("one", "1", amd, arm, platforms="all")
    story.seed_index("one", "2", amd, new, platforms="all")
    story.carry()
    assert story.push().blobs == 5  # three layers and two configurations: those of arm64 are the same
    assert {story.here.manifest("one", tag)[0] for tag in "12"} == {200}


def test_bundles_that_lack_a_part(story: Story, side: Side) -> None:
    amd, arm = Image(b"amd"), Image(b"arm", platform="linux/arm64")
    story.seed_index("one", "1", amd, arm)
    story.carry()
    lock = Lock.read(side.lock_path)
    tree = Tree(str(side.top / "tree"), Store(side.store), side.keys["depot"], 0, None)

    def publish(*without: str) -> str:
        items = tuple(item for item in lock.items if item.name not in without)
        with pytest.raises(BundleError) as caught:
            images.publish(tree, [Held(replace(lock, items=items), {}, {})])
        return str(caught.value)

    assert publish(digest_of(b"amd")).endswith(f"/one:1 is not complete: no bundle brings {digest_of(b'amd')}.")
    assert publish(amd.digest).endswith("/one:1 is not complete: no bundle brings an image of its index.")
    Path(side.store, "objects/sha256", amd.digest[7:9], amd.digest[7:]).unlink()
    assert publish() == f"The depot does not hold {amd.digest}, or it is damaged."


@pytest.mark.skipif(not shutil.which("skopeo"), reason="skopeo is not installed")
def test_skopeo_reads_the_layout(story: Story) -> None:
    one, two = Image(BASE, b"one"), Image(BASE, b"two")
    names = [story.seed("team/one", "1.0", one), story.seed("two", "2.0", two)]
    story.carry()
    for name, image in zip(names, (one, two)):
        argv = ["skopeo", "inspect", "--raw", f"oci:{story.current}/images:{name}"]
        assert subprocess.run(argv, capture_output=True, check=True).stdout == image.data
