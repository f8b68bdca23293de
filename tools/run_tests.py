# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Run the tests: tools/test all | lint | units | sanity | molecule

Two lanes run side by side, since the scenarios mostly wait for hosts: most Molecule scenarios in one, the checks of the text and a
scenario of few hosts in the other. Every stage writes its own log; what fails is shown at once, and the last line is a test runner's ordinary summary.
SCENARIO=name restricts the scenarios. SLOW=1 adds the tests that take minutes: a thousand flipped bits, builds killed at twenty points,
the control node put up in containers.
"""

from __future__ import annotations

import glob
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

HOME = Path(__file__).resolve().parents[1]
NAME = Path("ansible_collections/fieldops/mattermost")


def environment() -> dict[str, str]:
    """What tools/env sets, as a mapping."""
    text = subprocess.run(
        ["bash", "-c", ". tools/env && env -0"], cwd=HOME, capture_output=True, text=True, check=True
    ).stdout
    return dict(entry.split("=", 1) for entry in text.split("\0") if "=" in entry)


ENV = environment()
WORK = Path(ENV["FIELDOPS_WORK"])
LOGS = WORK / "logs"


@dataclass
class Stage:
    """One named command line (bash), in one lane."""

    name: str
    command: str
    lane: str = "text"
    env: dict[str, str] = field(default_factory=dict)
    passed: bool | None = None
    seconds: float = 0.0
    tests: int = 0
    reasons: list[str] = field(default_factory=list)

    @property
    def log(self) -> Path:
        return LOGS / f"{re.sub(r'[^a-z0-9]+', '-', self.name)}.log"


def pythons() -> str:
    """Folders of real Python programs: pyenv's shims would hide them from ansible-test."""
    return os.pathsep.join(sorted(glob.glob(str(Path.home() / ".pyenv/versions/3.*/bin"))))


def newest_python() -> str | None:
    """A Python that runs an ansible-core newer than 2.19, if this machine has one."""
    for version in ("3.14", "3.13", "3.12"):
        found = shutil.which(f"python{version}", path=os.pathsep.join([pythons(), "/usr/bin"]))
        if found:
            return found
    return None


def sanity(python: str = "") -> str:
    """ansible-test sanity, as far as it runs without other servers than the package index."""
    tree = f"{ENV['FIELDOPS_COLLECTIONS']}/{NAME}"
    return f"""
        mkdir -p ~/.ansible/test/cache
        for version in 24_2 25_2; do cp tools/get_pip_shim.py ~/.ansible/test/cache/get_pip_$version.py; done
        export ANSIBLE_TEST_CONTENT_ROOT={tree}
        {f'PATH="$PATH:{pythons()}"' if pythons() else ""} ansible-test sanity --local --color no {python}
    """


def lint_stages() -> list[Stage]:
    """What reads the text."""
    return [
        Stage("lint: python", "ruff check . && ruff format --check ."),
        Stage(
            "lint: types",
            "cd $FIELDOPS_COLLECTIONS && mypy --config-file $FIELDOPS_HOME/pyproject.toml "
            "ansible_collections/fieldops/mattermost/plugins/module_utils",
        ),
        Stage("lint: ansible", "ansible-lint --offline"),
        Stage("lint: role specs", "python tools/check_specs.py"),
        Stage("lint: licences", "reuse lint --quiet || reuse lint"),
        Stage("lint: changelog", "antsibull-changelog lint"),
        Stage(
            "docs",
            "antsibull-docs lint-collection-docs --plugin-docs --skip-rstcheck . && python tools/check_docs.py && "
            "python tools/make_docs.py --check && python tools/api_coverage.py --check",
        ),
        Stage(
            "build",
            "rm -rf $FIELDOPS_WORK/build && ansible-galaxy collection build --force --output-path $FIELDOPS_WORK/build . && "
            "ansible-galaxy collection install --offline --no-deps -p $FIELDOPS_WORK/build/installed $FIELDOPS_WORK/build/*.tar.gz && "
            "ANSIBLE_COLLECTIONS_PATH=$FIELDOPS_WORK/build/installed:$FIELDOPS_COLLECTIONS ansible-doc -t role fieldops.mattermost.air_gapped "
            "> /dev/null",
        ),
    ]


# Tests that take minutes have a short version that always runs; SLOW=1 runs them too.
SELECTED = "" if os.environ.get("SLOW") else " -m 'not slow'"
# The package mirrors are there, as this machine was set up from them; the ready bills of materials are resolved against them.
OUTSIDE = {"FIELDOPS_NETWORK": "1", **({"FIELDOPS_CONTAINERS": "1"} if os.environ.get("SLOW") else {})}
UNITS = f"PYTHONPATH=$FIELDOPS_COLLECTIONS python -m pytest -q -p no:cacheprovider{SELECTED} tests/unit"


def newest_stages() -> list[Stage]:
    """Sanity, units and one scenario on the newest ansible-core that a Python of this machine runs."""
    python = newest_python()
    if python is None:
        print(
            "note: no Python newer than 3.11 here, so ansible-core 2.19 is the newest this machine runs; nothing is run twice",
            flush=True,
        )
        return []
    venv = WORK / "venv-newest"
    env = {"FIELDOPS_VENV": str(venv), "FIELDOPS_COLLECTIONS": str(WORK / "collections-newest")}
    setup = f"""
        if [ ! -x {venv}/bin/molecule ]; then
          {python} -m venv --clear {venv}
          sed 's/^ansible-core.*/ansible-core/' tools/requirements.txt > {venv}/requirements.txt
          {venv}/bin/pip install -q --disable-pip-version-check -r {venv}/requirements.txt -r tests/requirements.txt
          {venv}/bin/python tools/fetch_collections.py $FIELDOPS_COLLECTIONS
          mkdir -p $FIELDOPS_COLLECTIONS/ansible_collections/fieldops
          ln -sfn $FIELDOPS_HOME $FIELDOPS_COLLECTIONS/{NAME}
        fi
        ansible --version | sed -n 1p
    """
    return [
        Stage("newest core: set-up", setup, env=env),
        Stage("newest core: units", UNITS + " --deselect tests/unit/standin", env=env),
        Stage("newest core: sanity", sanity("--python " + Path(python).name[6:]), env=env),
        Stage("newest core: molecule one_host", "molecule test -s one_host", env=env),
    ]


# Scenarios that run only when SCENARIO names them: a real homeserver takes long to install.
ON_REQUEST = {"bridges"}
# Scenarios of few hosts, which run beside a large one; what inotify allows is enough for that.
SMALL = {"parts"}


def molecule_stages() -> list[Stage]:
    """Every scenario, or the one that SCENARIO names."""
    wanted = os.environ.get("SCENARIO")
    names = sorted(path.parent.name for path in HOME.glob("molecule/*/molecule.yml"))
    if not wanted:
        names = [name for name in names if name not in ON_REQUEST]
    return [
        Stage(f"molecule: {name}", f"molecule test -s {name}", "text" if name in SMALL else "hosts")
        for name in names
        if wanted in (None, "", name)
    ]


def plan(what: str) -> list[Stage]:
    """The stages of one target of the Makefile."""
    units = Stage("units", UNITS + " --cov=plugins/module_utils --cov-report=term-missing:skip-covered", env=OUTSIDE)
    basic = Stage("sanity", sanity())
    return {
        "lint": lint_stages(),
        "units": [units],
        "sanity": [basic],
        "molecule": molecule_stages(),
        "all": [*lint_stages(), units, basic, *molecule_stages(), *newest_stages()],
    }[what]


def run(stage: Stage) -> None:
    """Run one stage with its log; when it fails, show the end of the log, and keep the reasons for the summary."""
    start = time.monotonic()
    env = {**ENV, **stage.env, "PY_COLORS": "0", "ANSIBLE_FORCE_COLOR": "0", "NO_COLOR": "1"}
    script = f"set -euo pipefail\n. tools/env\n{stage.command}"
    with stage.log.open("w", encoding="utf-8") as log:
        done = subprocess.run(
            ["bash", "-c", script], cwd=HOME, env=env, stdout=log, stderr=subprocess.STDOUT, check=False
        )
    stage.seconds, stage.passed = time.monotonic() - start, done.returncode == 0
    text = stage.log.read_text(encoding="utf-8", errors="replace")
    stage.tests = sum(int(number) for number in re.findall(r"(\d+) passed", text))
    verdict = "passed" if stage.passed else "FAILED"
    print(
        f"[{time.strftime('%H:%M:%S')}] {stage.name:<38} {verdict} {stage.seconds:7.1f}s  {f'{stage.tests} tests' if stage.tests else ''}",
        flush=True,
    )
    if not stage.passed:
        stage.reasons = [
            line[:700]
            for line in text.splitlines()
            if line.startswith(("fatal: ", "failed: ", "[ERROR]", "FAILED ", "E   "))
        ][-4:]
        print("\n".join(text.splitlines()[-60:]) + f"\n--- the whole log: {stage.log}", flush=True)


def lane(stages: list[Stage]) -> None:
    """Run stages one after the other."""
    for stage in stages:
        run(stage)


def main() -> int:
    """Run the wanted stages and close with a summary."""
    what = sys.argv[1] if len(sys.argv) > 1 else "all"
    start = time.monotonic()
    LOGS.mkdir(parents=True, exist_ok=True)
    stages = plan(what)
    print(f"{len(stages)} stages; logs in {LOGS}", flush=True)
    lanes = [threading.Thread(target=lane, args=([s for s in stages if s.lane == name],)) for name in ("text", "hosts")]
    for thread in lanes:
        thread.start()
    for thread in lanes:
        thread.join()
    failed = [stage for stage in stages if not stage.passed]
    # A stage without counted tests is one check; pytest's own counts make up the rest.
    passed = sum(stage.tests or 1 for stage in stages if stage.passed)
    for stage in failed:
        print("\n".join([f"FAILED {stage.name}", *stage.reasons]))
    parts = ([f"{len(failed)} failed"] if failed else []) + [f"{passed} passed"]
    print(f"{' ' + ', '.join(parts) + f' in {time.monotonic() - start:.2f}s ':=^100}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
