"""The command ``flask kit check``."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from flaskkit.tools.checks import Check, Finding, checks_of, run
from flaskkit.tools.printing import as_json as json_option
from flaskkit.tools.printing import print_json, print_rows


@click.command()
@click.option("--deploy", is_flag=True, help="Look at what matters in production, too.")
@click.option("--list", "only_list", is_flag=True, help="List the checks instead of running them.")
@json_option
@with_appcontext
def check(deploy: bool, only_list: bool, as_json: bool) -> None:
    """Look for what is wrong or unsafe, and say how to mend it. Errors end with exit code 1, warnings do not."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    checks = checks_of(app)
    if only_list:
        _list(checks, as_json=as_json)
        return
    found = list(run(app, checks, deploy=deploy))
    told = [one for one in found if not one.silenced]
    errors = sum(one.check.level == "error" for one in told)
    if as_json:
        _print_json(told, [one for one in found if one.silenced], errors)
    else:
        _print(told)
        looked = sum(deploy or not one.deploy for one in checks)
        click.echo(
            f"{looked} checks: {_counted(errors, 'error')}, {_counted(len(told) - errors, 'warning')},"
            f" {len(found) - len(told)} silenced."
        )
    if errors:
        raise click.exceptions.Exit(1)


def _list(checks: Sequence[Check], *, as_json: bool) -> None:
    if as_json:
        facts = ("id", "level", "deploy", "title", "why", "fix")
        print_json([{fact: getattr(one, fact) for fact in facts} for one in checks])
    else:
        rows = [(one.id, one.level, "deploy" if one.deploy else "", one.title) for one in checks]
        print_rows(("check", "level", "", "looks for"), rows, json=False)


def _print(told: Sequence[Finding]) -> None:
    for one, cases in groupby(told, key=lambda finding: finding.check):
        click.echo(f"{one.id}  {one.level}: {one.title}")
        for case in cases:
            click.echo(f"    {case.what}")
        click.echo(f"  Why: {one.why}")
        click.echo(f"  Fix: {one.fix}\n")


def _print_json(told: Sequence[Finding], silenced: Sequence[Finding], errors: int) -> None:
    def facts(one: Finding) -> dict[str, str]:
        return {
            "id": one.check.id,
            "level": one.check.level,
            "what": one.what,
            "why": one.check.why,
            "fix": one.check.fix,
            **({"silenced": one.silenced} if one.silenced else {}),
        }

    print_json(
        {
            "errors": errors,
            "warnings": len(told) - errors,
            "findings": [facts(one) for one in told],
            "silenced": [facts(one) for one in silenced],
        }
    )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
