"""Changes to files of a project: shown, or made all together."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

import click


class Changes:
    """The new text of each file, by path below the current folder; ``old`` is what is there now, "" for new files."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.old = {path: Path(path).read_text("utf-8") if Path(path).exists() else "" for path in texts}
        self.new = {path: text for path, text in texts.items() if text != self.old[path]}

    def diff(self) -> str:
        """Return the changes as a unified diff."""
        lines: list[str] = []
        for path, text in self.new.items():
            before, after = self.old[path].splitlines(keepends=True), text.splitlines(keepends=True)
            lines += difflib.unified_diff(before, after, path if before else "/dev/null", path)
        return "".join(lines)

    def make(self) -> None:
        """Write the files, and say which."""
        for path, text in self.new.items():
            file = Path(path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
            click.echo(f"  {path}")


def with_entry(text: str, name: str, entry: str) -> str:
    """Return TOML with *entry* at the end of its array *name* of texts, at the top of the file.

    Raises:
        ClickException: there is no such array.
    """
    there = tomllib.loads(text).get(name)
    found = re.search(rf"^{name}\s*=\s*\[(.*?)\]", text, re.DOTALL | re.MULTILINE)
    if there is None or found is None:
        raise click.ClickException(f"There is no line {name} = […] to add {entry!r} to. Write it by hand.")
    if entry in there:
        return text
    inside = found[1].rstrip()
    # One to a line, or all in one.
    spread = re.search(r"\n(\s*)\S[^\n]*$", inside)
    comma = "" if not inside.strip() or inside.endswith(",") else ","
    added = f'{comma}\n{spread[1]}"{entry}",\n' if spread else f'{comma}{" " if inside.strip() else ""}"{entry}"'
    new = text[: found.start(1)] + inside + added + text[found.end(1) :]
    if tomllib.loads(new)[name] != [*there, entry]:
        raise click.ClickException(
            f"{name} = […] is written in a way that cannot be changed here. Add {entry!r} by hand."
        )
    return new
