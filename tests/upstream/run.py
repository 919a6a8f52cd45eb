"""Runs Flask's own test suite and those of the five extensions on apps made by flaskkit.

    python tests/upstream/run.py                      in .upstream/, downloading what is missing
    python tests/upstream/run.py --folder /tmp/up     in another folder
    python tests/upstream/run.py Flask-Login          only this suite
    python tests/upstream/run.py --features db,forms  with only these on, to find who loses a test

The tests come from the source distributions of the installed versions. Each suite runs plain and with plugin.py;
a test is lost if it passes plain and not with flaskkit. Exits with 1 if any is. What is downloaded stays in the
folder for the next time.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree

from flaskkit.feature import available

HERE = Path(__file__).parent
SUITES = ("Flask", "Flask-SQLAlchemy", "Flask-Migrate", "Flask-WTF", "Flask-Login", "flask-smorest")
# What the suites need beside flaskkit; newer releases of the last two break some of the suites themselves.
NEEDED = ("asgiref", "python-dotenv", "semantic-version", "pytest<9", "SQLAlchemy<2.1")
NOT_PASSED = {"failure", "error", "skipped"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=HERE.parents[1] / ".upstream", help="where to work")
    parser.add_argument("suites", nargs="*", metavar="suite", help=f"of {', '.join(SUITES)}; all without any")
    parser.add_argument("--features", default=",".join(available()), help="which are on; all without it")
    asked = parser.parse_args()
    os.environ["FLASKKIT_FEATURES"] = asked.features
    folder: Path = asked.folder.resolve()
    sources = fetch(folder, asked.suites or SUITES)
    (folder / "start").mkdir(exist_ok=True)
    (folder / "start" / "sitecustomize.py").write_text(
        "import os\nif os.environ.get('FLASKKIT_SUITE'):\n    import plugin\n"
    )
    say(f"{'suite':<18}{'plain':>8}{'flaskkit':>10}{'lost':>6}")
    lost: list[str] = []
    with ThreadPoolExecutor(max_workers=2) as pool:
        for suite, source in sources.items():
            began = time.monotonic()
            plain, made = pool.map(run, [folder] * 2, [source] * 2, ["", suite])
            gone = sorted(plain - made)
            say(f"{suite:<18}{len(plain):>8}{len(plain & made):>10}{len(gone):>6}   {time.monotonic() - began:.0f} s")
            lost += [f"{suite}: {test}" for test in gone]
    say("\n".join(["", "Lost:", *lost]) if lost else "\nNothing is lost.")
    return 1 if lost else 0


def fetch(folder: Path, suites: Iterable[str]) -> dict[str, Path]:
    """Return the unpacked source distribution of each suite, downloading those that are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    if not (folder / "needed").exists():
        say("Installing what the suites need …")
        subprocess.run([*pip, "install", "--target", folder / "needed", *NEEDED], check=True)
    sources = {}
    for suite in suites:
        release = f"{suite}-{version(suite)}"
        sources[suite] = folder / release
        if not sources[suite].exists():
            say(f"Downloading {release} …")
            packed = folder / "packed" / release
            source = ["--no-deps", "--no-binary", ":all:", "--dest", packed, f"{suite}=={version(suite)}"]
            subprocess.run([*pip, "download", *source], check=True)
            with tarfile.open(next(packed.glob("*.tar.gz"))) as archive:
                archive.extractall(packed, filter="data")
            next(path for path in packed.iterdir() if path.is_dir()).rename(sources[suite])
    return sources


def run(folder: Path, source: Path, suite: str) -> set[str]:
    """Return the names of the tests that pass in *source*; with flaskkit if *suite* is named."""
    place = folder / f"{source.name}-{'flaskkit' if suite else 'plain'}"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(source, place, symlinks=True)
    report = place / "report.xml"
    environ = os.environ | {
        "FLASKKIT_SUITE": suite,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join(map(str, [folder / "start", HERE, folder / "needed"])),
    }
    # Suites without a configuration of their own would take ours, and be named after their folder.
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={place}"]
    pytest += [f"--junitxml={report}", "tests"]
    with (place / "report.log").open("w") as log:
        subprocess.run(pytest, cwd=place, env=environ, stdout=log, stderr=subprocess.STDOUT, check=False)
    if not report.exists():
        sys.exit(f"pytest did not start; see {place / 'report.log'}")
    tests = ElementTree.parse(report).iter("testcase")
    return {
        f"{test.get('classname')}::{test.get('name')}" for test in tests if not {part.tag for part in test} & NOT_PASSED
    }


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
