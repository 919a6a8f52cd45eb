"""The table of changes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from flaskkit.db import IntegerKey, Model, UTCDateTime
from flaskkit.db.models import now

KEY_LENGTH = 255


class Change(IntegerKey, Model):
    """One change of one row.

    ``action`` is "create", "update" or "delete"; ``table_name`` and ``key`` say of which row, the key as it stands in
    URLs. ``by`` is the key of the user, ``by_name`` their address or name, both "" where nobody was logged in;
    ``address`` is the client's, and ``endpoint`` the view, both "" outside of requests. ``before`` and ``after`` hold
    values by attribute: of a change only what changed. ``masked`` names what changed and is not written down.
    """

    __tablename__ = "history_changes"
    __table_args__ = (Index(None, "table_name", "key"),)

    at: Mapped[datetime] = mapped_column(UTCDateTime, default=now, index=True)
    action: Mapped[str] = mapped_column(String(6))
    table_name: Mapped[str] = mapped_column(String(128))
    key: Mapped[str] = mapped_column(String(KEY_LENGTH))
    by: Mapped[str] = mapped_column(String(64), default="")
    by_name: Mapped[str] = mapped_column(String(255), default="")
    address: Mapped[str] = mapped_column(String(45), default="")
    endpoint: Mapped[str] = mapped_column(String(255), default="")
    before: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    after: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    masked: Mapped[list[str]] = mapped_column(JSON, default=list)
