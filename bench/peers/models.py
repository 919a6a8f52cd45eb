"""The models of the peers on plain SQLAlchemy."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship


def now() -> datetime:
    return datetime.now(UTC)


def models_on(base: Any, *mixins: type) -> tuple[Any, Any, Any]:
    """Return Author, Article and ApiToken as subclasses of *base*; *mixins* are for Author."""

    class Author(*mixins, base):
        __tablename__ = "author"
        id: Mapped[int] = mapped_column(primary_key=True)
        username: Mapped[str] = mapped_column(String(64), unique=True)
        email: Mapped[str] = mapped_column(String(255))

    class Article(base):
        __tablename__ = "article"
        id: Mapped[int] = mapped_column(primary_key=True)
        slug: Mapped[str] = mapped_column(String(120), unique=True)
        title: Mapped[str] = mapped_column(String(200))
        description: Mapped[str] = mapped_column(String(500))
        body: Mapped[str] = mapped_column(Text)
        author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))
        created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)
        updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now, onupdate=now)
        author: Mapped[Any] = relationship(Author)

    class ApiToken(base):
        __tablename__ = "api_token"
        key: Mapped[str] = mapped_column(String(40), primary_key=True)
        author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))

    return Author, Article, ApiToken
