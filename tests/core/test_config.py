"""Config: sources and their order, types, all mistakes at once, secrets, copies."""

from __future__ import annotations

import pickle
import subprocess
import sys
from copy import copy, deepcopy
from dataclasses import FrozenInstanceError, dataclass
from typing import ClassVar, Literal

import pytest
from flask import Flask, session

from flaskkit import Config, ConfigError, Db, Feature, FeatureError, create_app, setting
from flaskkit.tools.listing import settings_in

GOOD_SECRET = "5e6f0c9d2b7a4183f1e0d9c8b7a69584"
OLD_SECRET = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"


@dataclass(frozen=True)
class Shop(Feature):
    """A feature with a setting of each kind."""

    name: ClassVar[str] = "shop"

    title: str = setting("Shop", key="SHOP_TITLE", help="What the shop is called.")
    size: int = setting(10, help="How many.")
    rate: float = setting(0.5, help="How much.")
    open: bool = setting(True, help="Whether.")
    tags: tuple[str, ...] = setting((), help="Words.")
    mode: Literal["small", "large"] = setting("small", help="How.")
    token: str = setting("", help="A secret.", secret=True)


@pytest.fixture
def toml(tmp_path):
    def write(text):
        file = tmp_path / "app.toml"
        file.write_text(text)
        return file

    return write


def shop_of(config):
    return next(feature for feature in config.features if feature.name == "shop")


def test_later_sources_win(toml):
    config = Config.load(
        "app",
        features=[Shop(title="code", size=1, rate=1.0, tags=("code",))],
        mapping={"shop": {"size": 2, "rate": 2.0, "tags": ["mapping"]}},
        toml=toml("[shop]\nrate = 3.0\ntags = ['toml']\n"),
        environ={"APP_SHOP_TAGS": "environment, variable"},
    )
    assert shop_of(config) == Shop(title="code", size=2, rate=3.0, tags=("environment", "variable"))


def test_each_value_knows_where_it_came_from(toml):
    config = Config.load(
        "app",
        features=[Shop(title="Tea")],
        mapping={"shop": {"size": 2}},
        toml=toml("env = 'testing'\n[shop]\nrate = 3.0\n[flask]\nMAX_CONTENT_LENGTH = 5\n"),
        environ={"APP_SHOP_OPEN": "0"},
    )
    origins = {name: origin for name, _, origin, _ in settings_in(config)}
    assert origins == {
        "env": "file app.toml",
        "secret_key": "default",
        "modules": "default",
        "shop.title": "code",
        "shop.size": "mapping",
        "shop.rate": "file app.toml",
        "shop.open": "environment APP_SHOP_OPEN",
        "shop.tags": "default",
        "shop.mode": "default",
        "shop.token": "default",
        "flask.MAX_CONTENT_LENGTH": "file app.toml",
    }


@pytest.mark.parametrize(
    ("variable", "text", "attribute", "value"),
    [
        ("APP_SHOP_TITLE", "12345", "title", "12345"),
        ("APP_SHOP_TITLE", "1.0", "title", "1.0"),
        ("APP_SHOP_SIZE", "12", "size", 12),
        ("APP_SHOP_RATE", "1", "rate", 1.0),
        ("APP_SHOP_OPEN", "false", "open", False),
        ("APP_SHOP_OPEN", "1", "open", True),
        ("APP_SHOP_TAGS", "a,b", "tags", ("a", "b")),
        ("APP_SHOP_MODE", "large", "mode", "large"),
    ],
)
def test_text_from_the_environment_is_read_by_declared_type(variable, text, attribute, value):
    config = Config.load("app", features=[Shop()], environ={variable: text})
    assert getattr(shop_of(config), attribute) == value


def test_a_native_key_that_a_setting_stands_for_may_come_from_the_environment():
    config = Config.load("app", features=[Shop()], environ={"APP_FLASK_SHOP_TITLE": "12345"})
    assert config.flask == {"SHOP_TITLE": "12345"}


def test_a_native_key_of_unknown_type_is_not_guessed_from_the_environment():
    with pytest.raises(ConfigError, match="SHOP_TITEL has no declared type; .*Did you mean 'APP_FLASK_SHOP_TITLE'"):
        Config.load("app", features=[Shop()], environ={"APP_FLASK_SHOP_TITEL": "x"})


def test_a_numeric_secret_stays_text():
    config = Config.load("app", environ={"APP_SECRET_KEY": "12345678901234567890123456789012"})
    assert config.secret_key == ("12345678901234567890123456789012",)


def test_features_and_modules_come_from_the_environment():
    config = Config.load("app", environ={"APP_FEATURES": "db, forms", "APP_MODULES": "a.b,c"})
    assert [feature.name for feature in config.features] == ["db", "forms"]
    assert config.modules == ("a.b", "c")


def test_features_that_a_later_source_leaves_out_are_not_imported():
    config = Config.load("app", features=["not-installed-here"], environ={"APP_FEATURES": "db"})
    assert [feature.name for feature in config.features] == ["db"]


def test_a_mistake_is_told_where_a_later_source_wins_too():
    with pytest.raises(ConfigError, match="'env' must be one of .*, not 'prod'"):
        Config.load("app", mapping={"env": "prod"}, environ={"APP_ENV": "testing"})


def test_all_mistakes_are_reported_at_once(toml):
    with pytest.raises(ConfigError) as caught:
        Config.load(
            "app",
            features=[Shop(), "dbb"],
            mapping={"shop": {"titel": "Tea", "size": "ten"}, "shopp": {"size": 1}},
            toml=toml("env = 'prod'\n[shop]\nopen = 'yes'\n"),
            environ={"APP_SHOP_MODE": "big", "APP_FLASK_MAX_CONTENT_LENGTH": "big", "APP_SECRETKEY": "x"},
        )
    assert sorted(caught.value.mistakes) == [
        "'env' must be one of 'production', 'development', 'testing', not 'prod'. Did you mean 'production'?",
        "'shop.open' must be true or false, not 'yes'.",
        "'shop.size' must be int, not 'ten'.",
        "'shop.titel' is not a setting. Did you mean 'shop.title'?",
        "'shopp.size' is not a setting. Did you mean 'shop.size'?",
        "APP_FLASK_MAX_CONTENT_LENGTH must be int, not 'big'.",
        "APP_SECRETKEY is not a setting. Did you mean 'APP_SECRET_KEY'?",
        "APP_SHOP_MODE must be one of 'small', 'large', not 'big'.",
        "There is no feature 'dbb'. Did you mean 'db'?",
    ]
    assert all(mistake in str(caught.value) for mistake in caught.value.mistakes)


@pytest.mark.parametrize(
    ("variable", "meant"),
    [("APP_SHOP_TITEL", "APP_SHOP_TITLE"), ("APP_SHPO_TITLE", "APP_SHOP_TITLE"), ("APP_EVN", "APP_ENV")],
)
def test_a_misspelt_variable_is_told_with_the_right_one(variable, meant):
    with pytest.raises(ConfigError, match=f"{variable} is not a setting.*Did you mean '{meant}'"):
        Config.load("app", features=[Shop()], environ={variable: "x"})


def test_a_value_in_place_of_a_table_is_told():
    with pytest.raises(ConfigError, match="'shop' is a table of settings, not one value."):
        Config.load("app", features=[Shop()], mapping={"shop": 5})


def test_a_value_in_the_place_of_a_table_is_not_shown(tmp_path):
    (tmp_path / "app.toml").write_text('features = ["db"]\ndb = "postgresql://shop:hunter2@localhost/shop"\n')
    with pytest.raises(ConfigError) as refused:
        Config.load("app", toml=tmp_path / "app.toml")
    assert refused.value.mistakes == ["'db' is a table of settings, not one value."]


def test_settings_of_features_that_are_off_are_left_alone():
    config = Config.load("app", mapping={"api": {"title": "x"}}, environ={"APP_API_TITLE": "y"})
    assert config.features == ()


def test_an_unreadable_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"missing\.toml' cannot be read"):
        Config.load("app", toml=tmp_path / "missing.toml")


def test_a_secret_does_not_appear_in_an_error():
    with pytest.raises(ConfigError) as caught:
        Config.load("app", features=[Shop()], mapping={"shop": {"token": 4711}})
    assert "4711" not in str(caught.value)
    assert "'shop.token' must be str" in str(caught.value)


def test_wrong_types_in_code_are_reported():
    with pytest.raises(ConfigError, match="'shop.size' must be int, not 'ten'"):
        Config("app", features=[Shop(size="ten")])


def test_secrets_do_not_appear_in_the_representation():
    shown = repr(Config("app", secret_key=GOOD_SECRET, features=[Shop(token="hush")], flask={"X_TOKEN": "hush"}))
    assert GOOD_SECRET not in shown
    assert "hush" not in shown


def test_a_config_is_frozen():
    with pytest.raises(FrozenInstanceError):
        Config("app").env = "testing"


def test_copies_differ_only_where_asked():
    config = Config("app", env="testing", features=["db", Shop()])
    assert shop_of(config.replace(shop={"size": 3})).size == 3
    assert shop_of(config.with_(Shop(size=4))).size == 4
    assert [feature.name for feature in config.with_("forms").features] == ["db", "shop", "forms"]
    assert [feature.name for feature in config.without("db").features] == ["shop"]
    assert config.replace(flask={"A": 1}).replace(flask={"B": 2}).flask == {"A": 1, "B": 2}
    assert shop_of(config).size == 10


def test_an_argument_that_is_none_is_told_with_what_to_write():
    with pytest.raises(ConfigError) as refused:
        Config("shop", db={"url": "sqlite://"}, feature=["db"])
    assert refused.value.mistakes == [
        "'db' is no argument of Config. Write Config.load('shop', db={…}), or give the feature itself.",
        "'feature' is no argument of Config. Did you mean 'features'?",
    ]


def test_a_config_can_be_copied_and_pickled():
    config = Config("shop", env="testing", features=["db"])
    assert copy(config) == deepcopy(config) == pickle.loads(pickle.dumps(config)) == config


def test_a_copy_without_something_unknown_is_refused():
    with pytest.raises(FeatureError, match="Feature 'dbb' is not on. Did you mean 'db'?"):
        Config("app", features=["db"]).without("dbb")


def test_a_copy_with_an_unknown_setting_is_refused():
    with pytest.raises(ConfigError, match="'shop.sise' is not a setting. Did you mean 'shop.size'?"):
        Config("app", features=[Shop()]).replace(shop={"sise": 3})


def test_native_keys_win():
    app = create_app(
        Config("app", env="testing", features=[Shop(title="setting")], flask={"SHOP_TITLE": "native", "DEBUG": True})
    )
    assert app.config["SHOP_TITLE"] == "native"
    assert app.debug


def test_small_letters_are_no_native_key():
    with pytest.raises(ConfigError, match="'debug' is no key of Flask's config: write it in capitals"):
        Config("app", flask={"debug": True})


@pytest.mark.parametrize(
    ("changes", "mistake"),
    [
        ({}, "'secret_key' is missing"),
        ({"secret_key": "short"}, "'secret_key' is shorter than 32 characters"),
        ({"secret_key": "change-me-change-me-change-me-change-me"}, "'secret_key' looks like an example"),
        ({"secret_key": "a" * 40}, "'secret_key' looks like an example"),
        ({"secret_key": [GOOD_SECRET, "short"]}, "'secret_key' is shorter than 32 characters"),
        ({"secret_key": GOOD_SECRET, "flask": {"DEBUG": True}}, "Debug mode is on in production"),
        ({"secret_key": GOOD_SECRET, "features": ["db"]}, "'url' of feature 'db' is missing"),
    ],
    ids=["missing", "short", "example", "monotonous", "short old key", "debug", "no database"],
)
def test_production_refuses_to_start(changes, mistake):
    with pytest.raises(ConfigError, match=mistake):
        create_app(Config("app", **changes))


def test_production_refuses_the_debug_flag_of_flask(monkeypatch):
    monkeypatch.setenv("FLASK_DEBUG", "1")
    with pytest.raises(ConfigError, match="Debug mode is on in production"):
        create_app(Config("app", secret_key=GOOD_SECRET))


def test_production_says_everything_at_once():
    with pytest.raises(ConfigError) as caught:
        create_app(Config("app", features=["db"], flask={"DEBUG": True}))
    assert len(caught.value.mistakes) == 3


def test_production_starts_with_a_good_secret():
    app = create_app(Config("app", secret_key=GOOD_SECRET))
    assert app.config["SESSION_COOKIE_SECURE"] is True
    assert app.config["SESSION_COOKIE_SAMESITE"] == "Lax"
    assert not app.debug
    assert not app.testing


def test_while_developing_a_secret_is_made_once_and_kept_out_of_version_control(tmp_path):
    config = Config("app", env="development", flask_options={"instance_path": str(tmp_path / "instance")})
    first, second = create_app(config), create_app(config)
    assert len(first.secret_key) == 64
    assert first.secret_key == second.secret_key
    assert (tmp_path / "instance" / ".gitignore").read_text() == "*\n"
    assert (tmp_path / "instance" / "secret_key").stat().st_mode & 0o777 == 0o600


def test_tests_write_no_secret_to_disk(tmp_path):
    create_app(Config("app", env="testing", flask_options={"instance_path": str(tmp_path / "instance")}))
    assert not (tmp_path / "instance").exists()


def test_older_secrets_are_still_accepted():
    def remember():
        if "seen" not in session:
            session["seen"] = True
        return ""

    def app_with(*keys):
        app = create_app(Config("app", secret_key=list(keys)))
        app.config["SESSION_COOKIE_SECURE"] = False
        app.add_url_rule("/", "remember", remember)
        return app

    cookie = app_with(OLD_SECRET).test_client().get("/").headers["Set-Cookie"]
    rotated = app_with(GOOD_SECRET, OLD_SECRET).test_client(use_cookies=False)
    assert "Set-Cookie" not in rotated.get("/", headers={"Cookie": cookie}).headers
    other = app_with(GOOD_SECRET).test_client(use_cookies=False)
    assert "Set-Cookie" in other.get("/", headers={"Cookie": cookie}).headers


def test_the_factory_returns_a_plain_flask_app():
    app = create_app(Config("app", env="testing", flask_options={"static_folder": None, "root_path": "/"}))
    assert type(app) is Flask
    assert app.root_path == "/"
    assert not app.has_static_folder


def test_an_unknown_database_is_a_clear_error():
    with pytest.raises(ConfigError, match="names an unknown kind of database, 'oracel'"):
        create_app(Config("app", env="testing", features=[Db(url="oracel://host/x")]))
    with pytest.raises(ConfigError, match="is no database URL"):
        create_app(Config("app", env="testing", features=[Db(url="not a url")]))


def test_commands_show_mistakes_without_a_traceback(tmp_path):
    (tmp_path / "app.py").write_text("from flaskkit import Config, create_app\napp = create_app(Config('app'))\n")
    command = [sys.executable, "-m", "flask", "--app", "app", "kit", "settings"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: 'secret_key' is missing.")
    assert "APP_ENV=development" in done.stderr
    assert "Traceback" not in done.stderr
