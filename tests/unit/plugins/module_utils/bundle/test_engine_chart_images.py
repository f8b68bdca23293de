# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading charts that others made: which images they name, and archives that are not what they should be."""

from __future__ import annotations

import gzip
import importlib.util
import io
import json
import sys
import tarfile
import time
from typing import Any, Dict, List, Mapping, Optional

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources import chart_archive, chart_images
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources.chart_archive import (
    Chart,
    load_yaml,
    read_chart,
)
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources.chart_images import (
    Effort,
    Named,
    find_images,
    merge,
)
from ansible_collections.fieldops.mattermost.tests.unit.charts import archive, chart

DIGEST = "sha256:" + "a" * 64


def named(
    values: Any = None,
    *,
    given: Optional[Mapping[str, Any]] = None,
    files: Optional[Mapping[str, Any]] = None,
    **metadata: Any,
) -> Named:
    more = {"values.yaml": json.dumps(values)} if values is not None else {}
    return find_images(read_chart(chart(files={**more, **(files or {})}, **metadata), "The chart"), given or {})


def images(*args: Any, **kwargs: Any) -> List[str]:
    found = named(*args, **kwargs)
    return sorted(
        reference.name + (f"@{reference.digest}" if reference.tag and reference.digest else "")
        for reference in found.images.values()
    )


@pytest.mark.parametrize(
    "values, names",
    [
        ({"image": {"repository": "mattermost/rtcd", "tag": "v1.0.0"}}, ["docker.io/mattermost/rtcd:v1.0.0"]),
        ({"image": {"repository": "mattermost/rtcd", "tag": ""}}, ["docker.io/mattermost/rtcd:9.9.9"]),
        ({"image": {"repository": "mattermost/rtcd"}}, ["docker.io/mattermost/rtcd:9.9.9"]),
        ({"image": {"registry": "quay.io", "repository": "a/b", "tag": 1.5}}, ["quay.io/a/b:1.5"]),
        ({"image": {"registry": "", "repository": "quay.io/a/b", "tag": 7}}, ["quay.io/a/b:7"]),
        ({"image": {"repository": "a/b", "tag": "1", "digest": DIGEST}}, [f"docker.io/a/b:1@{DIGEST}"]),
        ({"image": {"repository": "a/b", "digest": "a" * 64}}, [f"docker.io/a/b@{DIGEST}"]),
        ({"image": "nginx:1.29"}, ["docker.io/library/nginx:1.29"]),
        ({"image": "mysql", "imageTag": "8.0.1"}, ["docker.io/library/mysql:8.0.1"]),
        ({"image": {"image": "a/b", "registry": "k8s.gcr.io", "tag": "v1"}}, ["k8s.gcr.io/a/b:v1"]),
        ({"x": {"initImage": "a/b:1"}, "y": [{"name": "z", "image": "c/d:2"}]}, ["docker.io/a/b:1", "docker.io/c/d:2"]),
        ({"controller": {"repository": "a/b", "pullPolicy": "Always"}}, ["docker.io/a/b:9.9.9"]),
        ({"repository": "no/image"}, []),
        ({"image": {"repository": "https://example.com/x.git", "tag": "1"}}, []),
        ({"image": {"repository": "{{ x }}", "tag": "1"}}, []),
        ({"image": {"tag": "1"}}, []),
        (
            {
                "global": {"imageRegistry": "r.example.com"},
                "image": {"registry": "docker.io", "repository": "a", "tag": 1},
            },
            ["r.example.com/a:1"],
        ),
    ],
)
def test_values(values: Dict[str, Any], names: List[str]) -> None:
    assert images(values) == names


def test_values_of_the_deployment_count_more() -> None:
    values = {"image": {"repository": "a/b", "tag": "1"}, "extra": {"image": "c/d:1"}}
    given = {"image": {"tag": "2"}, "extra": None}
    assert images(values, given=given) == ["docker.io/a/b:2"]
    assert merge({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": None}, "d": {"e": 1}}, Effort("x")) == {
        "a": {"c": 2},
        "d": {"e": 1},
    }


def test_what_has_no_version_is_told() -> None:
    found = named({"sidecar": {"image": "a/b"}, "backgroundImage": "x.png"}, appVersion=None)
    assert found.images == {}
    assert found.warnings == [
        "chart chat: the value backgroundImage is 'x.png', which is no image of one version; if it is used, add it to the "
        "chart's images.",
        "chart chat: the value sidecar.image is 'a/b', which is no image of one version; if it is used, add it to the "
        "chart's images.",
    ]


def test_annotations() -> None:
    listed = "- {name: a, image: 'quay.io/a/b:1'}\n- {name: c, image: c/d}\n- odd\n- {image: [1]}\n"
    assert images(annotations={"artifacthub.io/images": listed, "images": "x"}) == ["quay.io/a/b:1"]
    assert images(annotations=["odd"]) == []
    with pytest.raises(BundleError, match=r"chart chat, annotation artifacthub.io/images is not readable YAML"):
        images(annotations={"artifacthub.io/images": "{"})


TEMPLATE = """
{{- $side := $side | default .Values.sidecar }}
{{- range $name, $row := .Values.workers }}
spec:
  containers:
    - image: busybox:1.36
    - image: "quay.io/a/tool:2.0"  # a comment
      image: '{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}'
      image: {{ include "chat.image" . }}
      image: {{ $side.image }}
      image: {{ $row.image }}
      image: {{ .Values.unknown.image }}
      image: {{ include "nobody" . | quote }}
      image: untagged
      imagePullPolicy: Always
{{- end }}
"""
HELPERS = """
{{- define "chat.image" -}}
{{ include "chat.repository" . }}:{{ .Chart.AppVersion }}
{{- end }}
{{ define "chat.repository" }}{{ .Values.image.repository }}{{ include "chat.image" . }}{{ end }}
"""


def test_templates() -> None:
    values = {
        "image": {"repository": "a/b", "tag": "1"},
        "sidecar": {"image": "c/d:2"},
        "workers": {"one": {"image": "e/f:3"}},
    }
    files = {
        "templates/deployment.yaml": TEMPLATE,
        "templates/_helpers.tpl": HELPERS,
        "templates/NOTES.txt": "image: not/read:1",
        "crds/x.yaml": "image: not/read:2",
    }
    found = named(values, files=files)
    assert sorted(reference.name for reference in found.images.values()) == [
        "docker.io/a/b:1",
        "docker.io/c/d:2",
        "docker.io/e/f:3",
        "docker.io/library/busybox:1.36",
        "quay.io/a/tool:2.0",
    ]
    assert [warning.split(" names ")[0] for warning in found.warnings] == [
        f"chart chat: templates/deployment.yaml line {number}" for number in (12, 13, 14)
    ]
    assert " names no image of one version (image: untagged). " in found.warnings[2]
    assert found.warnings[0].endswith(
        "an image that cannot be told from the values (image: {{ .Values.unknown.image }}). If it is used, add it to the "
        "chart's images."
    )


def subchart(name: str, **more: Any) -> Dict[str, str]:
    values = {"image": {"repository": f"sub/{name}", "tag": "1"}}
    return {
        f"charts/{name}/Chart.yaml": json.dumps({"name": name, "version": "1.0.0", **more}),
        f"charts/{name}/values.yaml": json.dumps(values),
    }


def test_subcharts() -> None:
    packed = chart("packed", files={"values.yaml": json.dumps({"image": "packed:1"})})
    files: Dict[str, Any] = {
        **subchart("mysql"),
        **subchart("cache"),
        **subchart("free"),
        **subchart("tagged"),
        "charts/packed-1.2.3.tgz": packed,
        "charts/README.md": "no chart",
    }
    rows = [
        {"name": "mysql", "condition": "mysql.enabled"},
        {"name": "cache", "alias": "memory", "condition": "nowhere.enabled,memory.enabled"},
        {"name": "tagged", "tags": ["extras"]},
        "odd",
    ]
    values = {"mysql": {"enabled": False, "image": {"tag": "2"}}, "memory": {"enabled": True, "image": {"tag": "3"}}}
    names = ["docker.io/library/packed:1", "docker.io/sub/cache:3", "docker.io/sub/free:1", "docker.io/sub/tagged:1"]
    assert images(values, files=files, dependencies=rows) == names
    given = {"mysql": {"enabled": True}, "tags": {"extras": False}, "packed": {"image": "packed:2"}}
    assert images(values, files=files, dependencies=rows, given=given) == [
        "docker.io/library/packed:2",
        "docker.io/sub/cache:3",
        "docker.io/sub/free:1",
        "docker.io/sub/mysql:2",
    ]
    shared = {"global": {"imageRegistry": "r.example.com"}}
    more = subchart("reg")
    more["charts/reg/values.yaml"] = json.dumps({"image": {"registry": "docker.io", "repository": "a", "tag": "1"}})
    assert images(shared, files=more) == ["r.example.com/a:1"]


def test_requirements_of_the_first_api() -> None:
    rows = {"dependencies": [{"name": "mysql", "condition": "mysql.enabled"}]}
    files = {**subchart("mysql"), "requirements.yaml": json.dumps(rows)}
    assert images({"mysql": {"enabled": False}}, files=files) == []
    assert images({}, files=files) == ["docker.io/sub/mysql:1"]


def tarred(*members: tarfile.TarInfo) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    return gzip.compress(content.getvalue())


def member(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.size, made.linkname = kind, size, "/etc/passwd"
    return made


@pytest.mark.parametrize(
    "data, told",
    [
        (b"no gzip", "is no gzipped tar archive, or it is damaged"),
        (gzip.compress(b"no tar" * 100), "is no gzipped tar archive, or it is damaged"),
        (chart()[:100], "is no gzipped tar archive, or it is damaged"),
        (tarred(member("chat/../../etc/x")), "leads out of its place"),
        (tarred(member("/etc/x")), "leads out of its place"),
        (tarred(member("chat/a\\b")), "leads out of its place"),
        (tarred(member("chat/a\nb")), "leads out of its place"),
        (tarred(member("chat/./b")), "leads out of its place"),
        (tarred(member("..")), "leads out of its place"),
        (tarred(member("chat/x", tarfile.SYMTYPE)), "has chat/x, which is not a plain file"),
        (tarred(member("chat/x", tarfile.LNKTYPE)), "has chat/x, which is not a plain file"),
        (tarred(member("chat/x", tarfile.CHRTYPE)), "has chat/x, which is not a plain file"),
        (tarred(member("chat/x"), member("chat/x")), "has chat/x twice"),
        (tarred(member("chat", tarfile.DIRTYPE)), "an archive with one directory in it is expected"),
        (tarred(member("a/x"), member("b/x")), "an archive with one directory in it is expected"),
        (tarred(member("chat/values.yaml")), "is no Helm chart: it has no chat/Chart.yaml"),
        (archive({"chat/Chart.yaml": "- a\n"}), "chat/Chart.yaml holds no mapping"),
        (archive({"chat/Chart.yaml": "a: {"}), "chat/Chart.yaml is not readable YAML"),
        (archive({"chat/Chart.yaml": "a: 2026-99-99"}), "chat/Chart.yaml is not readable YAML"),
        (archive({"chat/Chart.yaml": "!!python/object/apply:os.system ['x']"}), "is not readable YAML"),
        (gzip.compress(b"\0" * (130 << 20)), "unpacks to more than 134217728 bytes"),
    ],
)
def test_archives_that_are_not_charts(data: bytes, told: str) -> None:
    with pytest.raises(BundleError, match="The chart") as caught:
        read_chart(data, "The chart")
    assert told in str(caught.value)


def test_charts_in_charts_have_an_end() -> None:
    data = chart("deep")
    for _level in range(5):
        data = chart("deep", files={"charts/deep.tgz": data})
    with pytest.raises(BundleError, match=r"has charts in charts deeper than any deployment needs"):
        read_chart(data, "The chart")
    folders = {f"{'charts/deep/' * depth}Chart.yaml": '{"name": "deep"}' for depth in range(1, 6)}
    with pytest.raises(BundleError, match=r"has charts in charts deeper than any deployment needs"):
        read_chart(chart("deep", files=folders), "The chart")


BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [*{before},*{before},*{before},*{before},*{before},*{before},*{before},*{before}]\n"
    for before, name in zip("abcdefgh", "bcdefghi")
)


@pytest.mark.parametrize(
    "text", [BOMB, "a: &a {b: *a}", "{" + "a: {" * 150 + "}" * 150 + "}", "a: [" * 150 + "]" * 150]
)
@pytest.mark.parametrize("name", ["Chart.yaml", "values.yaml"])
def test_values_without_end(text: str, name: str) -> None:
    """In a few lines of YAML one can say more than any memory holds."""
    with pytest.raises(BundleError, match=rf"The chart, chat/{name} is (larger or deeper than|not readable YAML)"):
        read_chart(archive({"chat/Chart.yaml": "name: chat", f"chat/{name}": text}), "The chart")


def merges(levels: int, more: str = "") -> str:
    """YAML in which each mapping is merged of thirty times the one before."""
    rows = ["a0: &a0 {" + ",".join(f"k{number}: {number}" for number in range(100)) + "}"]
    for level in range(1, levels + 1):
        rows.append(f"a{level}: &a{level}\n  <<: [{','.join([f'*a{level - 1}'] * 30)}]\n  own: {level}")
    return "\n".join([*rows, more])


def test_merges_in_merges_have_an_end() -> None:
    small = load_yaml(merges(1, "b: {<<: *a1, k1: x}"), "The text")
    assert (small["b"]["k1"], small["b"]["own"], small["b"]["k99"], len(small["a1"])) == ("x", 1, 99, 101)
    with pytest.raises(
        BundleError, match=r"^The text is not readable YAML: a mapping is merged of more than 200000 pairs"
    ):
        load_yaml(merges(5, f"b: {{<<: [{','.join(['*a5'] * 3000)}]}}"), "The text")
    for wrong in ("a: {<<: 1}", "a: {<<: [1]}", "a: &a {<<: *a}"):
        with pytest.raises(BundleError, match=r"^The text is not readable YAML: "):
            load_yaml(wrong, "The text")


def test_what_json_does_not_know_becomes_text() -> None:
    found = read_chart(archive({"c/Chart.yaml": "name: c\n2: 2026-01-02\non: !!set {a: null}\n"}), "The chart")
    assert json.loads(found.metadata_json()) == {"name": "c", "2": "2026-01-02", "True": ["a"]}
    with pytest.raises(BundleError, match=r"annotation images is larger or deeper"):
        images(annotations={"images": "&a [*a]"})


def test_long_lines_are_not_read() -> None:
    files = {"templates/x.yaml": "image: a/b:1" + " " * 3000 + "\nimage: c/d:1\n"}
    assert images(files=files) == ["docker.io/c/d:1"]


def nested(levels: int, width: int) -> Chart:
    """A chart that deploys the one in it so many times, which does the same."""
    rows = [{"name": "a", "alias": f"a{number}"} for number in range(width)]
    return Chart({"name": "a", "dependencies": rows}, {}, subcharts=[nested(levels - 1, width)] if levels else [])


def templates(*lines: str) -> Chart:
    return Chart({"name": "a"}, {"image": "a/b:1"}, {"templates/x.yaml": "\n".join(lines)})


def values(count: int) -> Dict[str, Any]:
    return {f"key{number}": {"image": f"a/b{number}:1"} for number in range(count)}


MANY = Chart({"name": "a"}, values(200), {"templates/x.yaml": 'image: {{ include "d" . }}\n' * 20})
MANY.templates["templates/d.tpl"] = (
    '{{ define "d" }}' + "".join(f"{{{{ .Values.x{n} }}}}" for n in range(100)) + "{{ end }}"
)


@pytest.mark.parametrize(
    "chart_",
    [
        pytest.param(nested(3, 20), id="subcharts of subcharts"),
        pytest.param(
            Chart(nested(0, 9).metadata, {}, subcharts=[Chart({"name": "a"}, values(1000))]),
            id="values again and again",
        ),
        pytest.param(Chart({"name": "a"}, values(1000)), id="names"),
        pytest.param(Chart({"name": "a"}, {"list": [0] * 60_000}), id="values"),
        pytest.param(templates(*['image: {{ include "x" . }}'] * 2000), id="lines"),
        pytest.param(
            templates('{{ define "x" }}' + " " * 200_000 + "{{ end }}", *['image: {{ include "x" . }}'] * 30),
            id="what lines refer to",
        ),
        pytest.param(templates("x" * 6_000_000), id="text"),
        pytest.param(
            Chart(
                {"name": "a", "dependencies": [{"name": "a", "condition": "x," * 3_000_000}]},
                {},
                subcharts=[Chart({"name": "a"}, {})],
            ),
            id="conditions",
        ),
        pytest.param(MANY, id="what is compared"),
        pytest.param(
            Chart(
                nested(0, 9).metadata,
                {f"a{number}": dict.fromkeys(values(3000)) for number in range(9)},
                subcharts=[Chart({"name": "a"}, dict.fromkeys(values(3000), 1))],
            ),
            id="values that are taken away",
        ),
    ],
)
def test_work_has_an_end(monkeypatch: pytest.MonkeyPatch, chart_: Chart) -> None:
    """What a small archive makes a machine do is bounded, whichever way it goes."""
    monkeypatch.setattr(chart_images, "_EFFORT", 4_900_000)
    with pytest.raises(BundleError, match=r"^The chart a takes more work .* set carry_images to false, and name its"):
        find_images(chart_, {})


def test_the_largest_charts_are_far_from_that_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred subcharts with a hundred values and four images each."""
    monkeypatch.setattr(chart_images, "_EFFORT", chart_images._EFFORT // 100)
    below = [Chart({"name": f"s{number}"}, {**values(4), "x": [0] * 100}) for number in range(100)]
    rows = [{"name": chart.name, "condition": f"{chart.name}.enabled"} for chart in below]
    for one in below:
        one.templates["templates/x.yaml"] = "text: x\n" * 4000 + "image: {{ .Values.key1.image }}\n" * 10
    assert len(find_images(Chart({"name": "a", "dependencies": rows}, {}, subcharts=below), {}).images) == 4


@pytest.mark.parametrize("line", ["image: a" + " " * 1980 + "b", "image: a/b:1" + "\t" * 1900 + "# why", " " * 1999])
def test_lines_of_blanks_take_no_longer_than_others(line: str) -> None:
    begun = time.process_time()
    found = find_images(templates(*[line] * 3000), {})
    assert time.process_time() - begun < 5
    assert set(found.images) <= {"docker.io/a/b:1@"}


def test_a_python_that_has_no_reader_of_yaml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    found = importlib.util.find_spec(chart_archive.__name__)
    assert found is not None and found.loader is not None
    fresh = importlib.util.module_from_spec(found)
    monkeypatch.setitem(sys.modules, found.name, fresh)
    found.loader.exec_module(fresh)
    assert fresh.yaml is None and chart_archive.yaml is not None


def test_without_a_reader_of_yaml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chart_archive, "yaml", None)
    with pytest.raises(BundleError, match=r"Cannot read Helm charts: install PyYAML"):
        load_yaml("a: 1", "x")
