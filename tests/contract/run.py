"""Holds the example app to its OpenAPI document: lints it, makes clients from it, and has a fuzzer attack it.

    python tests/contract/run.py                    everything, in .contract/ where `make contract` installs the tools
    python tests/contract/run.py fuzz --who ada     one step; as one caller
    python tests/contract/run.py fuzz --seed 7 --examples 500 --only /api/notes

    lint      openapi-spec-validator, and Redocly's strictest rules
    python    a client by openapi-python-client, checked by mypy --strict, used against the running app
    typescript    one by openapi-typescript and openapi-fetch, checked by tsc --strict, used likewise
    fuzz      all checks of schemathesis, as nobody, as a plain user, and as one who may do everything

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
from pathlib import Path

from openapi_spec_validator import OpenAPIV31SpecValidator

sys.path.insert(0, str(Path(__file__).parent))

from example import Example, served

HERE = Path(__file__).parent
FOLDER = HERE.parents[1] / ".contract"
PROGRAMS = FOLDER / "venv" / "bin"
NODE = FOLDER / "npm"
CALLERS = ("nobody", "anna", "ada")
# The same as hooks.py has, but for one thing that no document can say.
REPLACED = "positive_data_acceptance"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("steps", nargs="*", metavar="step", help=f"of {', '.join(STEPS)}; all without any")
    parser.add_argument("--who", choices=CALLERS, action="append", help="who the fuzzer is; each in turn without it")
    parser.add_argument("--seed", default="1", help="another one finds other things")
    parser.add_argument("--examples", default="20", help="how much the fuzzer tries of each operation and phase")
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
    with served(work) as example:
        document = json.loads(example.document.read_text())
        errors = [f"{error.json_path}: {error.message}" for error in OpenAPIV31SpecValidator(document).iter_errors()]
        valid = told("lint: openapi-spec-validator", not errors, "\n".join(errors))
        return done("lint: Redocly, recommended-strict", ["node", HERE / "lint.mjs", example.document], NODE) and valid


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
    good = [attacked(work / who, who, asked) for who in asked.who or CALLERS]
    return all(good)


def attacked(work: Path, who: str, asked: argparse.Namespace) -> bool:
    work.mkdir()
    with served(work) as example:
        settings = work / "schemathesis.toml"
        settings.write_text((HERE / "schemathesis.toml").read_text() + login(example, who))
        run = [PROGRAMS / "st", "--config-file", settings, "run", f"{example.url}/api/openapi.json", "--no-color"]
        run += ["--checks", "all", "--exclude-checks", REPLACED, "--continue-on-failure", "--output-sanitize", "false"]
        # It would revoke the token that it comes with, and try all the rest as a stranger.
        run += ["--exclude-operation-id", "auth_revoke_token"]
        run += ["--seed", asked.seed, "--max-examples", asked.examples, "--include-path-regex", f"^{asked.only}"]
        return done(f"fuzz: as {who}", run, work)


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
