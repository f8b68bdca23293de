# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The numbers of the mirror benchmark as tables and a plot, and their place in the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List

import pages
from pages import machine, markdown_table

CASES = ("cold", "unchanged", "one changed")
OURS = "fieldops.mattermost"
COLORS = ("#0969da", "#8250df", "#bc4c00")


def _costs(numbers: Dict[str, Any]) -> Dict[str, Dict[str, Dict[str, float]]]:
    found: Dict[str, Dict[str, Dict[str, float]]] = {}
    for row in numbers["mirrors"]:
        found.setdefault(row["tool"], {})[row["case"]] = row["cost"]
    return found


def mirrors(numbers: Dict[str, Any]) -> str:
    costs = _costs(numbers)
    headings = ["", *(f"{case}: s (CPU s)" for case in CASES), "MB fetched cold", "MB of memory cold"]
    rows: List[List[str]] = []
    for tool, cases in costs.items():
        times = [f"{cases[case]['seconds']:.2f} ({cases[case]['cpu_seconds']:.2f})" for case in CASES]
        rows.append([tool, *times, f"{cases['cold']['fetched_mb']:.1f}", f"{cases['cold']['memory_mb']:.0f}"])
    return markdown_table(headings, rows)


def ratios(numbers: Dict[str, Any]) -> str:
    costs = _costs(numbers)
    ours = costs[OURS]
    rows = []
    for tool, cases in costs.items():
        if tool != OURS:
            factors = [f"{cases[case]['seconds'] / ours[case]['seconds']:.1f} x" for case in CASES]
            share = f"{ours['cold']['fetched_mb'] / cases['cold']['fetched_mb']:.2f}"
            rows.append([tool, *factors, share, f"{ours['cold']['memory_mb'] / cases['cold']['memory_mb']:.2f}"])
    return markdown_table(["this engine against", *CASES, "of its bytes", "of its memory"], rows)


def others(numbers: Dict[str, Any], verified_mb: int) -> str:
    images, verified = numbers["images"], numbers["verification"]
    rows = [
        [f"images, {case}", *(f"{images[tool][case]['seconds']:.2f}" for tool in (OURS, "skopeo copy"))]
        for case in ("cold", "unchanged")
    ]
    speeds = [[name, f"{verified_mb / 1000 / cost['seconds']:.2f}"] for name, cost in verified.items()]
    first = markdown_table(["seconds", "this engine", "skopeo copy"], rows)
    second = markdown_table(["verification of 2 GB", "GB/s"], speeds)
    return f"{first}\n\n{second}"


def plot(numbers: Dict[str, Any]) -> str:
    """Bars of seconds, one group for each tool, as SVG."""
    costs = _costs(numbers)
    longest = max(case["seconds"] for cases in costs.values() for case in cases.values())
    scale, left, lines = 420 / longest, 210, []
    y = 40
    for tool, cases in costs.items():
        lines.append(f'<text class="t" x="{left - 10}" y="{y + 22}" text-anchor="end">{tool}</text>')
        for color, case in zip(COLORS, CASES):
            seconds = cases[case]["seconds"]
            lines.append(f'<rect x="{left}" y="{y}" width="{max(seconds * scale, 1):.1f}" height="10" fill="{color}"/>')
            lines.append(f'<text class="t" x="{left + seconds * scale + 6:.1f}" y="{y + 9}">{seconds:.2f}</text>')
            y += 13
        y += 14
    legend = [
        f'<rect x="{left + 110 * number}" y="14" width="10" height="10" fill="{color}"/>'
        f'<text class="t" x="{left + 110 * number + 16}" y="23">{case}</text>'
        for number, (color, case) in enumerate(zip(COLORS, CASES))
    ]
    title = "Seconds of each tool, cold, unchanged, and with one package changed"
    style = ".t{font:12px system-ui,sans-serif;fill:#1f2328}@media(prefers-color-scheme:dark){.t{fill:#f0f6fc}}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 {y + 10}" role="img" aria-label="{title}">'
    notes = [
        "<!-- SPDX-License-" + "Identifier: GPL-3.0-or-later -->",
        "<!-- Copyright: The fieldops.mattermost authors -->",
    ]
    return (
        "\n".join([head, *notes, f"<title>{title}</title>", f"<style>{style}</style>", *legend, *lines, "</svg>"])
        + "\n"
    )


def put(docs: Path, numbers: Dict[str, Any], verified_mb: int) -> None:
    """New numbers in the place of the old ones; the words around them are written by hand."""
    (docs / "images/mirror.svg").write_text(plot(numbers), encoding="utf-8")
    parts = [
        f"Measured on {machine()}, the middle of {numbers['runs']} rounds.",
        mirrors(numbers),
        ratios(numbers),
        "![Seconds of each tool](images/mirror.svg)",
        "Three images of 462 MB, 257 MB without what they share, from a registry on the same machine; and a volume of 2 GB:",
        others(numbers, verified_mb),
    ]
    pages.put(docs / "comparison.md", "\n\n".join(parts))
