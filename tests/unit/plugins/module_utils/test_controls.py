# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Dict, List

import pytest
import yaml
from ansible_collections.fieldops.mattermost.plugins.module_utils import _controls
from ansible_collections.fieldops.mattermost.plugins.module_utils._checks_base import (
    ERROR,
    NOT_APPLICABLE,
    PASS,
    ControlError,
    Finding,
    NotApplicable,
)
from ansible_collections.fieldops.mattermost.plugins.module_utils._controls import (
    KINDS,
    check,
    concerning,
    counted,
    expand,
    parse,
)
from ansible_collections.fieldops.mattermost.tests.unit.plugins.module_utils.fake_host import FakeHost, control

ROLES = Path(__file__).parents[4] / "roles"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": ""}, "controls[3].id must be a text."),
        ({"title": None}, "controls[3] (T-01).title must be a text."),
        ({"remedy": 5}, "controls[3] (T-01).remedy must be a text."),
        ({"remedie": "x"}, "controls[3] (T-01).remedie is unknown."),
        ({"severity": "dire"}, "controls[3] (T-01).severity must be one of high, medium, low, info, not dire."),
        ({"check": "x"}, "controls[3] (T-01).check.kind must be one of "),
        ({"check": {"kind": "magic"}}, "controls[3] (T-01).check.kind must be one of apt_signatures, apt_sources,"),
        ({"check": {"kind": "systemd"}}, "controls[3] (T-01).check.unit is missing."),
        (
            {"check": {"kind": "systemd", "unit": "x", "on": True}},
            "controls[3] (T-01).check.on is unknown; it takes active, enabled, properties, unit.",
        ),
        ({"check": {"kind": "time_sync", "x": 1}}, "controls[3] (T-01).check.x is unknown; it takes nothing."),
        ({"check": {"kind": "systemd", "unit": ["x"]}}, "controls[3] (T-01).check.unit takes a text, not ['x']."),
        (
            {"check": {"kind": "systemd", "unit": "x", "active": "maybe"}},
            "controls[3] (T-01).check.active takes true or false, not 'maybe'.",
        ),
        (
            {"check": {"kind": "egress", "port": "https"}},
            "controls[3] (T-01).check.port takes a whole number, not 'https'.",
        ),
        ({"check": {"kind": "egress", "port": True}}, "controls[3] (T-01).check.port takes a whole number, not True."),
        ({"check": {"kind": "apt_sources", "allowed": "x"}}, "controls[3] (T-01).check.allowed takes a list, not 'x'."),
        ({"check": {"kind": "http", "url": "x", "json": []}}, "controls[3] (T-01).check.json takes a mapping, not []."),
    ],
)
def test_mistakes_in_a_control_are_named(change: Dict[str, Any], message: str) -> None:
    with pytest.raises(ControlError) as caught:
        parse(3, {**control("time_sync"), **change})
    assert str(caught.value).startswith(message)


def test_a_control_is_a_mapping() -> None:
    with pytest.raises(ControlError, match=r"controls\[0\] is no mapping"):
        expand(["x"])


def test_texts_that_templates_made_are_read_again() -> None:
    params = parse(0, control("systemd", unit="x", active="No", enabled="true")).params
    assert (params["active"], params["enabled"], params["properties"]) == (False, True, {})
    assert parse(0, control("egress", port="8443", addresses=("192.0.2.1",), counter="x")).params == {
        "family": "inet",
        "table": "mattermost",
        "counter": "x",
        "addresses": ["192.0.2.1"],
        "port": 8443,
        "seconds": 3,
    }
    assert parse(0, control("nftables_counter", counter="x", at_most=None)).params["at_most"] is None
    assert parse(0, control("server_version", min=11.6)).params["min"] == "11.6"


SETTINGS: List[Dict[str, Any]] = [
    {"key": "A.B", "value": False, "why": "Because.", "source": "page: Notices", "since": "11.0"},
    {"key": "A.C", "value": 0},
]


def test_a_list_of_settings_is_a_control_for_each() -> None:
    entry = {
        **control("settings", settings=SETTINGS, exceptions=[{"key": "A.C", "value": 7, "reason": "a wish"}]),
        "remedy": "Set KEY.",
    }
    first, second = expand([entry])
    assert (first.id, first.title, first.reference, first.remedy) == (
        "T-01:A.B",
        "A.B: Because.",
        "page: Notices",
        "Set A.B.",
    )
    assert (first.kind, first.params["value"], first.params["since"], first.params["exception"]) == (
        "setting",
        False,
        "11.0",
        None,
    )
    assert (second.title, second.reference) == ("A.C", "page: A heading")
    assert (second.params["value"], second.params["exception"]) == (7, "a wish")


def test_an_exception_without_a_reason_says_so() -> None:
    (only,) = expand([control("settings", settings=SETTINGS[1:], exceptions=[{"key": "A.C", "value": 7}])])
    assert only.params["exception"] == "without a reason"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ([{"value": 1}], r"T-01\.check\.settings\[0\] has no key"),
        (["x"], r"T-01\.check\.settings\[0\] has no key"),
        ([{"key": "A.B"}], r"T-01\.check\.settings\[0\]\.value is missing"),
    ],
)
def test_mistakes_in_settings_are_named(settings: Any, message: str) -> None:
    with pytest.raises(ControlError, match=message):
        expand([control("settings", settings=settings)])


def test_an_id_is_there_once() -> None:
    with pytest.raises(ControlError, match="two controls with the id T-01"):
        expand([control("time_sync"), control("time_sync")])


def test_a_host_has_the_controls_of_its_components() -> None:
    controls = expand(
        [
            {**control("time_sync"), "id": name, "component": name}
            for name in ("all", "mattermost_server", "mattermost_depot")
        ]
    )
    assert [one.id for one in concerning(controls, ["mattermost_depot", "other"])] == ["all", "mattermost_depot"]


def result(monkeypatch: pytest.MonkeyPatch, outcome: Any, **more: Any) -> Dict[str, Any]:
    def made(params: Any, host: Any) -> Finding:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setitem(_controls.KINDS, "time_sync", _controls.Kind(made, {}))
    return check(parse(0, {**control("time_sync"), **more}), FakeHost()).as_dict()


def test_a_result_says_all_that_a_reader_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = Finding(PASS, "a", "postgres://mm:s3cret@db", ("x\ny",))
    assert result(monkeypatch, finding) == {
        "id": "T-01",
        "title": "A requirement",
        "reference": "page: A heading",
        "component": "all",
        "severity": "high",
        "kind": "time_sync",
        "verdict": PASS,
        "expected": "a",
        "found": "postgres://mm:********@db",
        "remedy": "Mend it.",
        "evidence": ["x y"],
    }
    assert result(monkeypatch, finding, expected="in other words")["expected"] == "in other words"


def test_one_check_that_breaks_does_not_end_the_assessment(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = result(monkeypatch, KeyError("x"))
    assert (broken["verdict"], broken["expected"], broken["found"]) == (
        ERROR,
        "A requirement",
        "The check failed: KeyError: 'x'",
    )
    assert result(monkeypatch, NotApplicable("Not here."))["verdict"] == NOT_APPLICABLE


def test_counts() -> None:
    assert counted([PASS, ERROR, PASS]) == {"fail": 0, "error": 1, "pass": 2, "not_applicable": 0}


# The data of the scenario roles.


def data(role: Path, name: str) -> List[Dict[str, Any]]:
    text = (role / "vars" / f"{name}.yml").read_text(encoding="utf-8")
    found: List[Dict[str, Any]] = yaml.safe_load(text)[f"__{role.name}_{name}"]
    return found


SCENARIOS = sorted(path.parents[1] for path in ROLES.glob("*/vars/controls.yml"))
# What settings of optional parts have besides.
OF_PARTS = ("part", "variable", "join", "optional", "only", "secret")
PLACES = {"list": [], "dict": {}, "int": 1, "bool": True, "str": "x"}


def test_there_is_a_scenario() -> None:
    assert "air_gapped" in [role.name for role in SCENARIOS]


@pytest.mark.parametrize("role", SCENARIOS, ids=lambda role: role.name)
def test_controls_are_well_made(role: Path) -> None:
    settings = data(role, "settings")
    entries = []
    for entry in data(role, "controls"):
        options = {**KINDS, "settings": _controls.Kind(KINDS["setting"].check, _controls._EACH)}[
            entry["check"]["kind"]
        ].options
        check = {
            name: PLACES[options[name].type]
            if name in options and isinstance(value, str) and value.startswith("{{")
            else value
            for name, value in entry["check"].items()
        }
        if isinstance(check.get("settings"), list):
            # What the site itself says has a value only when the role is run.
            check["settings"] = [{"value": "x", **entry} for entry in settings]
        entries.append({**entry, "check": check, "applies": True})
    controls = expand(entries)
    assert len(controls) > len(settings)
    for control_ in controls:
        assert re.match(r"[A-Z]{2}-\d\d(:|$)", control_.id)
        assert control_.reference.startswith(("page: ", "server behaviour: ")), control_.id
        assert control_.component == "all" or control_.component.startswith("mattermost_")


@pytest.mark.parametrize("role", SCENARIOS, ids=lambda role: role.name)
def test_settings_are_well_made(role: Path) -> None:
    entries = data(role, "settings")
    keys = [entry["key"] for entry in entries]
    assert len(keys) == len(set(keys))
    for entry in entries:
        assert set(entry) <= {"key", "path", "value", "accept", "why", "source", "since", "until", *OF_PARTS}, entry[
            "key"
        ]
        assert ".".join(entry.get("path") or [entry["key"]]) == entry["key"]
        assert entry.get("path") or re.fullmatch(r"[A-Z][A-Za-z0-9]+Settings(\.[A-Z][A-Za-z0-9]+)+", entry["key"])
        assert entry["why"].endswith(".") and entry["source"].startswith(("page: ", "server behaviour: "))
        assert isinstance(entry.get("since", ""), str) and isinstance(entry.get("until", ""), str)


@pytest.mark.parametrize(
    ("key", "value", "good"),
    [
        ("SupportSettings.HelpLink", "https://help.example.mil/", True),
        ("SupportSettings.HelpLink", "/help", True),
        ("SupportSettings.HelpLink", "https://mattermost.com/pl/help/", False),
        ("SupportSettings.HelpLink", "https://docs.mattermost.com:443/", False),
        ("SupportSettings.HelpLink", "https://mattermost.com.example.mil/", True),
        ("SupportSettings.HelpLink", "https://notmattermost.com/", True),
        ("NativeAppSettings.AndroidAppDownloadLink", "https://play.google.com/store", False),
        ("EmailSettings.PushNotificationServer", "https://push.example.mil", True),
        ("EmailSettings.PushNotificationServer", "https://push-test.mattermost.com", False),
    ],
)
def test_what_else_is_accepted(key: str, value: str, good: bool) -> None:
    (entry,) = [entry for entry in data(ROLES / "air_gapped", "settings") if entry["key"] == key]
    assert bool(re.search(entry["accept"], value)) == good
