# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles and their permissions: what may be changed, and how.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, List

from ._client import Client
from ._errors import MattermostError

NEEDS = "sysconsole_write_user_management_permissions (manage_system for the roles of administrators)"
# What no server lets be given to a role, or taken from one.
FIXED = {
    "manage_roles",
    "manage_system",
    "sysconsole_read_user_management_system_roles",
    "sysconsole_write_user_management_system_roles",
}
# What a scheme for channels decides; everything else is decided by the scheme of the team, or by the system.
MODERATED = {
    "create_post",
    "add_reaction",
    "remove_reaction",
    "manage_public_channel_members",
    "manage_private_channel_members",
    "use_channel_mentions",
    *(
        f"{verb}_bookmark_{kind}_channel"
        for verb in ("add", "edit", "delete", "order")
        for kind in ("public", "private")
    ),
}
_GUESTS = ("system_guest", "team_guest", "channel_guest")
_NO_LICENCE = "api.roles.patch_roles.license.error"

Fields = Dict[str, Any]


def read(client: Client, name: str) -> Fields:
    """The role with this name; roles come with the server and its schemes, nobody makes them."""
    found = client.find(f"/roles/name/{name}", tried=f"look for the role {name}")
    if found is None:
        raise MattermostError(
            f"There is no role {name} on the server. Roles cannot be created: Mattermost has its own, and a scheme has some."
        )
    return found


def check(client: Client, role: Fields, wanted: Iterable[str]) -> None:
    """Refuse what the server will refuse, before anything is changed and in check mode, too."""
    changed = set(role["permissions"]) ^ set(wanted)
    fixed = sorted(changed & FIXED)
    tried = f"Cannot change the permissions of the role {role['name']}:"
    if fixed:
        raise MattermostError(f"{tried} no server lets {', '.join(fixed)} be given to a role or taken from it.")
    licence = client.licence if changed and role["name"] in _GUESTS else None
    if licence is None:
        return
    if licence.get("IsLicensed") != "true" or licence.get("GuestAccountsPermissions") == "false":
        message = (
            f"{tried} roles of guests need a licence that covers them. It needs a licence: Professional or higher."
        )
        raise MattermostError(message, status=501, error_id=_NO_LICENCE)


def shown(role: Fields, *, moderated: bool = False) -> List[str]:
    """The permissions of a role, or those of them that a scheme for channels decides."""
    names = set(role["permissions"])
    return sorted(names & MODERATED if moderated else names)


def write(client: Client, role: Fields, wanted: Iterable[str], *, moderated: bool = False) -> None:
    """Set the permissions of a role, and make sure that they were taken: in channels the scheme of the team limits them."""
    names = sorted(set(wanted))
    tried = f"change the permissions of the role {role['name']}"
    client.put(f"/roles/{role['id']}/patch", {"permissions": names}, tried=tried, needs=NEEDS)
    kept = shown(read(client, role["name"]), moderated=moderated)
    if kept != names:
        lost = ", ".join(sorted(set(kept) ^ set(names)))
        raise MattermostError(
            f"The server did not take all permissions of the role {role['name']} ({lost}). What members of a channel may do "
            "is limited by the scheme of its team, or of the system."
        )
