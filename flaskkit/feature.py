"""Feature: one switchable part of an app, its settings, and the order in which features are wired.

    @dataclass(frozen=True)
    class Greeting(Feature):
        "Say hello at /hello."

        name: ClassVar[str] = "greeting"
        words: str = setting("Hello!", help="What is said.")

        def init_app(self, app: Flask) -> None:
            app.add_url_rule("/hello", "hello", lambda: self.words)

Packages offer features in the entry-point group ``flaskkit.features``; flaskkit's own are declared there too. An app
names its own by their place: "shop.greeting:Greeting".
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, get_type_hints
from weakref import WeakKeyDictionary

from flask import Flask

from flaskkit.errors import FeatureError, Mistakes, did_you_mean

if TYPE_CHECKING:
    from flaskkit.config import Config
    from flaskkit.module import Module

GROUP = "flaskkit.features"
# Stands for the value of a setting that has no default, until it is given one.
REQUIRED: Any = ...


class Extension(Protocol):
    """Any Flask extension object."""

    def init_app(self, app: Flask) -> Any: ...


@dataclass(frozen=True)
class Feature:
    """One part of an app. Subclasses are frozen dataclasses; their fields, made by ``setting()``, are the settings.

    ``requires`` names features that must be on; ``after`` names those that are wired before this one if they are
    on. ``tables`` names tables of its own, which migrations leave alone while it is off. State belongs to an app
    and so to ``app.extensions``: one feature object may serve several apps.
    """

    name: ClassVar[str]
    requires: ClassVar[tuple[str, ...]] = ()
    after: ClassVar[tuple[str, ...]] = ()
    tables: ClassVar[tuple[str, ...]] = ()

    def mistakes(self, config: Config) -> Iterable[str]:
        """Return what is wrong with these settings in this *config*, a sentence each, with what to write instead."""
        return ()

    def unused_tables(self) -> Iterable[str]:
        """Return those of ``tables`` that it does not need with these settings: no command makes or drops them."""
        return ()

    def init_app(self, app: Flask) -> None:
        """Wire the feature into *app*. Called once for each app, in order."""

    def init_module(self, app: Flask, module: Module) -> None:
        """Take up what *module* adds for this feature. Called after every feature's ``init_app``."""

    def look_at(self, app: Flask) -> None:
        """Look at *app* when everything is in its place.

        Raises:
            ConfigError: something is wrong with it.
        """

    def checks(self) -> Iterable[Any]:
        """Return what `flask kit check` looks for while this is on: ``Check`` objects of ``flaskkit.tools.checks``."""
        return ()

    def explain(self, app: Flask, endpoint: str, method: str) -> Iterable[Any]:
        """Return what this does with such a request, for `flask kit explain`: ``Step`` objects of its module."""
        return ()


def setting(default: Any = REQUIRED, *, key: str = "", help: str = "", secret: bool = False) -> Any:
    """Declare a setting of a feature: a typed attribute with a default, or one that must be given.

    *key* is the native ``app.config`` key that receives the value, if the extension has one. *help* is a
    sentence, with the unit. A *secret* is masked wherever settings are shown.
    """
    return dataclasses.field(
        default=default, kw_only=True, repr=not secret, metadata={"key": key, "help": help, "secret": secret}
    )


class Setting(NamedTuple):
    """What ``setting()`` declared, and the type of the attribute."""

    kind: Any
    default: Any = None
    key: str = ""
    help: str = ""
    secret: bool = False


# To find out what annotations mean takes a third of a millisecond for each class; a config asks several times.
_SETTINGS: WeakKeyDictionary[type[Feature], Mapping[str, Setting]] = WeakKeyDictionary()


def settings_of(feature: type[Feature]) -> Mapping[str, Setting]:
    """Return the settings that *feature* declares by name."""
    if feature not in _SETTINGS:
        kinds = get_type_hints(feature)
        declared = [one for one in dataclasses.fields(feature) if "help" in one.metadata]
        settings = {one.name: Setting(kinds[one.name], one.default, **one.metadata) for one in declared}
        _SETTINGS[feature] = MappingProxyType(settings)
    return _SETTINGS[feature]


@dataclass(frozen=True)
class Wired(Feature):
    """A Flask extension object taken as a feature: ``init_app`` is the extension's own."""

    extension: Any

    @property
    def name(self) -> str:  # type: ignore[override]
        return type(self.extension).__name__.lower()

    def init_app(self, app: Flask) -> None:
        self.extension.init_app(app)


def available() -> Mapping[str, EntryPoint]:
    """Return the entry points of all installed features by name, without importing one."""
    return _available(tuple(sys.path))


@cache
def _available(path: tuple[str, ...]) -> Mapping[str, EntryPoint]:
    # Reads a file of each installed package: once for each path that packages are looked for in.
    return {point.name: point for point in entry_points(group=GROUP)}


def find(name: str) -> type[Feature]:
    """Import and return the installed feature class called *name*, or the one at "package.module:Class".

    Raises:
        FeatureError: no such feature, or a package it needs is missing.
    """
    point = EntryPoint(name, name, GROUP) if ":" in name else available().get(name)
    if point is None:
        raise FeatureError(f"There is no feature {name!r}.{did_you_mean(name, available())}")
    try:
        found = getattr(import_module(point.module), point.attr, None)
    except ModuleNotFoundError as error:
        if f"{point.module}.".startswith(f"{error.name}."):
            raise FeatureError(f"There is no feature {name!r}: no module {error.name!r} can be imported.") from error
        package, own = (str(module).partition(".")[0] for module in (error.name, point.module))
        # What an app's own feature imports in vain is told as Python tells it.
        if point.dist is None or package == own:
            raise
        way_out = f"Install it with: pip install '{point.dist.name}[{name}]'"
        raise FeatureError(f"Feature {name!r} needs the package {package!r}. {way_out}") from error
    if not (isinstance(found, type) and issubclass(found, Feature)):
        wrong = f"{point.module} has no class {point.attr!r} that is a Feature"
        raise FeatureError(f"There is no feature {name!r}: {wrong}.")
    return found


def in_order(features: Iterable[Feature], mistakes: Mistakes) -> tuple[Feature, ...]:
    """Return *features* as given, except that each follows what it ``requires`` and what it names in ``after``.

    A required feature that is off, and features that wait for each other, are added to *mistakes*.
    """
    by_name = {feature.name: feature for feature in features}
    missing = ((name, needed) for name, one in by_name.items() for needed in one.requires if needed not in by_name)
    off = "Feature {!r} needs feature {!r}, which is switched off."
    mistakes.add(FeatureError, (off.format(*names) for names in missing))
    placed: dict[str, Feature] = {}

    def place(name: str, waiting: tuple[str, ...] = ()) -> None:
        if name in waiting:
            circle = " → ".join(map(repr, [*waiting[waiting.index(name) :], name]))
            mistakes.add(FeatureError, [f"These features wait for each other: {circle}."])
            return
        for other in (*by_name[name].requires, *by_name[name].after):
            if other in by_name and other not in placed:
                place(other, (*waiting, name))
        placed.setdefault(name, by_name[name])

    for name in by_name:
        place(name)
    return tuple(placed.values())
