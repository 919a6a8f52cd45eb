"""How `make docs` makes the site: Sphinx reads the Markdown that a code forge shows, and adds the reference.

Pages are where they are in the repository, README included. What stands in the navigation, and where, is read from
the links of the index pages: a page that none of them links is an error.
"""

from __future__ import annotations

import re
import warnings
from importlib import import_module
from pathlib import Path
from types import FunctionType

from sphinx.application import Sphinx
from sqlalchemy.exc import SAWarning

# autodoc looks at all attributes of mixins.
warnings.filterwarnings("ignore", "Unmanaged access of declarative attribute", SAWarning)

ROOT = Path(__file__).parents[1]

project = "flaskkit"
author = "the authors of flaskkit"
copyright = "the authors of flaskkit"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "docs/index"
include_patterns = ["README.md", "CHANGELOG.md", "docs/*.md", "docs/**/*.md", "example_app/README.md"]
exclude_patterns = [".*", "build", "bench", "flaskkit", "tests", "example_app/fieldnotes", "example_app/instance"]

myst_heading_anchors = 4

html_theme = "furo"
html_title = "flaskkit"
html_show_sphinx = False
html_copy_source = False
html_additional_pages = {"index": "start.html"}
templates_path = ["site"]
html_static_path = ["site/static"]
html_css_files = ["site.css"]
pygments_style = "friendly"
pygments_dark_style = "monokai"

autodoc_default_options = {"members": True}
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_class_signature = "mixed"
autodoc_preserve_defaults = True

INDEXES = {"docs/index", "docs/how-to/index", "docs/tutorial/index"}
LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<to>[^)\s]+)\)")
FENCED = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)


def setup(app: Sphinx) -> None:
    app.connect("source-read", change_source)


def change_source(app: Sphinx, name: str, source: list[str]) -> None:
    """Give index pages their part of the navigation, and the reference its signatures and docstrings."""
    text = source[0]
    if name in INDEXES:
        text += toctrees(ROOT / f"{name}.md", text)
    if name == "docs/reference":
        text += reference(text)
    source[0] = without_folders(ROOT / f"{name}.md", text)


def toctrees(page: Path, text: str) -> str:
    """Return what tells Sphinx the order of pages: one part for each heading, with the pages linked below it.

    Pages have the short name there by which the link calls them.
    """
    made, seen = "", {page}
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        caption, _, body = part.partition("\n")
        entries = []
        for found in LINK.finditer(body):
            target = (page.parent / found["to"].partition("#")[0]).resolve()
            if target.is_dir():
                target /= "README.md"
            if target.suffix == ".md" and target.exists() and target not in seen:
                seen.add(target)
                entries.append(f"{found['text']} </{target.relative_to(ROOT).with_suffix('')}>")
        if entries:
            entries = "\n".join(entries)
            made += f"\n\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{entries}\n```\n"
    return made


def without_folders(page: Path, text: str) -> str:
    """Let links to folders lead to their README, or be plain text where there is none: the site has no folders."""

    def changed(found: re.Match[str]) -> str:
        target = page.parent / found["to"]
        if "://" in found["to"] or not target.is_dir():
            return found[0]
        return f"[{found['text']}]({found['to']}/README.md)" if (target / "README.md").exists() else found["text"]

    parts = FENCED.split(text)
    return "".join(part if part.startswith("```") else LINK.sub(changed, part) for part in parts)


def reference(text: str) -> str:
    """Return a description of each name in the first column of the tables of *text*, from its docstring."""
    made = "\n\n## All of them\n"
    for name, what in re.findall(r"^\| `([\w.]+)` \| ([^|]+) \|", text, re.MULTILINE):
        module, _, attribute = f"flaskkit.{name}".rpartition(".")
        made += f"\n```{{eval-rst}}\n.. {described(module, attribute, what)}\n```\n"
    return made


def described(module: str, name: str, what: str) -> str:
    thing = getattr(import_module(module), name)
    if isinstance(thing, type):
        return f"auto{'exception' if issubclass(thing, BaseException) else 'class'}:: {module}.{name}"
    if isinstance(thing, FunctionType):
        return f"autofunction:: {module}.{name}"
    # An object has only the docstring of its class.
    return f"data:: {module}.{name}\n\n   {what[0].upper()}{what[1:]}."
