# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Check the guides: links between files lead somewhere, YAML examples parse, and the README leads to every module and guide."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import yaml

HOME = Path(__file__).resolve().parents[1]


def problems(page: Path) -> list[str]:
    """What is wrong with one page."""
    text = page.read_text(encoding="utf-8")
    name = page.relative_to(HOME)
    found = []
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if not re.match(r"(https?:|mailto:)", target) and not (page.parent / target).exists():
            found.append(f"{name}: the link to {target} leads nowhere")
    for block in re.findall(r"^```ya?ml\n(.*?)^```", text, re.M | re.S):
        try:
            list(yaml.safe_load_all(block))
        except yaml.YAMLError as error:
            found.append(f"{name}: an example is no YAML: {error}")
    return found


def unnamed() -> list[str]:
    """Modules that the README does not name, and guides that it does not lead to."""
    text = (HOME / "README.md").read_text(encoding="utf-8")
    modules = sorted(path.stem for path in (HOME / "plugins/modules").glob("*.py"))
    guides = sorted(path.name for path in (HOME / "docs").glob("*.md"))
    found = [f"README.md: the module {module} is not named" for module in modules if f"`{module}`" not in text]
    return found + [f"README.md: no link leads to docs/{guide}" for guide in guides if f"](docs/{guide})" not in text]


def main() -> int:
    """Print what is wrong."""
    pages = [HOME / "README.md", *sorted((HOME / "docs").rglob("*.md")), *sorted((HOME / "roles").glob("*/README.md"))]
    found = [line for page in pages for line in problems(page)] + unnamed()
    print("\n".join(found) or f"{len(pages)} pages are sound")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
