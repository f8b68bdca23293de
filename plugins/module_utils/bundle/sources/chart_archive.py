# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Reading a Helm chart out of its archive, in memory and within bounds: nothing in it is believed, nothing is unpacked."""

from __future__ import annotations

import gzip
import io
import json
import posixpath
import tarfile
import zlib
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional

from ..errors import BundleError

try:
    import yaml  # type: ignore[import-untyped]
except ImportError:
    yaml = None

ARCHIVE_LIMIT = 32 << 20
_CONTENT_LIMIT = 128 << 20
_FILES = 10_000
_DEPTH = 4  # of charts in charts
_NODES = 200_000
_LEVELS = 100


@dataclass
class Chart:
    """What of a chart says which images it uses."""

    metadata: Dict[str, Any]
    values: Dict[str, Any]
    templates: Dict[str, str] = field(default_factory=dict)
    subcharts: List[Chart] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(self.metadata.get("name", ""))

    @property
    def version(self) -> str:
        return str(self.metadata.get("version", ""))

    @property
    def app_version(self) -> str:
        return str(self.metadata.get("appVersion") or "")

    @property
    def dependencies(self) -> List[Dict[str, Any]]:
        rows = self.metadata.get("dependencies")
        return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []

    def metadata_json(self) -> bytes:
        """For the index of the depot, which has no reader of YAML."""
        return json.dumps(self.metadata, sort_keys=True).encode() + b"\n"


def load_yaml(text: str, what: str) -> Any:
    """One YAML document, of plain values only."""
    if yaml is None:
        raise BundleError("Cannot read Helm charts: install PyYAML for the Python that makes the lock (python3-yaml).")
    try:
        return yaml.load(text, Loader=_loader())
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        problem = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BundleError(f"{what} is not readable YAML: {problem}.") from error


def _loader() -> Any:
    """A safe one, that does not let a few lines of merges (<<) in merges become more pairs than there is memory for."""
    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]
        def flatten_mapping(self, node: Any) -> None:
            pairs = 0
            for merged in (value for key, value in node.value if key.tag == "tag:yaml.org,2002:merge"):
                for part in merged.value if isinstance(merged, yaml.SequenceNode) else [merged]:
                    if isinstance(part, yaml.MappingNode):
                        self.flatten_mapping(part)
                        pairs += len(part.value)
                    if pairs > _NODES:
                        raise yaml.YAMLError(f"a mapping is merged of more than {_NODES} pairs")
            super().flatten_mapping(node)

    return Loader


def plain(value: Any, what: str, *, level: int = 0, budget: Optional[List[int]] = None) -> Any:
    """The same as JSON has it, a tree with an end: in YAML one anchor can stand for millions of values, or for itself."""
    left = budget if budget is not None else [_NODES]
    left[0] -= 1
    if left[0] < 0 or level > _LEVELS:
        raise BundleError(f"{what} is larger or deeper than any deployment needs.")
    if isinstance(value, dict):
        return {str(key): plain(below, what, level=level + 1, budget=left) for key, below in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(below, what, level=level + 1, budget=left) for below in value]
    return value if value is None or isinstance(value, (str, int, float)) else str(value)


def read_chart(data: bytes, what: str) -> Chart:
    """The chart in an archive, with the charts in it."""
    return _read_chart(data, what, _DEPTH, [_CONTENT_LIMIT])


def _read_chart(data: bytes, what: str, depth: int, budget: List[int]) -> Chart:
    files = _unpack(data, what, budget)
    tops = {name.split("/", 1)[0] for name in files}
    if len(tops) != 1:
        raise BundleError(f"{what} is no Helm chart: an archive with one directory in it is expected.")
    return _build(files, f"{tops.pop()}/", what, depth, budget)


def _unpack(data: bytes, what: str, budget: List[int]) -> Dict[str, bytes]:
    """The files of an archive. The budget is how many bytes all archives may still come to."""
    files: Dict[str, bytes] = {}
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            content = packed.read(budget[0] + 1)
        budget[0] -= len(content)
        if budget[0] < 0:
            raise BundleError(f"{what} unpacks to more than {_CONTENT_LIMIT} bytes, which no Helm chart needs.")
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            for member in archive:
                if member.isdir():
                    continue
                _check_member(member, files, what)
                handle = archive.extractfile(member)
                files[member.name] = handle.read() if handle is not None else b""
    except (OSError, EOFError, zlib.error, tarfile.TarError, ValueError, OverflowError) as error:
        raise BundleError(f"{what} is no gzipped tar archive, or it is damaged: {error}.") from error
    return files


def _check_member(member: tarfile.TarInfo, files: Mapping[str, bytes], what: str) -> None:
    name = member.name
    plain = posixpath.normpath(name) == name and not name.startswith(("/", "../")) and name != ".."
    if not plain or "\\" in name or not name.isprintable():
        raise BundleError(f"{what} has a file {name!r}, which leads out of its place.")
    if not member.isfile() or member.issparse():
        raise BundleError(f"{what} has {name}, which is not a plain file; a chart has no links or devices.")
    if name in files or len(files) >= _FILES:
        raise BundleError(f"{what} has {name} twice, or more than {_FILES} files.")


def _build(files: Mapping[str, bytes], top: str, what: str, depth: int, budget: List[int]) -> Chart:
    metadata = _mapping(files, f"{top}Chart.yaml", what)
    if not metadata:
        raise BundleError(f"{what} is no Helm chart: it has no {top}Chart.yaml.")
    chart = Chart(metadata, _mapping(files, f"{top}values.yaml", what))
    if not chart.dependencies:  # charts of the first API keep them in a file of their own
        chart.metadata.update(_mapping(files, f"{top}requirements.yaml", what))
    for name, data in files.items():
        if name.startswith(f"{top}templates/"):
            chart.templates[name[len(top) :]] = data.decode("utf-8", "replace")
    if depth == 0:
        raise BundleError(f"{what} has charts in charts deeper than any deployment needs.")
    chart.subcharts = _subcharts(files, f"{top}charts/", what, depth - 1, budget)
    return chart


def _subcharts(files: Mapping[str, bytes], base: str, what: str, depth: int, budget: List[int]) -> List[Chart]:
    found = []
    below = sorted({name[len(base) :].split("/", 1)[0] for name in files if name.startswith(base)})
    for name in below:
        if f"{base}{name}/Chart.yaml" in files:
            found.append(_build(files, f"{base}{name}/", what, depth, budget))
        elif name.endswith(".tgz") and f"{base}{name}" in files:
            if depth == 0:
                raise BundleError(f"{what} has charts in charts deeper than any deployment needs.")
            found.append(_read_chart(files[f"{base}{name}"], f"{what}, {name}", depth, budget))
    return found


def _mapping(files: Mapping[str, bytes], name: str, what: str) -> Dict[str, Any]:
    """A YAML file that holds a mapping; an empty one where there is none."""
    if name not in files:
        return {}
    document = plain(load_yaml(files[name].decode("utf-8", "replace"), f"{what}, {name}"), f"{what}, {name}")
    if document is not None and not isinstance(document, dict):
        raise BundleError(f"{what}, {name} holds no mapping.")
    return document or {}
