"""Config: everything that decides what an app is, and where each value came from.

Config("shop", features=["db", Auth(sign_up=False)], modules=["shop.catalog"])          code
Config.load("shop", mapping={...}, toml="app.toml", environ=os.environ)                 all sources, later wins

features = ["db", "auth"]        APP_FEATURES=db,auth          a field of Config
[auth]
sign_up = false                  APP_AUTH_SIGN_UP=false        a setting of a feature
[flask]
MAX_CONTENT_LENGTH = 1000000     APP_FLASK_MAX_CONTENT_LENGTH  a native key of Flask or an extension
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, get_args, get_origin

import msgspec
from flask import Flask
from flask.helpers import get_debug_flag

from flaskkit.errors import ConfigError, FeatureError, Mistakes, did_you_mean, doubles
from flaskkit.feature import REQUIRED, Extension, Feature, Setting, Wired, available, find, settings_of
from flaskkit.module import Module

Env = Literal["production", "development", "testing"]

MAKE_SECRET = 'python -c "import secrets; print(secrets.token_hex(32))"'  # noqa: S105
SHORTEST_SECRET = 32
EXAMPLES = ("changeme", "example", "insecure", "mysecret", "placeholder", "replace", "secretkey", "yoursecret")


@dataclass(frozen=True)
class Config:
    """What an app is made of. Frozen; ``replace``, ``with_`` and ``without`` return a changed copy.

    ``import_name`` is Flask's. ``env`` is "production" unless you say "development" or "testing". ``secret_key``
    is one key or several: the first signs, the others are still accepted. ``features`` are names, feature objects
    or Flask extension objects; ``modules`` are ``Module`` objects or dotted names. ``flask`` holds native
    ``app.config`` keys, which win over everything else; ``flask_options`` are keyword arguments for
    ``flask.Flask``. ``origins`` tells where each value came from.

    Raises:
        ConfigError: something is unknown or of the wrong type. All mistakes are listed.
        FeatureError: the same, where only features are concerned.
    """

    import_name: str
    env: Env = "production"
    secret_key: str | Sequence[str] = field(default=(), repr=False)
    features: Sequence[Feature | Extension | str] = ()
    modules: Sequence[Module | str] = ()
    flask: Mapping[str, Any] = field(default_factory=dict, repr=False)
    flask_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    origins: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    def __new__(cls, *args: Any, **given: Any) -> Self:
        """Refuse what is no field, for instance settings of features, saying where these go."""
        known = [one.name for one in dataclasses.fields(cls)]

        def hint(name: str) -> str:
            load = f"Config.load({args[0] if args else 'app'!r}, {name}={{…}})"
            return f" Write {load}, or give the feature itself." if name in available() else did_you_mean(name, known)

        if wrong := [f"{name!r} is no argument of Config.{hint(name)}" for name in given if name not in known]:
            raise ConfigError(wrong)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        mistakes = Mistakes()
        features = _as_features(self.features, mistakes)
        for path, value, declared in self.values(features):
            with mistakes.noted():
                _Source("code", {path: value}).read(path, declared)
        small = [key for key in self.flask if key != key.upper()]
        mistakes.add(ConfigError, (f"{key!r} is no key of Flask's config: write it in capitals." for key in small))
        mistakes.add(FeatureError, doubles("features", [feature.name for feature in features]))
        mistakes.report()
        keys = [self.secret_key] if isinstance(self.secret_key, str) else self.secret_key
        # Frozen for everybody else.
        vars(self).update(secret_key=(*filter(None, keys),), features=(*features,), modules=(*self.modules,))

    @classmethod
    def load(
        cls,
        import_name: str,
        *,
        mapping: Mapping[str, Any] | None = None,
        toml: str | PathLike[str] | None = None,
        environ: Mapping[str, str] | None = None,
        prefix: str = "APP_",
        **code: Any,
    ) -> Self:
        """Build a config from *code*, *mapping*, a *toml* file and *environ*; a later one wins over an earlier.

        Values from *environ* are text and are read by the declared type of what they set: lists are separated
        by commas, ``true``/``1`` and ``false``/``0`` are booleans, a numeric secret stays text. Tables and
        variables for installed features that are off are left alone.

        Raises:
            ConfigError: every mistake from every source, each with what to write instead.
        """
        mistakes = Mistakes()
        sources = [_table("code", code), _table("mapping", mapping or {})]
        if toml is not None:
            try:
                sources.append(_table(f"file {Path(toml).name}", tomllib.loads(Path(toml).read_text("utf-8"))))
            except (OSError, ValueError) as error:
                mistakes.add(ConfigError, [f"{str(toml)!r} cannot be read: {error}."])
        variables = {name: text for name, text in (environ or {}).items() if name.startswith(prefix)}
        return cls(import_name)._with([*sources, _Source("environment", variables, prefix)], mistakes)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with other fields, or with other settings: ``replace(env="testing", db={"url": "sqlite://"})``.

        ``flask`` and ``flask_options`` are merged; everything else is replaced.

        Raises:
            ConfigError: a name or a type is wrong.
        """
        return self._with([_table("code", changes)], Mistakes())

    def with_(self, *features: Feature | Extension | str) -> Self:
        """Return a copy in which *features* are on; one that has the name of another takes its place."""
        new = {feature.name: feature for feature in map(_as_feature, features)}
        kept = [new.pop(feature.name, feature) for feature in self.feature_objects()]
        return dataclasses.replace(self, features=[*kept, *new.values()])

    def without(self, *names: str) -> Self:
        """Return a copy in which the features called *names* are off.

        Raises:
            FeatureError: one of them is not on.
        """
        on = {feature.name: feature for feature in self.feature_objects()}
        for name in names:
            if name not in on:
                raise FeatureError(f"Feature {name!r} is not on.{did_you_mean(name, on)}")
            del on[name]
        return dataclasses.replace(self, features=list(on.values()))

    def feature_objects(self) -> tuple[Feature, ...]:
        """Return ``features`` as the objects they became, whatever they were given as."""
        return self.features  # type: ignore[return-value]

    def mistakes(self) -> Iterator[str]:
        """Yield what keeps this config from starting in its ``env``, a sentence each."""
        if self.env == "production":
            keys = [self.flask["SECRET_KEY"]] if self.flask.get("SECRET_KEY") else self.secret_key
            if wrong := next(filter(None, map(weakness, keys or [""])), ""):
                way_out = f"Make one with: {MAKE_SECRET} and set APP_SECRET_KEY."
                yield f"'secret_key' {wrong}. {way_out} While developing, set APP_ENV=development instead."
            if self.flask.get("DEBUG", get_debug_flag()):
                way_out = "Leave out --debug and FLASK_DEBUG, or set APP_ENV=development."
                yield f"Debug mode is on in production. {way_out}"
        for feature in self.feature_objects():
            yield from feature.mistakes(self)

    def values(self, features: Iterable[Feature]) -> Iterator[tuple[str, Any, Setting]]:
        """Yield path, value and declaration of each setting of the core ("env") and of *features* ("auth.sign_up")."""
        for name, declared in _CORE.items():
            yield name, getattr(self, name), declared
        for feature in features:
            for name, declared in settings_of(type(feature)).items():
                yield f"{feature.name}.{name}", getattr(feature, name), declared

    def _with(self, sources: Sequence[_Source], mistakes: Mistakes) -> Self:
        """Return a copy with what *sources* say, the later ones winning, after reporting every mistake in them."""
        features: Sequence[Feature] = self.feature_objects()
        # Features of a list that does not count are not imported.
        if listing := [source for source in sources if source.written("features") in source.values]:
            with mistakes.noted():
                listed = listing[-1].read(listing[-1].written("features"), _CORE["features"])
                features = _as_features(listed, mistakes)
        on = {feature.name for feature in features}
        known = {path: declared for path, _, declared in self.values(features)}
        known |= _NATIVE | {f"flask.{declared.key}": declared for declared in known.values() if declared.key}
        # By feature and setting; "" stands for the core.
        changes = defaultdict[str, dict[str, Any]](dict, flask={**self.flask}, flask_options={**self.flask_options})
        origins = {**self.origins}
        for source in sources:
            paths = {source.written(path): path for path in known}
            for name, value in source.values.items():
                path = paths.get(name, name)
                table, _, key = path.rpartition(".")
                origins[path] = source.origin_of(name)
                with mistakes.noted():
                    if table in ("flask", "flask_options") and source.prefix is None:
                        changes[table][key] = value
                    elif path in known:
                        changes[table][key] = source.read(name, known[path])
                    else:
                        source.refuse(name, paths, on)
        made = [dataclasses.replace(feature, **changes[feature.name]) for feature in features]
        core = {**changes[""], "features": made, "flask": changes["flask"], "flask_options": changes["flask_options"]}
        copy = self
        with mistakes.noted():
            copy = dataclasses.replace(self, **core, origins=origins)
        mistakes.report()
        return copy


_CORE = {
    "env": Setting(Env, "production"),
    "secret_key": Setting(str | Sequence[str], (), secret=True),
    "modules": Setting(Sequence[Any], ()),
    "features": Setting(Sequence[Any], ()),
}
# What text is read as; values of other sources go to native keys as they are. The type is that of Flask's default;
# where that is None, it is told here.
_KINDS: dict[str, type] = {
    **{key: type(value) for key, value in Flask.default_config.items() if isinstance(value, bool | int | str)},
    **dict.fromkeys(("SERVER_NAME", "SESSION_COOKIE_DOMAIN", "SESSION_COOKIE_PATH", "SESSION_COOKIE_SAMESITE"), str),
    **dict.fromkeys(("MAX_CONTENT_LENGTH", "SEND_FILE_MAX_AGE_DEFAULT", "PERMANENT_SESSION_LIFETIME"), int),
    **dict.fromkeys(("DEBUG", "TEMPLATES_AUTO_RELOAD", "PROPAGATE_EXCEPTIONS", "TRAP_BAD_REQUEST_ERRORS"), bool),
}
_NATIVE = {f"flask.{key}": Setting(kind) for key, kind in _KINDS.items()}


class _Source(NamedTuple):
    """Values from one place, by how it writes their names. Those with a *prefix* are variables: text yet to be read."""

    origin: str
    values: Mapping[str, Any]
    prefix: str | None = None

    def written(self, path: str) -> str:
        """Return how "auth.sign_up" is written here, such as APP_AUTH_SIGN_UP."""
        return path if self.prefix is None else self.prefix + path.replace(".", "_").upper()

    def read(self, name: str, declared: Setting) -> Any:
        """Return the value called *name* as its type is *declared*."""
        value, kind, text = self.values[name], declared.kind, self.prefix is not None
        if value is REQUIRED:
            raise FeatureError(f"{name!r} is missing; it has no default.")
        shapes = {get_origin(one) for one in (kind, *get_args(kind))} if text else set()
        try:
            if Mapping in shapes:
                value = msgspec.json.decode(value)
            elif shapes & {tuple, Sequence}:
                value = [part.strip() for part in value.split(",") if part.strip()]
            return msgspec.convert(value, kind, strict=not text)
        except msgspec.DecodeError:
            raise ConfigError(f"{self._spelt(name)} {_expected(declared, value)}") from None
        except TypeError:
            return value  # Of a kind that msgspec does not know, such as a model class: the feature checks it.

    def refuse(self, name: str, names: Iterable[str], on: Collection[str]) -> None:
        """Raise because of *name*, which is none of the *names* that set something, unless its feature is not *on*."""
        tables = {self.written(f"{table}."): table for table in ("flask", *available(), *on)}
        begin = max(filter(name.startswith, tables), key=len, default="")
        hint = did_you_mean(name, names)
        if tables.get(begin) == "flask":
            raise ConfigError(f"{name} has no declared type; set {name.removeprefix(begin)} in code or TOML.{hint}")
        if any(one.startswith(f"{name}.") for one in names):
            raise ConfigError(f"{name!r} is a table of settings, not one value.")
        if not begin or tables[begin] in on:
            raise ConfigError(f"{self._spelt(name)} is not a setting.{hint}")

    def origin_of(self, name: str) -> str:
        """Return where the value called *name* comes from, as `flask kit settings` says it."""
        return self.origin if self.prefix is None else f"{self.origin} {name}"

    def _spelt(self, name: str) -> str:
        return repr(name) if self.prefix is None else name


def _table(origin: str, table: Mapping[str, Any]) -> _Source:
    values: dict[str, Any] = {}
    for key, value in table.items():
        inner = isinstance(value, Mapping) and key not in _CORE
        values |= {f"{key}.{name}": one for name, one in value.items()} if inner else {key: value}
    return _Source(origin, values)


def _as_features(given: Any, mistakes: Mistakes) -> list[Feature]:
    features = []
    for one in given if isinstance(given, list | tuple) else ():
        with mistakes.noted():
            features.append(_as_feature(one))
    return features


def _as_feature(given: Any) -> Feature:
    if isinstance(given, str):
        return find(given)()
    if isinstance(given, type) and issubclass(given, Feature):
        raise FeatureError(f"{given.__name__} is a class; write {given.__name__}().")
    if not callable(getattr(given, "init_app", None)):
        raise FeatureError(f"features takes names, features and Flask extensions, not {given!r}.")
    return given if isinstance(given, Feature) else Wired(given)


_SPOKEN: dict[Any, str] = {bool: "true or false", Sequence[Any]: "a list"}


def _expected(declared: Setting, value: Any) -> str:
    kind = declared.kind
    choices = get_args(kind) if get_origin(kind) is Literal else ()
    wanted = _SPOKEN.get(kind, kind.__name__ if type(kind) is type else str(kind))
    if choices:
        wanted = f"one of {', '.join(map(repr, choices))}"
    hint = did_you_mean(value, choices) if isinstance(value, str) else ""
    return f"must be {wanted}, not {'what was given' if declared.secret else repr(value)}.{hint}"


def weakness(key: str) -> str:
    """Return what is wrong with *key* as a secret, or ""."""
    if len(key) < SHORTEST_SECRET:
        return f"is shorter than {SHORTEST_SECRET} characters" if key else "is missing"
    letters = "".join(filter(str.isalnum, key.lower()))
    return "looks like an example" if len(set(key)) < 8 or any(word in letters for word in EXAMPLES) else ""
