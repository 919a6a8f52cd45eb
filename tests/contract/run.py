"""Holds apps to their OpenAPI documents: lints them, makes clients from them, and has a fuzzer attack them.

    python tests/contract/run.py                    everything, in .contract/ where `make contract` installs the tools
    python tests/contract/run.py fuzz --who ada     one step; as one caller
    python tests/contract/run.py fuzz --seed 7 --examples 500 --only /api/notes --of fieldnotes

The example app, and one with what the example lacks (museum.py), with its older version.

    lint      openapi-spec-validator, and Redocly's strictest rules
    python    a client by openapi-python-client, checked by mypy --strict, used against the running app
    typescript    one by openapi-typescript and openapi-fetch, checked by tsc --strict, used likewise
    fuzz      all checks of schemathesis: of the example as nobody, as a plain user, and as one who may do everything

What fails is shown whole, each finding of the fuzzer with request and response. Exits with 1 if anything does.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from flask import Flask
from openapi_spec_validator import OpenAPIV31SpecValidator

sys.path.insert(0, str(Path(__file__).parent))

import museum
from example import Example, made, served

HERE = Path(__file__).parent
FOLDER = HERE.parents[1] / ".contract"
PROGRAMS = FOLDER / "venv" / "bin"
NODE = FOLDER / "npm"
CALLERS = ("nobody", "anna", "ada")


@dataclass(frozen=True)
class Told:
    """A document: that of the app which *make* makes, or of its older *version*, below *prefix*; *callers* fuzz it."""

    make: Callable[[Path], Flask]
    callers: tuple[str, ...]
    prefix: str = "/api"
    version: str = ""


DOCUMENTS = {
    "fieldnotes": Told(made, CALLERS),
    "museum": Told(museum.made, ("anna",)),
    "museum-v1": Told(museum.made, ("anna",), "/api/v1", "V1"),
}
# The same as hooks.py has, but for one thing that no document can say.
REPLACED = "positive_data_acceptance"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("steps", nargs="*", metavar="step", help=f"of {', '.join(STEPS)}; all without any")
    parser.add_argument("--who", choices=CALLERS, action="append", help="who the fuzzer is; each in turn without it")
    parser.add_argument("--seed", default="1", help="another one finds other things")
    parser.add_argument("--examples", default="15", help="how much the fuzzer tries of each operation and phase")
    parser.add_argument("--of", choices=DOCUMENTS, action="append", help="which documents; all without it")
    parser.add_argument("--only", default="/", help="the beginning of the paths that the fuzzer attacks")
    asked = parser.parse_args()
    for name in ("werkzeug", "flaskkit.auth"):
        logging.getLogger(name).setLevel(logging.ERROR)
    failed = []
    for name in asked.steps or STEPS:
        work = FOLDER / "work" / name
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        if not STEPS[name](work, asked):
            failed.append(name)
    say(f"Failed: {', '.join(failed)}" if failed else "Nothing found.")
    return 1 if failed else 0


def lint(work: Path, asked: argparse.Namespace) -> bool:
    good = []
    for name in asked.of or DOCUMENTS:
        with document(work / name, name) as example:
            content = json.loads(example.document.read_text())
            errors = [f"{error.json_path}: {error.message}" for error in OpenAPIV31SpecValidator(content).iter_errors()]
            good.append(told(f"lint: {name}, openapi-spec-validator", not errors, "\n".join(errors)))
            rules = ["node", HERE / "lint.mjs", example.document]
            good.append(done(f"lint: {name}, Redocly, recommended-strict", rules, NODE))
    return all(good)


def python(work: Path, asked: argparse.Namespace) -> bool:
    shutil.copy(HERE / "use_client.py", work)
    make = ["openapi-python-client", "generate", "--meta", "none", "--fail-on-warning"]
    with served(work) as example:
        return (
            done("python: made", [*make, "--path", example.document, "--output-path", "fieldnotes_client"], work)
            and done("python: mypy --strict", ["mypy", "--strict", "use_client.py"], work)
            and done("python: used", [PROGRAMS / "python", "use_client.py"], work, example)
        )


def typescript(work: Path, asked: argparse.Namespace) -> bool:
    # Where its imports are found.
    inside = NODE / "client"
    shutil.rmtree(inside, ignore_errors=True)
    inside.mkdir()
    shutil.copy(HERE / "use_client.ts", inside)
    check = ["--strict", "--target", "es2022", "--module", "nodenext", "--noUncheckedIndexedAccess", "use_client.ts"]
    with served(work) as example:
        return (
            done("typescript: made", ["openapi-typescript", example.document, "-o", "schema.d.ts"], inside)
            and done("typescript: tsc --strict", ["tsc", *check], inside)
            and done("typescript: used", ["node", "use_client.js"], inside, example)
        )


def fuzz(work: Path, asked: argparse.Namespace) -> bool:
    names = asked.of or DOCUMENTS
    runs = [(name, who) for name in names for who in asked.who or DOCUMENTS[name].callers]
    good = [attacked(work / f"{name}-{who}", name, who, asked) for name, who in runs]
    return all(good)


def document(work: Path, name: str) -> AbstractContextManager[Example]:
    work.mkdir()
    return served(work, DOCUMENTS[name].make, DOCUMENTS[name].version)


def attacked(work: Path, name: str, who: str, asked: argparse.Namespace) -> bool:
    with document(work, name) as example:
        settings = work / "schemathesis.toml"
        settings.write_text((HERE / "schemathesis.toml").read_text() + login(example, who))
        place = f"{example.url}{DOCUMENTS[name].prefix}/openapi.json"
        run = [PROGRAMS / "st", "--config-file", settings, "run", place, "--no-color"]
        run += ["--checks", "all", "--exclude-checks", REPLACED, "--continue-on-failure", "--output-sanitize", "false"]
        # It would revoke the token that it comes with, and try all the rest as a stranger.
        run += ["--exclude-operation-id", "auth_revoke_token"]
        if name != "fieldnotes":
            # These are the same in each app.
            run += ["--exclude-path-regex", "^/api/auth/"]
        run += ["--seed", asked.seed, "--max-examples", asked.examples, "--include-path-regex", f"^{asked.only}"]
        return done(f"fuzz: {name}, as {who}", run, work)


def login(example: Example, who: str) -> str:
    return "" if who == "nobody" else f'\n[auth.openapi]\nbearerAuth = {{ bearer = "{example.tokens[who]}" }}\n'


STEPS: dict[str, Callable[[Path, argparse.Namespace], bool]] = {
    "lint": lint,
    "python": python,
    "typescript": typescript,
    "fuzz": fuzz,
}


def done(what: str, command: list[str | Path], folder: Path, example: Example | None = None) -> bool:
    """Run *command* in *folder* and return whether it succeeds; what it said is shown if it does not."""
    began = time.monotonic()
    environ = os.environ | {
        "PATH": os.pathsep.join(map(str, (PROGRAMS, NODE / "node_modules/.bin", os.environ["PATH"])))
    }
    environ |= {"SCHEMATHESIS_HOOKS": str(HERE / "hooks.py")}
    if example:
        environ |= {"EXAMPLE_URL": example.url, "EXAMPLE_TOKEN": example.tokens["anna"]}
    run = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    return told(f"{what} ({time.monotonic() - began:.0f} s)", run.returncode == 0, run.stdout + run.stderr)


def told(what: str, good: bool, found: str) -> bool:
    say(f"{'ok    ' if good else 'FAILED'} {what}")
    if not good:
        say(found)
    return good


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
