"""create_app: from a ``Config`` to a plain ``flask.Flask``.

    config ─► features in order, modules imported ─► app.config ─► each feature's init_app ─► modules mounted

``app.extensions["flaskkit"]`` is a ``Kit``: what flaskkit remembers about the app. Everything else in
``app.extensions`` is the upstream object itself.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Blueprint, Flask, current_app, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from flaskkit.access import Caller
from flaskkit.cli import KitGroup
from flaskkit.config import Config
from flaskkit.errors import ConfigError, Mistakes
from flaskkit.feature import Feature, in_order
from flaskkit.module import Module, load

if TYPE_CHECKING:
    from flaskkit.resource import Resource

ErrorView = Callable[[HTTPException], ResponseReturnValue]


@dataclass(eq=False)
class Kit:
    """What flaskkit remembers about one app.

    Features set ``caller`` and add to ``commands`` (``flask kit …``) and ``error_views``, which maps the beginning
    of paths to what answers errors there; "" is the rest of the site. They name in ``own_csrf`` those of their
    blueprints for which they decide themselves who must show a CSRF token. ``came_from`` maps endpoints to the
    feature or module that added them.
    """

    config: Config
    features: tuple[Feature, ...]
    modules: tuple[Module, ...]
    caller: Callable[[], Caller] = Caller
    commands: KitGroup = field(default_factory=KitGroup)
    error_views: dict[str, ErrorView] = field(default_factory=dict)
    own_csrf: set[str] = field(default_factory=set)
    came_from: dict[str, str] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        """Whether the feature called *name* is on."""
        return any(feature.name == name for feature in self.features)

    @cached_property
    def resources(self) -> tuple[Resource, ...]:
        """The resources of all modules."""
        return tuple(resource for module in self.modules for resource in module.resources)

    def resource_of(self, model: type) -> Resource | None:
        """Return the first resource that declares *model*."""
        return self._by_model.get(model)

    @cached_property
    def _by_model(self) -> dict[type, Resource]:
        return {resource.model: resource for resource in reversed(self.resources)}

    def error_prefix(self, path: str) -> str:
        """Return the longest prefix of *path* whose errors have a form of their own; "" is the rest of the site."""
        fits = (prefix for prefix in self.error_views if path == prefix or path.startswith(f"{prefix}/"))
        return max(fits, key=len, default="")

    def show_error(self, error: HTTPException) -> ResponseReturnValue:
        """Answer *error* in the form of the part of the site that was asked."""
        view = self.error_views.get(self.error_prefix(request.path))
        return view(error) if view else error

    def answer(self, error: Exception) -> ResponseReturnValue:
        """Answer HTTP errors in the form of the part that was asked; leave everything else to Flask."""
        if not isinstance(error, HTTPException) or current_app.trap_http_exception(error):
            raise error
        return self.show_error(error)


def create_app(config: Config) -> Flask:
    """Return a Flask app made as *config* says. Nothing is written to a database.

    Raises:
        ConfigError: the config, a feature, a module or a resource is wrong; every mistake is listed.
    """
    mistakes = Mistakes(ConfigError(text) for text in config.mistakes())
    features = in_order(config.feature_objects(), mistakes)
    modules = load(config.modules, mistakes)
    mistakes.report()
    app = Flask(config.import_name, **config.flask_options)
    kit = app.extensions["flaskkit"] = Kit(config, features, modules)
    _set_native_keys(app, config, features)
    for feature in features:
        feature.init_app(app)
        _remember(app, kit, feature.name)
    for module in modules:
        # Before what features make of its resources, so that a route of the app's own wins. Other classes of
        # blueprints may belong to a feature, as those of flask-smorest do to `api`.
        _mount(app, [blueprint for blueprint in module.blueprints if type(blueprint) is Blueprint])
    for module in modules:
        for feature in features:
            feature.init_module(app, module)
            _remember(app, kit, feature.name)
        _mount(app, module.blueprints)
        _remember(app, kit, module.name)
        for command in module.commands:
            app.cli.add_command(command)
    if kit.error_views:
        # Not for HTTPException, so that an app's own handler for Exception, HTTPException or a status takes
        # precedence, as Flask documents.
        app.register_error_handler(Exception, kit.answer)
    app.cli.add_command(kit.commands)
    for feature in features:
        feature.look_at(app)
    return app


def _set_native_keys(app: Flask, config: Config, features: tuple[Feature, ...]) -> None:
    production = config.env == "production"
    app.config.update(TESTING=config.env == "testing", SESSION_COOKIE_SECURE=production, SESSION_COOKIE_SAMESITE="Lax")
    if "SECRET_KEY" not in config.flask:
        keys = config.secret_key or (_own_secret(Path(app.instance_path), config.env),)
        app.config.update(SECRET_KEY=keys[0], SECRET_KEY_FALLBACKS=list(keys[1:]))
    app.config.update({declared.key: value for _, value, declared in config.values(features) if declared.key})
    app.config.update(config.flask)


def _own_secret(instance: Path, env: str) -> str:
    """Return a secret that stays the same while developing; tests get a new one each time."""
    if env == "testing":
        return secrets.token_hex(32)
    file = instance / "secret_key"
    instance.mkdir(parents=True, exist_ok=True)
    (instance / ".gitignore").write_text("*\n")
    # Two processes may start at once (the reloader does): whoever comes first writes.
    with suppress(FileExistsError):
        file.touch(0o600, exist_ok=False)
        file.write_text(secrets.token_hex(32))
    return file.read_text().strip()


def _mount(app: Flask, blueprints: Iterable[Blueprint]) -> None:
    for blueprint in blueprints:
        if app.blueprints.get(blueprint.name) is not blueprint:
            app.register_blueprint(blueprint)


def _remember(app: Flask, kit: Kit, name: str) -> None:
    """Note that *name* added what is new, except for the blueprints of modules."""
    modules = {blueprint.name: module.name for module in kit.modules for blueprint in module.blueprints}
    for endpoint in app.view_functions.keys() - {"static"}:
        kit.came_from.setdefault(endpoint, modules.get(endpoint.partition(".")[0], name))
