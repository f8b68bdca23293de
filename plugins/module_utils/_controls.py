# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controls: what a scenario's architecture requires, as data, and their check on a host.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Sequence

from . import _checks_federation, _checks_network, _checks_packages, _checks_server, _checks_system, _checks_web
from ._checks_base import (
    ERROR,
    NOT_APPLICABLE,
    VERDICTS,
    CannotCheck,
    ControlError,
    Finding,
    Host,
    Kind,
    NotApplicable,
    Option,
    scrub,
)
from ._errors import MattermostError

KINDS: Dict[str, Kind] = {
    **_checks_server.KINDS,
    **_checks_system.KINDS,
    **_checks_network.KINDS,
    **_checks_packages.KINDS,
    **_checks_web.KINDS,
    **_checks_federation.KINDS,
}
SEVERITIES = ("high", "medium", "low", "info")
EVERY_HOST = "all"
_TEXTS = ("id", "title", "reference", "component", "severity", "remedy")
_TYPES = {"str": str, "int": int, "bool": bool, "list": (list, tuple), "dict": Mapping}
_WORDS = {"str": "a text", "int": "a whole number", "bool": "true or false", "list": "a list", "dict": "a mapping"}
_TRUTH = {"true": True, "yes": True, "false": False, "no": False}


@dataclass(frozen=True)
class Control:
    """One requirement, and how it is checked."""

    id: str
    title: str
    reference: str
    component: str
    severity: str
    remedy: str
    kind: str
    params: Dict[str, Any]
    expected: str = ""
    applies: bool = True


@dataclass(frozen=True)
class Result:
    """A control and its verdict on one host."""

    control: Control
    finding: Finding

    def as_dict(self) -> Dict[str, Any]:
        """What the module returns."""
        control, finding = self.control, self.finding
        return {
            "id": control.id,
            "title": control.title,
            "reference": control.reference,
            "component": control.component,
            "severity": control.severity,
            "kind": control.kind,
            "verdict": finding.verdict,
            "expected": scrub(control.expected or finding.expected),
            "found": scrub(finding.found),
            "remedy": control.remedy,
            "evidence": [scrub(line) for line in finding.evidence],
        }


def _typed(option: Option, value: Any, place: str) -> Any:
    """A value of the type asked for; what a template made a text of is read again."""
    if option.type == "any" or (value is None and not option.required):
        return option.default if value is None else value
    if option.type == "str" and isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if option.type == "int" and isinstance(value, str) and value.lstrip("-").isdigit():
        return int(value)
    if option.type == "bool" and isinstance(value, str) and value.lower() in _TRUTH:
        return _TRUTH[value.lower()]
    good = isinstance(value, _TYPES[option.type])  # type: ignore[arg-type]
    if not good or (option.type == "int" and isinstance(value, bool)):
        raise ControlError(f"{place} takes {_WORDS[option.type]}, not {scrub(repr(value))}.")
    return list(value) if option.type == "list" else value


def _params(kind: Kind, given: Mapping[str, Any], place: str) -> Dict[str, Any]:
    unknown = sorted(set(given) - set(kind.options) - {"kind"})
    if unknown:
        raise ControlError(f"{place}.{unknown[0]} is unknown; it takes {', '.join(sorted(kind.options)) or 'nothing'}.")
    missing = [name for name, option in kind.options.items() if option.required and given.get(name) is None]
    if missing:
        raise ControlError(f"{place}.{missing[0]} is missing.")
    return {
        name: _typed(option, given.get(name, option.default), f"{place}.{name}")
        for name, option in kind.options.items()
    }


def parse(number: int, entry: Any) -> Control:
    """A control as the data says it; what is wrong is named by its place."""
    place = f"controls[{number}]"
    if not isinstance(entry, Mapping):
        raise ControlError(f"{place} is no mapping.")
    place += f" ({entry['id']})" if entry.get("id") else ""
    for name in _TEXTS:
        if not isinstance(entry.get(name), str) or not entry[name]:
            raise ControlError(f"{place}.{name} must be a text.")
    unknown = sorted(set(entry) - {*_TEXTS, "check", "expected", "applies"})
    if unknown:
        raise ControlError(f"{place}.{unknown[0]} is unknown.")
    if entry["severity"] not in SEVERITIES:
        raise ControlError(f"{place}.severity must be one of {', '.join(SEVERITIES)}, not {entry['severity']}.")
    check = entry.get("check")
    if not isinstance(check, Mapping) or check.get("kind") not in [*KINDS, "settings"]:
        raise ControlError(f"{place}.check.kind must be one of {', '.join(sorted([*KINDS, 'settings']))}.")
    kind = Kind(_checks_server.setting, _EACH) if check["kind"] == "settings" else KINDS[check["kind"]]
    return Control(
        **{name: entry[name] for name in _TEXTS},
        kind=check["kind"],
        params=_params(kind, check, f"{place}.check"),
        expected=str(entry.get("expected") or ""),
        applies=_typed(Option("bool", True), entry.get("applies", True), f"{place}.applies"),
    )


# The control that stands for one control for each setting of a list.
_EACH = {"settings": Option("list", required=True), "exceptions": Option("list", ())}


def _each(control: Control) -> Iterator[Control]:
    """One control for each entry of the list of settings, with the site's exceptions in it."""
    excepted = {entry["key"]: entry for entry in control.params["exceptions"]}
    for position, entry in enumerate(control.params["settings"]):
        place = f"{control.id}.check.settings[{position}]"
        if not isinstance(entry, Mapping) or not isinstance(entry.get("key"), str):
            raise ControlError(f"{place} has no key.")
        key = entry["key"]
        known = {name: entry[name] for name in _checks_server.KINDS["setting"].options if name in entry}
        exception = excepted.get(key)
        if exception:
            known.update(value=exception.get("value"), exception=str(exception.get("reason") or "without a reason"))
        yield replace(
            control,
            id=f"{control.id}:{key}",
            title=f"{key}: {entry.get('why', '')}".rstrip(": "),
            reference=str(entry.get("source") or control.reference),
            remedy=control.remedy.replace("KEY", key),
            kind="setting",
            params=_params(_checks_server.KINDS["setting"], known, place),
        )


def expand(entries: Sequence[Any]) -> List[Control]:
    """The controls that the data describes. Two with one id would be one in every report."""
    controls: List[Control] = []
    for number, entry in enumerate(entries):
        control = parse(number, entry)
        controls += _each(control) if control.kind == "settings" else [control]
    seen = set()
    for control in controls:
        if control.id in seen:
            raise ControlError(f"There are two controls with the id {control.id}.")
        seen.add(control.id)
    return controls


def concerning(controls: Iterable[Control], components: Sequence[str]) -> List[Control]:
    """The controls of the components that a host has."""
    return [control for control in controls if control.component == EVERY_HOST or control.component in components]


def check(control: Control, host: Host) -> Result:
    """The verdict on one control. Whatever goes wrong with one, the others are checked."""
    if not control.applies:
        return Result(control, Finding(NOT_APPLICABLE, control.title, "The site does without this part."))
    try:
        finding = KINDS[control.kind].check(control.params, host)
    except NotApplicable as reason:
        finding = Finding(NOT_APPLICABLE, control.title, str(reason))
    except (CannotCheck, MattermostError) as error:
        finding = Finding(ERROR, control.title, str(error))
    except Exception as error:  # a surprise in one check is that control's error, and not the end of the assessment
        finding = Finding(ERROR, control.title, f"The check failed: {type(error).__name__}: {error}")
    return Result(control, finding)


def counted(verdicts: Iterable[str]) -> Dict[str, int]:
    """How many of each verdict there are."""
    found = list(verdicts)
    return {verdict: found.count(verdict) for verdict in VERDICTS}
