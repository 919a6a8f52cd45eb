"""The checks that need no feature: secrets, cookies, modes, routes, resources, installed versions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, distribution, distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from flask import Flask
from flask.helpers import get_debug_flag
from packaging.requirements import Requirement

from flaskkit.access import nobody
from flaskkit.config import MAKE_SECRET, weakness
from flaskkit.errors import did_you_mean
from flaskkit.tools.checks import check, checks_of, deployed, silenced_in
from flaskkit.tools.listing import routes_of, settings_in

TELLING = re.compile(r"(^|_)(password|passwd|secret|token|hash|digest|salt|api_?key|private_?key)($|_)")
PRIVATE_FILES = (".env", ".py", ".toml", ".db", ".sqlite", ".sqlite3", ".pem", ".key", ".sql", ".log")


@check(
    "core.E001",
    "The secret key is missing or weak.",
    why="Whoever guesses it can write session cookies and links that this app believes.",
    fix=f"Make one with {MAKE_SECRET} and set APP_SECRET_KEY.",
    deploy=True,
)
def weak_secret(app: Flask) -> Iterator[str]:
    config = app.extensions["flaskkit"].config
    keys = [config.flask["SECRET_KEY"]] if config.flask.get("SECRET_KEY") else config.secret_key
    for place, key in enumerate(keys or [""], 1):
        if wrong := weakness(key):
            yield f"'secret_key' {wrong}." if len(keys) < 2 else f"Key {place} of 'secret_key' {wrong}."


@check(
    "core.E002",
    "Debug mode is on.",
    why="Its error pages show code and settings, and let visitors run code of their own.",
    fix="Leave out --debug and FLASK_DEBUG where others can reach the app.",
    deploy=True,
)
def debugging(app: Flask) -> Iterator[str]:
    # Commands set app.debug anew, by FLASK_DEBUG alone.
    if app.extensions["flaskkit"].config.flask.get("DEBUG", app.debug or get_debug_flag()):
        yield "The app is in debug mode."


@check(
    "core.E003",
    "A feature refuses its settings in production.",
    why="The app does not start there.",
    fix="Write what the sentence says. Settings of the server belong into its environment.",
    deploy=True,
)
def refused_settings(app: Flask) -> Iterator[str]:
    config = replace(app.extensions["flaskkit"].config, env="production")
    for feature in config.feature_objects():
        yield from feature.mistakes(config)


@check(
    "core.E004",
    "A check is silenced without a reason.",
    why="Nobody can tell later whether the reason still holds.",
    fix='Write it: SILENCED_CHECKS = {"db.W001" = "The table has ten rows."} in the table [flask] of app.toml.',
)
def silenced_without_reason(app: Flask) -> Iterator[str]:
    for name, reason in silenced_in(app).items():
        if not str(reason or "").strip():
            yield f"{name!r} is silenced without a reason."


@check(
    "core.E005",
    "A check is silenced that does not exist.",
    why="It was misspelt, and what should be silent is not; or its feature is off.",
    fix="See flask kit check --list.",
)
def silenced_in_vain(app: Flask) -> Iterator[str]:
    known = [one.id for one in checks_of(app)]
    for name in silenced_in(app):
        if name not in known:
            yield f"There is no check {name!r}.{did_you_mean(name, known)}"


@check(
    "core.E006",
    "Scripts can read the session cookie.",
    why="One script that got into a page takes over the sessions of all who see it.",
    fix="Leave SESSION_COOKIE_HTTPONLY as it is: true.",
)
def readable_cookie(app: Flask) -> Iterator[str]:
    if not app.config["SESSION_COOKIE_HTTPONLY"]:
        yield "SESSION_COOKIE_HTTPONLY is false."


@check(
    "core.E007",
    "The app is made for tests, or lets errors through.",
    why="In this mode an error shows its inside to visitors, or stops the worker.",
    fix="Leave TESTING, PROPAGATE_EXCEPTIONS, TRAP_HTTP_EXCEPTIONS and TRAP_BAD_REQUEST_ERRORS out of the config.",
    deploy=True,
)
def made_for_tests(app: Flask) -> Iterator[str]:
    for key in ("TESTING", "PROPAGATE_EXCEPTIONS", "TRAP_HTTP_EXCEPTIONS", "TRAP_BAD_REQUEST_ERRORS"):
        if deployed(app, key):
            yield f"{key} is on."


@check(
    "core.E008",
    "A route is hidden by another.",
    why="Requests go to the first one; the other view never runs, and neither does its policy.",
    fix="Give one of them another path, or other methods.",
)
def hidden_routes(app: Flask) -> Iterator[str]:
    seen: dict[tuple[str, str, str], str] = {}
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            # A converter by another name takes the same paths.
            shape = re.sub(r"<(?:([^:<>]+):)?[^<>]+>", r"<\1>", rule.rule)
            first = seen.setdefault((f"{rule.host}{rule.subdomain}", shape, method), rule.endpoint)
            if first != rule.endpoint:
                yield f"{method} {rule.rule} of {rule.endpoint!r} is answered by {first!r}."


@check(
    "core.E009",
    "A folder of static files holds what nobody should read.",
    why="Everything in it is served to everybody who asks.",
    fix="Move it out of the folder, and change the secrets that were in it.",
)
def served_secrets(app: Flask) -> Iterator[str]:
    for scaffold in (app, *app.blueprints.values()):
        folder = Path(scaffold.static_folder) if scaffold.static_folder else None
        if folder is not None and folder.is_dir():
            for file in sorted(folder.rglob("*")):
                if file.is_file() and (file.suffix in PRIVATE_FILES or file.name in PRIVATE_FILES):
                    yield f"{file.relative_to(folder.parent)} is served."


@check(
    "core.E010",
    "An installed package does not fit another.",
    why="It was replaced by a version that the other one does not work with.",
    fix="Install the requirements of the project again, with one command for all of them.",
)
def clashing_versions(app: Flask) -> Iterator[str]:
    extensions = {one.name for one in distributions() if (one.name or "").lower().startswith("flask")}
    for name in sorted(extensions, key=str.lower):
        for text in distribution(name).requires or ():
            wanted = Requirement(text)
            if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
                continue
            try:
                there = distribution(wanted.name).version
            except PackageNotFoundError:
                yield f"{name} needs {wanted}, which is not installed."
                continue
            if not wanted.specifier.contains(there, prereleases=True):
                yield f"{name} needs {wanted}; installed is {there}."


@check(
    "core.W001",
    "The app is not in production mode.",
    why="What flaskkit does and refuses in production only was not looked at.",
    fix="Run this with the environment of the server, without APP_ENV.",
    deploy=True,
)
def other_mode(app: Flask) -> Iterator[str]:
    env = app.extensions["flaskkit"].config.env
    if env != "production":
        yield f"'env' is {env!r}."


@check(
    "core.W002",
    "The session cookie is sent without encryption.",
    why="Whoever sees one request by HTTP can go on as that user.",
    fix="Leave SESSION_COOKIE_SECURE as it is in production: true.",
    deploy=True,
)
def insecure_cookie(app: Flask) -> Iterator[str]:
    if not deployed(app, "SESSION_COOKIE_SECURE", True):
        yield "SESSION_COOKIE_SECURE is false."


@check(
    "core.W003",
    "The session cookie is sent by forms of other sites.",
    why="One of two barriers against forged requests is missing.",
    fix='Set SESSION_COOKIE_SAMESITE to "Lax" or "Strict".',
)
def cookie_for_other_sites(app: Flask) -> Iterator[str]:
    same_site = app.config["SESSION_COOKIE_SAMESITE"]
    if same_site not in ("Lax", "Strict"):
        yield f"SESSION_COOKIE_SAMESITE is {same_site!r}."


@check(
    "core.W004",
    "The session cookie goes to other hosts.",
    why="Every host below that domain receives it, and may set another one.",
    fix="Leave SESSION_COOKIE_DOMAIN out, unless several hosts share one log in.",
)
def cookie_for_other_hosts(app: Flask) -> Iterator[str]:
    if app.config["SESSION_COOKIE_DOMAIN"]:
        yield f"SESSION_COOKIE_DOMAIN is {app.config['SESSION_COOKIE_DOMAIN']!r}."


@check(
    "core.W005",
    "Bodies of requests may be of any length.",
    why="A few long ones fill memory or disk.",
    fix="Switch on feature 'security', or set MAX_CONTENT_LENGTH.",
    deploy=True,
)
def endless_bodies(app: Flask) -> Iterator[str]:
    if not app.config["MAX_CONTENT_LENGTH"]:
        yield "MAX_CONTENT_LENGTH is not set."


@check(
    "core.W006",
    "A native key looks misspelt.",
    why="Nothing reads it, and what it should change stays as it is.",
    fix="Write the name that Flask or the extension documents.",
)
def misspelt_keys(app: Flask) -> Iterator[str]:
    given = app.extensions["flaskkit"].config.flask
    known = {*Flask.default_config, *app.config} - {*given} | {*Flask.default_config}
    for key in given:
        # FOO_BARS beside FOO_BAR may be a key of its own; one letter more, less or exchanged is a slip.
        if key not in known and (near := did_you_mean(key, known)) and _is_slip(key, near.split("'")[1]):
            yield f"{key!r} is no key that is known here.{near}"


@check(
    "core.W007",
    "A secret is written in a file or in code.",
    why="Whoever can read the repository, or an old copy of it, knows it.",
    fix="Give it in the environment: APP_SECRET_KEY, APP_DB_URL, APP_MAIL_PASSWORD, ….",
    deploy=True,
)
def written_secrets(app: Flask) -> Iterator[str]:
    for name, value, origin, secret in settings_in(app.extensions["flaskkit"].config):
        # An address is secret for the password in it only.
        public = isinstance(value, str) and "://" in value and not re.search(r"//[^/@]*:[^/@]+@", value)
        if secret and value and not public and not origin.startswith(("environment", "default")):
            yield f"{name!r} comes from {origin}."


@check(
    "core.W008",
    "Nothing sends security headers.",
    why="Browsers then let other sites frame this one, and scripts from anywhere run in it.",
    fix="Switch on feature 'security'.",
    deploy=True,
)
def no_headers(app: Flask) -> Iterator[str]:
    if "security" not in app.extensions["flaskkit"]:
        yield "Feature 'security' is off."


@check(
    "core.W009",
    "There is a file .env, and nothing reads it.",
    why="Its settings do not count.",
    fix="Install the package that Flask reads it with: pip install python-dotenv",
)
def unread_env(app: Flask) -> Iterator[str]:
    if Path(".env").is_file() and find_spec("dotenv") is None:
        yield f"{Path('.env').resolve()} is not read."


@check(
    "core.W010",
    "A view for strangers changes something.",
    why="Anybody, and any program, may call it as often as they like.",
    fix="Give it a policy such as login, or a limit; silence this with the reason why strangers must.",
    deploy=True,
)
def strangers_write(app: Flask) -> Iterator[str]:
    kit = app.extensions["flaskkit"]
    own = {feature.name for feature in kit.features}
    for rule, methods, came_from, policy, endpoint in routes_of(app):
        writing = [method for method in methods if method not in ("GET", "HEAD", "OPTIONS")]
        if writing and came_from not in own and policy is not None and policy.anonymous:
            yield f"{','.join(writing)} {rule} ({endpoint}) is open to strangers."


@check(
    "resource.E001",
    "A resource shows what should be secret.",
    why="Everybody who may read the row sees it: in JSON, on pages and in exports.",
    fix="Take the field out of 'fields' and 'read_only', or name it in 'write_only'.",
)
def shown_secrets(app: Flask) -> Iterator[str]:
    for resource in app.extensions["flaskkit"].resources:
        for field in resource.readable:
            if TELLING.search(field.name):
                yield f"Resource {resource.name!r} shows {field.name!r}."


@check(
    "resource.W001",
    "Nobody may do anything with a resource.",
    why="What no policy opens stays closed; a resource without a policy has no use.",
    fix="Give it read=public, read=login or another policy.",
)
def closed_resources(app: Flask) -> Iterator[str]:
    for resource in app.extensions["flaskkit"].resources:
        if all(resource.policy(action) == nobody for action in ("read", "create", "update", "delete")):
            yield f"Resource {resource.name!r} has no policy."


@check(
    "resource.W002",
    "Strangers may change or delete rows of a resource.",
    why="Anybody may, without a name, and nobody knows who did.",
    fix="Let them log in: update=login, delete=owner(…).",
)
def strangers_change(app: Flask) -> Iterator[str]:
    for resource in app.extensions["flaskkit"].resources:
        for action in ("update", "delete"):
            if resource.policy(action).anonymous:
                yield f"Resource {resource.name!r} has {action}={resource.policy(action)}."


def _is_slip(given: str, known: str) -> bool:
    """Return whether *given* differs from *known* by one letter, or two that changed places."""
    if abs(len(given) - len(known)) > 1 or given == known:
        return False
    shorter, longer = sorted((given, known), key=len)
    if len(shorter) < len(longer):
        return any(longer[:i] + longer[i + 1 :] == shorter for i in range(len(longer)))
    different = [i for i in range(len(given)) if given[i] != known[i]]
    return len(different) == 1 or (len(different) == 2 and sorted(given) == sorted(known))


CHECKS: tuple[Any, ...] = (
    weak_secret,
    debugging,
    refused_settings,
    silenced_without_reason,
    silenced_in_vain,
    readable_cookie,
    made_for_tests,
    hidden_routes,
    served_secrets,
    clashing_versions,
    other_mode,
    insecure_cookie,
    cookie_for_other_sites,
    cookie_for_other_hosts,
    endless_bodies,
    misspelt_keys,
    written_secrets,
    no_headers,
    unread_env,
    strangers_write,
    shown_secrets,
    closed_resources,
    strangers_change,
)
