"""flask kit …: what is on, where settings come from, who may use which route."""

from __future__ import annotations

from flaskkit import Config, create_app, login, requires


def lines(app, command):
    result = app.test_cli_runner().invoke(args=["kit", command])
    assert result.exit_code == 0, result.output
    return [line.split() for line in result.output.splitlines()]


def test_features_tell_what_is_on():
    shown = lines(create_app(Config("app", env="testing", features=["forms", "db"])), "features")
    assert ["db", "on"] in [line[:2] for line in shown]
    assert ["migrate", "off"] in [line[:2] for line in shown]


def test_settings_tell_where_they_come_from_and_keep_secrets():
    config = Config.load(
        "app",
        features=["db"],
        mapping={"env": "testing"},
        environ={"APP_SECRET_KEY": "hush" * 10, "APP_DB_URL": "sqlite:///hush.db"},
    )
    result = create_app(config).test_cli_runner().invoke(args=["kit", "settings"])
    shown = [line.split(maxsplit=2) for line in result.output.splitlines()]
    assert ["env", "testing", "mapping"] in shown
    assert ["secret_key", "********", "environment APP_SECRET_KEY"] in shown
    assert ["db.url", "********", "environment APP_DB_URL"] in shown
    assert "hush" not in result.output


def test_routes_tell_feature_policy_and_methods():
    app = create_app(Config("app", env="testing"))
    app.add_url_rule("/desk", "desk", requires(login)(lambda: ""), methods=["GET", "POST"])
    assert ["/desk", "GET,POST", "app", "login", "desk"] in lines(app, "routes")


def test_a_command_of_one_app_is_not_in_another():
    with_db = create_app(Config("app", env="testing", features=["db"]))
    without = create_app(Config("app", env="testing"))
    assert "create-tables" in with_db.extensions["flaskkit"].commands.commands
    assert "create-tables" not in without.extensions["flaskkit"].commands.commands
