"""The docs are true: examples run (run_page.py says how), and tables of settings and checks fit the code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.warm import EVERYTHING, warm

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TUTORIAL = ROOT / "docs" / "tutorial"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("example_app/*.md")])

# Those that run_page.py knows, and those that are only shown. Nothing escapes by being called "sh".
LANGUAGES = {
    "python",
    "console",
    "toml",
    "html",
    "jinja",
    "json",
    "http",
    "text",
    "css",
    "ini",
    "make",
    "nginx",
    "mermaid",
}


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


# Settings of this machine are no reader's settings; which servers there are, run_page.py wants to know.
ENVIRON = {key: value for key, value in os.environ.items() if not key.startswith(("APP_", "FLASK_"))}


@pytest.fixture(scope="session")
def programs():
    """The folder of `flask` and `python`, for pages."""
    with warm(ENVIRON, EVERYTHING) as folder:
        yield folder


# Each page of the tutorial goes on where the one before it ended.
@pytest.mark.parametrize("page", [*(page for page in PAGES if page.parent != TUTORIAL), TUTORIAL], ids=name)
def test_the_examples_of_a_page_run(page, tmp_path, programs):
    done = subprocess.run(
        [programs / "python", HERE / "run_page.py", page],
        cwd=tmp_path,
        env={**ENVIRON, "WARM_PROGRAMS": str(programs)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_has_a_language_that_says_whether_it_runs(page):
    text = page.read_text("utf-8")
    assert {*re.findall(r"^ +```(\w+)", text, re.MULTILINE)} <= {"text"}, "Blocks that run begin at the margin."
    fences = re.findall(r"^ *```(.*)$", text, re.MULTILINE)
    assert len(fences) % 2 == 0
    assert {*fences[::2]} <= LANGUAGES
    assert {*fences[1::2]} <= {""}


@pytest.mark.parametrize("script", ["settings_tables.py", "checks_table.py"])
def test_the_tables_of_settings_and_checks_fit_the_code(script):
    done = subprocess.run(
        [sys.executable, HERE / script, "--check"],
        env=ENVIRON,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}Run: make docs-tables\n{done.stderr}"
