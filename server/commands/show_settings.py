"""Settings for people: those in use, and docs/settings.md (`python -m server.commands.show_settings`)."""

from __future__ import annotations

from dataclasses import MISSING
from typing import Any, List, Mapping, Sequence

from ..settings import TABLE, Settings, format_value, name_flag, name_variable


def format_settings(settings: Settings, sources: Mapping[str, str]) -> str:
    """The settings as a commented environment file; a secret is left out."""
    lines: List[str] = []
    for row in TABLE:
        lines.append(f"# {row.metadata['help']} ({sources[row.name]})")
        value = format_value(getattr(settings, row.name))
        if row.metadata.get("secret"):
            lines.append(f"# {name_variable(row.name)} is {'set' if value else 'not set'}")
        else:
            lines.append(f"{name_variable(row.name)}={value}")
    return "\n".join(lines)


def format_markdown(rows: Sequence[Any] = TABLE) -> str:
    """docs/settings.md."""
    lines = [
        "# Settings",
        "",
        "<!-- Written by `python -m server.commands.show_settings > docs/settings.md`. -->",
        "A flag goes before an environment variable, which goes before the default.",
        "`python -m server --print-config` shows the values in use and where each came from.",
        "Uploads take at most (FWHT_CONCURRENCY + FWHT_MAX_WAITING) x FWHT_MAX_BODY_BYTES of memory.",
        "",
        "| variable | flag | default | unit | meaning |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        assert row.default is not MISSING
        shown_flag = "" if row.metadata.get("secret") else f"`{name_flag(row.name)}`"
        default = f"`{format_value(row.default)}`" if row.default not in ("", ()) else ""
        text = row.metadata["help"]
        if "choices" in row.metadata:
            text += f" One of {', '.join(row.metadata['choices'])}."
        lines.append(f"| `{name_variable(row.name)}` | {shown_flag} | {default} | {row.metadata['unit']} | {text} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(format_markdown(), end="")
