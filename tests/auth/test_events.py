"""What concerns who may do what is told: by a signal, and by a line in the log that nobody can forge."""

from __future__ import annotations

import io
import json
import logging
import re

import pyotp
import pytest
from sqlalchemy.orm import Mapped

from flaskkit import Auth, IntegerKey, Model, db
from flaskkit.auth import accounts, events, sessions, tokens, totp
from flaskkit.auth.errors import WrongCredentials
from tests.auth.conftest import PASSWORD


class AuthAuditEntry(IntegerKey, Model):
    __tablename__ = "auth_audit_entry"
    kind: Mapped[str]
    subject: Mapped[str]


@pytest.fixture
def told_by():
    """Return a function that gives the events of a site, as they come."""
    receivers = []

    def told_by(site):
        seen: list[events.Event] = []

        def take(app, event):
            seen.append(event)

        # blinker holds receivers weakly.
        receivers.append(take)
        for signal in events.signals.values():
            signal.connect(take, site.app)
        return seen

    yield told_by
    for take in receivers:
        for signal in events.signals.values():
            signal.disconnect(take)


@pytest.fixture
def told(site, told_by):
    """The events of the site, as they come."""
    return told_by(site)


@pytest.fixture
def lines(caplog):
    """Return a function that gives what was logged as (kind, values)."""
    caplog.set_level(logging.INFO, logger="flaskkit.auth")

    def lines():
        texts = [record.getMessage() for record in caplog.records if record.name == "flaskkit.auth"]
        for text in texts:
            assert re.fullmatch(r"[ -~]+", text), "printable ASCII, in one line"
        return [(kind, json.loads(values)) for kind, _, values in (text.partition(" ") for text in texts)]

    return lines


def kinds(told):
    return [event.kind for event in told]


def test_signing_up_logging_in_and_out_are_told(site, told, lines):
    client = site.client()
    assert site.submit(client, "/auth/sign-up", email="Ada@example.com", password=PASSWORD).status_code == 303
    site.log_out(client)
    assert site.log_in(client).status_code == 303
    assert kinds(told) == ["account_created", "login", "logout", "login"]
    created, login, *_ = told
    assert (created.user, created.by, created.email, created.address) == ("1", "", "ada@example.com", "127.0.0.1")
    assert (login.user, login.by, login.email, login.address) == ("1", "1", "ada@example.com", "127.0.0.1")
    assert login.at.tzinfo is not None
    [kind, values] = lines()[1]
    assert (kind, {**values, "at": ""}) == (
        "login",
        {"at": "", "user": "1", "email": "ada@example.com", "by": "1", "address": "127.0.0.1"},
    )


def test_a_log_in_that_fails_is_told_without_what_was_typed(site, ada, told, lines):
    client = site.client()
    site.log_in(client, ada, password="wrong battery")
    site.log_in(client, "nobody@example.com", password=PASSWORD)
    assert [(event.kind, event.user, event.email, event.by) for event in told] == [
        ("login_failed", "1", ada, ""),
        ("login_failed", "", "", ""),
    ]
    assert "battery" not in str(lines())
    assert "nobody" not in str(lines())


def test_a_log_out_of_nobody_is_no_event(site, told):
    site.log_out(site.client())
    assert told == []


def test_what_an_admin_changes_is_told_with_who_did_it(made):
    site = made(more=["pages", "admin"])
    root, _ada = site.add("root@example.com", "admin"), site.add("ada@example.com")
    client = site.logged_in(root)
    page = "/admin/users/2/edit"
    seen = []

    def take(app, event):
        seen.append((event.kind, event.user, event.by, event.details))

    for signal in events.signals.values():
        signal.connect(take, site.app)
    with site.app.app_context():
        role = accounts.by_email(root).roles[0].id
    changed = site.submit(client, page, email="bob@example.com", roles=str(role))
    assert changed.status_code in (302, 303), changed.text
    assert seen == [
        ("email_changed", "2", "1", {"before": "ada@example.com"}),
        ("account_disabled", "2", "1", {}),
        ("roles_changed", "2", "1", {"added": ["admin"], "removed": []}),
    ]
    assert site.submit(client, page.replace("edit", "delete")).status_code in (302, 303)
    assert seen[-1][:3] == ("account_deleted", "2", "1")


def test_what_becomes_of_a_role_is_told(made, told_by):
    site = made(more=["pages", "admin"])
    client, told = site.logged_in(site.add("root@example.com", "admin")), told_by(site)
    made_one = {"name": "editor", "permissions": "notes.publish"}
    assert site.submit(client, "/admin/roles/new", **made_one).status_code in (302, 303)
    path = "/admin/roles/2"
    for change in ({"description": "Writes"}, {"permissions": "notes.publish notes.read"}, {"name": "writer"}):
        made_one |= change
        assert site.submit(client, f"{path}/edit", **made_one).status_code in (302, 303)
    assert site.submit(client, f"{path}/delete").status_code in (302, 303)
    assert [(event.kind, event.user, event.by, event.details) for event in told] == [
        ("role_changed", "", "1", {"role": "editor", "added": ["notes.publish"], "removed": []}),
        ("role_changed", "", "1", {"role": "editor", "added": ["notes.read"], "removed": []}),
        ("role_changed", "", "1", {"role": "writer", "before": "editor", "added": [], "removed": []}),
        ("role_deleted", "", "1", {"role": "writer", "removed": ["notes.publish", "notes.read"]}),
    ]


def test_what_becomes_of_a_role_is_not_told_after_a_rollback(site, told):
    site.add("ada@example.com", "editor")
    told.clear()
    with site.app.app_context():
        role = accounts.by_email("ada@example.com").roles[0]
        role.permissions = "notes.publish"
        db.session.flush()
        db.session.rollback()
        role.permissions = "notes.read"
        db.session.commit()
    assert [(event.kind, event.details["added"]) for event in told] == [("role_changed", ["notes.read"])]


def test_commands_are_told_and_nobody_did_them(site, told):
    run = site.app.test_cli_runner().invoke
    assert run(args=["kit", "users", "create", "ada@example.com", "--generate", "--role", "editor"]).exit_code == 0
    assert run(args=["kit", "users", "roles", "ada@example.com", "--remove", "editor"]).exit_code == 0
    assert [(event.kind, event.user, event.by, event.address, event.details) for event in told] == [
        ("account_created", "1", "", "", {}),
        ("roles_changed", "1", "", "", {"added": ["editor"], "removed": []}),
        ("roles_changed", "1", "", "", {"added": [], "removed": ["editor"]}),
    ]


def test_tokens_and_sessions_are_told(site, ada, told, lines):
    site.logged_in(ada)
    with site.app.app_context():
        user = accounts.by_email(ada)
        token, _ = tokens.issue(user, "laptop", 1)
        assert tokens.revoke(user, 999) is False
        number = tokens.of_user(user)[0].id
        assert tokens.revoke(user, number) is True
        assert sessions.end_all(user) == 1
        assert sessions.end_all(user) == 0
    assert [(event.kind, event.email, event.details) for event in told[1:]] == [
        ("token_issued", ada, {"name": "laptop", "scopes": ""}),
        ("token_revoked", ada, {"number": number}),
        ("session_revoked", ada, {"count": 1}),
    ]
    assert token not in str(lines())


def test_second_factors_are_told(made, caplog):
    caplog.set_level(logging.INFO, logger="flaskkit.auth")
    site = made(auth=Auth(second_factor="optional"))
    ada = site.add()
    caplog.clear()
    with site.app.app_context():
        user, second = accounts.by_email(ada), site.app.extensions["flaskkit.second_factor"]
        proposal = totp.propose(user, "shop")
        codes = second.turn_on(user, proposal, pyotp.TOTP(proposal.secret).now())
        for wrong in ("12345", "no such code"):
            with pytest.raises(WrongCredentials):
                second.check(user, wrong)
        second.turn_off(user)
        second.turn_off(user)
    logged = [record for record in caplog.records if record.name == "flaskkit.auth"]
    assert [(record.args[0], json.loads(record.args[1])["factor"], record.levelname) for record in logged] == [
        ("second_factor_on", "totp", "INFO"),
        ("second_factor_failed", "recovery", "WARNING"),
        ("second_factor_failed", "recovery", "WARNING"),
        ("second_factor_off", "totp", "INFO"),
    ]
    assert not any(secret in caplog.text for secret in (proposal.secret, *codes))


def test_what_was_not_committed_has_not_happened(site, ada, told):
    with site.app.app_context():
        user = accounts.by_email(ada)
        user.active = False
        db.session.flush()
        events.tell("password_changed", user)
        assert told == []
        db.session.rollback()
        db.session.add(AuthAuditEntry(kind="", subject=""))
        db.session.commit()
        assert told == []


def test_a_refusal_is_told_whatever_is_rolled_back(site, ada, told):
    with site.app.app_context():
        user = accounts.by_email(ada)
        user.active = False
        events.tell("login_failed", user)
        db.session.rollback()
    assert [(event.kind, event.user) for event in told] == [("login_failed", "1")]


def test_what_stays_the_same_is_no_event(site, ada, told):
    with site.app.app_context():
        user = accounts.by_email(ada)
        user.email, user.active = ada.upper(), True
        user.password_hash = "another"
        db.session.commit()
    assert told == []


def test_a_receiver_may_store_events(site, ada):
    def keep(app, event):
        db.session.add(AuthAuditEntry(kind=event.kind, subject=event.email))
        db.session.commit()

    for signal in events.signals.values():
        signal.connect(keep, site.app)
    site.change(ada, active=False)
    with site.app.app_context():
        assert [(entry.kind, entry.subject) for entry in db.session.query(AuthAuditEntry)] == [
            ("account_disabled", ada)
        ]


def test_a_receiver_that_fails_undoes_nothing(site, ada, lines, caplog):
    def fail(app, event):
        raise LookupError("nothing there")

    events.signals["account_disabled"].connect(fail, site.app)
    site.change(ada, active=False)
    assert [kind for kind, _ in lines()] == ["account_disabled"]
    assert "A receiver of the event account_disabled failed." in caplog.text
    with site.app.app_context():
        assert not accounts.by_email(ada).active


@pytest.mark.parametrize("text", ["a\nlogin {}", "\r\n", "\x1b[2J", "\x7f", "\u2028", "\u202e", '"}, {"'])
def test_no_value_begins_a_line_or_speaks_to_a_terminal(site, told, lines, text):
    with site.app.test_request_context(environ_base={"REMOTE_ADDR": text}):
        events.tell("second_factor_failed", factor=text, by=[text])
    [(kind, values)] = lines()
    assert kind == "second_factor_failed"
    assert [values["factor"], values["by"], values["address"]] == [text, [text], text]
    assert told[0].details == {"factor": text, "by": [text]}


def test_a_long_value_is_cut(site, lines):
    with site.app.test_request_context():
        events.tell("login_failed", device="x" * 10_000)
    [(_, values)] = lines()
    assert values["device"] == "x" * 200


@pytest.mark.parametrize("name", ["password", "new_password", "reset_link", "api_token", "recovery_code", "secret_key"])
def test_a_secret_is_no_detail(site, told, name):
    with site.app.test_request_context(), pytest.raises(ValueError, match=f"'{name}' is no detail of an event"):
        events.tell("password_changed", **{name: "x"})
    assert told == []


def test_an_unknown_kind_is_a_mistake(site):
    with site.app.test_request_context(), pytest.raises(LookupError, match="There is no event 'log_in'"):
        events.tell("log_in")


def test_events_of_two_apps_do_not_mix(site, told, made):
    other = made()
    with other.app.test_request_context():
        events.tell("login_failed")
    assert told == []


def test_lines_are_written_where_nobody_set_up_logging(site, ada, capsys, monkeypatch):
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr(events.logger, "handlers", [])
    monkeypatch.setattr(events.logger, "level", logging.NOTSET)
    events.wire(site.app)
    with site.app.app_context():
        events.tell("data_exported", accounts.by_email(ada))
    assert "] INFO in events: data_exported {" in capsys.readouterr().err


def test_a_command_that_says_what_it_did_is_not_said_again(site, lines, monkeypatch):
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr(events.logger, "handlers", [])
    events.wire(site.app)
    (handler,) = events.logger.handlers
    written = io.StringIO()
    handler.setStream(written)
    kept: list[str] = []
    events.logger.addHandler(receiver := logging.Handler())
    receiver.emit = lambda record: kept.append(record.getMessage().split()[0])
    made = site.app.test_cli_runner().invoke(args=["kit", "users", "create", "ada@example.com", "--generate"])
    assert made.output.startswith("Made user ada@example.com.")
    assert (written.getvalue(), kept) == ("", ["account_created"]), "a log that was set up has it"
    site.logged_in("ada@example.com", password=re.search(r": (\S+)", made.output)[1])
    assert "login" in written.getvalue()
