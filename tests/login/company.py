"""A company's own identity provider: another Canaille, set up apart from the lab's.

Runs inside the provider's image with ``python /company.py``; the environment gives PORT and
SECRET and LAB. Its address, the names of its groups and what it calls people are its own.
"""

import asyncio
import os
from datetime import UTC, datetime

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from canaille.oidc.provider import authorization
from hypercorn.asyncio import serve
from hypercorn.config import Config
from joserfc.jwk import RSAKey

PORT, LAB = os.environ["PORT"], os.environ["LAB"]
PEOPLE = (
    ("k.tan", "Kim Tan", "kim@startup.example", ("startup-apollo", "football")),
    ("s.lee", "Sam Lee", "sam@startup.example", ("staff",)),
    ("r.ng", "Ray Ng", "ray@startup.example", ("football",)),
    ("t.apollo", "Thea Apollo", "team-apollo@startup.example", ("startup-apollo",)),
)


def settings() -> dict:
    """As little as Canaille needs."""
    return {
        "SECRET_KEY": os.environ["SECRET"],
        "SERVER_NAME": f"localhost:{PORT}",
        "PREFERRED_URL_SCHEME": "http",
        "SESSION_COOKIE_NAME": "company",
        "CANAILLE": {"NAME": "Startup Inc", "JAVASCRIPT": False, "HTMX": False, "SMTP": None},
        "CANAILLE_SQL": {"DATABASE_URI": "sqlite:////tmp/company.sqlite"},
        "CANAILLE_OIDC": {
            "REQUIRE_NONCE": False,
            "TRUSTED_DOMAINS": ["127.0.0.1"],
            "ACTIVE_JWKS": [RSAKey.generate_key(2048, auto_kid=True).as_dict(private=True)],
        },
    }


def fill() -> None:
    """Make everybody, their groups and the lab's client; passwords are ``SECRET``."""
    users: dict[str, list] = {}
    for login, name, email, groups in PEOPLE:
        user = models.User(user_name=login, formatted_name=name, family_name=name, emails=[email])
        user.password = os.environ["SECRET"]
        Backend.instance.save(user)
        for group in groups:
            users.setdefault(group, []).append(user)
    for group, members in users.items():
        Backend.instance.save(models.Group(display_name=group, members=members))
    client = models.Client(
        client_id="the-lab",
        client_id_issued_at=datetime.now(UTC),
        client_secret=os.environ["SECRET"],
        client_name="The lab",
        client_uri=LAB,
        redirect_uris=[f"{LAB}/hub/oauth_callback"],
        post_logout_redirect_uris=[f"{LAB}/hub/login"],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        scope=["openid", "profile", "email", "groups"],
        token_endpoint_auth_method="client_secret_post",
    )
    Backend.instance.save(client)
    client.audience = [client]
    Backend.instance.save(client)


if __name__ == "__main__":
    app = create_app(settings())
    # Canaille's own access tokens are equal for two log-ins within one second, which its database
    # refuses with a 500; other makers' providers give random ones.
    app.config["OAUTH2_ACCESS_TOKEN_GENERATOR"] = True
    generator = authorization.create_bearer_token_generator(app.config)
    authorization.register_token_generator("default", generator)
    with app.app_context():
        fill()
    config = Config()
    config.bind = [f"127.0.0.1:{PORT}"]
    asyncio.run(serve(app, config, mode="wsgi"))
