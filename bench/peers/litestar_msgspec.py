"""Litestar with advanced-alchemy and msgspec."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
from advanced_alchemy.base import CommonTableAttributes
from advanced_alchemy.exceptions import DuplicateKeyError, IntegrityError
from advanced_alchemy.extensions.litestar import (
    AsyncSessionConfig,
    EngineConfig,
    SQLAlchemyAsyncConfig,
    SQLAlchemyInitPlugin,
    providers,
    repository,
    service,
)
from advanced_alchemy.filters import LimitOffset, OrderBy
from advanced_alchemy.service import OffsetPagination
from litestar import Litestar, Request, get, post
from litestar.config.csrf import CSRFConfig
from litestar.connection import ASGIConnection
from litestar.contrib.jinja import JinjaTemplateEngine
from litestar.exceptions import HTTPException, NotAuthorizedException
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult, DefineMiddleware
from litestar.params import Parameter
from litestar.response import Redirect, Template
from litestar.template.config import TemplateConfig
from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase, joinedload

from peers import ASYNC_URL, SECRET_KEY, TEMPLATES
from peers.models import models_on


class Base(CommonTableAttributes, DeclarativeBase):
    pass


Author, Article, ApiToken = models_on(Base)
NEWEST = (OrderBy("created_at", "desc"), OrderBy("id", "desc"))


class AuthorOut(msgspec.Struct):
    id: int
    username: str
    email: str


class ArticleOut(msgspec.Struct):
    id: int
    slug: str
    title: str
    description: str
    body: str
    author_id: int
    created_at: datetime
    updated_at: datetime
    author: AuthorOut


class ArticleIn(msgspec.Struct):
    slug: Annotated[str, msgspec.Meta(min_length=1, max_length=120, pattern=r"^[a-z0-9-]+$")]
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    description: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    body: Annotated[str, msgspec.Meta(min_length=1)]
    author_id: int


class Hello(msgspec.Struct):
    message: str


class ArticleService(service.SQLAlchemyAsyncRepositoryService[Article]):
    class Repository(repository.SQLAlchemyAsyncRepository[Article]):
        model_type = Article

    repository_type = Repository


database = SQLAlchemyAsyncConfig(
    connection_string=ASYNC_URL,
    session_config=AsyncSessionConfig(expire_on_commit=False),
    before_send_handler="autocommit",
    engine_config=EngineConfig(pool_size=20),
)
services = providers.create_service_dependencies(ArticleService, "articles", load=[joinedload(Article.author)])


class Auth(AbstractAuthenticationMiddleware):
    async def authenticate_request(self, connection: ASGIConnection) -> AuthenticationResult:
        scheme, _, token = connection.headers.get("Authorization", "").partition(" ")
        if scheme == "Bearer":
            session = database.provide_session(connection.app.state, connection.scope)
            user = await session.scalar(
                select(Author).join(ApiToken, ApiToken.author_id == Author.id).where(ApiToken.key == token)
            )
            if user is not None:
                return AuthenticationResult(user=user, auth=token)
        raise NotAuthorizedException


@get("/hello", sync_to_thread=False)
def hello() -> Hello:
    return Hello("Hello, World!")


@get("/articles/{key:int}", dependencies=services)
async def one(articles: ArticleService, key: int) -> ArticleOut:
    return articles.to_schema(await articles.get(key), schema_type=ArticleOut)


@get("/auth/articles/{key:int}", dependencies=services, middleware=[DefineMiddleware(Auth)])
async def private(articles: ArticleService, key: int, request: Request[Any, str, Any]) -> ArticleOut:
    return articles.to_schema(await articles.get(key), schema_type=ArticleOut)


@get("/articles", dependencies=services)
async def listed(
    articles: ArticleService,
    page: Annotated[int, Parameter(ge=1)] = 1,
    page_size: Annotated[int, Parameter(ge=1, le=100)] = 20,
) -> OffsetPagination[ArticleOut]:
    limit = LimitOffset(page_size, (page - 1) * page_size)
    found, total = await articles.list_and_count(limit, *NEWEST)
    return articles.to_schema(found, total, filters=[limit], schema_type=ArticleOut)


@post("/articles", dependencies=services, exclude_from_csrf=True)
async def create(articles: ArticleService, data: ArticleIn) -> ArticleOut:
    try:
        article = await articles.create(data)
    except (DuplicateKeyError, IntegrityError):
        raise HTTPException(status_code=409, detail="slug taken or no such author") from None
    await articles.repository.session.refresh(article, ["author"])
    return articles.to_schema(article, schema_type=ArticleOut)


@get("/html/articles", dependencies=services)
async def html(articles: ArticleService, page: int = 1) -> Template:
    found = await articles.list(LimitOffset(50, (page - 1) * 50), *NEWEST)
    return Template("articles.html", context={"articles": found})


@post("/html/articles")
async def posted() -> Redirect:
    return Redirect("/html/articles")


app = Litestar(
    [hello, one, private, listed, create, html, posted],
    plugins=[SQLAlchemyInitPlugin(database)],
    csrf_config=CSRFConfig(secret=SECRET_KEY),
    template_config=TemplateConfig(directory=Path(TEMPLATES), engine=JinjaTemplateEngine),
)
