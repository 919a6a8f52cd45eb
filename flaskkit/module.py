"""Module: what one package adds to an app.

# shop/__init__.py
module = Module("shop", blueprints=[pages], resources=[products], commands=[load])

Config("shop", modules=["shop"])       by dotted name: the package's attribute ``module``
Config("shop", modules=[module])       or the object itself
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click
from flask import Blueprint

from flaskkit.errors import Mistakes, ModuleError, did_you_mean, doubles

if TYPE_CHECKING:
    from flaskkit.resource import Resource


@dataclass(frozen=True, eq=False)
class Module:
    """What a package adds: blueprints (Flask's or flask-smorest's), resources, commands and contributions.

    ``contributions`` maps feature names to what that feature accepts, told on the feature's page; those for
    features that are off are not looked at.
    """

    name: str
    blueprints: Sequence[Blueprint] = ()
    resources: Sequence[Resource] = ()
    commands: Sequence[click.Command] = ()
    contributions: Mapping[str, Any] = field(default_factory=dict)


def load(modules: Iterable[Module | str], mistakes: Mistakes) -> tuple[Module, ...]:
    """Import what is given by dotted name, and check each resource against its model.

    Added to *mistakes* are names that cannot be imported, that have no ``Module`` called ``module``, names of modules
    or resources used twice, and what a resource names and its model lacks.
    """
    loaded: list[Module] = []
    for module in modules:
        with mistakes.noted():
            loaded.append(_checked(_import(module) if isinstance(module, str) else module))
    resources = [resource for module in loaded for resource in module.resources]
    mistakes.add(ModuleError, doubles("modules", [module.name for module in loaded]))
    mistakes.add(ModuleError, doubles("resources", [resource.name for resource in resources]))
    for resource in resources:
        with mistakes.noted():
            resource.check()
    return tuple(loaded)


def _checked(module: Any) -> Module:
    if not isinstance(module, Module):
        raise ModuleError(f"modules takes Module objects or dotted names, not {module!r}.")
    kinds: dict[str, type] = {"blueprints": Blueprint, "commands": click.Command}
    if module.resources:
        # An app without resources does not import what makes them.
        from flaskkit.resource import Resource

        kinds["resources"] = Resource
    wrong = [
        f"Module {module.name!r} has {one!r} among its {name}, which takes {kind.__name__} objects."
        for name, kind in kinds.items()
        for one in getattr(module, name)
        if not isinstance(one, kind)
    ]
    if wrong:
        raise ModuleError(wrong)
    return module


def _import(name: str) -> Module:
    try:
        package = import_module(name)
    except ModuleNotFoundError as error:
        # A package that exists and misses something itself is a bug of its own: show that one.
        if not f"{name}.".startswith(f"{error.name}."):
            raise
        raise ModuleError(f"Module {name!r} cannot be imported: {error}.") from error
    found = getattr(package, "module", None)
    if isinstance(found, Module):
        return found
    hint = did_you_mean("module", (key for key, value in vars(package).items() if isinstance(value, Module)))
    way_out = f"Write in it: module = Module({name.rpartition('.')[2]!r}, …)"
    raise ModuleError(f"{name!r} has no Module named 'module'.{hint} {way_out}")
