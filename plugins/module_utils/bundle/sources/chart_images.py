# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Which images a chart names: in its values, its annotations and its templates. What cannot be told is told as a warning."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple

from ..errors import BundleError
from ..oci import DIGEST, Reference
from .chart_archive import Chart, load_yaml, plain

Path = Tuple[str, ...]
_ANNOTATIONS = ("artifacthub.io/images", "images")
_IMAGE_KEY = re.compile(r"(?i).*image")
_LINE = re.compile(r"""(?:-\s+)?["']?image["']?:\s*(\S.*)""")
_VALUES = re.compile(r"\.Values((?:\.[A-Za-z0-9_-]+)+)")
_INCLUDE = re.compile(r"""(?:include|template)\s+["`]([^"`]+)["`]""")
_VARIABLE = re.compile(r"\$([A-Za-z_]\w*)")
_DEFINE = re.compile(r"""\{\{-?\s*define\s+["`]([^"`]+)["`]\s*-?\}\}""")
_ASSIGNED = re.compile(r"\$([A-Za-z_]\w*)\s*:?=\s*([^}\n]*)")
_LINE_LIMIT = 2000
# In characters looked at once. The largest charts there are take a thousandth of it; all of it takes about half a minute.
_EFFORT = 2_000_000_000
_STEP, _NAME = 100, 5_000  # what a value costs, and the reading of a name or of a dependency


@dataclass
class Named:
    """The images of a chart and its subcharts, and what could not be read."""

    images: Dict[str, Reference] = field(default_factory=dict)
    warnings: List[str] = field(default_factory=list)

    def add(self, reference: Reference) -> None:
        self.images.setdefault(f"{reference.place}:{reference.tag}@{reference.digest}", reference)


class Effort:
    """How much work one chart is worth: a small archive can say that it deploys its subcharts a million times."""

    def __init__(self, chart: str) -> None:
        self.chart = chart
        self.left = _EFFORT

    def spend(self, amount: int) -> None:
        self.left -= amount
        if self.left < 0:
            raise BundleError(
                f"The chart {self.chart} takes more work to look through for images than any deployment needs. If it is to be "
                "carried, set carry_images to false, and name its images under images of the BOM."
            )


def find_images(chart: Chart, given: Mapping[str, Any]) -> Named:
    """All of them, for a deployment with these values."""
    named, effort = Named(), Effort(chart.name)
    defines: Dict[str, str] = {}
    _collect_defines(chart, defines)
    _look(chart, merge(chart.values, given, effort), named, defines, chart.name, effort)
    return named


def _look(
    chart: Chart, values: Mapping[str, Any], named: Named, defines: Mapping[str, str], where: str, effort: Effort
) -> None:
    effort.spend(_NAME * (1 + len(chart.dependencies)))
    enabled = list(_enabled(chart, values, effort))
    others = {str(row.get(key)) for row in chart.dependencies for key in ("name", "alias") if row.get(key)}
    others |= {subchart.name for subchart in chart.subcharts}
    own = {key: value for key, value in values.items() if key not in others}
    seeker = _Seeker(chart, _registry_of_all(values), effort)
    seeker.walk(own, ())
    for reference in [*seeker.found.values(), *_annotated(chart, where)]:
        named.add(reference)
    named.warnings += [f"chart {where}: {text}" for text in seeker.unclear]
    _look_at_templates(chart, seeker, named, defines, where)
    for key, subchart in enabled:
        given = values.get(key)
        shared = {"global": values["global"]} if isinstance(values.get("global"), dict) else {}
        below = merge(merge(subchart.values, given if isinstance(given, dict) else {}, effort), shared, effort)
        _look(subchart, below, named, defines, f"{where}/{key}", effort)


def merge(base: Mapping[str, Any], over: Mapping[str, Any], effort: Effort) -> Dict[str, Any]:
    """As Helm merges values: mappings key by key, and nothing (null) takes a key away."""
    effort.spend(_STEP * (1 + len(base) + len(over)))
    merged = dict(base)
    for key, value in over.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = merge(merged[key], value, effort)
        else:
            merged[key] = value
    return merged


def _enabled(chart: Chart, values: Mapping[str, Any], effort: Effort) -> Iterator[Tuple[str, Chart]]:
    """Subcharts that are deployed, by the key their values are under."""
    rows: Dict[str, List[Mapping[str, Any]]] = {}
    for dependency in chart.dependencies:
        rows.setdefault(str(dependency.get("name")), []).append(dependency)
    for subchart in chart.subcharts:
        for row in rows.get(subchart.name) or [{}]:
            effort.spend(_STEP + len(str(row.get("condition") or "")))
            if _is_wanted(row, values):
                yield str(row.get("alias") or subchart.name), subchart


def _is_wanted(row: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    for condition in str(row.get("condition") or "").split(","):
        answer = _at(values, tuple(condition.strip().split(".")))
        if isinstance(answer, bool):
            return answer
    tags, wanted = values.get("tags"), row.get("tags")
    if not isinstance(tags, dict) or not isinstance(wanted, list):
        return True
    said = [tags[tag] for tag in wanted if isinstance(tags.get(tag), bool)]
    return any(said) or not said


def _at(values: object, path: Path) -> object:
    for key in path:
        values = values.get(key) if isinstance(values, Mapping) else None
    return values


def _registry_of_all(values: Mapping[str, Any]) -> str:
    registry = _at(values, ("global", "imageRegistry"))
    return registry if isinstance(registry, str) else ""


@dataclass
class _Seeker:
    """Walks the values of one chart and remembers where images are."""

    chart: Chart
    registry: str
    effort: Effort
    found: Dict[Path, Reference] = field(default_factory=dict)
    unclear: List[str] = field(default_factory=list)

    def walk(self, value: object, path: Path) -> None:
        self.effort.spend(_STEP)
        if isinstance(value, Mapping):
            self._take(value, path)
            for key, below in value.items():
                self.walk(below, (*path, str(key)))
        elif isinstance(value, list):
            for number, below in enumerate(value):
                self.walk(below, (*path, str(number)))

    def _take(self, row: Mapping[str, Any], path: Path) -> None:
        """An image that a mapping describes: {registry, repository, tag, digest}, or strings that are called an image."""
        repository = row.get("repository")
        marks = {"tag", "digest", "registry", "pullPolicy", "imagePullPolicy"} & set(row)
        if isinstance(repository, str) and repository and (marks or _IMAGE_KEY.fullmatch(path[-1] if path else "")):
            self._name(row, repository, row.get("tag"), path, default=self.chart.app_version)
        for key, text in row.items():
            if isinstance(text, str) and text and _IMAGE_KEY.fullmatch(str(key)):
                tag = row.get(f"{key}Tag") or row.get("tag")
                self._name(row, text, tag, (*path, str(key)), default="")

    def _name(self, row: Mapping[str, Any], name: str, tag: object, path: Path, *, default: str) -> None:
        self.effort.spend(_NAME)
        registry = row.get("registry")
        if "registry" in row and self.registry:
            registry = self.registry
        text = f"{registry}/{name}" if isinstance(registry, str) and registry else name
        digest = str(row.get("digest") or "")
        digest = f"sha256:{digest}" if digest and ":" not in digest else digest
        reference = Reference.short(text)
        if reference is not None and not (reference.tag or reference.digest):
            pinned = DIGEST.fullmatch(digest) is not None
            version = str(tag if tag not in (None, "") else "" if pinned else default)
            text += f":{version}" if version else ""
            text += f"@{digest}" if pinned else ""
            reference = Reference.short(text)
        if reference is not None and not (reference.tag or reference.digest):
            reference = None
        if reference is not None:
            self.found[path] = reference
        elif "://" not in text and "{{" not in text:
            place = ".".join(path)
            self.unclear.append(
                f"the value {place} is {text!r}, which is no image of one version; if it is used, add it to the chart's images."
            )


def _annotated(chart: Chart, where: str) -> Iterator[Reference]:
    """What the publisher lists for catalogues."""
    annotations = chart.metadata.get("annotations")
    if not isinstance(annotations, dict):
        return
    for key in _ANNOTATIONS:
        text = annotations.get(key)
        what = f"chart {where}, annotation {key}"
        rows = plain(load_yaml(text, what), what) if isinstance(text, str) else []
        for row in rows if isinstance(rows, list) else []:
            name = row.get("image") if isinstance(row, dict) else None
            reference = Reference.short(name) if isinstance(name, str) else None
            if reference is not None and (reference.tag or reference.digest):
                yield reference


def _collect_defines(chart: Chart, defines: Dict[str, str]) -> None:
    """Named templates are shared by a chart and all its subcharts."""
    for subchart in chart.subcharts:
        _collect_defines(subchart, defines)
    for text in chart.templates.values():
        parts = _DEFINE.split(text)
        defines.update(zip(parts[1::2], parts[2::2]))


def _look_at_templates(chart: Chart, seeker: _Seeker, named: Named, defines: Mapping[str, str], where: str) -> None:
    for name, text in sorted(chart.templates.items()):
        if not name.endswith((".yaml", ".yml", ".tpl")):
            continue
        seeker.effort.spend(len(text))
        variables: Dict[str, List[str]] = {}
        for variable, expression in _ASSIGNED.findall(text):
            variables.setdefault(variable, []).append(expression)
        for number, line in enumerate(text.splitlines(), 1):
            match = _LINE.fullmatch(line.strip()) if len(line) < _LINE_LIMIT else None
            if match is None:
                continue
            seeker.effort.spend(_NAME)
            reference = _literal(match.group(1))
            if reference is not None:
                named.add(reference)
            elif "{{" not in line or not _is_covered(line, variables, seeker, defines):
                what = "an image that cannot be told from the values" if "{{" in line else "no image of one version"
                named.warnings.append(
                    f"chart {where}: {name} line {number} names {what} ({line.strip()[:100]}). If it is used, add it to the "
                    "chart's images."
                )


def _literal(text: str) -> Optional[Reference]:
    word = re.split(r"\s#", text)[0].strip().strip("\"'")
    reference = Reference.short(word)
    return reference if reference is not None and (reference.tag or reference.digest) else None


def _is_covered(line: str, variables: Mapping[str, List[str]], seeker: _Seeker, defines: Mapping[str, str]) -> bool:
    """Whether what the line takes from the values is an image that was found there."""
    wanted = {tuple(path[1:].split(".")) for path in _refers(line, variables, defines, seeker.effort)}
    seeker.effort.spend(_STEP * len(wanted) * len(seeker.found))
    return any(path[: len(known)] == known or known[: len(path)] == path for path in wanted for known in seeker.found)


def _refers(line: str, variables: Mapping[str, List[str]], defines: Mapping[str, str], effort: Effort) -> Iterator[str]:
    """Values that an expression refers to, itself or through variables and named templates."""
    waiting, seen = [line], set()
    while waiting:
        expression = waiting.pop()
        effort.spend(_STEP + len(expression))
        yield from _VALUES.findall(expression)
        found = [(name, [defines[name]]) for name in _INCLUDE.findall(expression) if name in defines]
        found += [(f"${name}", variables.get(name, [])) for name in _VARIABLE.findall(expression)]
        for name, expressions in found:
            if name not in seen:
                seen.add(name)
                waiting += expressions
