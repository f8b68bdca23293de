# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a bill of materials may say of images and charts, and the sentence for each mistake."""

from __future__ import annotations

from typing import Any, Dict, List

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.bom import Bom
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.oci import Reference

DIGEST = "sha256:" + "a" * 64
IMAGE: Dict[str, Any] = {"name": "docker.io/mattermost/rtcd:v1.0.0", "digest": DIGEST}
CHART: Dict[str, Any] = {
    "name": "chat",
    "repository": "https://charts.example.com/",
    "version": "1.2.3",
    "sha256": "b" * 64,
}


def parse(*, images: Any = None, charts: Any = None) -> Bom:
    return Bom.parse({"name": "site", "images": images, "charts": charts})


def problem(**sections: Any) -> str:
    with pytest.raises(BundleError) as caught:
        parse(**sections)
    return str(caught.value).split("\n", 1)[1]


@pytest.mark.parametrize(
    "text, name",
    [
        ("docker.io/nginx:1.29", "docker.io/library/nginx:1.29"),
        ("index.docker.io/mattermost/rtcd:v1", "docker.io/mattermost/rtcd:v1"),
        ("registry-1.docker.io/a/b:1", "docker.io/a/b:1"),
        ("Registry.Example.com:5000/a/b/c__d--e.f:V1_x", "registry.example.com:5000/a/b/c__d--e.f:V1_x"),
        ("localhost/a:1", "localhost/a:1"),
        (f"quay.io/a/b:1@{DIGEST}", "quay.io/a/b:1"),
        (f"quay.io/a/b@{DIGEST}", f"quay.io/a/b@{DIGEST}"),
    ],
)
def test_references(text: str, name: str) -> None:
    reference = Reference.parse(text)
    assert reference is not None and reference.name == name


@pytest.mark.parametrize(
    "text",
    [
        "nginx:1",
        "mattermost/rtcd:1",
        "docker.io/../etc:1",
        "docker.io/a/../b:1",
        "docker.io//a:1",
        "docker.io/A:1",
        "docker.io/a:1/b",
        "docker.io/a:-1",
        "user@docker.io/a:1",
        "https://docker.io/a:1",
        "docker.io:99999/a:1",
        "docker.io/a@md5:aa",
        "docker.io/a:1\n",
        "docker.io/a%2f:1",
        "docker.io/" + "a/" * 300 + "a:1",
    ],
)
def test_what_is_no_reference(text: str) -> None:
    assert Reference.parse(text) is None
    told = problem(images=[{"name": text, "digest": DIGEST}])
    assert told.startswith("images[0].name: ") and "is not the reference of an image with its registry" in told


@pytest.mark.parametrize(
    "text, name",
    [
        ("nginx:1", "docker.io/library/nginx:1"),
        ("mattermost/rtcd:1", "docker.io/mattermost/rtcd:1"),
        ("quay.io/a/b:1", "quay.io/a/b:1"),
        ("library/nginx:1", "docker.io/library/nginx:1"),
    ],
)
def test_short_names_are_of_docker_hub(text: str, name: str) -> None:
    reference = Reference.short(text)
    assert reference is not None and reference.name == name
    assert Reference.short("{{ no }}") is None


def test_an_image() -> None:
    (image,) = parse(images=[{**IMAGE, "platforms": ["linux/arm64/v8"]}]).images
    assert (image.name, image.reference.digest, image.platforms) == (IMAGE["name"], DIGEST, ("linux/arm64/v8",))
    (image,) = parse(images=[{**IMAGE, "platforms": "all", "plain_http": {"reason": "a lab"}}]).images
    assert (image.platforms, image.plain_http) == (("all",), "a lab")
    (image,) = parse(images=[{"name": "quay.io/a/b:1", "signature": {"key": "/k.pub"}}]).images
    assert (image.key, image.platforms) == ("/k.pub", ("linux/amd64",))
    assert image.reference.base(plain_http=True) == "http://quay.io/v2/a/b"


@pytest.mark.parametrize(
    "row, told",
    [
        ("x", "images[0]: a dictionary with name, digest, platforms, signature, unverified, plain_http is expected"),
        ({}, "images[0].name: is required."),
        ({"name": "quay.io/a/b:1"}, "images[0]: give digest or signature, or say in unverified.reason why neither"),
        ({"name": "quay.io/a/b:latest", "unverified": {"reason": "x"}}, "means something else every day"),
        ({"name": "quay.io/a/b", "unverified": {"reason": "x"}}, "means something else every day"),
        ({**IMAGE, "digest": "sha256:1"}, "images[0].digest: 'sha256:1' is not sha256: and 64"),
        ({**IMAGE, "name": f"quay.io/a/b@sha256:{'c' * 64}"}, "images[0].digest: the name gives another digest."),
        ({**IMAGE, "platforms": []}, "images[0].platforms: name at least one platform."),
        ({**IMAGE, "platforms": ["amd64"]}, "images[0].platforms[0]: 'amd64' is not a platform such as linux/amd64"),
        ({**IMAGE, "signature": {}}, "images[0].signature.key: is required."),
        ({**IMAGE, "signature": "x"}, "images[0].signature: a dictionary with key is expected"),
        ({**IMAGE, "plain_http": True}, "images[0].plain_http: a dictionary with reason is expected"),
        ({**IMAGE, "unverified": {"reason": ""}}, "images[0].unverified.reason: say why, in words."),
    ],
)
def test_mistakes_in_images(row: Any, told: str) -> None:
    assert told in problem(images=[row])


def test_images_of_several_boms() -> None:
    boms: List[Dict[str, Any]] = [
        {"name": "one", "images": [IMAGE]},
        {"name": "two", "images": [{**IMAGE, "platforms": ["linux/arm64"]}]},
    ]
    assert Bom.parse(boms).images[0].platforms == ("linux/amd64", "linux/arm64")
    boms.append({"name": "three", "images": [{**IMAGE, "platforms": "all"}]})
    assert Bom.parse(boms).images[0].platforms == ("all",)
    boms.append({"name": "four", "images": [{**IMAGE, "signature": {"key": "k"}}]})
    with pytest.raises(BundleError, match=r"images: docker.io/mattermost/rtcd:v1.0.0 is given twice, with different"):
        Bom.parse(boms)


def test_a_chart() -> None:
    (chart,) = parse(charts=[CHART]).charts
    assert (chart.filename, chart.repository) == ("chat-1.2.3.tgz", "https://charts.example.com")
    assert (chart.oci, chart.carry_images, chart.values) == (None, True, "{}")
    given = {
        **CHART,
        "repository": "oci://registry.example.com/charts/",
        "version": "1.2.3+4",
        "values": {"b": 1, "a": {"c": None}},
        "images": [IMAGE],
        "exclude": ["mysql", "docker.io/a/b:1"],
        "carry_images": False,
        "unverified_images": {"reason": "x"},
        "provenance": {"keyring": "/k.gpg"},
    }
    (chart,) = parse(charts=[given]).charts
    assert chart.oci is not None and chart.oci.name == "registry.example.com/charts/chat:1.2.3_4"
    assert (chart.values, chart.images[0].name) == ('{"a": {"c": null}, "b": 1}', IMAGE["name"])
    assert [reference.place for reference in chart.exclude] == ["docker.io/library/mysql", "docker.io/a/b"]
    assert (chart.keyring, chart.unverified_images) == ("/k.gpg", "x")


@pytest.mark.parametrize(
    "change, told",
    [
        ({"sha256": None}, "charts[0]: give sha256 or provenance, or say in unverified.reason why neither"),
        ({"sha256": "x"}, "charts[0].sha256: 'x' is not a sha256"),
        ({"name": "../x"}, "charts[0].name: '../x' is not the name of a chart."),
        ({"version": "^1.2"}, "charts[0].version: '^1.2' is not one version, such as 1.2.3."),
        ({"repository": "ftp://x"}, "charts[0].repository: 'ftp://x' is neither an http"),
        ({"repository": "oci://nowhere"}, "charts[0].repository: 'oci://nowhere' and 'chat' make no place"),
        ({"carry_images": "no"}, "charts[0].carry_images: true or false is expected"),
        ({"values": []}, "charts[0].values: a dictionary is expected here"),
        ({"values": {"x": {1, 2}}}, "charts[0].values: there is something in it that JSON does not know"),
        ({"exclude": ["A B"]}, "charts[0].exclude[0]: 'A B' is not the reference of an image"),
        ({"images": [{"name": "x"}]}, "charts[0].images[0].name: 'x' is not the reference"),
        ({"provenance": 1}, "charts[0].provenance: a dictionary with keyring is expected"),
    ],
)
def test_mistakes_in_charts(change: Dict[str, Any], told: str) -> None:
    assert told in problem(charts=[{**CHART, **change}])


def test_charts_of_several_boms() -> None:
    boms = [{"name": "one", "charts": [CHART]}, {"name": "two", "charts": [CHART]}]
    assert len(Bom.parse(boms).charts) == 1
    boms[1]["charts"] = [{**CHART, "version": "2.0.0"}]
    with pytest.raises(BundleError, match=r"charts: the chart 'chat' is given twice, and not in the same way"):
        Bom.parse(boms)
    assert "charts[0]: a dictionary with name" in problem(charts=["x"])
