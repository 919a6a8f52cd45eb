"""Step: one thing that happens with a request, told by the object that does it, with file and line."""

from __future__ import annotations

import ast
import inspect
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# In the order in which a request meets them.
STAGES = (
    "route",
    "from",
    "before",
    "caller",
    "csrf",
    "policy",
    "validation",
    "view",
    "sql",
    "serializer",
    "after",
    "errors",
)


@dataclass(frozen=True)
class Step:
    """*what* happens in which *stage* of a request, and *where* in the code, as "shop/views.py:12".

    ``details`` are lines below it: fields, statements.
    """

    stage: str
    what: str
    where: str = ""
    details: tuple[str, ...] = ()


def place_of(thing: Any) -> str:
    """Return "shop/views.py:12", where a function or class is declared; "" where nobody knows."""
    thing = inspect.unwrap(thing) if callable(thing) else thing
    try:
        file, line = inspect.getsourcefile(thing), inspect.getsourcelines(thing)[1]
    except (TypeError, OSError):
        return ""
    return f"{short(file)}:{max(line, 1)}" if file else ""


def name_of(thing: Any) -> str:
    """Return "package.module.function" of a function."""
    thing = inspect.unwrap(thing) if callable(thing) else thing
    name = getattr(thing, "__qualname__", type(thing).__qualname__).replace(".<locals>", "")
    return f"{getattr(thing, '__module__', '')}.{name}"


def declared_at(thing: Any) -> str:
    """Return where an object stands that a module of the app has by name, such as a resource; "" where none has."""
    for module in [*sys.modules.values()]:
        names = [name for name, one in getattr(module, "__dict__", {}).items() if one is thing]
        file = getattr(module, "__file__", None)
        if names and file and (line := _line_of(Path(file), names[0])):
            return f"{short(file)}:{line}"
    return ""


def resource_step(kit: Any, resource: Any) -> Step:
    """Return where *resource*, or the one it was made from, is declared."""
    own = next((one for one in kit.resources if one is resource), kit.resource_of(resource.model))
    module = next((module.name for module in kit.modules if own in module.resources), "")
    what = f"resource {resource.name!r} of {resource.model.__name__}"
    return Step("from", f"{what}, in module {module!r}" if module else what, declared_at(own or resource))


def field_lines(fields: Any) -> tuple[str, ...]:
    """Return "price: Decimal, required, from 0" for each of the resource's *fields*."""
    return tuple(_line(field) for field in fields)


def _line(field: Any) -> str:
    words = [f"{field.public_name}: {field.type.__name__}"]
    words += ["required"] if field.required else []
    words += [f"at most {field.max_length} characters"] if field.max_length else []
    words += [f"from {field.minimum}"] if field.minimum is not None else []
    words += [f"to {field.maximum}"] if field.maximum is not None else []
    words += [f"like {field.pattern}"] if field.pattern else []
    words += [f"key of {field.target.__name__}"] if field.target else []
    return ", ".join(words)


def _line_of(file: Path, name: str) -> int:
    try:
        tree = ast.parse(file.read_text("utf-8"))
    except (OSError, SyntaxError, ValueError):
        return 0
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return node.lineno
    return 0


def short(file: str) -> str:
    """Return the path *file* from the current folder, or from where flaskkit is."""
    path = Path(file)
    for folder in (Path.cwd(), Path(__file__).parents[2]):
        if path.is_relative_to(folder):
            return str(path.relative_to(folder))
    return str(path)
