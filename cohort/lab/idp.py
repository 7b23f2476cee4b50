"""The bundled identity provider's settings: one TOML file, rendered from the lab's settings.

Invariant: what a stranger could do at a stock provider (register, ask for e-mails, join
groups) is off, and nobody changes through it who they are in the lab: the roster says that.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from cohort.settings import Settings

PREFIX = "/services/idp"
CLIENT_ID = "hub"
FILE = "canaille.toml"
UID = 1000
WEEK = 7 * 24 * 3600
READABLE = '["user_name", "formatted_name", "emails", "groups"]'

TEMPLATE = """\
# Written by `make up` from cohort.toml; changes made here are lost.
SECRET_KEY = {secret_key}
SERVER_NAME = {netloc}
PREFERRED_URL_SCHEME = {scheme}
# Other servers on this host and port, people's own included, must not be sent this cookie.
SESSION_COOKIE_NAME = {cookie}
SESSION_COOKIE_PATH = "{prefix}"
SESSION_COOKIE_SECURE = {secure}
SESSION_COOKIE_SAMESITE = "Lax"
# Seconds that a log-in page may stay open before it is sent.
WTF_CSRF_TIME_LIMIT = 86400

# A refresh token lives exactly as long as its access token here, and every use of either
# reads the account afresh: both last as long as the hub's own session, in seconds.
[OAUTH2_TOKEN_EXPIRES_IN]
authorization_code = {week}
refresh_token = {week}

[CANAILLE]
NAME = {name}
LOGO = "/hub/logo"
FAVICON = "/hub/logo"
LANGUAGE = "en"
JAVASCRIPT = false
HTMX = false
ENABLE_REGISTRATION = false
ENABLE_PASSWORD_RECOVERY = false
HIDE_INVALID_LOGINS = true
ENABLE_INTRUDER_LOCKOUT = true
MIN_PASSWORD_LENGTH = 10

# Addresses are looked up with LIKE, in which % and _ stand for anything.
[CANAILLE.LOGIN_ATTRIBUTES]
user_name = "{{{{ login | trim | lower }}}}"
emails = "{{{{ '' if '%' in login or '_' in login else login | trim }}}}"

[CANAILLE.ACL.DEFAULT]
PERMISSIONS = ["edit_self", "use_oidc"]
READ = {readable}
WRITE = ["password"]

[CANAILLE.ACL.OPERATORS]
PERMISSIONS = ["manage_users"]
READ = {readable}
WRITE = ["password"]
FILTER = {{groups = "role:operator"}}

[CANAILLE_SQL]
DATABASE_URI = {database}
PASSWORD_HASH_PARAMS = {{pbkdf2_sha512__rounds = 210000}}

[CANAILLE_OIDC]
REQUIRE_NONCE = false
DYNAMIC_CLIENT_REGISTRATION_OPEN = false
TRUSTED_DOMAINS = [{host}]

[CANAILLE_OIDC.USERINFO_MAPPING]
# Claims are no HTML: without `safe`, O'Brien would be O&#39;Brien.
NAME = "{{{{ user.formatted_name | safe }}}}"
EMAIL = "{{{{ (user.preferred_email or '') | safe }}}}"
PREFERRED_USERNAME = "{{{{ user.user_name }}}}"
"""


def folder_of(settings: Settings) -> Path:
    """Where the provider keeps all its state."""
    return settings.data / "idp"


def render_idp_config(settings: Settings, secrets: dict[str, str]) -> str:
    """Return the provider's TOML; needs the secret ``idp_secret_key``."""
    address = settings.address
    return TEMPLATE.format(
        prefix=PREFIX,
        week=WEEK,
        readable=READABLE,
        secure=str(address.secure).lower(),
        secret_key=_quote(secrets["idp_secret_key"]),
        netloc=_quote(address.netloc),
        scheme=_quote("https" if address.secure else "http"),
        cookie=_quote(f"{settings.lab.project}-idp"),
        name=_quote(settings.lab.name),
        database=_quote(f"sqlite:///{folder_of(settings) / 'idp.sqlite'}"),
        host=_quote(address.host),
    )


def ensure_idp_files(settings: Settings, secrets: dict[str, str]) -> bool:
    """Write the provider's settings, mode 0600, if they changed; True if they did.

    As root it is given to user 1000, who the provider runs as. That user owns the folder, so
    nothing in it is followed if it is a link.
    """
    folder = folder_of(settings)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = render_idp_config(settings, secrets).encode()
    path, beside = folder / FILE, folder / f"{FILE}.new"
    if not path.is_symlink() and path.exists() and path.read_bytes() == text:
        return False
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text)
        if os.geteuid() == 0:
            os.fchown(file.fileno(), UID, UID)
            os.chown(folder, UID, UID, follow_symlinks=False)
    os.replace(beside, path)
    return True


def _quote(value: str) -> str:
    """A TOML basic string; JSON's escapes are a subset of TOML's."""
    return json.dumps(value, ensure_ascii=False)
