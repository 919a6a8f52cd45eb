"""Writes the table of a feature's settings into its page, between <!-- settings --> and <!-- /settings -->.

python settings_tables.py             writes every docs/features/<feature>.md anew
python settings_tables.py --check     changes nothing, names the pages that are stale, exits with 1 if any is
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from flaskkit import Feature
from flaskkit.feature import REQUIRED, available, find, settings_of

DOCS = Path(__file__).parents[2] / "docs" / "features"
PLACE = re.compile(r"<!-- settings -->.*?<!-- /settings -->", re.DOTALL)
NAMES = {str: "text", int: "whole number", float: "number", bool: "`true` or `false`", NoneType: "nothing"}


def table(feature: type[Feature]) -> str:
    """Return the settings of *feature* as a table in Markdown."""
    rows = []
    for name, one in settings_of(feature).items():
        default = "none, must be given" if one.default is REQUIRED else f"`{written(one.default)}`"
        key = f"`{one.key}`" if one.key else ""
        variable = f"`APP_{feature.name}_{name}`".upper()
        rows.append((f"`{name}`", kind_of(one.kind), default, variable, key, one.help))
    if not rows:
        return "This feature has no settings of its own."
    head = ("setting", "is", "without it", "in the environment", "native key", "what it decides")
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def kind_of(kind: Any) -> str:
    """Return "list of text" for ``tuple[str, ...]``, and so on."""
    parts = get_args(kind)
    if get_origin(kind) is Literal:
        return " or ".join(f"`{part}`" for part in parts)
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(kind_of(part) for part in parts)
    if get_origin(kind) in (tuple, list):
        return f"list of {kind_of(parts[0])}"
    if get_origin(kind) is Mapping:
        return f"table of {kind_of(parts[1])}"
    return NAMES.get(kind) or f"`{getattr(kind, '__name__', kind)}`"


def written(value: Any) -> str:
    """Return *value* as TOML has it, where TOML can."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(written, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def main(*, check: bool) -> int:
    stale = []
    for name, point in sorted(available().items()):
        if not point.module.startswith("flaskkit."):
            continue
        page = DOCS / f"{name}.md"
        old = page.read_text("utf-8") if page.exists() else ""
        if not PLACE.search(old):
            stale.append(f"{page.name} (has no <!-- settings --> and <!-- /settings -->)")
            continue
        new = PLACE.sub(lambda _: f"<!-- settings -->\n{table(find(name))}\n<!-- /settings -->", old)  # noqa: B023
        if new != old:
            stale.append(page.name)
            if not check:
                page.write_text(new, "utf-8")
    if stale:
        print("Stale:" if check else "Written:", ", ".join(stale))
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv))
