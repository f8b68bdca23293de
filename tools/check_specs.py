# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Compare each role's argument_specs with its defaults: same names, same values, nothing undocumented."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

ROLES = Path(__file__).resolve().parents[1] / "roles"


def options_of(role: Path) -> dict[str, dict[str, Any]]:
    """All options of all entry points."""
    specs = yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"]
    options: dict[str, dict[str, Any]] = {}
    for entry in specs.values():
        options.update(entry.get("options") or {})
    return options


def problems(role: Path) -> list[str]:
    """What differs, in sentences."""
    options = options_of(role)
    path = role / "defaults/main.yml"
    defaults = yaml.safe_load(path.read_text()) if path.exists() else {}
    found = []
    for name, value in (defaults or {}).items():
        if name not in options:
            found.append(f"{role.name}: {name} has a default but no entry in argument_specs")
        elif options[name].get("required"):
            found.append(f"{role.name}: {name} is required and has a default")
        elif "default" not in options[name]:
            found.append(f"{role.name}: {name} has the default {value!r}, which argument_specs does not say")
        elif options[name]["default"] != value:
            found.append(
                f"{role.name}: {name} is {value!r} in defaults and {options[name]['default']!r} in argument_specs"
            )
    for name, option in options.items():
        if not name.startswith(f"{role.name}_"):
            found.append(f"{role.name}: {name} does not start with the role's name")
        if not option.get("description"):
            found.append(f"{role.name}: {name} has no description")
        if not option.get("required") and name not in (defaults or {}):
            found.append(f"{role.name}: {name} is optional and has no default")
    return found


def main() -> int:
    """Print what differs."""
    found = [line for role in sorted(ROLES.iterdir()) if role.is_dir() for line in problems(role)]
    print("\n".join(found) or "argument_specs and defaults agree")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
