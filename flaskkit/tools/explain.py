"""The command ``flask kit explain "POST /api/notes/"``: what happens with a request, as the objects that do it say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import RequestRedirect, Rule

from flaskkit.access import guard_of
from flaskkit.tools.listing import policy_of
from flaskkit.tools.printing import as_json as json_option
from flaskkit.tools.printing import print_json
from flaskkit.tools.steps import STAGES, Step, declared_at, name_of, place_of

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@click.command()
@click.argument("request", nargs=-1, required=True)
@json_option
@with_appcontext
def explain(request: tuple[str, ...], as_json: bool) -> None:
    """Tell what happens with a REQUEST such as "POST /api/notes/": who may, what is checked, which SQL is sent.

    Nothing is carried out. Without a method it is GET.
    """
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    words = " ".join(request).split()
    method = words.pop(0).upper() if words and words[0].upper() in METHODS else "GET"
    if len(words) != 1 or not words[0].startswith("/"):
        raise click.ClickException('Write it like "POST /api/notes/".')
    path = words[0].partition("?")[0]
    steps = list(steps_of(app, method, path))
    if as_json:
        print_json({"method": method, "path": path, "steps": [asdict(step) for step in steps]})
        return
    width = max(len(step.stage) for step in steps)
    for step in steps:
        click.echo(f"{step.stage.ljust(width)}  {step.what}{f'  ({step.where})' if step.where else ''}")
        for line in step.details:
            click.echo(f"{' ' * width}    {line}")


def steps_of(app: Flask, method: str, path: str) -> Iterator[Step]:
    """Yield what happens with such a request, in order.

    Raises:
        ClickException: there is no such route, or not for this method.
    """
    rule, given = _matched(app, method, path)
    view = app.view_functions[rule.endpoint]
    found = [*_own_steps(app, rule, given, view, method)]
    for feature in app.extensions["flaskkit"].features:
        found += feature.explain(app, rule.endpoint, method)
    yield from sorted(found, key=lambda step: STAGES.index(step.stage))


def _matched(app: Flask, method: str, path: str) -> tuple[Rule, dict[str, Any]]:
    adapter = app.url_map.bind(app.config["SERVER_NAME"] or "localhost")
    try:
        rule, given = adapter.match(path, method=method, return_rule=True)
    except RequestRedirect as redirect:
        raise click.ClickException(f"{path} is sent on to {redirect.new_url}. Ask for that.") from None
    except MethodNotAllowed as refused:
        allowed = ", ".join(sorted(refused.valid_methods or ()))
        raise click.ClickException(f"405: {path} takes {allowed}, not {method}.") from None
    except NotFound:
        raise click.ClickException(f"404: no route leads to {path}. See: flask kit routes") from None
    return rule, dict(given)


def _own_steps(app: Flask, rule: Rule, given: dict[str, Any], view: Any, method: str) -> Iterator[Step]:
    kit = app.extensions["flaskkit"]
    code = getattr(getattr(view, "view_class", None), method.lower(), view)
    values = tuple(f"{name} = {value!r}" for name, value in given.items())
    yield Step("route", f"{rule.rule} is {rule.endpoint!r}", details=values)
    came_from = kit.came_from.get(rule.endpoint, "")
    kind = "module" if came_from in {module.name for module in kit.modules} else "feature"
    yield Step("from", f"{kind} {came_from!r}" if came_from else "the app itself")
    parts = rule.endpoint.split(".")[:-1]
    blueprints = [None, *(".".join(parts[: i + 1]) for i in range(len(parts)))]
    for name in blueprints:
        yield from (Step("before", name_of(one), place_of(one)) for one in app.before_request_funcs.get(name, ()))
    yield _who(view, method)
    yield Step("view", name_of(code), place_of(code))
    for name in reversed(blueprints):
        yield from (Step("after", name_of(one), place_of(one)) for one in app.after_request_funcs.get(name, ()))
    error_view = kit.error_views.get(kit.error_prefix(rule.rule))
    if error_view is not None:
        yield Step("errors", name_of(error_view), place_of(error_view))


def _who(view: Any, method: str) -> Step:
    policy, scopes = policy_of(view, method), guard_of(view, method).scopes
    if policy is None:
        return Step("policy", "nothing says who may use it")
    details = (f"a token limited to scopes needs {' or '.join(scopes)}",) if scopes and policy.personal else ()
    return Step("policy", str(policy), declared_at(policy) or place_of(type(policy)), details)
