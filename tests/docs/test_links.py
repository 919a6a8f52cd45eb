"""Every relative link and every #anchor in the docs leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import flaskkit

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("example_app/*.md")])

FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"`[^`]*`")
LINK = re.compile(r"\[[^\]]*\]\((?P<to>[^)\s]+)\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    text = CODE.sub("", FENCED.sub("", page.read_text("utf-8")))
    broken = []
    for found in LINK.finditer(text):
        path, _, anchor = found["to"].partition("#")
        if "://" in path or path.startswith("mailto:"):
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(found["to"])
    assert broken == []


def test_every_public_name_is_in_the_reference():
    text = (ROOT / "docs" / "reference.md").read_text("utf-8")
    assert set(flaskkit.__all__) - set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == set()


def test_every_page_is_linked_by_an_index():
    indexes = sorted(ROOT.glob("docs/**/index.md"))
    linked = {
        (index.parent / found["to"].partition("#")[0]).resolve()
        for index in indexes
        for found in LINK.finditer(index.read_text("utf-8"))
    }
    assert {*ROOT.glob("docs/**/*.md")} - linked == {ROOT / "docs" / "index.md"}


def anchors(page: Path) -> set[str]:
    """Return the anchors which the headings of *page* get, as GitHub makes them."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text("utf-8")), re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        known = sum(1 for other in found if other == slug or re.fullmatch(rf"{re.escape(slug)}-\d+", other))
        found.add(f"{slug}-{known}" if known else slug)
    return found
