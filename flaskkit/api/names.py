"""Errors name fields as they were sent, where a resource renames them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from flaskkit.errors import Rejected
from flaskkit.resource import Resource


def in_public_names(resource: Resource, view: Callable[..., Any]) -> Callable[..., Any]:
    """Return *view* with the names of fields that it rejects as those outside know them; also below positions."""
    if not resource.renamed:
        return view

    @wraps(view)
    def renaming(*args: Any, **kwargs: Any) -> Any:
        try:
            return view(*args, **kwargs)
        except Rejected as error:
            error.errors = _renamed(error.errors, resource.renamed)
            raise

    return renaming


def _renamed(errors: Mapping[Any, Any], names: Mapping[str, str]) -> dict[Any, Any]:
    return {
        _renamed_one(name, names): _renamed(inner, names) if isinstance(inner, Mapping) else inner
        for name, inner in errors.items()
    }


def _renamed_one(name: Any, names: Mapping[str, str]) -> Any:
    return names.get(name, name) if isinstance(name, str) else name
