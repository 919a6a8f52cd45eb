"""The docs are true: examples run (run_page.py says how), and tables of settings fit the code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("example_app/*.md")])

# Those that run_page.py knows, and those that are only shown. Nothing escapes by being called "sh".
LANGUAGES = {"python", "console", "toml", "html", "jinja", "json", "http", "text", "css", "ini", "make"}


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def run(*command: str | Path, folder: Path = HERE) -> subprocess.CompletedProcess[str]:
    # Settings of this machine are no reader's settings.
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("APP_", "FLASK_", "FLASKKIT_"))}
    return subprocess.run(
        [sys.executable, *command], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_the_examples_of_a_page_run(page, tmp_path):
    done = run("-W", "error", HERE / "run_page.py", page, folder=tmp_path)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_has_a_language_that_says_whether_it_runs(page):
    fences = re.findall(r"^ *```(.*)$", page.read_text("utf-8"), re.MULTILINE)
    assert len(fences) % 2 == 0
    assert {*fences[::2]} <= LANGUAGES
    assert {*fences[1::2]} <= {""}


def test_the_tables_of_settings_fit_the_code():
    done = run(HERE / "settings_tables.py", "--check")
    assert done.returncode == 0, f"{done.stdout}Run: make docs-tables\n{done.stderr}"
