"""The test kit: a pytest plugin, and helpers that also work without it.

plugin.py       fixtures: app, client, api, as_user, db, factory, outbox, freeze_time, …
databases.py    a database for each worker, migrated once
isolation.py    what a test commits is rolled back at its end
clients.py      test clients that log in, send CSRF tokens, and know no outer context
factories.py    factories from models
queries.py      count_queries(), no_lazy_loads()
rights.py       assert_isolated(): nobody sees or changes what is another's
traffic.py      what was asked of the API, and answered
openapi.py      assert_openapi(): requests and answers fit the document

Names are loaded when first used: without a fixture of it, the plugin imports nothing of an app.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flaskkit.testing.clients import ApiClient as ApiClient
    from flaskkit.testing.clients import Client as Client
    from flaskkit.testing.clients import logged_in as logged_in
    from flaskkit.testing.factories import factory_for as factory_for
    from flaskkit.testing.isolation import isolated as isolated
    from flaskkit.testing.openapi import assert_openapi as assert_openapi
    from flaskkit.testing.queries import count_queries as count_queries
    from flaskkit.testing.queries import no_lazy_loads as no_lazy_loads
    from flaskkit.testing.rights import assert_isolated as assert_isolated
    from flaskkit.testing.traffic import note_traffic as note_traffic

_HOME = {
    "ApiClient": "clients",
    "Client": "clients",
    "assert_isolated": "rights",
    "assert_openapi": "openapi",
    "count_queries": "queries",
    "factory_for": "factories",
    "isolated": "isolation",
    "logged_in": "clients",
    "no_lazy_loads": "queries",
    "note_traffic": "traffic",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
