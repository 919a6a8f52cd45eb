"""Whether others than us listen to SQLAlchemy's events: asked before each statement, since they may come at any time.

events = Events("begin", "commit")
events.heard(engine.dispatch)           True as soon as an app listens to one of them
"""

from __future__ import annotations

from collections.abc import Container
from operator import attrgetter
from typing import Any


class Events:
    """Two or more events by name."""

    def __init__(self, *names: str) -> None:
        self._listeners = attrgetter(*names)

    def heard(self, dispatch: Any, harmless: Container[str] | None = None) -> bool:
        """Return whether one is listened to from outside of the *harmless* modules: without these, of flaskkit."""
        for listeners in self._listeners(dispatch):
            # Nobody listens to most of them.
            for listener in listeners or ():
                name = listener.__module__
                if not (name.startswith("flaskkit.") if harmless is None else name in harmless):
                    return True
        return False
