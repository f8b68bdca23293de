# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters for the optional parts of the role mission_partner."""

from __future__ import annotations

from typing import Any, Callable

from ansible_collections.fieldops.mattermost.plugins.filter.push_proxy import push_contents_problems
from ansible_collections.fieldops.mattermost.plugins.plugin_utils.part_problems import parts_problems
from ansible_collections.fieldops.mattermost.plugins.plugin_utils.parts import parts_settings, resolved


def mission_partner_parts_problems(given: dict[str, Any]) -> list[str]:
    """All that is wrong with the parts that are on, a sentence each; an empty list when nothing is."""
    problems = parts_problems(given)
    if given["parts"].get("push"):
        problems += push_contents_problems(given["values"]["push_contents"], given.get("license") or "")
    return problems


class FilterModule:
    """Filters for the parts."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "mission_partner_parts_problems": mission_partner_parts_problems,
            "mission_partner_settings": parts_settings,
            "mission_partner_settings_in_force": resolved,
        }
