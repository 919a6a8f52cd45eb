"""A library whose rows the tests of the test kit write, each in an app as the plugin makes it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from flaskkit import Module
from flaskkit.testing import Client

from .models import books


@pytest.fixture
def library(start: Callable[..., Flask]) -> Flask:
    """An app with tables, not isolated yet."""
    features = ["db", "forms", "auth", "api", "pages", "limits", "mail"]
    made = start(features=features, modules=[Module("library", resources=[books])])
    made.test_client_class = Client
    return made
