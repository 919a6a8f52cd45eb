"""FastAPI with SQLAlchemy's asynchronous ORM, on asyncpg or aiosqlite."""

import secrets
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import RedirectResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.templating import Jinja2Templates
from itsdangerous import BadSignature, URLSafeTimedSerializer
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, joinedload

from peers import ASYNC_URL, SECRET_KEY, TEMPLATES
from peers.models import models_on

sessions = async_sessionmaker(create_async_engine(ASYNC_URL, pool_size=20), expire_on_commit=False)


class Base(DeclarativeBase):
    pass


Author, Article, ApiToken = models_on(Base)
NEWEST = (Article.created_at.desc(), Article.id.desc())


class AuthorOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: int
    username: str
    email: str


class ArticleIn(BaseModel):
    slug: Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[a-z0-9-]+$")]
    title: Annotated[str, Field(min_length=1, max_length=200)]
    description: Annotated[str, Field(min_length=1, max_length=500)]
    body: Annotated[str, Field(min_length=1)]
    author_id: int


class ArticleOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: int
    slug: str
    title: str
    description: str
    body: str
    author_id: int
    created_at: datetime
    updated_at: datetime
    author: AuthorOut


class Page(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    items: list[ArticleOut]
    page: int
    page_size: int
    total: int


class Hello(BaseModel):
    message: str


async def session() -> AsyncIterator[AsyncSession]:
    async with sessions() as opened:
        yield opened


Session = Annotated[AsyncSession, Depends(session)]
Credentials = Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]


async def user_of(db: Session, sent: Credentials):
    user = await db.scalar(
        select(Author).join(ApiToken, ApiToken.author_id == Author.id).where(ApiToken.key == sent.credentials)
    )
    if user is None:
        raise HTTPException(401, "unauthorized")
    return user


app = FastAPI(title="bench")
templates = Jinja2Templates(TEMPLATES)
signer = URLSafeTimedSerializer(SECRET_KEY, salt="csrf")


@app.get("/hello")
async def hello() -> Hello:
    return Hello(message="Hello, World!")


async def article_of(db, key):
    article = await db.get(Article, key, options=[joinedload(Article.author)])
    if article is None:
        raise HTTPException(404, "article not found")
    return article


@app.get("/articles/{key}", response_model=ArticleOut)
async def one(key: int, db: Session):
    return await article_of(db, key)


@app.get("/auth/articles/{key}", response_model=ArticleOut)
async def private(key: int, db: Session, user: Annotated[object, Depends(user_of)]):
    return await article_of(db, key)


@app.get("/articles", response_model=Page)
async def listed(
    db: Session, page: Annotated[int, Query(ge=1)] = 1, page_size: Annotated[int, Query(ge=1, le=100)] = 20
):
    total = await db.scalar(select(func.count()).select_from(Article))
    found = select(Article).options(joinedload(Article.author)).order_by(*NEWEST)
    items = (await db.scalars(found.offset((page - 1) * page_size).limit(page_size))).all()
    return {"items": items, "page": page, "page_size": page_size, "total": total}


@app.post("/articles", response_model=ArticleOut, status_code=201)
async def create(data: ArticleIn, db: Session):
    article = Article(**data.model_dump())
    db.add(article)
    try:
        await db.commit()
    except IntegrityError:
        await db.rollback()
        raise HTTPException(409, "slug taken or no such author") from None
    await db.refresh(article, ["author"])  # There is no lazy loading in async code.
    return article


@app.get("/html/articles")
async def page(request: Request, db: Session, page: int = 1):
    known = request.cookies.get("csrf_sid")
    mark = known or secrets.token_hex(20)
    found = select(Article).options(joinedload(Article.author)).order_by(*NEWEST).offset((page - 1) * 50).limit(50)
    token = f'<input type="hidden" name="csrf_token" value="{signer.dumps(mark)}">'
    context = {"articles": (await db.scalars(found)).all(), "csrf_input": token}
    response = templates.TemplateResponse(request, "articles.html", context)
    if known is None:
        response.set_cookie("csrf_sid", mark, httponly=True)
    return response


@app.post("/html/articles")
async def posted(request: Request):
    token = parse_qs((await request.body()).decode()).get("csrf_token", [""])[0]
    try:
        fits = signer.loads(token, max_age=3600) == request.cookies.get("csrf_sid")
    except BadSignature:
        fits = False
    if not fits:
        raise HTTPException(403, "CSRF")
    return RedirectResponse("/html/articles", 303)
