"""Flask-SQLAlchemy, flask-smorest, Flask-Login, Flask-WTF and Flask-Migrate, wired by hand as their docs show."""

import marshmallow as ma
from flask import Flask, jsonify, redirect, render_template, request
from flask.views import MethodView
from flask_login import LoginManager, UserMixin, login_required
from flask_migrate import Migrate
from flask_smorest import Api, Blueprint, abort
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect, FlaskForm
from marshmallow import validate
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, joinedload
from wtforms import StringField, TextAreaField
from wtforms.validators import DataRequired, Length

from peers import PLAIN_URL, SECRET_KEY, TEMPLATES
from peers.models import models_on


class Base(DeclarativeBase):
    pass


db = SQLAlchemy(model_class=Base)
migrate, csrf, login, api = Migrate(), CSRFProtect(), LoginManager(), Api()
Author, Article, ApiToken = models_on(db.Model, UserMixin)
NEWEST = (Article.created_at.desc(), Article.id.desc())


class AuthorSchema(ma.Schema):
    id = ma.fields.Integer(dump_only=True)
    username = ma.fields.String(required=True)
    email = ma.fields.Email(required=True)


class ArticleSchema(ma.Schema):
    id = ma.fields.Integer(dump_only=True)
    slug = ma.fields.String(required=True, validate=[validate.Length(1, 120), validate.Regexp(r"^[a-z0-9-]+$")])
    title = ma.fields.String(required=True, validate=validate.Length(1, 200))
    description = ma.fields.String(required=True, validate=validate.Length(1, 500))
    body = ma.fields.String(required=True, validate=validate.Length(1))
    author_id = ma.fields.Integer(required=True, strict=True)
    created_at = ma.fields.DateTime(dump_only=True)
    updated_at = ma.fields.DateTime(dump_only=True)
    author = ma.fields.Nested(AuthorSchema, dump_only=True)


articles = Blueprint("articles", "articles", url_prefix="/articles")
private = Blueprint("private", "private", url_prefix="/auth/articles")


def article_of(key):
    article = db.session.get(Article, key, options=[joinedload(Article.author)])
    if article is None:
        abort(404, message="article not found")
    return article


@articles.route("")
class Articles(MethodView):
    @articles.response(200, ArticleSchema(many=True))
    @articles.paginate(page_size=20, max_page_size=100)
    def get(self, pagination_parameters):
        pagination_parameters.item_count = db.session.scalar(select(func.count()).select_from(Article))
        found = select(Article).options(joinedload(Article.author)).order_by(*NEWEST)
        found = found.offset(pagination_parameters.first_item).limit(pagination_parameters.page_size)
        return db.session.scalars(found).all()

    @articles.arguments(ArticleSchema)
    @articles.response(201, ArticleSchema)
    def post(self, data):
        article = Article(**data)
        db.session.add(article)
        try:
            db.session.commit()
        except IntegrityError:
            db.session.rollback()
            abort(409, message="slug taken or no such author")
        return article


@articles.route("/<int:key>")
class OneArticle(MethodView):
    @articles.response(200, ArticleSchema)
    def get(self, key):
        return article_of(key)


@private.route("/<int:key>")
class PrivateArticle(MethodView):
    @login_required
    @private.response(200, ArticleSchema)
    def get(self, key):
        return article_of(key)


@login.request_loader
def user_of(request):
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer":
        return None
    return db.session.scalar(
        select(Author).join(ApiToken, ApiToken.author_id == Author.id).where(ApiToken.key == token)
    )


@login.unauthorized_handler
def unauthorized():
    return jsonify(message="unauthorized"), 401


class ArticleForm(FlaskForm):
    title = StringField("Title", validators=[DataRequired(), Length(max=200)])
    description = StringField("Description", validators=[DataRequired(), Length(max=500)])
    body = TextAreaField("Body", validators=[DataRequired()])


app = Flask(__name__, template_folder=TEMPLATES)
app.config.update(
    SECRET_KEY=SECRET_KEY,
    SQLALCHEMY_DATABASE_URI=PLAIN_URL,
    API_TITLE="bench",
    API_VERSION="v1",
    OPENAPI_VERSION="3.0.3",
)
db.init_app(app)
migrate.init_app(app, db)
for extension in (csrf, login, api):
    extension.init_app(app)
for blueprint in (articles, private):
    api.register_blueprint(blueprint)
    csrf.exempt(blueprint)


@app.get("/hello")
def hello():
    return jsonify(message="Hello, World!")


@app.route("/html/articles", methods=["GET", "POST"])
def listed():
    form = ArticleForm()
    if form.validate_on_submit():
        return redirect("/html/articles")
    page = request.args.get("page", 1, type=int)
    found = select(Article).options(joinedload(Article.author)).order_by(*NEWEST).offset((page - 1) * 50).limit(50)
    return render_template("articles_wtforms.html", articles=db.session.scalars(found).all(), form=form)
