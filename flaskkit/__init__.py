"""flaskkit: full-stack apps on Flask from one import, one config object and one factory.

    from flaskkit import Config, Model, Module, Resource, create_app, login, public

Names are loaded when first used, so importing flaskkit costs nothing.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

# Where each name is; __init__.pyi says the same to type checkers.
_NAMES = {
    "access": "Policy caller login nobody owner public require requires role",
    "admin": "Admin",
    "api": "Api",
    "app": "create_app",
    "auth": "Auth",
    "auth.errors": "ConfirmationRequired InsufficientScope WrongCredentials",
    "auth.models": "Role UserMixin",
    "auth.policies": "permission recently",
    "auth.users": "User",
    "config": "Config",
    "db": "Db IntegerKey Model Timestamps UTCDateTime UUIDKey Versioned db text_index",
    "errors": "ConfigError Conflicting FeatureError FlaskkitError LoginRequired ModuleError Rejected ResourceError",
    "feature": "Feature setting",
    "files": "File FileType Files Upload",
    "forms": "Forms csrf form_for",
    "history": "History",
    "i18n": "I18n",
    "mail": "Mail send_mail",
    "limits": "Limits limited",
    "migrate": "Migrate",
    "module": "Module",
    "pages": "Action Pages",
    "resource": "Field Resource",
    "security": "Security security_headers",
    "texts": "say spoken",
}
_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'flaskkit' has no attribute {name!r}")
    try:
        return getattr(import_module(f"flaskkit.{_HOME[name]}"), name)
    except ModuleNotFoundError as error:
        package, feature = (error.name or "").partition(".")[0], _HOME[name].partition(".")[0]
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
