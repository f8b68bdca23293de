# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of an assessment: one structure made of what the hosts said, written as JSON, JUnit and HTML.

The same results give the same text, byte for byte; the only time in it is the one that is given.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, List, Mapping, Sequence, Tuple

from ._checks_base import ERROR, FAIL, NOT_APPLICABLE, PASS, VERDICTS

# What XML cannot hold at all, in whatever form.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# The names of the parts of a deployment, in the order in which a request meets them.
COMPONENTS = {
    "mattermost_proxy": "Proxy",
    "mattermost_server": "Server",
    "mattermost_database": "Database",
    "mattermost_depot": "Depot",
    "all": "Every host",
}
WORDS = {PASS: "Pass", FAIL: "Fail", ERROR: "Error", NOT_APPLICABLE: "Not applicable"}
SUPPORTING = "info"


@dataclass(frozen=True)
class Row:
    """One control on one host."""

    host: str
    id: str
    title: str
    reference: str
    component: str
    severity: str
    verdict: str
    expected: str
    found: str
    remedy: str
    evidence: Tuple[str, ...] = ()

    @property
    def informs(self) -> bool:
        """Whether the control is there to be known, and decides nothing."""
        return self.severity == SUPPORTING


@dataclass(frozen=True)
class Report:
    """All that the hosts said."""

    title: str
    scenario: str
    time: str
    hosts: Mapping[str, Sequence[str]]
    rows: Sequence[Row] = field(default_factory=tuple)

    def counts(self) -> Dict[str, int]:
        """How many of each verdict."""
        return {verdict: sum(row.verdict == verdict for row in self.rows) for verdict in VERDICTS}

    def deciding(self, verdicts: Sequence[str]) -> List[Row]:
        """The rows that decide how the assessment ends."""
        return [row for row in self.rows if row.verdict in verdicts and not row.informs]

    def components(self) -> List[str]:
        """The components that were looked at, in the order of a request."""
        known = list(COMPONENTS)
        found = {row.component for row in self.rows}
        return sorted(found, key=lambda name: (known.index(name) if name in known else len(known), name))


def _natural(text: str) -> List[Any]:
    """AG-9 before AG-10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", text) if part]


def _row(host: str, result: Mapping[str, Any]) -> Row:
    texts = {name: str(result.get(name) or "") for name in Row.__dataclass_fields__ if name not in ("host", "evidence")}
    return Row(host=host, evidence=tuple(str(line) for line in result.get("evidence") or ()), **texts)


def _unheard(host: str, error: str) -> Row:
    """The row for a host that did not answer: an assessment that could not be made is none that was passed."""
    return Row(
        host=host,
        id="HOST",
        title="The host can be assessed",
        reference="Assessment",
        component="all",
        severity="high",
        verdict=ERROR,
        expected="the host answers, and its controls are checked",
        found=error,
        remedy="Correct what the message says, and run the assessment again.",
    )


def build(title: str, scenario: str, time: str, hosts: Sequence[Mapping[str, Any]]) -> Report:
    """The report of what the hosts said; the order in which they said it means nothing."""
    rows: List[Row] = []
    for host in hosts:
        rows += [_row(host["name"], result) for result in host.get("controls") or ()]
        if host.get("error"):
            rows.append(_unheard(host["name"], str(host["error"])))
    return Report(
        title=title,
        scenario=scenario,
        time=time,
        hosts={
            host["name"]: sorted(host.get("components") or ())
            for host in sorted(hosts, key=lambda host: str(host["name"]))
        },
        rows=tuple(sorted(rows, key=lambda row: (_natural(row.id), row.host))),
    )


def merged(rows: Iterable[Row]) -> List[Tuple[Row, List[str]]]:
    """Rows that say the same of several hosts, once."""
    found: Dict[Tuple[str, ...], Tuple[Row, List[str]]] = {}
    for row in rows:
        same = (row.id, row.verdict, row.expected, row.found, row.remedy, *row.evidence)
        found.setdefault(same, (row, []))[1].append(row.host)
    return list(found.values())


def as_json(report: Report) -> str:
    """For other programs."""
    document = {
        "title": report.title,
        "scenario": report.scenario,
        "time": report.time,
        "counts": report.counts(),
        "hosts": [{"name": name, "components": list(parts)} for name, parts in report.hosts.items()],
        "controls": [{**vars(row), "evidence": list(row.evidence)} for row in report.rows],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _text(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)


def _case(suite: ET.Element, scenario: str, row: Row) -> None:
    case = ET.SubElement(
        suite, "testcase", name=_text(f"{row.id} {row.title}"), classname=_text(f"{scenario}.{row.component}"), time="0"
    )
    properties = ET.SubElement(case, "properties")
    for name in ("reference", "severity", "expected", "found"):
        ET.SubElement(properties, "property", name=name, value=_text(str(getattr(row, name))))
    said = f"expected: {row.expected}\nfound: {row.found}\nto mend it: {row.remedy}\n" + "".join(
        f"{line}\n" for line in row.evidence
    )
    if row.verdict == NOT_APPLICABLE:
        ET.SubElement(case, "skipped", message=_text(row.found))
    elif row.verdict in (FAIL, ERROR) and not row.informs:
        kind = "failure" if row.verdict == FAIL else "error"
        ET.SubElement(
            case, kind, message=_text(f"expected {row.expected}; found {row.found}"), type=row.severity
        ).text = _text(said)
    elif row.verdict != PASS:
        ET.SubElement(case, "system-out").text = _text(f"{WORDS[row.verdict]}, for information\n{said}")


def _indent(element: ET.Element, start: str) -> None:
    """A line for each element; xml.etree does it itself only from Python 3.9 on. Texts are left as they are."""
    children = list(element)
    if not children:
        return
    element.text = start + "  "
    for child in children:
        _indent(child, start + "  ")
        child.tail = start + "  "
    children[-1].tail = start


def as_junit(report: Report) -> str:
    """For CI servers: a suite for each host. What only informs is never a failure there."""
    top = ET.Element("testsuites", name=_text(report.title))
    totals: Dict[str, int] = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    for host, components in report.hosts.items():
        rows = [row for row in report.rows if row.host == host]
        numbers = {
            "tests": len(rows),
            "failures": sum(row.verdict == FAIL and not row.informs for row in rows),
            "errors": sum(row.verdict == ERROR and not row.informs for row in rows),
            "skipped": sum(row.verdict == NOT_APPLICABLE for row in rows),
        }
        suite = ET.SubElement(top, "testsuite", name=_text(f"{report.scenario}.{host}"), hostname=_text(host), time="0")
        if report.time:
            suite.set("timestamp", report.time)
        for name, count in numbers.items():
            suite.set(name, str(count))
            totals[name] += count
        properties = ET.SubElement(suite, "properties")
        ET.SubElement(properties, "property", name="scenario", value=_text(report.scenario))
        ET.SubElement(properties, "property", name="components", value=_text(", ".join(components)))
        for row in rows:
            _case(suite, report.scenario, row)
    for name, count in totals.items():
        top.set(name, str(count))
    top.set("time", "0")
    _indent(top, "\n")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(top, encoding="unicode") + "\n"


def summary(report: Report, verdicts: Sequence[str]) -> List[str]:
    """The report in a few lines, for the terminal."""
    counts = report.counts()
    said = ", ".join(f"{count} {WORDS[verdict].lower()}" for verdict, count in counts.items())
    lines = [f"{len(report.rows)} checks on {len(report.hosts)} hosts: {said}"]
    for row, hosts in merged(report.deciding(verdicts)):
        lines.append(f"{WORDS[row.verdict].upper()} {row.id} on {', '.join(hosts)}: {row.title}")
        lines += [f"  expected: {row.expected}", f"  found:    {row.found}", f"  mend it:  {row.remedy}"]
    return lines
