# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Permission schemes: roles of their own for the members of some teams, or of some channels.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Dict, List, Mapping, Optional

from . import _lookup, _permissions
from ._client import Client
from ._errors import MattermostError

_WRITE = "sysconsole_write_user_management_permissions"
_READ = "sysconsole_read_user_management_permissions"
_NO_LICENCE = "api.scheme.create_scheme.license.error"
TEXTS = ("display_name", "description")
# A scheme for channels has these only; their administrators can do what the team lets them.
CHANNEL_ROLES = ("channel_user", "channel_guest")
ROLES = ("team_admin", "team_user", "team_guest", "channel_admin", *CHANNEL_ROLES)

Fields = Dict[str, Any]


class Scheme:
    """One permission scheme."""

    def __init__(self, client: Client, params: Mapping[str, Any], *, check_mode: bool) -> None:
        self.client = client
        self.params = params
        self.check_mode = check_mode
        self.name: str = params["name"]
        self.title = f"scheme {self.name}"
        self.moderated = params["scope"] == "channel"
        self.roles: Fields = {name: names for name, names in (params["roles"] or {}).items() if names is not None}
        self.warnings: List[str] = []
        self.raw: Optional[Fields] = None
        self._roles: Dict[str, Fields] = {}
        self._places: Dict[str, Dict[str, str]] = {}

    def read(self) -> Optional[Fields]:
        """The scheme as it is shown, with those parts that are asked for."""
        if self.params["state"] == "present":
            self._check_licence()
        listed = self.client.pages("/schemes", tried=f"look for the {self.title}", needs=_READ)
        self.raw = raw = next((scheme for scheme in listed if scheme["name"] == self.name), None)
        if raw is None:
            return None
        shown = {name: raw[name] for name in ("id", "name", *TEXTS, "scope")}
        if self.roles and raw["scope"] == self.params["scope"]:
            self._roles = {kind: self._role(raw, kind) for kind in self.roles}
            shown["roles"] = {
                kind: _permissions.shown(role, moderated=self.moderated) for kind, role in self._roles.items()
            }
        for kind in ("teams", "channels"):
            if self.params[kind] is not None and raw["scope"] == kind[:-1]:
                self._places[kind] = self._in(kind)
                shown[kind] = sorted(self._places[kind])
        return shown

    def _role(self, raw: Fields, kind: str) -> Fields:
        return _permissions.read(self.client, raw[f"default_{kind}_role"])

    def _in(self, kind: str) -> Dict[str, str]:
        """The teams or channels that have the scheme, by name."""
        path = f"/schemes/{(self.raw or {})['id']}/{kind}"
        needs = f"sysconsole_read_user_management_{kind}"
        found = list(self.client.pages(path, tried=f"list the {kind} of the {self.title}", needs=needs))
        if kind == "teams":
            return {team["name"]: team["id"] for team in found}
        return {f"{self._team(one['team_id'])}:{one['name']}": one["id"] for one in found}

    def _team(self, team_id: str) -> str:
        return str(_lookup.team_by_id(self.client, team_id)["name"])

    def wanted(self) -> Fields:
        """What is asked for; what cannot be is refused before the first change."""
        self._check_scope()
        for kind, role in self._roles.items():
            _permissions.check(self.client, role, self.roles[kind])
        for kind in ("teams", "channels"):
            for name in self.params[kind] or []:
                _lookup.foreseen(partial(self._place, kind, name), self.warnings, lenient=self.check_mode)
        lost = sorted(set(self._places.get("channels", {})) - set(self.params["channels"] or []))
        if self.params["channels"] is not None and lost:
            raise MattermostError(
                f"Cannot take the {self.title} away from {', '.join(lost)}: the server has no way to leave a channel without "
                "one. Give the channel another scheme, or remove this one."
            )
        roles = {kind: sorted(set(names)) for kind, names in self.roles.items()}
        fields = {name: self.params[name] for name in ("name", "scope", *TEXTS, "teams", "channels")}
        return {**fields, "roles": roles or None}

    def _check_scope(self) -> None:
        scope = self.params["scope"]
        if self.raw and self.raw["scope"] != scope:
            raise MattermostError(
                f"Cannot change the scope of the {self.title} from {self.raw['scope']} to {scope}: no server can. Remove it "
                "first, or choose another name."
            )
        wrong = [kind for kind in self.roles if self.moderated and kind not in CHANNEL_ROLES]
        wrong += [kind for kind in ("teams", "channels") if self.params[kind] is not None and kind[:-1] != scope]
        if wrong:
            raise MattermostError(f"Cannot set {', '.join(wrong)} of the {self.title}: its scope is {scope}.")
        names = {name for names in self.roles.values() for name in names}
        if self.moderated and names - _permissions.MODERATED:
            raise MattermostError(
                f"Cannot set {', '.join(sorted(names - _permissions.MODERATED))} in the {self.title}: schemes for channels "
                f"decide about these only: {', '.join(sorted(_permissions.MODERATED))}."
            )

    def _check_licence(self) -> None:
        licence = self.client.licence
        has = licence is None or licence.get("CustomPermissionsSchemes") == "true"
        if not has and (licence or {}).get("SkuShortName") != "professional":
            message = f"Cannot manage the {self.title}: the server has no licence for schemes."
            remedy = "It needs a licence: Professional or higher."
            raise MattermostError(f"{message} {remedy}", status=501, error_id=_NO_LICENCE)

    def _place(self, kind: str, name: str) -> Fields:
        return (_lookup.team if kind == "teams" else _lookup.channel_of)(self.client, name)

    def create(self) -> Fields:
        """Create it, then set its roles, and give it to its places last."""
        body = {"name": self.name, "scope": self.params["scope"], "description": self.params["description"] or ""}
        body["display_name"] = self.params["display_name"] or self.name
        tried = f"create the {self.title}"
        self.raw = raw = self.client.post("/schemes", body, tried=tried, needs=_WRITE)
        self._roles = {kind: self._role(raw, kind) for kind in self.roles}
        changes = {kind: self.params[kind] for kind in ("teams", "channels") if self.params[kind]}
        return self.update({**changes, "roles": self.roles})

    def update(self, changes: Fields) -> Fields:
        """Change what differs."""
        path = f"/schemes/{(self.raw or {})['id']}/patch"
        texts = {name: changes[name] for name in TEXTS if name in changes}
        if texts:
            self.client.put(path, texts, tried=f"change the {self.title}", needs=_WRITE)
        for kind, names in changes.get("roles", {}).items():
            role = self._roles[kind]
            if sorted(set(names)) != _permissions.shown(role, moderated=self.moderated):
                _permissions.write(self.client, role, names, moderated=self.moderated)
        for kind in ("teams", "channels"):
            if kind in changes:
                self._assign(kind, changes[kind])
        return self.read() or {}

    def _assign(self, kind: str, names: List[str]) -> None:
        needs = _WRITE if kind == "teams" else "manage_system"
        current, scheme_id = self._places.get(kind, {}), (self.raw or {})["id"]
        for name in sorted(set(names) - set(current)):
            path, tried = f"/{kind}/{self._place(kind, name)['id']}/scheme", f"give the {self.title} to {name}"
            self.client.put(path, {"scheme_id": scheme_id}, tried=tried, needs=needs)
        for name in sorted(set(current) - set(names)):
            path, tried = f"/{kind}/{current[name]}/scheme", f"take the {self.title} from {name}"
            self.client.put(path, {"scheme_id": ""}, tried=tried, needs=needs)

    def delete(self) -> None:
        """Remove it; the row stays and would keep the name from being used again, so it gives that up first."""
        scheme_id = (self.raw or {})["id"]
        tried = f"remove the {self.title}"
        self.client.put(f"/schemes/{scheme_id}/patch", {"name": f"deleted_{scheme_id}"}, tried=tried, needs=_WRITE)
        self.client.delete(f"/schemes/{scheme_id}", tried=tried, needs=_WRITE)
