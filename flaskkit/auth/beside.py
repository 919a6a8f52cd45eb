"""Tables beside that of the users, made when a setting asks for them: "member_totp", "member_passkeys".

An app that never asks has no such class, and one process may hold apps of both kinds.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import mapped_column

from flaskkit.db import Model


@cache
def beside(user: Any, base: type, *, owned: bool = True) -> Any:
    """Return the model made from *base* for the user model *user*; its table ends with ``base.suffix``.

    It has ``user_id``, which is its key too where *base* brings none. Rows go with their user in the database itself.
    Rows that are not *owned* belong to no user.
    """
    suffix = base.suffix  # type: ignore[attr-defined]
    key = ForeignKey(f"{user.__tablename__}.id", ondelete="CASCADE")
    own_key = hasattr(base, "id")
    attributes: dict[str, Any] = {
        "__tablename__": f"{user.__tablename__}_{suffix}",
        # So that it counts as part of this package: without feature auth its table is left out.
        "__module__": __name__,
        "__doc__": base.__doc__,
    }
    if owned:
        whose = mapped_column(key, primary_key=not own_key, index=own_key, nullable=False, autoincrement=False)
        attributes["user_id"] = whose
    # Two models may have one name, two tables may not.
    return type(f"{user.__tablename__}_{suffix}".title().replace("_", ""), (base, Model), attributes)
