# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""User attributes (custom profile attributes): the field, its options by name, and accounts' values in it.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from . import _lookup
from ._client import Client
from ._errors import MattermostError

FIELDS = "/custom_profile_attributes/fields"
KINDS = ("text", "select", "multiselect", "date", "user", "multiuser")
ATTRS = ("visibility", "sort_order", "value_type", "ldap", "saml", "managed")
_CHOOSES = ("select", "multiselect")
_MANY = ("multiselect", "multiuser")
_PEOPLE = ("user", "multiuser")
_NEEDS = "manage_system"

Fields = Dict[str, Any]


class Attribute:
    """One attribute on one server, found by its name."""

    def __init__(self, client: Client, params: Fields) -> None:
        self.client = client
        self.params = params
        self.name: str = params["name"].strip()
        self.raw: Optional[Fields] = None
        self._values: Fields = {}

    def read(self) -> Optional[Fields]:
        """The attribute as it is shown, with the values of the accounts that were asked for."""
        fields = self.client.get(FIELDS, tried="list the user attributes") or []
        found = [field for field in fields if field["name"] == self.name]
        if len(found) > 1:
            raise MattermostError(
                f"Cannot manage the user attribute {self.name}: the server has {len(found)} of that name. Remove all "
                "but one in the System Console."
            )
        self.raw = raw = found[0] if found else None
        if raw is None:
            return None
        attrs = raw.get("attrs") or {}
        shown = {"id": raw["id"], "name": raw["name"], "type": raw["type"]}
        shown.update({key: attrs.get(key, 0 if key == "sort_order" else "") for key in ATTRS})
        shown["options"] = [_option(option) for option in attrs.get("options") or []]
        if self.params["values"] is not None:
            self._values = {username: self._value_of(username) for username in self.params["values"]}
            shown["values"] = dict(self._values)
        return shown

    def wanted(self, current: Optional[Fields]) -> Fields:
        """What was asked for, with what options that were kept have already; refuses what the server cannot do."""
        params = self.params
        wanted: Fields = {"name": self.name, "type": params["type"], **{key: params[key] for key in ATTRS}}
        if params["options"] is not None:
            colors = {option["name"]: option["color"] for option in (current or {}).get("options") or []}
            wanted["options"] = [
                {"name": option["name"], "color": _given(option.get("color"), colors.get(option["name"], ""))}
                for option in params["options"]
            ]
        after = {**(current or {}), **{key: value for key, value in wanted.items() if value is not None}}
        problems = _problems(current, after, with_values=bool(params["values"]))
        if params["values"] is not None:
            after["options"] = after.get("options") or []
            wanted["values"] = {
                username: self._wanted_value(value, after, problems, username)
                for username, value in params["values"].items()
            }
        if problems:
            raise MattermostError(f"Cannot manage the user attribute {self.name}: " + "; ".join(problems) + ".")
        return wanted

    def create(self, wanted: Fields) -> Fields:
        """Create the field, then set the values: they need the ids of its options."""
        attrs = {key: wanted[key] for key in (*ATTRS, "options") if wanted.get(key) is not None}
        body = {"name": self.name, "type": wanted["type"], "attrs": attrs}
        tried = f"create the user attribute {self.name}"
        self.raw = self.client.post(FIELDS, body, tried=tried, needs=_NEEDS)
        self._set_values(wanted.get("values") or {})
        return self.read() or {}

    def update(self, changes: Fields) -> Fields:
        """Change the field; the server replaces its attributes whole, and options that lose their id lose their values."""
        raw = self.raw or {}
        attrs = dict(raw.get("attrs") or {})
        fields = {key: value for key, value in changes.items() if key != "values"}
        if "options" in fields:
            known = {option["name"]: option for option in attrs.get("options") or []}
            fields["options"] = [{**known.get(option["name"], {}), **option} for option in fields["options"]]
        if fields:
            tried = f"change the user attribute {self.name}"
            path = f"{FIELDS}/{raw['id']}"
            self.raw = self.client.patch(path, {"attrs": {**attrs, **fields}}, tried=tried, needs=_NEEDS)
        self._set_values(changes.get("values") or {})
        return self.read() or {}

    def delete(self) -> None:
        """Remove the field, and with it everybody's values."""
        path = f"{FIELDS}/{(self.raw or {})['id']}"
        self.client.delete(path, tried=f"remove the user attribute {self.name}", needs=_NEEDS)

    def _value_of(self, username: str) -> Any:
        """An account's value, in names."""
        raw = self.raw or {}
        path = f"/users/{_lookup.user(self.client, username)['id']}/custom_profile_attributes"
        value = (self.client.get(path, tried=f"read the user attributes of {username}") or {}).get(raw["id"])
        if raw["type"] in _CHOOSES:
            names = {option["id"]: option["name"] for option in (raw["attrs"].get("options") or [])}
        elif raw["type"] in _PEOPLE:
            names = {user_id: _lookup.username(self.client, user_id) for user_id in _listed(value)}
        else:
            return value or ""
        shown = [names.get(item, item) for item in _listed(value)]
        return sorted(shown) if raw["type"] in _MANY else "".join(shown)

    def _wanted_value(self, value: Any, after: Fields, problems: List[str], username: str) -> Any:
        """A value in names, in the form in which values are compared."""
        items = [str(item) for item in _listed(value)]
        if after.get("type") in _CHOOSES:
            known = [option["name"] for option in after["options"]]
            for item in items:
                if item not in known:
                    problems.append(f"{username} is to have the option {item}, which is not one of {', '.join(known)}")
        if after.get("type") in _MANY:
            return sorted(set(items))
        if len(items) > 1:
            problems.append(f"{username} is to have {len(items)} values, but the attribute takes one")
        return items[0] if items else ""

    def _set_values(self, values: Fields) -> None:
        """Set the values that differ, with names turned into ids."""
        raw = self.raw or {}
        for username, value in values.items():
            items = _listed(value)
            if items == _listed(self._values.get(username)):
                continue
            if raw["type"] in _CHOOSES:
                ids = {option["name"]: option["id"] for option in raw["attrs"]["options"]}
                items = [ids[item] for item in items]
            elif raw["type"] in _PEOPLE:
                items = [_lookup.user(self.client, item)["id"] for item in items]
            sent: Any = items if raw["type"] in _MANY else "".join(items)
            path = f"/users/{_lookup.user(self.client, username)['id']}/custom_profile_attributes"
            tried = f"set the user attribute {self.name} of {username}"
            self.client.patch(path, {raw["id"]: sent}, tried=tried, needs="edit_other_users")


def _option(option: Fields) -> Fields:
    return {"name": option["name"], "color": option.get("color") or ""}


def _given(value: Optional[str], otherwise: str) -> str:
    return otherwise if value is None else value


def _listed(value: Any) -> List[Any]:
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, list) else [value]


def _problems(current: Optional[Fields], after: Fields, *, with_values: bool) -> List[str]:
    """What the server would refuse, or take without a word and forget."""
    problems = []
    kind = after.get("type")
    if kind is None:
        problems.append("it does not exist, so give its type")
    if current and kind != current["type"]:
        problems.append(
            f"it has the type {current['type']}, and another one deletes the values of all accounts; remove it first "
            "(state=absent) if that is meant"
        )
    if kind in _CHOOSES and not after.get("options"):
        problems.append(f"the type {kind} needs options")
    if kind not in _CHOOSES and after.get("options"):
        problems.append(f"the type {kind} has no options")
    names = [option["name"] for option in after.get("options") or []]
    problems += [f"the option {name} is there twice" for name in sorted({n for n in names if names.count(n) > 1})]
    if after.get("ldap") or after.get("saml"):
        if kind != "text":
            problems.append("only attributes of the type text can be synchronised with LDAP or SAML")
        if after.get("managed"):
            problems.append("an attribute that administrators manage cannot be synchronised with LDAP or SAML")
        if with_values:
            problems.append("its values come from LDAP or SAML, and the server takes none from elsewhere")
    return problems
