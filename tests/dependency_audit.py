"""Known weaknesses of the installed packages: `make audit`, that is `python -m tests.dependency_audit`.

pip-audit skips what it cannot look up, says "No known vulnerabilities found" and ends with 0. Here a scan that skipped
a package was no scan. Exit status: 0 all were looked up and none is known to be weak, 1 weaknesses, 2 not run.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Dict, List

OURS = frozenset({"fwht-classifier"})  # this project itself, which is in no index
CLEAN, WEAK, NOT_RUN = 0, 1, 2


def main() -> int:
    command = [sys.executable, "-m", "pip_audit", "--local", "--format", "json", "--progress-spinner", "off"]
    result = subprocess.run(command, capture_output=True, text=True)
    try:
        packages = json.loads(result.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        print(f"not run: pip-audit gave no report\n{result.stderr.strip()}", file=sys.stderr)
        return NOT_RUN
    return judge(packages)


def judge(packages: List[Dict[str, Any]]) -> int:
    """Print what was found and return the exit status. packages: the `dependencies` of pip-audit's JSON."""
    skipped = [package for package in packages if "skip_reason" in package and package["name"] not in OURS]
    weak = [(package, found) for package in packages for found in package.get("vulns", ())]
    for package, found in weak:
        mended = ", ".join(found.get("fix_versions", ())) or "no version yet"
        print(f"weak: {package['name']} {package['version']}: {found['id']}, mended in {mended}")
    for package in skipped:
        print(f"skipped: {package['name']}: {package['skip_reason']}")
    looked_up = len(packages) - len(skipped)
    if weak:
        print(f"{len(weak)} known weaknesses; {looked_up} of {len(packages)} packages were looked up")
        return WEAK
    if skipped or not packages:
        print(f"not run: {len(skipped)} of {len(packages)} packages could not be looked up, which is no clean scan")
        return NOT_RUN
    print(f"no known weakness in {looked_up} packages")
    return CLEAN


if __name__ == "__main__":
    sys.exit(main())
