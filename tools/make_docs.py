# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Write the documentation that is made from data: make_docs.py [--check]

One page per scenario role lists its settings and its controls, from the very files that the role and the assessment read.
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

HOME = Path(__file__).resolve().parents[1]
HEAD = """<!--
SPDX-License-Identifier: GPL-3.0-or-later
Copyright: The fieldops.mattermost authors
Made by tools/make_docs.py from roles/{role}/vars; do not edit.
-->
# {title}: settings and controls

"""


def row(*cells: object) -> str:
    """A line of a table."""
    return "| " + " | ".join(" ".join(str(cell).split()).replace("|", "\\|") for cell in cells) + " |"


def shown(entry: dict) -> str:
    """The value, or the variable that holds the site's."""
    if "variable" in entry:
        return f"mission_partner_{entry['variable']}"
    value = entry["value"]
    return str(value).lower() if isinstance(value, bool) else (f'"{value}"' if isinstance(value, str) else str(value))


def settings_table(settings: list[dict]) -> list[str]:
    """What the server is told."""
    parts = any("part" in entry for entry in settings)
    heads = ("key", "value", "why", "asked for by", *(["part"] if parts else []))
    lines = [row(*heads), "|---" * len(heads) + "|"]
    for entry in settings:
        bounds = [
            f"from {entry['since']}" if "since" in entry else "",
            f"until {entry['until']}" if "until" in entry else "",
        ]
        note = f" ({', '.join(filter(None, bounds))})" if any(bounds) else ""
        cells = [f"`{entry['key']}`{note}", f"`{shown(entry)}`", entry["why"], entry["source"]]
        lines.append(row(*cells, *([entry.get("part", "always")] if parts else [])))
    return lines


def controls_table(controls: list[dict]) -> list[str]:
    """What the assessment checks."""
    lines = [row("id", "control", "on", "severity", "asked for by"), "|---|---|---|---|---|"]
    for control in controls:
        component = control["component"].replace("mattermost_", "")
        lines.append(row(control["id"], control["title"], component, control.get("severity", ""), control["reference"]))
    return lines


def page(role: str, title: str) -> str:
    """The page of one scenario role."""
    folder = HOME / "roles" / role / "vars"
    settings = yaml.safe_load((folder / "settings.yml").read_text())[f"__{role}_settings"]
    controls = yaml.safe_load((folder / "controls.yml").read_text())[f"__{role}_controls"]
    lines = [
        "What the server is told. A site changes one of these only by naming it, with a reason, in "
        f"`{role}_exceptions`; the assessment checks each.",
        "",
        *settings_table(settings),
        "",
        "What the assessment checks besides, one control for each setting aside:",
        "",
        *controls_table(controls),
    ]
    return HEAD.format(role=role, title=title) + "\n".join(lines) + "\n"


def main() -> int:
    """Write the pages, or with --check compare them."""
    stale = []
    for role, title in {"air_gapped": "The air gap", "mission_partner": "Mission partners"}.items():
        target = HOME / "docs" / f"{role}_settings.md"
        text = page(role, title)
        if "--check" in sys.argv:
            if not target.exists() or target.read_text() != text:
                stale.append(str(target.relative_to(HOME)))
        else:
            target.write_text(text)
    if stale:
        print(f"out of date: {', '.join(stale)}; run python3 tools/make_docs.py")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
