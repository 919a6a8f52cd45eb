"""Which rows of a model the current caller may see, as its resource says."""

from __future__ import annotations

from typing import Any

from flask import current_app
from sqlalchemy import false

from flaskkit.access import Policy, require, user_for
from flaskkit.resource import Resource


def visible(model: Any) -> Any:
    """Return which rows of *model* the caller may see: True, for all, or an SQL condition."""
    return condition_for(model, read_policy(model))


def readable(resource: Resource) -> Any:
    """Return which rows of *resource* the caller may read: True, for all, or an SQL condition.

    Raises:
        LoginRequired, Forbidden: not a single one.
    """
    condition = resource.read.rows(user_for(resource.read), resource.model)
    if condition is False:
        require(resource.read)
    return false() if condition is False else condition


def condition_for(model: Any, policy: Policy | None) -> Any:
    """Return which rows of *model* the caller may see by *policy*: True, for all, or an SQL condition."""
    condition = True if policy is None else policy.rows(user_for(policy), model)
    return false() if condition is False else condition


def read_policy(model: Any) -> Policy | None:
    """Return who may read rows of *model*, as its first resource says; None where it has none, for everybody."""
    resource: Resource | None = current_app.extensions["flaskkit"].resource_of(model)
    return resource.read if resource else None
