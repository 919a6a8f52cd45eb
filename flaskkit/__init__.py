"""flaskkit: full-stack apps on Flask from one import, one config object and one factory.

    from flaskkit import Config, Model, Module, Resource, create_app, login, public

Names are loaded when first used, so importing flaskkit costs nothing.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flaskkit.access import Policy as Policy
    from flaskkit.access import caller as caller
    from flaskkit.access import login as login
    from flaskkit.access import nobody as nobody
    from flaskkit.access import owner as owner
    from flaskkit.access import public as public
    from flaskkit.access import require as require
    from flaskkit.access import requires as requires
    from flaskkit.access import role as role
    from flaskkit.admin import Admin as Admin
    from flaskkit.api import Api as Api
    from flaskkit.app import create_app as create_app
    from flaskkit.auth import Auth as Auth
    from flaskkit.auth.models import Role as Role
    from flaskkit.auth.models import UserMixin as UserMixin
    from flaskkit.auth.users import User as User
    from flaskkit.config import Config as Config
    from flaskkit.db import Db as Db
    from flaskkit.db import IntegerKey as IntegerKey
    from flaskkit.db import Model as Model
    from flaskkit.db import Timestamps as Timestamps
    from flaskkit.db import UTCDateTime as UTCDateTime
    from flaskkit.db import UUIDKey as UUIDKey
    from flaskkit.db import db as db
    from flaskkit.errors import ConfigError as ConfigError
    from flaskkit.errors import Conflicting as Conflicting
    from flaskkit.errors import FeatureError as FeatureError
    from flaskkit.errors import FlaskkitError as FlaskkitError
    from flaskkit.errors import LoginRequired as LoginRequired
    from flaskkit.errors import ModuleError as ModuleError
    from flaskkit.errors import Rejected as Rejected
    from flaskkit.errors import ResourceError as ResourceError
    from flaskkit.feature import Feature as Feature
    from flaskkit.feature import setting as setting
    from flaskkit.fields import Field as Field
    from flaskkit.forms import Forms as Forms
    from flaskkit.forms import csrf as csrf
    from flaskkit.forms import form_for as form_for
    from flaskkit.migrate import Migrate as Migrate
    from flaskkit.module import Module as Module
    from flaskkit.pages import Pages as Pages
    from flaskkit.resource import Resource as Resource

_NAMES = {
    "flaskkit.access": ("Policy", "caller", "login", "nobody", "owner", "public", "require", "requires", "role"),
    "flaskkit.admin": ("Admin",),
    "flaskkit.api": ("Api",),
    "flaskkit.app": ("create_app",),
    "flaskkit.auth": ("Auth",),
    "flaskkit.auth.models": ("Role", "UserMixin"),
    "flaskkit.auth.users": ("User",),
    "flaskkit.config": ("Config",),
    "flaskkit.db": ("Db", "IntegerKey", "Model", "Timestamps", "UTCDateTime", "UUIDKey", "db"),
    "flaskkit.errors": (
        "ConfigError",
        "Conflicting",
        "FeatureError",
        "FlaskkitError",
        "LoginRequired",
        "ModuleError",
        "Rejected",
        "ResourceError",
    ),
    "flaskkit.feature": ("Feature", "setting"),
    "flaskkit.fields": ("Field",),
    "flaskkit.forms": ("Forms", "csrf", "form_for"),
    "flaskkit.migrate": ("Migrate",),
    "flaskkit.module": ("Module",),
    "flaskkit.pages": ("Pages",),
    "flaskkit.resource": ("Resource",),
}
_HOME = {name: module for module, names in _NAMES.items() for name in names}
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'flaskkit' has no attribute {name!r}")
    try:
        return getattr(import_module(_HOME[name]), name)
    except ModuleNotFoundError as error:
        package, feature = (error.name or "").partition(".")[0], _HOME[name].split(".")[1]
        if package == "flaskkit":
            raise
        message = f"{name!r} needs the package {package!r}. Install it with: pip install 'flaskkit[{feature}]'"
        raise ModuleNotFoundError(message, name=error.name) from error


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})


class _Package(ModuleType):
    """Keeps ``flaskkit.db`` the SQLAlchemy object after the folder of that name was imported.

    Importing a submodule sets it as an attribute of its package; everybody in Flask expects
    ``from flaskkit import db`` to be what has a session.
    """

    @property
    def db(self) -> Any:
        return import_module("flaskkit.db").db

    @db.setter
    def db(self, submodule: ModuleType) -> None:
        """Take no notice: ``import flaskkit.db`` finds the folder in ``sys.modules``."""


sys.modules[__name__].__class__ = _Package
