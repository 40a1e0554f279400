"""Generated parts of a page: what stands between the lines `<!-- NAME -->` and `<!-- /NAME -->`."""

from __future__ import annotations


def has_part(text: str, name: str) -> bool:
    """Whether both marker lines of the part are there, in order. Raises SystemExit where only one of them is."""
    start, end = f"<!-- {name} -->\n", f"\n<!-- /{name} -->"
    _, opened, rest = text.partition(start)
    if bool(opened) != (end in text) or (opened and end not in rest):
        raise SystemExit(f"only one of the lines {start.strip()} and {end.strip()} is there, or they are exchanged")
    return bool(opened)


def replace_part(text: str, name: str, content: str) -> str:
    """The page with `content` between the part's marker lines, which must be there."""
    start, end = f"<!-- {name} -->\n", f"\n<!-- /{name} -->"
    head, _, rest = text.partition(start)
    return f"{head}{start}\n{content}\n{end}{rest.partition(end)[2]}"
