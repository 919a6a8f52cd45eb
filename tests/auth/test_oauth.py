"""Log in with an account elsewhere, at a provider that runs here and signs what it says."""

from __future__ import annotations

import json
import logging
from urllib.parse import parse_qs, urlsplit

import pytest

from flaskkit import Auth, Config, ConfigError, Mail, create_app
from flaskkit.auth.oauth import providers
from tests.auth.elsewhere import come_back, linked, settings, to_the_provider, told, users, visit
from tests.auth.oidc import CLIENT

JANE = "jane@example.com"
UNVERIFIED = "Acme has not made sure that your e-mail address is yours."
NOT_TOLD = "Acme has not told us who you are."


@pytest.fixture
def site(made, acme):
    return made(auth=settings(acme), more=["api"])


# New, and known


def test_the_login_page_offers_it_and_keeps_where_to_go(site):
    page = site.client().get("/auth/login?next=/mine").text
    assert '<a class="btn btn-outline" href="/auth/oauth/acme?next=/mine">Log in with Acme</a>' in page


def test_whoever_is_new_gets_an_account_and_is_sent_on(site):
    client = site.client()
    arrived = come_back(client, "/auth/oauth/acme?next=/mine")
    assert (arrived.status_code, arrived.location) == (303, "/mine")
    assert client.get("/who").text == f"{JANE} by session"
    assert (users(site), linked(site)) == ([JANE], 1)


def test_whoever_is_known_is_the_same_again_whatever_their_address_is_now(site, acme):
    come_back(site.client())
    acme.person |= {"email": "jane@elsewhere.example", "email_verified": False}
    client = site.client()
    come_back(client)
    assert client.get("/who").text == f"{JANE} by session"
    assert (users(site), linked(site)) == ([JANE], 1)


def test_state_nonce_and_pkce_are_new_each_time(site, acme):
    for _ in range(2):
        come_back(site.client())
    first, second = acme.asked
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name]) >= 20
        assert first[name] != second[name]
    assert first["code_challenge_method"] == "S256"
    assert first["redirect_uri"] == "http://localhost/auth/oauth/acme/callback"


def test_an_address_that_the_token_lacks_is_asked_for(site, acme):
    acme.wrong["claims"] = {"email": None, "email_verified": None}
    client = site.client()
    come_back(client)
    assert client.get("/who").text == f"{JANE} by session"


def test_only_paths_of_this_site_are_followed(site):
    assert come_back(site.client(), "/auth/oauth/acme?next=//evil.example").location == "/"


def test_nobody_is_logged_in_who_is_inactive(site):
    come_back(site.client())
    site.change(JANE, active=False)
    client = site.client()
    assert "This account cannot log in." in told(client, come_back(client))
    assert client.get("/who").text == "nobody"


def test_strangers_get_no_account_where_sign_up_is_off(made, acme):
    site = made(auth=settings(acme, sign_up=False))
    client = site.client()
    assert "No account is linked with this one at Acme." in told(client, come_back(client))
    assert users(site) == []


# Who is not believed


@pytest.mark.parametrize(
    "wrong",
    [
        {"denied": True},
        {"outage": True},
        {"no id_token": True},
        {"unsigned": True},
        {"key": "another"},
        {"claims": {"nonce": "another"}},
        {"claims": {"nonce": None}},
        {"claims": {"aud": "another"}},
        {"claims": {"aud": "another", "azp": "shop"}},
        {"claims": {"aud": None}},
        {"claims": {"iss": "https://evil.example"}},
        {"claims": {"iss": None}},
        {"claims": {"exp": 1}},
        {"claims": {"exp": None}},
        {"claims": {"sub": None}},
        {"claims": {"sub": ""}},
        {"claims": {"sub": ["x"]}},
        {"claims": {"sub": "x" * 256}},
        {"claims": {"email": None}, "userinfo": {"sub": "another"}},
    ],
    ids=str,
)
def test_what_is_wrong_logs_nobody_in(site, acme, wrong):
    acme.wrong = wrong
    client = site.client()
    assert NOT_TOLD in told(client, come_back(client))
    assert client.get("/who").text == "nobody"
    assert (users(site), linked(site)) == ([], 0)


def test_an_unsigned_token_is_refused_whatever_the_provider_says_it_signs_with(made, acme):
    acme.wrong = {"algs": ["none", "RS256"], "unsigned": True}
    client = (site := made(auth=settings(acme))).client()
    assert NOT_TOLD in told(client, come_back(client))
    assert users(site) == []


def test_a_provider_that_is_away_is_no_error_of_ours(made, acme):
    nowhere = {"discovery": "http://127.0.0.1:9/.well-known/openid-configuration", "label": "Acme", **CLIENT}
    client = made(auth=Auth(providers={"acme": nowhere})).client()
    assert NOT_TOLD in told(client, client.get("/auth/oauth/acme"))


@pytest.mark.parametrize("query", ["", "?code=x", "?code=x&state=y", "?state=y", "?error=access_denied", "?error=%0a"])
def test_coming_back_without_having_gone_is_refused(site, query):
    client = site.client()
    assert NOT_TOLD in told(client, client.get(f"/auth/oauth/acme/callback{query}"))


def test_another_browser_cannot_come_back_in_ones_place(site):
    back = urlsplit(visit(to_the_provider(site.client())))
    other = site.client()
    to_the_provider(other)
    assert NOT_TOLD in told(other, other.get(f"{back.path}?{back.query}"))
    assert users(site) == []


def test_a_code_is_good_once(site):
    client = site.client()
    back = urlsplit(visit(to_the_provider(client)))
    kept = client.get_cookie("session").value
    assert client.get(f"{back.path}?{back.query}").location == "/"
    thief = site.client()
    thief.set_cookie("session", kept)
    assert NOT_TOLD in told(thief, thief.get(f"{back.path}?{back.query}"))


@pytest.mark.parametrize("origin", ["cross-site", "same-site"])
def test_another_site_cannot_begin_it(site, origin):
    sent = site.client().get("/auth/oauth/acme", headers={"Sec-Fetch-Site": origin})
    assert (sent.status_code, sent.location) == (303, "/auth/login")


def test_unknown_providers_are_not_found(site):
    assert site.client().get("/auth/oauth/evil").status_code == 404
    assert site.client().get("/auth/oauth/evil/callback").status_code == 404


def test_many_attempts_fit_into_the_cookie(site):
    client = site.client()
    for _ in range(10):
        to_the_provider(client)
    assert len(client.get_cookie("session").value) < 3000


def test_neither_codes_nor_tokens_nor_secrets_are_logged(site, acme, caplog):
    caplog.set_level(logging.INFO)
    for wrong in ({}, {"claims": {"nonce": "x"}}, {"denied": True}):
        acme.wrong = wrong
        come_back(site.client(), "/auth/oauth/acme")
    client = site.client()
    client.get("/auth/oauth/acme/callback?error=%0aforged+line%1b[31m&error_description=x%0ay")
    ours = [record.getMessage() for record in caplog.records if record.getMessage().startswith("login_failed")]
    reasons = [json.loads(line.partition(" ")[2])["reason"] for line in ours]
    nonce = "InvalidClaimError: invalid_claim: Invalid claim: 'nonce'"
    assert reasons == [nonce, "OAuthError: access_denied", "OAuthError"]
    assert CLIENT["client_secret"] not in caplog.text


# Whose address it is


@pytest.mark.parametrize("verified", [False, None, "true", "yes"])
def test_an_unverified_address_makes_no_account_and_tells_nothing(site, acme, verified):
    site.add(JANE)
    acme.person["email_verified"] = verified
    client = site.client()
    known = told(client, come_back(client))
    acme.person |= {"sub": "2", "email": "nobody@example.com"}
    client = site.client()
    unknown = told(client, come_back(client))
    assert UNVERIFIED in known
    assert UNVERIFIED in unknown
    assert (users(site), linked(site)) == ([JANE], 0)


def test_an_account_whose_address_nobody_confirmed_is_not_taken_over(site):
    site.add(JANE)
    site.change(JANE, confirmed_at=None)
    client = site.client()
    assert "Log in with its password, then link Acme." in told(client, come_back(client))
    assert (client.get("/who").text, linked(site)) == ("nobody", 0)


def test_an_account_whose_address_was_confirmed_is_linked(site):
    site.add(JANE)
    client = site.client()
    come_back(client)
    assert client.get("/who").text == f"{JANE} by session"
    assert (users(site), linked(site)) == ([JANE], 1)


# Presets and settings


def test_github_has_no_id_token_and_is_asked_who_it_is(made, acme, monkeypatch):
    own = {
        "label": "GitHub",
        "scope": "read:user user:email",
        "authorize_url": f"{acme.url}/authorize",
        "access_token_url": f"{acme.url}/token",
        "api_base_url": f"{acme.url}/",
    }
    assert own.keys() == providers.PRESETS["github"].keys()
    monkeypatch.setattr(providers, "PRESETS", {"github": own})
    site = made(auth=Auth(providers={"github": CLIENT}))
    client = site.client()
    assert come_back(client, "/auth/oauth/github").status_code == 303
    assert client.get("/who").text == f"{JANE} by session"
    acme.person |= {"email": "other@example.org", "email_verified": False}
    again = site.client()
    come_back(again, "/auth/oauth/github")
    assert again.get("/who").text == f"{JANE} by session"


def test_microsofts_issuer_names_the_tenant_of_the_token(made, acme):
    acme.wrong = {"issuer": f"{acme.url}/{{tenantid}}", "claims": {"tid": "t1", "iss": f"{acme.url}/t1"}}
    site = made(auth=settings(acme))
    client = site.client()
    come_back(client)
    assert client.get("/who").text == f"{JANE} by session"
    acme.wrong["claims"] |= {"iss": f"{acme.url}/t2", "sub": "2"}
    client = site.client()
    assert NOT_TOLD in told(client, come_back(client))


def test_the_way_back_begins_with_the_configured_address(made, acme):
    site = made(auth=settings(acme), more=[Mail(public_url="https://shop.example")])
    sent = site.client().get("/auth/oauth/acme", headers={"Host": "evil.example"})
    assert parse_qs(urlsplit(sent.location).query)["redirect_uri"] == ["https://shop.example/auth/oauth/acme/callback"]


@pytest.mark.parametrize(
    ("given", "mistake"),
    [
        ({"gitub": CLIENT}, "'gitub' lacks 'discovery'. Did you mean 'github'?"),
        ({"github": {"client_id": "x"}}, "'github' lacks 'client_secret'."),
        ({"github": {**CLIENT, "client_secrt": "x"}}, "'github' has no 'client_secrt'. Did you mean 'client_secret'?"),
        (
            {"acme": {**CLIENT, "discovery": "http://id.example/x"}},
            "'acme': 'discovery' begins with https:// and names a host, unlike 'http://id.example/x'.",
        ),
        (
            {"A/b": {**CLIENT, "discovery": "https://id.example/x"}},
            "'A/b' is part of addresses; use up to 40 small letters, digits and dashes.",
        ),
    ],
    ids=str,
)
def test_wrong_settings_are_reported_at_start(given, mistake):
    with pytest.raises(ConfigError) as refused:
        create_app(Config("x", env="testing", features=["db", "forms", Auth(providers=given)]))
    assert refused.value.mistakes == [f"'providers' of feature 'auth': {mistake}"]


def test_in_the_environment_they_are_json():
    env = {"APP_AUTH_PROVIDERS": '{"github": {"client_id": "a", "client_secret": "b"}}'}
    auth = Config.load("x", environ=env, features=["db", "forms", "auth"]).feature_objects()[2]
    assert auth.providers == {"github": {"client_id": "a", "client_secret": "b"}}
    with pytest.raises(ConfigError, match="APP_AUTH_PROVIDERS must be") as refused:
        Config.load("x", features=["auth"], environ={"APP_AUTH_PROVIDERS": "github,a secret"})
    assert "a secret" not in str(refused.value)


def test_off_means_no_page_no_table_and_no_import(made):
    off = made()
    assert off.client().get("/auth/identities").status_code == 404
    assert "login-ways" not in off.client().get("/auth/login").text
    assert "identities" not in off.app.test_cli_runner().invoke(args=["kit", "create-tables"]).output
