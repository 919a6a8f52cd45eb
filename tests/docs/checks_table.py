"""Writes the table of all checks into docs/checks.md, between <!-- checks --> and <!-- /checks -->.

python checks_table.py             writes it anew
python checks_table.py --check     changes nothing, exits with 1 if it is stale
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from flaskkit.feature import available, find
from flaskkit.tools.checks import Check
from flaskkit.tools.sound import CHECKS

PAGE = Path(__file__).parents[2] / "docs" / "checks.md"
PLACE = re.compile(r"<!-- checks -->.*?<!-- /checks -->", re.DOTALL)


def all_checks() -> list[Check]:
    """Return every check that comes with flaskkit."""
    own = sorted(name for name, point in available().items() if point.module.startswith("flaskkit."))
    return [*CHECKS, *(one for name in own for one in find(name)().checks())]


def table() -> str:
    rows = [("check", "", "looks for", "why it matters", "the fix"), ("---",) * 5]
    rows += [(f"`{one.id}`", "deploy" if one.deploy else "", one.title, one.why, one.fix) for one in all_checks()]
    return "\n".join("| " + " | ".join(re.sub(r"([|<>])", r"\\\1", cell) for cell in row) + " |" for row in rows)


def main(*, check: bool) -> int:
    old = PAGE.read_text("utf-8")
    new = PLACE.sub(lambda _: f"<!-- checks -->\n{table()}\n<!-- /checks -->", old)
    if new == old:
        return 0
    if not check:
        PAGE.write_text(new, "utf-8")
    print("Stale:" if check else "Written:", PAGE.name)
    return 1 if check else 0


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv))
