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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

import msgspec
from flask import Flask
from flask.helpers import get_debug_flag

from flaskkit.errors import ConfigError, FeatureError, Mistakes, did_you_mean
from flaskkit.feature import Extension, Feature, Wired, available, find
from flaskkit.module import Module

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
    env: Literal["production", "development", "testing"] = "production"
    secret_key: str | Sequence[str] = field(default=(), repr=False)
    features: Sequence[Feature | Extension | str] = ()
    modules: Sequence[Module | str] = ()
    flask: Mapping[str, Any] = field(default_factory=dict, repr=False)
    flask_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    origins: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        mistakes = Mistakes()
        for name, kind in _CORE.items():
            with mistakes.noted():
                _Given(getattr(self, name), repr(name), "code").read(kind, secret=name == "secret_key")
        small = [
            f"{key!r} is no key of Flask's config: write it in capitals." for key in self.flask if key != key.upper()
        ]
        features: list[Feature] = []
        for given in self.features if isinstance(self.features, list | tuple) else ():
            with mistakes.noted():
                features.append(_as_feature(given))
        names = [feature.name for feature in features]
        doubles = [name for name in dict.fromkeys(names) if names.count(name) > 1]
        for feature in features:
            for declared, kind in settings_of(type(feature)).items():
                spelt = f"{declared.name!r} of feature {feature.name!r}"
                with mistakes.noted():
                    _Given(getattr(feature, declared.name), spelt, "code").read(kind, declared.metadata["secret"])
        mistakes.add(ConfigError, small)
        mistakes.add(FeatureError, [f"Two features have the name {name!r}." for name in doubles])
        mistakes.report()
        keys = [self.secret_key] if isinstance(self.secret_key, str) else self.secret_key
        object.__setattr__(self, "secret_key", tuple(key for key in keys if key))
        object.__setattr__(self, "features", tuple(features))
        object.__setattr__(self, "modules", tuple(self.modules))

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
        given = {**_from_table(code, "code"), **_from_table(mapping or {}, "mapping")}
        if toml is not None:
            try:
                given |= _from_table(tomllib.loads(Path(toml).read_text("utf-8")), f"file {Path(toml).name}")
            except (OSError, ValueError) as error:
                mistakes.add(ConfigError, [f"{str(toml)!r} cannot be read: {error}."])
        if environ is not None:
            tables = {path[0] for path in given} | {*available(), "flask"}
            tables |= {getattr(one, "name", one) for one in getattr(given.get(("", "features")), "value", ())}
            given |= _from_environ(environ, prefix, tables - {""})
        return cls(import_name)._given(given, mistakes)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with other fields, or with other settings: ``replace(env="testing", db={"url": "sqlite://"})``.

        ``flask`` and ``flask_options`` are merged; everything else is replaced.

        Raises:
            ConfigError: a name or a type is wrong.
        """
        return self._given(_from_table(changes, "code"), Mistakes())

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

    def mistakes(self) -> list[str]:
        """Return what keeps this config from starting in its ``env``, a sentence each; empty when nothing does."""
        found: list[str] = []
        if self.env == "production":
            keys = [self.flask["SECRET_KEY"]] if self.flask.get("SECRET_KEY") else self.secret_key
            if not keys:
                found.append(
                    f"'secret_key' is missing. Make one with: {MAKE_SECRET} and set APP_SECRET_KEY."
                    " While developing, set APP_ENV=development instead."
                )
            elif any(len(key) < SHORTEST_SECRET for key in keys):
                found.append(f"'secret_key' is shorter than {SHORTEST_SECRET} characters. Make one with: {MAKE_SECRET}")
            elif any(_looks_like_an_example(key) for key in keys):
                found.append(f"'secret_key' looks like an example. Make one with: {MAKE_SECRET}")
            if self.flask.get("DEBUG", get_debug_flag()):
                way_out = "Leave out --debug and FLASK_DEBUG, or set APP_ENV=development."
                found.append(f"Debug mode is on in production. {way_out}")
        return found + [text for feature in self.feature_objects() for text in feature.mistakes(self)]

    def settings(self) -> Iterator[tuple[str, Any, str, bool]]:
        """Yield (name, value, origin, secret) of everything that is set, settings of features as "feature.name"."""
        rows = [(name, getattr(self, name), name == "secret_key") for name in ("env", "secret_key", "modules")]
        defaults: dict[str, Any] = {"env": "production", "secret_key": (), "modules": ()}
        for feature in self.feature_objects():
            for declared in settings_of(type(feature)):
                name = f"{feature.name}.{declared.name}"
                rows.append((name, getattr(feature, declared.name), declared.metadata["secret"]))
                defaults[name] = declared.default
        rows += [(f"flask.{key}", value, is_secret(key)) for key, value in self.flask.items()]
        for name, value, secret in rows:
            unchanged = name in defaults and value == defaults[name]
            yield name, value, self.origins.get(name, "default" if unchanged else "code"), secret

    def _given(self, given: Mapping[tuple[str, str], _Given], mistakes: Mistakes) -> Self:
        """Return a copy with what is *given*, after reporting every mistake in it."""
        changes: dict[str, Any] = {"flask": dict(self.flask), "flask_options": dict(self.flask_options)}
        features: list[Feature | type[Feature]] = list(self.feature_objects())
        if ("", "features") in given:
            features = []
            with mistakes.noted():
                for one in given["", "features"].read(_CORE["features"]):
                    with mistakes.noted():
                        features.append(find(one) if isinstance(one, str) else _as_feature(one))
        kinds = {f.name: settings_of(f if isinstance(f, type) else type(f)) for f in features}
        settings: dict[str, dict[str, Any]] = {name: {} for name in kinds}
        for (table, name), value in given.items():
            if (table, name) == ("", "features"):
                continue
            with mistakes.noted():
                if table in ("flask", "flask_options"):
                    changes[table][name] = value.native(name) if value.text else value.value
                elif table in kinds:
                    declared, kind = _declared(kinds[table], table, name, value)
                    settings[table][name] = value.read(kind, declared.metadata["secret"])
                elif not table and name in _CORE:
                    changes[name] = value.read(_CORE[name], secret=name == "secret_key")
                elif table not in available():
                    raise ConfigError(f"{value.spelt} is not a setting.{value.hint(table, name, kinds)}")
        made = []
        for feature in features:
            with mistakes.noted():
                made.append(_made(feature, settings[feature.name]))
        origins = {f"{table}.{name}".lstrip("."): value.origin for (table, name), value in given.items()}
        copy = self
        with mistakes.noted():
            copy = dataclasses.replace(self, features=made, origins={**self.origins, **origins}, **changes)
        mistakes.report()
        return copy


def settings_of(feature: type[Feature]) -> dict[dataclasses.Field[Any], Any]:
    """Return the settings that *feature* declares, each with its type."""
    hints = get_type_hints(feature)
    return {declared: hints[declared.name] for declared in dataclasses.fields(feature) if "help" in declared.metadata}


def is_secret(key: str) -> bool:
    """Return whether the native config *key* holds something nobody should read, going by its name."""
    return any(word in key for word in ("SECRET", "PASSWORD", "TOKEN", "_KEY", "_URI", "_URL", "BINDS", "DSN"))


@dataclass(frozen=True)
class _Given:
    """One value from one source. *spelt* is how the user wrote its name.

    *prefix* is that of variables, for text from the environment that is yet to be parsed; else None.
    """

    value: Any
    spelt: str
    origin: str
    prefix: str | None = None

    @property
    def text(self) -> bool:
        return self.prefix is not None

    def hint(self, table: str, name: str, kinds: Mapping[str, Mapping[dataclasses.Field[Any], Any]]) -> str:
        """Return " Did you mean …?" with the nearest name that would be a setting, spelt as in this source."""
        join = "_" if self.text else "."
        settings = [f"{table}{join}{declared.name}" for table, declareds in kinds.items() for declared in declareds]
        hint = did_you_mean(join.join(filter(None, (table, name))), [*_CORE, *kinds, *available(), *settings])
        before, quote, rest = hint.partition("'")
        return f"{before}'{self.prefix}{rest[:-2].upper()}'?" if quote and self.text else hint

    def read(self, kind: Any, secret: bool = False) -> Any:
        """Return the value as *kind*."""
        value = self.value
        if self.text and any(get_origin(one) in (tuple, list, Sequence) for one in (kind, *get_args(kind))):
            value = [part.strip() for part in value.split(",") if part.strip()]
        try:
            return msgspec.convert(value, kind, strict=not self.text)
        except msgspec.ValidationError:
            raise ConfigError(f"{self.spelt} {_expected(kind, value, secret)}") from None
        except TypeError:
            return value  # Of a kind that msgspec does not know, such as a model class: the feature checks it.

    def native(self, key: str) -> Any:
        """Return the value as the native config *key* takes it."""
        if key not in _NATIVE:
            hint = did_you_mean(key, _NATIVE)
            raise ConfigError(f"{self.spelt} has no declared type; set {key} in code or TOML.{hint}")
        return self.read(_NATIVE[key], is_secret(key))


_CORE: dict[str, Any] = {
    **{name: kind for name, kind in get_type_hints(Config).items() if name in ("env", "secret_key")},
    **dict.fromkeys(("features", "modules"), Sequence[Any]),
}
# The type of a native key is that of Flask's default; where that is None, it is told here.
_NATIVE: dict[str, type] = {
    **{key: type(value) for key, value in Flask.default_config.items() if isinstance(value, bool | int | str)},
    **dict.fromkeys(("SERVER_NAME", "SESSION_COOKIE_DOMAIN", "SESSION_COOKIE_PATH", "SESSION_COOKIE_SAMESITE"), str),
    **dict.fromkeys(("MAX_CONTENT_LENGTH", "SEND_FILE_MAX_AGE_DEFAULT", "PERMANENT_SESSION_LIFETIME"), int),
    **dict.fromkeys(("DEBUG", "TEMPLATES_AUTO_RELOAD", "PROPAGATE_EXCEPTIONS", "TRAP_BAD_REQUEST_ERRORS"), bool),
}


def _from_table(table: Mapping[str, Any], origin: str) -> dict[tuple[str, str], _Given]:
    found: dict[tuple[str, str], _Given] = {}
    for key, value in table.items():
        if isinstance(value, Mapping) and key not in _CORE:
            found |= {(key, name): _Given(one, repr(f"{key}.{name}"), origin) for name, one in value.items()}
        else:
            found["" if key in _CORE else key, key if key in _CORE else ""] = _Given(value, repr(key), origin)
    return found


def _from_environ(environ: Mapping[str, str], prefix: str, tables: Iterable[str]) -> dict[tuple[str, str], _Given]:
    found = {}
    for variable, text in environ.items():
        if variable.startswith(prefix):
            name = variable.removeprefix(prefix).lower()
            table = max((t for t in tables if name not in _CORE and name.startswith(f"{t}_")), key=len, default="")
            name = name.removeprefix(f"{table}_") if table else name
            given = _Given(text, variable, f"environment {variable}", prefix)
            found[table, name.upper() if table == "flask" else name] = given
    return found


def _as_feature(given: Any) -> Feature:
    if isinstance(given, Feature):
        return given
    if isinstance(given, str):
        return _made(find(given), {})
    if isinstance(given, type) and issubclass(given, Feature):
        raise FeatureError(f"{given.__name__} is a class; write {given.__name__}().")
    if callable(getattr(given, "init_app", None)):
        return Wired(given)
    raise FeatureError(f"features takes names, features and Flask extensions, not {given!r}.")


def _made(feature: Feature | type[Feature], settings: Mapping[str, Any]) -> Feature:
    """Return the feature with *settings*; a class becomes an object."""
    if isinstance(feature, Feature):
        return dataclasses.replace(feature, **settings)
    needed = [declared.name for declared in settings_of(feature) if declared.default is dataclasses.MISSING]
    missing = [name for name in needed if name not in settings]
    if missing:
        raise FeatureError(f"{name!r} of feature {feature.name!r} is missing; it has no default." for name in missing)
    return feature(**settings)


def _declared(
    kinds: Mapping[dataclasses.Field[Any], Any], table: str, name: str, given: _Given
) -> tuple[dataclasses.Field[Any], Any]:
    for declared, kind in kinds.items():
        if declared.name == name:
            return declared, kind
    if not name:
        raise ConfigError(f"{given.spelt} is a table of settings, not {given.value!r}.")
    hint = given.hint(table, name, {table: kinds})
    raise ConfigError(f"{given.spelt} is not a setting of feature {table!r}.{hint}")


def _expected(kind: Any, value: Any, secret: bool) -> str:
    shown = "what was given" if secret else repr(value)
    if get_origin(kind) is Literal:
        choices = get_args(kind)
        hint = did_you_mean(value, choices) if isinstance(value, str) else ""
        return f"must be one of {', '.join(map(repr, choices))}, not {shown}.{hint}"
    if kind == Sequence[Any]:
        return f"must be a list, not {shown}."
    name = "true or false" if kind is bool else kind.__name__ if type(kind) is type else str(kind)
    return f"must be {name}, not {shown}."


def _looks_like_an_example(key: str) -> bool:
    letters = "".join(filter(str.isalnum, key.lower()))
    return len(set(key)) < 8 or any(word in letters for word in EXAMPLES)
