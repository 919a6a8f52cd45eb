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
# By where they came from: "file app.toml".
Tables = Mapping[str, Mapping[str, Any]]

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
                _Given(value, repr(path)).read(declared)
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
        tables = {"code": code, "mapping": mapping or {}}
        if toml is not None:
            try:
                tables[f"file {Path(toml).name}"] = tomllib.loads(Path(toml).read_text("utf-8"))
            except (OSError, ValueError) as error:
                mistakes.add(ConfigError, [f"{str(toml)!r} cannot be read: {error}."])
        return cls(import_name)._given(tables, environ or {}, prefix, mistakes)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with other fields, or with other settings: ``replace(env="testing", db={"url": "sqlite://"})``.

        ``flask`` and ``flask_options`` are merged; everything else is replaced.

        Raises:
            ConfigError: a name or a type is wrong.
        """
        return self._given({"code": changes}, {}, "", Mistakes())

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
            if wrong := next(filter(None, map(weakness, keys or [""])), ""):
                found.append(
                    f"'secret_key' {wrong}. Make one with: {MAKE_SECRET} and set APP_SECRET_KEY."
                    " While developing, set APP_ENV=development instead."
                )
            if self.flask.get("DEBUG", get_debug_flag()):
                way_out = "Leave out --debug and FLASK_DEBUG, or set APP_ENV=development."
                found.append(f"Debug mode is on in production. {way_out}")
        return found + [text for feature in self.feature_objects() for text in feature.mistakes(self)]

    def values(self, features: Iterable[Feature]) -> Iterator[tuple[str, Any, Setting]]:
        """Yield path, value and declaration of each setting of the core ("env") and of *features* ("auth.sign_up")."""
        for name, declared in _CORE.items():
            yield name, getattr(self, name), declared
        for feature in features:
            for name, declared in settings_of(type(feature)).items():
                yield f"{feature.name}.{name}", getattr(feature, name), declared

    def _given(self, tables: Tables, environ: Mapping[str, str], prefix: str, mistakes: Mistakes) -> Self:
        """Return a copy with what *tables*, by origin, and *environ* say, after reporting every mistake in them."""
        given = {path: one for origin, table in tables.items() for path, one in _from_table(table, origin)}
        given |= _from_environ(environ, prefix, ["features"])
        features: Sequence[Feature] = self.feature_objects()
        if "features" in given:
            with mistakes.noted():
                features = _as_features(given["features"].read(_CORE["features"]), mistakes)
        known = {path: declared for path, _, declared in self.values(features)}
        known |= _NATIVE | {f"flask.{declared.key}": declared for declared in known.values() if declared.key}
        off = available().keys() - {feature.name for feature in features}
        given |= _from_environ(environ, prefix, known)
        mistakes.add(ConfigError, _unknown(environ, prefix, known, off))
        # By feature and setting; "" stands for the core.
        changes = defaultdict[str, dict[str, Any]](dict, flask={**self.flask}, flask_options={**self.flask_options})
        for path, value in given.items():
            table, _, name = path.rpartition(".")
            with mistakes.noted():
                if path in known and (value.text or table != "flask"):
                    changes[table][name] = value.read(known[path])
                elif table in ("flask", "flask_options"):
                    changes[table][name] = value.value
                elif any(one.startswith(f"{path}.") for one in known):
                    raise ConfigError(f"{value.spelt} is a table of settings, not {value.value!r}.")
                elif table not in off:
                    raise ConfigError(f"{value.spelt} is not a setting.{did_you_mean(path, known)}")
        made = [dataclasses.replace(feature, **changes[feature.name]) for feature in features]
        core = {**changes[""], "features": made, "flask": changes["flask"], "flask_options": changes["flask_options"]}
        origins = {**self.origins, **{path: value.origin for path, value in given.items()}}
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


class _Given(NamedTuple):
    """One value from one source. *spelt* is how the user wrote its name; *text* is yet to be parsed."""

    value: Any
    spelt: str
    origin: str = "code"
    text: bool = False

    def read(self, declared: Setting) -> Any:
        """Return the value as its type is *declared*."""
        value, kind = self.value, declared.kind
        if value is REQUIRED:
            raise FeatureError(f"{self.spelt} is missing; it has no default.")
        shapes = {get_origin(one) for one in (kind, *get_args(kind))} if self.text else set()
        try:
            if Mapping in shapes:
                value = msgspec.json.decode(value)
            elif shapes & {tuple, Sequence}:
                value = [part.strip() for part in value.split(",") if part.strip()]
            return msgspec.convert(value, kind, strict=not self.text)
        except msgspec.DecodeError:
            raise ConfigError(f"{self.spelt} {_expected(declared, value)}") from None
        except TypeError:
            return value  # Of a kind that msgspec does not know, such as a model class: the feature checks it.


def _from_table(table: Mapping[str, Any], origin: str) -> Iterator[tuple[str, _Given]]:
    for key, value in table.items():
        inner = {f"{key}.{name}": one for name, one in value.items()} if isinstance(value, Mapping) else {key: value}
        yield from ((path, _Given(one, repr(path), origin)) for path, one in inner.items())


def _variable(prefix: str, path: str) -> str:
    return prefix + path.replace(".", "_").upper()


def _from_environ(environ: Mapping[str, str], prefix: str, paths: Iterable[str]) -> dict[str, _Given]:
    variables = {path: variable for path in paths if (variable := _variable(prefix, path)) in environ}
    return {path: _Given(environ[one], one, f"environment {one}", text=True) for path, one in variables.items()}


def _unknown(environ: Iterable[str], prefix: str, known: Iterable[str], off: Collection[str]) -> Iterator[str]:
    """Yield what is wrong with each variable that sets nothing, unless it is for a feature that is off."""
    variables = [_variable(prefix, path) for path in known]
    tables = {_variable(prefix, f"{one}."): one for one in (*off, *(path.partition(".")[0] for path in known))}
    for variable in environ:
        if variable.startswith(prefix) and variable not in variables:
            begin = max((one for one in tables if variable.startswith(one)), key=len, default="")
            wrong = "is not a setting"
            if tables.get(begin) == "flask":
                wrong = f"has no declared type; set {variable.removeprefix(begin)} in code or TOML"
            if tables.get(begin) not in off:
                yield f"{variable} {wrong}.{did_you_mean(variable, variables)}"


def _as_features(given: Any, mistakes: Mistakes) -> list[Feature]:
    features = []
    for one in given if isinstance(given, list | tuple) else ():
        with mistakes.noted():
            features.append(_as_feature(one))
    return features


def _as_feature(given: Any) -> Feature:
    if isinstance(given, Feature):
        return given
    if isinstance(given, str):
        return find(given)()
    if isinstance(given, type) and issubclass(given, Feature):
        raise FeatureError(f"{given.__name__} is a class; write {given.__name__}().")
    if callable(getattr(given, "init_app", None)):
        return Wired(given)
    raise FeatureError(f"features takes names, features and Flask extensions, not {given!r}.")


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
