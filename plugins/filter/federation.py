# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters for the table of links: what is wrong with it, one partner's part, and the state of the links put together."""

from __future__ import annotations

from typing import Any, Callable, Mapping

from ansible_collections.fieldops.mattermost.plugins.plugin_utils.link_matrix import markdown_table, matrix, text_table
from ansible_collections.fieldops.mattermost.plugins.plugin_utils.link_problems import table_problems
from ansible_collections.fieldops.mattermost.plugins.plugin_utils.links import part_of, read_table

TABLES: dict[str, Callable[[list[dict[str, Any]]], list[str]]] = {"text": text_table, "markdown": markdown_table}


def federation_problems(
    table: Any, self_name: str | None = None, context: Mapping[str, Any] | None = None
) -> list[str]:
    """All that is wrong with the table, a sentence each; an empty list when nothing is."""
    return table_problems(table, self_name, context)


def federation_part(table: Any, self_name: str) -> dict[str, Any]:
    """What one partner has to do: its connections, the channels at home with it, and those that arrive."""
    if problems := table_problems(table, self_name):
        raise ValueError(f"No part for {self_name} can be made of the table of links: {' '.join(problems)}")
    return part_of(read_table(table), self_name)


def federation_matrix(statuses: list[dict[str, Any]], name: str | None = None) -> list[dict[str, Any]]:
    """A row for each link that any of the partners tells of, or for those of one partner."""
    return matrix(statuses, name)


def federation_table(rows: list[dict[str, Any]], form: str = "text") -> list[str]:
    """The rows of federation_matrix as lines of a table."""
    if form not in TABLES:
        raise ValueError(f"There is no table of the form {form!r}; choose text or markdown.")
    return TABLES[form](rows)


class FilterModule:
    """Filters for the table of links."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "federation_problems": federation_problems,
            "federation_part": federation_part,
            "federation_matrix": federation_matrix,
            "federation_table": federation_table,
        }
