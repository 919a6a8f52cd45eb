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
from typing import Any, Literal, Self, get_type_hints

import msgspec
from flask import Flask
from flask.helpers import get_debug_flag

from flaskkit.errors import ConfigError, FeatureError, did_you_mean
from flaskkit.feature import Extension, Feature, Wired, available, find
from flaskkit.module import Module

MAKE_SECRET = 'python -c "import secrets; print(secrets.token_hex(32))"'  # noqa: S105
SHORTEST_SECRET = 32


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
    secret_key: str | tuple[str, ...] | list[str] = field(default=(), repr=False)
    features: Sequence[Feature | Extension | str] = ()
    modules: Sequence[Module | str] = ()
    flask: Mapping[str, Any] = field(default_factory=dict, repr=False)
    flask_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    origins: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        mistakes, unusable = [], []
        for name in ("env", "secret_key"):
            mistakes += _type_mistake(f"{name!r}", getattr(self, name), _CORE[name], secret=name == "secret_key")
        mistakes += [
            f"{key!r} is no key of Flask's config: write it in capitals." for key in self.flask if key != key.upper()
        ]
        for name in ("features", "modules"):
            if isinstance(getattr(self, name), str):
                mistakes.append(f"{name!r} is a list, not one text.")
                object.__setattr__(self, name, ())
        found: list[Feature] = []
        for given in self.features:
            try:
                found.append(_as_feature(given))
            except FeatureError as error:
                unusable += error.mistakes
        names = [feature.name for feature in found]
        unusable += [f"Two features have the name {name!r}." for name in dict.fromkeys(names) if names.count(name) > 1]
        for feature in found:
            for declared, kind in _settings(type(feature)).items():
                where = f"{declared.name!r} of feature {feature.name!r}"
                value = getattr(feature, declared.name)
                mistakes += _type_mistake(where, value, kind, secret=declared.metadata["secret"])
        if mistakes or unusable:
            raise (ConfigError if mistakes else FeatureError)([*mistakes, *unusable])
        keys = (self.secret_key,) if isinstance(self.secret_key, str) else tuple(self.secret_key)
        object.__setattr__(self, "secret_key", tuple(key for key in keys if key))
        object.__setattr__(self, "features", tuple(found))
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
        sources = [_Source("code", code)]
        if mapping is not None:
            sources.append(_Source("mapping", mapping))
        mistakes: list[str] = []
        if toml is not None:
            try:
                sources.append(_Source(f"file {Path(toml).name}", tomllib.loads(Path(toml).read_text("utf-8"))))
            except (OSError, ValueError) as error:
                mistakes.append(f"{str(toml)!r} cannot be read: {error}.")
        if environ is not None:
            given = [one for source in sources for one in source.values.get("features", ())]
            names = {getattr(one, "name", one) for one in given} | {*available()}
            sources.append(_Source("environment", _from_environ(environ, prefix, names, mistakes), prefix))
        return cls._merged(import_name, sources, mistakes)

    @classmethod
    def _merged(cls, import_name: str, sources: list[_Source], mistakes: list[str]) -> Self:
        fields: dict[str, Any] = {}
        origins: dict[str, str] = {}
        for source in sources:
            for name in [name for name in source.values if name in _CORE]:
                try:
                    value = _read(source, source.values[name], _CORE[name], name)
                except ConfigError as error:
                    mistakes += error.mistakes
                    continue
                fields[name] = {**fields.get(name, {}), **value} if isinstance(value, Mapping) else value
                keys = [f"{name}.{key}" for key in value] if isinstance(value, Mapping) else [name]
                origins.update(dict.fromkeys(keys, source.origin(name)))
        features: list[Feature] = []
        for given in fields.pop("features", ()):
            try:
                feature = find(given) if isinstance(given, str) else _as_feature(given)
                features.append(_with_settings(feature, sources, origins, mistakes))
            except FeatureError as error:
                mistakes += error.mistakes
        on = {feature.name for feature in features}
        for source in sources:
            for name in source.values:
                if name not in _CORE and name not in on and name not in available():
                    known = [*_CORE, *on, *available()]
                    mistakes.append(f"{source.spell(name)} is not a setting.{did_you_mean(name, known)}")
        config = cls(import_name)
        try:
            config = cls(import_name, features=features, **fields, origins=origins)
        except ConfigError as error:
            if not mistakes:
                raise
            mistakes += error.mistakes
        if mistakes:
            raise ConfigError(dict.fromkeys(mistakes))
        return config

    def replace(self, **changes: Any) -> Self:
        """Return a copy with other fields, or with other settings: ``replace(env="testing", db={"url": "sqlite://"})``.

        ``flask`` is merged; everything else is replaced.
        """
        features = list(changes.pop("features", self.features))
        mistakes: list[str] = []
        for name in [name for name in changes if name not in _CORE]:
            source = _Source("code", {name: changes.pop(name)})
            at = [i for i, feature in enumerate(features) if not isinstance(feature, str) and feature.name == name]
            if not at:
                mistakes.append(f"{name!r} is not a setting.{did_you_mean(name, [*_CORE, *self._names()])}")
            for i in at:
                features[i] = _with_settings(features[i], [source], {}, mistakes)
        if mistakes:
            raise ConfigError(mistakes)
        if "flask" in changes:
            changes["flask"] = {**self.flask, **changes["flask"]}
        return dataclasses.replace(self, features=features, **changes)

    def with_(self, *features: Feature | Extension | str) -> Self:
        """Return a copy in which *features* are on; one that has the name of another takes its place."""
        new = {feature.name: feature for feature in map(_as_feature, features)}
        kept = [new.pop(feature.name, feature) for feature in self._features()]
        return dataclasses.replace(self, features=[*kept, *new.values()])

    def without(self, *names: str) -> Self:
        """Return a copy in which the features called *names* are off."""
        for name in names:
            if name not in self._names():
                raise FeatureError(f"Feature {name!r} is not on.{did_you_mean(name, self._names())}")
        return dataclasses.replace(self, features=[f for f in self._features() if f.name not in names])

    def mistakes(self) -> list[str]:
        """Return what keeps this config from starting in its ``env``, a sentence each; empty when nothing does."""
        found: list[str] = []
        if self.env == "production":
            native = self.flask.get("SECRET_KEY")
            keys = [native] if native else list(self.secret_key)
            if not keys:
                found.append(f"'secret_key' is missing. Make one with: {MAKE_SECRET} and set APP_SECRET_KEY.")
            elif any(len(key) < SHORTEST_SECRET for key in keys):
                found.append(f"'secret_key' is shorter than {SHORTEST_SECRET} characters. Make one with: {MAKE_SECRET}")
            elif any(_looks_like_an_example(key) for key in keys):
                found.append(f"'secret_key' looks like an example. Make one with: {MAKE_SECRET}")
            if self.flask.get("DEBUG", get_debug_flag()):
                found.append(
                    "Debug mode is on in production. Leave out --debug and FLASK_DEBUG, or set APP_ENV=development."
                )
        for feature in self._features():
            found += feature.mistakes(self)
        return found

    def settings(self) -> Iterator[tuple[str, str, Any, str, bool]]:
        """Yield (feature, setting, value, origin, secret) of everything set; core settings have the feature ""."""
        for name in ("env", "secret_key", "modules"):
            yield "", name, getattr(self, name), self.origins.get(name, self._origin(name)), name == "secret_key"
        for feature in self._features():
            for declared in _settings(type(feature)):
                value = getattr(feature, declared.name)
                origin = self.origins.get(f"{feature.name}.{declared.name}")
                if origin is None:
                    origin = "default" if value == declared.default else "code"
                yield feature.name, declared.name, value, origin, declared.metadata.get("secret", False)
        for key, value in self.flask.items():
            yield "flask", key, value, self.origins.get(f"flask.{key}", "code"), is_secret(key)

    def _origin(self, name: str) -> str:
        return "code" if getattr(self, name) != Config.__dataclass_fields__[name].default else "default"

    def _features(self) -> tuple[Feature, ...]:
        return self.features  # type: ignore[return-value]  # names became objects in __post_init__

    def _names(self) -> list[str]:
        return [feature.name for feature in self._features()]


def is_secret(key: str) -> bool:
    """Return whether the native config *key* holds something nobody should read, going by its name."""
    return any(word in key for word in ("SECRET", "PASSWORD", "TOKEN", "_URI", "_KEY"))


@dataclass(frozen=True)
class _Source:
    kind: str
    values: Mapping[str, Any]
    prefix: str = ""

    def origin(self, *path: str) -> str:
        return f"environment {self.spell(*path)}" if self.prefix else self.kind

    def spell(self, *path: str) -> str:
        return self.prefix + "_".join(path).upper() if self.prefix else repr(".".join(path))


_CORE: dict[str, Any] = {
    name: kind for name, kind in get_type_hints(Config).items() if name not in ("import_name", "origins")
}
_LISTS = ("features", "modules")
# Keys whose default is None in Flask; the type of every other key is that of its default.
_NATIVE_TYPES: dict[str, type] = {
    **{key: type(value) for key, value in Flask.default_config.items() if isinstance(value, bool | int | str)},
    **dict.fromkeys(("SERVER_NAME", "SESSION_COOKIE_DOMAIN", "SESSION_COOKIE_PATH", "SESSION_COOKIE_SAMESITE"), str),
    **dict.fromkeys(("MAX_CONTENT_LENGTH", "SEND_FILE_MAX_AGE_DEFAULT", "PERMANENT_SESSION_LIFETIME"), int),
    **dict.fromkeys(
        ("DEBUG", "TESTING", "TEMPLATES_AUTO_RELOAD", "PROPAGATE_EXCEPTIONS", "TRAP_BAD_REQUEST_ERRORS"), bool
    ),
}


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


def _settings(feature: type[Feature]) -> dict[dataclasses.Field[Any], Any]:
    hints = get_type_hints(feature)
    return {f: hints[f.name] for f in dataclasses.fields(feature) if "help" in f.metadata}


def _with_settings(
    feature: Feature | type[Feature], sources: Iterable[_Source], origins: dict[str, str], mistakes: list[str]
) -> Feature:
    kind = feature if isinstance(feature, type) else type(feature)
    kinds = {declared.name: (declared, hint) for declared, hint in _settings(kind).items()}
    changes = {}
    for source in sources:
        table = source.values.get(feature.name, {})
        if not isinstance(table, Mapping):
            mistakes.append(f"{source.spell(feature.name)} is a table of settings, not {table!r}.")
            continue
        for name, value in table.items():
            if name not in kinds:
                hint = did_you_mean(name, kinds)
                mistakes.append(
                    f"{source.spell(feature.name, name)} is not a setting of feature {feature.name!r}.{hint}"
                )
                continue
            declared, wanted = kinds[name]
            try:
                changes[name] = _read(source, value, wanted, feature.name, name, secret=declared.metadata["secret"])
                origins[f"{feature.name}.{name}"] = source.origin(feature.name, name)
            except ConfigError as error:
                mistakes += error.mistakes
    return _made(feature, changes) if isinstance(feature, type) else dataclasses.replace(feature, **changes)


def _made(feature: type[Feature], settings: Mapping[str, Any]) -> Feature:
    needed = [declared.name for declared in _settings(feature) if declared.default is dataclasses.MISSING]
    missing = [
        f"{name!r} of feature {feature.name!r} is missing; it has no default."
        for name in needed
        if name not in settings
    ]
    if missing:
        raise FeatureError(missing)
    return feature(**settings)


def _read(source: _Source, value: Any, kind: Any, *path: str, secret: bool = False) -> Any:
    """Return *value* as *kind*: text from the environment is parsed, everything else must fit as it is."""
    secret = secret or path == ("secret_key",)
    if source.prefix and isinstance(value, str):
        if path[0] in _LISTS or path == ("secret_key",):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        if getattr(kind, "__origin__", None) in (tuple, list):
            value = [part.strip() for part in value.split(",") if part.strip()]
        try:
            return msgspec.convert(value, kind, strict=False)
        except (msgspec.ValidationError, TypeError):
            raise ConfigError(_wrong(source.spell(*path), value, kind, secret)) from None
    if path[0] in (*_LISTS, "flask", "flask_options"):
        return value
    problems = _type_mistake(source.spell(*path), value, kind, secret=secret)
    if problems:
        raise ConfigError(problems)
    return tuple(value) if isinstance(value, list) else value


def _type_mistake(where: str, value: Any, kind: Any, *, secret: bool) -> list[str]:
    try:
        msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError:
        return [_wrong(where, value, kind, secret)]
    except TypeError:
        return []  # A type msgspec does not know, such as a model class: the feature checks it.
    return []


def _wrong(where: str, value: Any, kind: Any, secret: bool) -> str:
    choices = getattr(kind, "__args__", ()) if getattr(kind, "__origin__", None) is Literal else ()
    shown = "what was given" if secret else repr(value)
    if choices:
        hint = did_you_mean(value, choices) if isinstance(value, str) else ""
        return f"{where} must be one of {', '.join(map(repr, choices))}, not {shown}.{hint}"
    name = (
        "true or false"
        if kind is bool
        else getattr(kind, "__name__", str(kind))
        if isinstance(kind, type)
        else str(kind)
    )
    return f"{where} must be {name}, not {shown}."


def _from_environ(environ: Mapping[str, str], prefix: str, names: Iterable[str], mistakes: list[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    tables = sorted({*names} - {*_CORE} | {"flask"}, key=len, reverse=True)
    for variable, text in environ.items():
        if not variable.startswith(prefix):
            continue
        rest = variable.removeprefix(prefix)
        name = rest.lower()
        table = next((table for table in tables if name.startswith(f"{table}_")), "")
        if name in _CORE and name not in ("flask", "flask_options"):
            values[name] = text
        elif table == "flask":
            key = rest[len("flask_") :]
            if key not in _NATIVE_TYPES:
                mistakes.append(
                    f"{variable} has no declared type; set {key} in code or TOML.{did_you_mean(key, _NATIVE_TYPES)}"
                )
                continue
            try:
                values.setdefault("flask", {})[key] = msgspec.convert(text, _NATIVE_TYPES[key], strict=False)
            except msgspec.ValidationError:
                mistakes.append(_wrong(variable, text, _NATIVE_TYPES[key], is_secret(key)))
        elif table:
            values.setdefault(table, {})[name[len(table) + 1 :]] = text
        else:
            known = [f"{prefix}{word}".upper() for word in _CORE if not word.startswith("flask")]
            mistakes.append(f"{variable} is not a setting.{did_you_mean(variable, known)}")
    return values


def _looks_like_an_example(key: str) -> bool:
    words = (
        "changeme",
        "change-me",
        "change_me",
        "example",
        "your-",
        "your_",
        "insecure",
        "replace",
        "placeholder",
        "secret-key",
    )
    return len(set(key)) < 8 or any(word in key.lower() for word in words)
