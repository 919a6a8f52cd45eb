"""Features: names, order, what goes wrong, third parties and plain Flask extensions."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from typing import ClassVar

import pytest
from flask import Flask

from flaskkit import Config, ConfigError, Feature, FeatureError, create_app, setting


def feature(name, requires=(), after=()):
    made = type(name.title(), (Feature,), {"name": name, "requires": requires, "after": after})
    return dataclass(frozen=True)(made)()


def order(*features):
    return [
        one.name for one in create_app(Config("app", env="testing", features=features)).extensions["flaskkit"].features
    ]


def test_features_keep_the_order_given():
    assert order(feature("b"), feature("a"), feature("c")) == ["b", "a", "c"]


def test_a_feature_follows_what_it_requires_and_what_it_comes_after():
    assert order(feature("a", requires=("c",)), feature("b"), feature("c", after=("b", "off"))) == ["b", "c", "a"]


@pytest.mark.parametrize(
    ("features", "mistake"),
    [
        ([feature("a", requires=("b",))], "Feature 'a' needs feature 'b', which is switched off."),
        ([feature("a"), feature("a")], "Two features have the name 'a'."),
        (["pagse"], "There is no feature 'pagse'. Did you mean 'pages'?"),
        ([object()], "features takes names, features and Flask extensions, not <object"),
        ([Feature], "Feature is a class; write Feature()."),
        (
            [feature("a", after=("b",)), feature("b", after=("a",))],
            "These features wait for each other: 'a' → 'b' → 'a'.",
        ),
    ],
    ids=["missing", "double", "unknown", "neither", "class", "circle"],
)
def test_a_wrong_list_of_features_is_refused(features, mistake):
    with pytest.raises(FeatureError) as caught:
        create_app(Config("app", env="testing", features=features))
    assert str(caught.value).startswith(mistake)


def test_an_app_names_its_own_feature_by_its_place(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_greeting.py").write_text(
        "from dataclasses import dataclass\nfrom typing import ClassVar\nfrom flaskkit import Feature, setting\n"
        "@dataclass(frozen=True)\nclass Greeting(Feature):\n    name: ClassVar[str] = 'greeting'\n"
        "    words: str = setting('Hello!', help='What is said.')\n"
    )
    (tmp_path / "own_broken.py").write_text("import there_is_none\n")
    environ = {"APP_FEATURES": "own_greeting:Greeting", "APP_GREETING_WORDS": "Good day!"}
    config = Config.load("app", env="testing", environ=environ)
    [greeting] = create_app(config).extensions["flaskkit"].features
    assert greeting.words == "Good day!"
    for place, told in {
        "own_greting:Greeting": "There is no feature 'own_greting:Greeting': no module 'own_greting' can be imported.",
        "own_greeting:Gretings": "There is no feature 'own_greeting:Gretings': own_greeting has no class 'Gretings'",
    }.items():
        with pytest.raises(FeatureError, match=told):
            Config("app", features=[place])
    with pytest.raises(ModuleNotFoundError, match="there_is_none"):
        Config("app", features=["own_broken:Greeting"])


@pytest.mark.parametrize("given", [None, "db", 7])
def test_features_are_a_list(given):
    with pytest.raises(ConfigError, match="'features' must be a list"):
        Config("app", features=given)
    with pytest.raises(ConfigError, match="'features' must be a list"):
        Config.load("app", features=given, environ={"APP_ENV": "testing"})


def test_migrate_without_db_is_refused():
    with pytest.raises(FeatureError, match="Feature 'migrate' needs feature 'db', which is switched off."):
        create_app(Config("app", env="testing", features=["migrate"]))


def test_any_flask_extension_is_a_feature():
    class Counter:
        def init_app(self, app):
            app.extensions["counter"] = self

    counter = Counter()
    app = create_app(Config("app", env="testing", features=[counter]))
    assert app.extensions["counter"] is counter
    assert "counter" in app.extensions["flaskkit"]


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Return a function that installs a package with a feature in it, for this test only."""

    def install(name, source):
        (tmp_path / f"{name}_feature.py").write_text(source)
        info = tmp_path / f"{name}_feature-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-feature\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[flaskkit.features]\n{name} = {name}_feature:Thing\n")
        monkeypatch.syspath_prepend(tmp_path)
        importlib.invalidate_caches()

    yield install
    for name in [name for name in sys.modules if name.endswith("_feature")]:
        del sys.modules[name]


THING = """
from dataclasses import dataclass
from typing import ClassVar
from flaskkit import Feature, setting

@dataclass(frozen=True)
class Thing(Feature):
    "Say something."
    name: ClassVar[str] = "greeting"
    words: str = setting("Hello!", help="What is said.")
    def init_app(self, app):
        app.add_url_rule("/greeting", "greeting", lambda: self.words)
"""


def test_an_installed_package_offers_a_feature_by_name(installed):
    installed("greeting", THING)
    config = Config.load("app", env="testing", features=["greeting"], environ={"APP_GREETING_WORDS": "Good day!"})
    assert create_app(config).test_client().get("/greeting").text == "Good day!"


def test_installing_a_package_switches_nothing_on(installed):
    installed("greeting", THING)
    app = create_app(Config("app", env="testing"))
    assert app.test_client().get("/greeting").status_code == 404
    assert "greeting_feature" not in sys.modules


def test_a_missing_package_is_named_with_the_way_to_install_it(installed):
    installed("paint", "import paintbox_that_nobody_has\n")
    with pytest.raises(FeatureError) as caught:
        Config("app", features=["paint"])
    assert str(caught.value) == (
        "Feature 'paint' needs the package 'paintbox_that_nobody_has'. "
        "Install it with: pip install 'paint-feature[paint]'"
    )


def test_a_setting_without_a_default_must_be_given(installed):
    installed(
        "must",
        THING.replace('setting("Hello!", help', "setting(help").replace('"greeting"\n', '"must"\n'),
    )
    with pytest.raises(FeatureError, match="'must.words' is missing; it has no default."):
        Config("app", features=["must"])
    config = Config.load("app", env="testing", features=["must"], mapping={"must": {"words": "Here."}})
    assert create_app(config).test_client().get("/greeting").text == "Here."


def test_a_setting_reaches_its_native_key():
    @dataclass(frozen=True)
    class Limit(Feature):
        name: ClassVar[str] = "limit"
        size: int = setting(5, key="MAX_CONTENT_LENGTH", help="Bytes.")

    assert create_app(Config("app", env="testing", features=[Limit(size=7)])).config["MAX_CONTENT_LENGTH"] == 7


def test_feature_objects_serve_several_apps():
    one = feature("one")
    config = Config("app", env="testing", features=[one])
    first, second = create_app(config), create_app(config)
    assert isinstance(first, Flask)
    assert first is not second
