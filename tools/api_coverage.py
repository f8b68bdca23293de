# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Write docs/api_coverage.md, which API families the modules cover: api_coverage.py [--check]

The families and the number of their operations come from the official API description, by way of the two clients that are generated
from it; what the collection does with them from api_coverage.yml. A family or a module that is forgotten there is an error.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from pathlib import Path

import mattermost_api_reference_client as typed
import mattermostautodriver as newest
import yaml

HOME = Path(__file__).resolve().parents[1]
TARGET = HOME / "docs" / "api_coverage.md"
HEAD = """<!--
SPDX-License-Identifier: GPL-3.0-or-later
Copyright: The fieldops.mattermost authors
Made by tools/api_coverage.py from tools/api_coverage.yml; do not edit.
-->
# What the modules cover of the API

The official API description of Mattermost sorts {operations} operations into {families} families (some operations into several). This is
what the collection does with each: the modules that manage it, and what is left out, with the reason. What people make or set for
themselves is not configuration, and what only reads is left to whoever wants to read.

Modules take names, never identifiers, and are held to the description by their unit tests.

| family | operations | modules | left out |
|---|---|---|---|
"""


def families() -> dict[str, set[str]]:
    """The operations of each family."""
    found: dict[str, set[str]] = defaultdict(set)
    for source in Path(newest.__path__[0]).glob("endpoints/[!_]*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            sent = re.search(r"self\.client\.(\w+)\(f?'([^']+)'", ast.unparse(node)) if _is_function(node) else None
            if sent:
                found[source.stem].add(f"{sent.group(1)} {_blank(sent.group(2))}")
    for source in Path(typed.__path__[0]).glob("api/*/[!_]*.py"):
        method = re.search(r'"method": "(\w+)"', source.read_text(encoding="utf-8"))
        path = re.search(r'"url": "([^"]+)"', source.read_text(encoding="utf-8"))
        if method and path:
            found[source.parent.name].add(f"{method.group(1)} {_blank(path.group(1))}")
    return found


def _is_function(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef)


def _blank(path: str) -> str:
    """Without the names of placeholders, which differ between the clients."""
    return re.sub(r"\{\w+\}", "{}", path)


def problems(known: dict[str, set[str]], said: dict[str, dict]) -> list[str]:
    """What was forgotten, or is there no more."""
    runtime = yaml.safe_load((HOME / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    modules = set(runtime["action_groups"]["mattermost"])
    named = {module for entry in said.values() for module in entry.get("modules", [])}
    return [
        *(f"the family {name} is missing" for name in sorted(known.keys() - said.keys())),
        *(f"there is no family {name}" for name in sorted(said.keys() - known.keys())),
        *(f"the module {name} covers nothing" for name in sorted(modules - named)),
        *(f"there is no module {name}" for name in sorted(named - modules)),
        *(f"the family {name} has neither modules nor a reason" for name, entry in said.items() if not entry),
    ]


def page(known: dict[str, set[str]], said: dict[str, dict]) -> str:
    """The page."""
    everything = set().union(*known.values())
    lines = [HEAD.format(operations=len(everything), families=len(known)).rstrip("\n")]
    for name, entry in sorted(said.items()):
        modules = ", ".join(f"`{module}`" for module in entry.get("modules", []))
        left_out = " ".join(entry.get("left_out", "").split())
        lines.append(f"| {name} | {len(known[name])} | {modules} | {left_out} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the page, or with --check compare it."""
    known = families()
    said = yaml.safe_load((HOME / "tools" / "api_coverage.yml").read_text(encoding="utf-8"))
    found = problems(known, said)
    if not found and "--check" not in sys.argv:
        TARGET.write_text(page(known, said), encoding="utf-8")
    elif not found and (not TARGET.exists() or TARGET.read_text(encoding="utf-8") != page(known, said)):
        found = ["docs/api_coverage.md is out of date; run python3 tools/api_coverage.py"]
    print("\n".join(found) or "every family of the API is accounted for")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
