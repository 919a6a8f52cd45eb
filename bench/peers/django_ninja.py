"""Django with django-ninja; middleware as ``startproject`` gives it, pages by Django's Jinja2 backend."""

from datetime import datetime
from typing import Annotated

import django
from django import forms
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import IntegrityError, models
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path

from peers import SECRET_KEY, SQLITE, TEMPLATES, URL

DATABASE = {"ENGINE": "django.db.backends.sqlite3", "NAME": URL.database, "CONN_MAX_AGE": 600}
if not SQLITE:
    DATABASE |= {"ENGINE": "django.db.backends.postgresql", "USER": URL.username or "", "PASSWORD": URL.password or ""}
    DATABASE |= {"HOST": URL.host, "PORT": URL.port or 5432}
settings.configure(
    SECRET_KEY=SECRET_KEY,
    DEBUG=False,
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    TIME_ZONE="UTC",
    INSTALLED_APPS=[f"django.contrib.{name}" for name in ("auth", "contenttypes", "sessions", "messages")],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    DATABASES={"default": DATABASE},
    TEMPLATES=[{"BACKEND": "django.template.backends.jinja2.Jinja2", "DIRS": [TEMPLATES]}],
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
)
django.setup(set_prefix=False)

# These want settings first.
from ninja import Field, NinjaAPI, Schema
from ninja.errors import HttpError
from ninja.pagination import PageNumberPagination, paginate
from ninja.security import HttpBearer


class Author(models.Model):
    username = models.CharField(max_length=64, unique=True)
    email = models.EmailField(max_length=255)

    class Meta:
        app_label, db_table, managed = "bench", "author", False


class Article(models.Model):
    slug = models.CharField(max_length=120, unique=True)
    title = models.CharField(max_length=200)
    description = models.CharField(max_length=500)
    body = models.TextField()
    author = models.ForeignKey(Author, on_delete=models.PROTECT)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        app_label, db_table, managed = "bench", "article", False


class ApiToken(models.Model):
    key = models.CharField(max_length=40, primary_key=True)
    author = models.ForeignKey(Author, on_delete=models.CASCADE)

    class Meta:
        app_label, db_table, managed = "bench", "api_token", False


class AuthorOut(Schema):
    id: int
    username: str
    email: str


class ArticleOut(Schema):
    id: int
    slug: str
    title: str
    description: str
    body: str
    author_id: int
    created_at: datetime
    updated_at: datetime
    author: AuthorOut


class ArticleIn(Schema):
    slug: Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[a-z0-9-]+$")]
    title: Annotated[str, Field(min_length=1, max_length=200)]
    description: Annotated[str, Field(min_length=1, max_length=500)]
    body: Annotated[str, Field(min_length=1)]
    author_id: int


class Hello(Schema):
    message: str


class Bearer(HttpBearer):
    def authenticate(self, request, token):
        try:
            return ApiToken.objects.select_related("author").get(key=token).author
        except ApiToken.DoesNotExist:
            return None


api = NinjaAPI()
articles = Article.objects.select_related("author")


@api.get("/hello", response=Hello)
def hello(request):
    return {"message": "Hello, World!"}


@api.get("/articles/{int:key}", response=ArticleOut)
def one(request, key: int):
    return get_object_or_404(articles, pk=key)


@api.get("/auth/articles/{int:key}", response=ArticleOut, auth=Bearer())
def private(request, key: int):
    return get_object_or_404(articles, pk=key)


@api.get("/articles", response=list[ArticleOut])
@paginate(PageNumberPagination, page_size=20, max_page_size=100)
def listed(request):
    return articles.order_by("-created_at", "-id")


@api.post("/articles", response={201: ArticleOut})
def create(request, data: ArticleIn):
    try:
        return 201, Article.objects.create(**data.dict())
    except IntegrityError:
        raise HttpError(409, "slug taken or no such author") from None


class ArticleForm(forms.Form):
    title = forms.CharField(max_length=200)
    description = forms.CharField(max_length=500)
    body = forms.CharField(widget=forms.Textarea)


def html(request):
    form = ArticleForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        return redirect("/html/articles")
    number = int(request.GET.get("page", 1))
    found = articles.order_by("-created_at", "-id")[(number - 1) * 50 : number * 50]
    return render(request, "articles_django.html", {"articles": list(found), "form": form})


urlpatterns = [path("html/articles", html), path("", api.urls)]
app = get_wsgi_application()
