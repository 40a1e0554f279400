"""The image's bill of materials: every Debian and Python package in it, as CycloneDX 1.5 JSON on standard output.

Runs in the image, as its last step: `python docker/sbom.py NAME VERSION`. Scanners of images read the packages by
themselves; this is for those who must hand a list over.
"""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any, Dict, List
from urllib.parse import quote

FIELDS = "${Package}\t${Version}\t${Architecture}\t${db:Status-Status}\n"


def component(kind: str, name: str, version: str, qualifiers: str = "") -> Dict[str, Any]:
    purl = f"pkg:{kind}/{quote(name)}@{quote(version)}{qualifiers}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def debian_packages() -> List[Dict[str, Any]]:
    listed = subprocess.run(["dpkg-query", "-W", "-f", FIELDS], check=True, stdout=subprocess.PIPE).stdout.decode()
    system = distribution()
    found = []
    for line in listed.splitlines():
        name, version, architecture, status = line.split("\t")
        if status == "installed":
            found.append(component(f"deb/{system}", name, version, f"?arch={architecture}"))
    return found


def distribution() -> str:
    """debian or ubuntu."""
    with Path("/etc/os-release").open(encoding="utf-8") as file:
        values = dict(line.rstrip().split("=", 1) for line in file if "=" in line)
    return values.get("ID", "debian").strip('"')


def python_packages() -> List[Dict[str, Any]]:
    names = {(found.metadata["Name"], found.version) for found in metadata.distributions()}
    return [component("pypi", name.lower().replace("_", "-"), version) for name, version in names]


def bill(name: str, version: str) -> Dict[str, Any]:
    parts = {part["bom-ref"]: part for part in debian_packages() + python_packages()}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "component": {"type": "container", "bom-ref": "image", "name": name, "version": version},
        },
        "components": [parts[key] for key in sorted(parts)],
    }


if __name__ == "__main__":
    print(json.dumps(bill(sys.argv[1], sys.argv[2]), indent=1))
