# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from typing import Any, Dict, List

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils._report import (
    as_json,
    as_junit,
    build,
    merged,
    summary,
)
from ansible_collections.fieldops.mattermost.plugins.module_utils._report_html import as_html


def control(id_: str, verdict: str = "pass", **more: Any) -> Dict[str, Any]:
    made = {
        "id": id_,
        "title": f"Requirement {id_}",
        "reference": "page: Notices",
        "component": "mattermost_server",
        "severity": "high",
        "kind": "setting",
        "verdict": verdict,
        "expected": "false",
        "found": "false" if verdict == "pass" else "true",
        "remedy": "Mend it.",
        "evidence": ["seen"],
    }
    return {**made, **more}


SERVER = ["mattermost_server"]
HOSTS: List[Dict[str, Any]] = [
    {"name": "server2", "components": SERVER, "controls": [control("AG-10", "fail"), control("AG-9")]},
    {
        "name": "server1",
        "components": [*SERVER, "mattermost_proxy"],
        "controls": [
            control("AG-9"),
            control("AG-10", "fail"),
            control("AG-20:A.B", title="A.B: Because <b>.", reference="server behaviour: it asks"),
            control("AG-30", "fail", severity="info", component="all"),
            control("AG-31", "not_applicable", found="Not here."),
            control("AG-32", "error", severity="odd", reference="odd", component="odd", evidence=[], expected=""),
        ],
    },
    {"name": "gone", "error": "It did not answer."},
]


def report(hosts: Any = None) -> Any:
    return build("Assessment <of> Mattermost", "air_gapped", "2026-08-21T12:00:00Z", HOSTS if hosts is None else hosts)


GOOD = [{"name": "server1", "components": SERVER, "controls": [control("AG-1")], "error": ""}]


def test_rows_are_in_order_whatever_order_the_hosts_answered_in() -> None:
    rows = [(row.id, row.host) for row in report().rows]
    assert rows[:4] == [("AG-9", "server1"), ("AG-9", "server2"), ("AG-10", "server1"), ("AG-10", "server2")]
    again = report(list(reversed(HOSTS)))
    assert [write(report()) for write in (as_json, as_junit, as_html)] == [
        write(again) for write in (as_json, as_junit, as_html)
    ]


def test_a_host_that_did_not_answer_is_an_error() -> None:
    (row,) = [row for row in report().rows if row.host == "gone"]
    assert (row.id, row.verdict, row.found) == ("HOST", "error", "It did not answer.")


def test_information_decides_nothing() -> None:
    deciding = report().deciding(["fail", "error"])
    assert sorted(row.id for row in deciding) == ["AG-10", "AG-10", "AG-32", "HOST"]
    assert report().deciding([]) == []


def test_components_are_in_the_order_of_a_request() -> None:
    assert report().components() == ["mattermost_server", "all", "odd"]


def test_the_same_of_several_hosts_is_said_once() -> None:
    assert [hosts for _row, hosts in merged(report().rows)][:2] == [["server1", "server2"], ["server1", "server2"]]


def test_json() -> None:
    document = json.loads(as_json(report()))
    assert document["counts"] == {"fail": 3, "error": 2, "pass": 3, "not_applicable": 1}
    assert document["hosts"][0] == {"name": "gone", "components": []}
    assert document["time"] == "2026-08-21T12:00:00Z"
    assert set(document["controls"][0]) == {
        "host", "id", "title", "reference", "component", "severity", "verdict", "expected", "found", "remedy", "evidence",
    }  # fmt: skip


def test_junit() -> None:
    text = as_junit(report())
    top = ET.fromstring(text)
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n')
    assert top.tag == "testsuites"
    assert {name: top.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "9", "failures": "2", "errors": "2", "skipped": "1",
    }  # fmt: skip
    suites = top.findall("testsuite")
    assert [suite.get("name") for suite in suites] == ["air_gapped.gone", "air_gapped.server1", "air_gapped.server2"]
    for suite in suites:
        cases = suite.findall("testcase")
        assert int(suite.get("tests") or 0) == len(cases)
        assert int(suite.get("failures") or 0) == len(suite.findall("testcase/failure"))
        assert int(suite.get("errors") or 0) == len(suite.findall("testcase/error"))
        assert int(suite.get("skipped") or 0) == len(suite.findall("testcase/skipped"))
        assert suite.get("timestamp") == "2026-08-21T12:00:00Z"
        assert all(case.get("classname") and case.get("name") and case.get("time") for case in cases)
    failure = suites[1].find("testcase/failure")
    assert failure is not None
    assert (failure.get("message"), failure.get("type")) == ("expected false; found true", "high")
    assert failure.text == "expected: false\nfound: true\nto mend it: Mend it.\nseen\n"
    informed = suites[1].find("testcase/system-out")
    assert informed is not None and (informed.text or "").startswith("Fail, for information\n")


def test_junit_holds_no_time_that_was_not_given_and_nothing_that_xml_cannot_hold() -> None:
    text = as_junit(
        build("x", "y", "", [{"name": "h", "controls": [control("AG-1", found="a\x00\x1b&<\ud800", verdict="fail")]}])
    )
    suite = ET.fromstring(text).find("testsuite")
    assert suite is not None and suite.get("timestamp") is None
    failure = suite.find("testcase/failure")
    assert failure is not None and failure.get("message") == "expected false; found a\ufffd\ufffd&<\ufffd"


def test_an_assessment_of_nothing() -> None:
    empty = build("x", "y", "", [])
    assert ET.fromstring(as_junit(empty)).get("tests") == "0"
    assert summary(empty, ("fail",)) == ["0 checks on 0 hosts: 0 fail, 0 error, 0 pass, 0 not applicable"]
    assert "None of 0 checks needs attention" in as_html(empty)


def test_summary() -> None:
    lines = summary(report(), ("fail",))
    assert lines == [
        "9 checks on 3 hosts: 3 fail, 2 error, 3 pass, 1 not applicable",
        "FAIL AG-10 on server1, server2: Requirement AG-10",
        "  expected: false",
        "  found:    true",
        "  mend it:  Mend it.",
    ]


class _Page(HTMLParser):
    """Whether tags are closed in order, and what leads out of the page."""

    empty = ("meta",)

    def __init__(self) -> None:
        super().__init__()
        self.open: List[str] = []
        self.outside: List[Any] = []
        self.verdicts: List[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        given = dict(attrs)
        self.outside += [value for name, value in attrs if name in ("src", "href")]
        if "data-of" in given:
            self.verdicts.append(given["data-of"])
        if tag not in self.empty:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html() -> None:
    text = as_html(report())
    page = _Page()
    page.feed(text)
    assert page.open == []
    assert page.outside == []
    assert "default-src 'none'" in text
    assert "<title>Assessment &lt;of&gt; Mattermost</title>" in text
    assert "4 of 9 checks need attention; 1 more is only to be known" in text
    assert "Because &lt;b&gt;." in text and "<b>." not in text
    assert (
        text.index("<h2>To mend")
        < text.index("<h2>Server<small>3 of 5 pass")
        < text.index("<h2>Every host")
        < text.index("<h2>odd")
    )
    assert "Architecture page, Notices" in text and "Server behaviour: it asks" in text
    assert "For information: it decides nothing." in text
    assert sorted(set(page.verdicts)) == ["error", "fail", "not_applicable", "pass"]
    assert all(word in text for word in ("Pass</span>", "Fail</span>", "Error</span>", "Not applicable</span>"))


def test_html_when_all_is_well() -> None:
    text = as_html(report(GOOD))
    assert "None of 1 checks needs attention" in text
    assert "To mend</h2>" not in text
    assert "are only to be known" in as_html(
        report([{"name": "h", "controls": [control(f"AG-{n}", "fail", severity="info") for n in (1, 2)]}])
    )


def test_html_without_a_time() -> None:
    assert "Scenario y</p>" in as_html(build("x", "y", "", []))


@pytest.mark.parametrize("write", [as_json, as_junit, as_html])
def test_the_same_results_give_the_same_text(write: Any) -> None:
    assert write(report()) == write(report())
