"""Deleting a feature's folder breaks only the features that need it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import flaskkit
from flaskkit.feature import available, find

PACKAGE = Path(flaskkit.__file__).parent
FEATURES = {name: find(name).requires for name, point in available().items() if point.module.startswith("flaskkit.")}

START = """
import pkgutil, sys
import flaskkit
from flaskkit import Config, create_app

for found in pkgutil.iter_modules(flaskkit.__path__):
    if not found.ispkg:
        __import__(f"flaskkit.{found.name}")
app = create_app(Config("probe", env="testing", features=sys.argv[1:]))
assert app.test_client().get("/nowhere").status_code == 404
print(flaskkit.__file__, *(feature.name for feature in app.extensions["flaskkit"].features))
"""


def needing(gone: str) -> set[str]:
    """Return *gone* and the features that cannot be on without it."""
    found = {gone}
    while more := {name for name, requires in FEATURES.items() if found & {*requires}} - found:
        found |= more
    return found


@pytest.mark.parametrize("gone", sorted(FEATURES))
def test_without_its_folder_everything_else_starts(gone, tmp_path):
    (tmp_path / "flaskkit").mkdir()
    for one in PACKAGE.iterdir():
        if one.name not in (gone, "__pycache__"):
            (tmp_path / "flaskkit" / one.name).symlink_to(one)
    # What is installed here is found before the real thing, so its list of features is the one that counts.
    installed = tmp_path / "flaskkit-0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: flaskkit\nVersion: 0\n")
    points = [f"{name} = {point.value}" for name, point in available().items() if name in FEATURES and name != gone]
    (installed / "entry_points.txt").write_text("\n".join(["[flaskkit.features]", *points]))
    left = sorted(FEATURES.keys() - needing(gone))

    started = subprocess.run(
        [sys.executable, "-W", "error", "-c", START, *left],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert started.returncode == 0, started.stderr
    where, *on = started.stdout.split()
    assert Path(where).is_relative_to(tmp_path)
    assert sorted(on) == left
