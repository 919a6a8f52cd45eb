"""The command ``flask kit upgrade``: what a newer flaskkit would generate, merged into a project that was changed.

what made it ──┬── what is there now        merged by git merge-file; no line of either side is lost
               └── what would be made today
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from flaskkit.scaffold import DATABASES, files, newest
from flaskkit.scaffold.changes import Changes

RECORD = Path("pyproject.toml")


@click.command()
@click.option("--apply", "apply_", is_flag=True, help="Write the changes instead of showing them.")
def upgrade(apply_: bool) -> None:
    """Show what the flaskkit that is installed would generate otherwise than the one that made this project.

    With --apply it is merged with your own changes. Where both changed the same lines, both stay, between the marks of
    git, for you to choose.
    """
    record = _recorded()
    if record["scaffold"] > newest():
        raise click.ClickException("A newer flaskkit than the installed one made this project. Install that.")
    if record["scaffold"] == newest():
        click.echo("This project is as the installed flaskkit would make it. There is nothing to upgrade.")
        return
    if shutil.which("git") is None:
        raise click.ClickException("This needs git, which merges the files. Install it.")
    made = {"name": record["name"], "database": record["database"], "features": record["features"]}
    before = files(**made, scaffold=record["scaffold"], requirement=record["flaskkit"])
    after = files(**made)
    texts, conflicts, gone = _merged(before, after)
    changes = Changes(texts)
    for path in gone:
        click.echo(f"{path} changes, but you removed it. It stays so.")
    for path in before.keys() - after.keys():
        if Path(path).exists():
            click.echo(f"{path} is not made any more. It stays; delete it when you need nothing of it.")
    if not apply_:
        click.echo(changes.diff(), nl=False)
        click.echo("\nNothing is changed yet. To do it: flask kit upgrade --apply")
    else:
        changes.make()
    if conflicts:
        told = "\n".join(f"  {path}" for path in conflicts)
        raise click.ClickException(f"You and the upgrade changed the same lines of these; look for <<<<<<<:\n{told}")


def _recorded() -> Mapping[str, Any]:
    """Return what the project says about how it was made."""
    table = tomllib.loads(RECORD.read_text("utf-8")) if RECORD.is_file() else {}
    record = table.get("tool", {}).get("flaskkit", {})
    found = {"name": table.get("project", {}).get("name"), **record}
    kinds = {"name": str, "scaffold": int, "database": str, "features": list, "flaskkit": str}
    if any(not isinstance(found.get(key), kind) for key, kind in kinds.items()) or found["database"] not in DATABASES:
        raise click.ClickException(
            "pyproject.toml has no table [tool.flaskkit] that says what made this project; flaskkit new writes it."
        )
    return found


def _merged(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[dict[str, str], list[str], list[str]]:
    """Return the new text of each file by path, which of them have conflicts, and which were removed by the user."""
    texts: dict[str, str] = {}
    conflicts, gone = [], []
    for path, theirs in after.items():
        base = before.get(path, "")
        if theirs == base:
            continue
        if not Path(path).exists():
            if path in before:
                gone.append(path)
            else:
                texts[path] = theirs
            continue
        texts[path], clean = merge(Path(path).read_text("utf-8"), base, theirs)
        if not clean:
            conflicts.append(path)
    return texts, conflicts, gone


def merge(ours: str, base: str, theirs: str) -> tuple[str, bool]:
    """Return *ours* with what changed from *base* to *theirs*, and whether no line was changed on both sides."""
    with tempfile.TemporaryDirectory() as folder:
        sides = {"yours": ours, "before": base, "upgrade": theirs}
        for name, text in sides.items():
            Path(folder, name).write_text(text, "utf-8")
        labels = [word for name in sides for word in ("-L", name)]
        command = ["git", "merge-file", "-p", *labels, *sides]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
    # The code is the number of conflicts; from 128 on something else is wrong.
    if done.returncode not in range(128):
        raise click.ClickException(f"git could not merge: {done.stderr.strip()}")
    return done.stdout, done.returncode == 0
