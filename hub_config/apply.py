"""Lays the lab's settings on JupyterHub's configuration, a topic a function."""

from __future__ import annotations

import sys
from pathlib import Path

from cohort.gpus import GpuLedger
from cohort.membership import course_account
from cohort.settings import HUB_PORT, SERVICE_PORTS, Settings
from hub_config.login import GitHubLogin, ProviderLogin
from hub_config.membership import SERVICES, USER
from hub_config.routes import LabProxy

ROOT = Path(__file__).parent


def update_address(c, settings: Settings, secrets: dict[str, str]) -> None:
    """The proxy is a service of its own, so that a hub restart cuts nobody off."""
    address, gateway = settings.address, settings.network.gateway
    c.JupyterHub.bind_url = f"http://{address.listen}:{address.port}/"
    c.JupyterHub.public_url = address.url + "/"
    c.JupyterHub.hub_bind_url = f"http://{gateway}:{HUB_PORT}"
    c.JupyterHub.cleanup_servers = False
    c.JupyterHub.cleanup_proxy = False
    # How often the hub looks whether the proxy, restarted perhaps, still has all routes.
    c.JupyterHub.last_activity_interval = 10
    c.JupyterHub.proxy_class = LabProxy
    c.ConfigurableHTTPProxy.should_start = False
    c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{address.internal('proxy-api')}"
    c.ConfigurableHTTPProxy.auth_token = secrets["proxy_token"]
    routes = {
        f"/services/{name}/": f"http://{gateway}:{port}" for name, port in SERVICE_PORTS.items()
    }
    if settings.login.provider == "bundled":
        routes["/services/idp/"] = f"http://127.0.0.1:{address.internal('idp')}"
    c.Proxy.extra_routes = routes


def update_storage(c, settings: Settings) -> None:
    """The hub's own database and cookie secret lie in the data folder."""
    folder = settings.data / "hub"
    c.JupyterHub.db_url = f"sqlite:///{folder / 'jupyterhub.sqlite'}"
    c.JupyterHub.cookie_secret_file = str(settings.data / "secrets" / "hub_cookie_secret")


def update_security(c, settings: Settings, secrets: dict[str, str]) -> None:
    """Cookies, headers, and no way for one user to see the roster of others."""
    c.CryptKeeper.keys = [secrets["auth_state_key"]]
    c.JupyterHub.cookie_max_age_days = 7
    c.JupyterHub.allow_named_servers = False
    c.JupyterHub.tornado_settings = {
        "headers": {
            "Content-Security-Policy": "frame-ancestors 'self'; object-src 'none'; base-uri 'self'",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
        },
        "cookie_options": {"secure": settings.address.secure, "samesite": "Lax"},
        "slow_spawn_timeout": 0,
    }
    # What a server's token may do: say that it is active, ask who knocks, and use the services.
    c.Spawner.server_token_scopes = ["users:activity!user", "access:servers!server", *SERVICES]


def update_login(c, settings: Settings, secrets: dict[str, str]) -> None:
    """One authenticator class per kind of provider; see docs/login.md."""
    login, url = settings.login, settings.address.url
    github = login.provider == "github"
    cls = GitHubLogin if github else ProviderLogin
    c.JupyterHub.authenticator_class = cls
    a = c[cls.__name__]
    cls.settings = settings
    a.any_allow_config = True  # CohortLogin.check_allowed decides
    a.enable_auth_state = a.manage_roles = True
    a.auth_refresh_age, a.auth_refresh_strict = login.recheck_seconds, True
    a.allow_all = False
    # The hub makes these accounts at its start. Nobody can log in as one: their names are refused.
    a.allowed_users = {course_account(course.id) for course in settings.courses}
    a.login_service = login.title or settings.lab.name
    a.oauth_callback_url = f"{url}/hub/oauth_callback"
    a.end_session_url = login.logout_url
    if login.provider == "bundled":
        update_bundled_login(a, settings, secrets)
        return
    a.client_id = login.client_id
    a.client_secret = Path(login.client_secret_file).read_text(encoding="utf-8").strip()
    if github:
        a.scope, a.populate_teams_in_auth_state = ["read:org"], True
        return
    a.scope, a.username_claim = list(login.scopes), login.username_claim
    a.issuer = login.issuer or {
        "google": "https://accounts.google.com",
        "entra": f"https://login.microsoftonline.com/{login.tenant}/v2.0",
    }.get(login.provider, "")
    # Entra ID puts groups into the ID token only.
    a.userdata_from_id_token = login.provider == "entra"
    for trait in ("authorize_url", "token_url", "userdata_url"):
        if getattr(login, trait):
            a[trait] = getattr(login, trait)


def update_bundled_login(a, settings: Settings, secrets: dict[str, str]) -> None:
    """Browsers go through the proxy, the hub straight to the provider's local port."""
    public = settings.address.url + "/services/idp"
    local = f"http://127.0.0.1:{settings.address.internal('idp')}/services/idp"
    a.client_id, a.client_secret, a.basic_auth = "hub", secrets["idp_client_secret"], True
    a.authorize_url, a.end_session_url = f"{public}/oauth/authorize", f"{public}/oauth/end_session"
    a.issuer = local
    a.token_url, a.userdata_url = f"{local}/oauth/token", f"{local}/oauth/userinfo"
    a.scope, a.username_claim = ["openid", "profile", "email", "groups"], "sub"


def update_spawner(c, settings: Settings, ledger: GpuLedger, image_tag: str) -> None:
    """Containers on the lab's own bridge; limits come from the profile at each start."""
    from hub_config.spawner import CohortSpawner  # noqa: PLC0415 - imports the Docker client

    c.JupyterHub.spawner_class = CohortSpawner
    s = c.CohortSpawner
    CohortSpawner.settings, CohortSpawner.ledger = settings, ledger
    s.image_tag = image_tag
    s.cmd = ["cohort-workspace"]
    s.default_url, s.notebook_dir = "/lab", ""
    s.remove, s.use_internal_ip, s.network_name = True, True, settings.lab.project
    s.pull_policy = "never"
    s.start_timeout, s.http_timeout, s.poll_interval = 120, 60, 10
    c.JupyterHub.init_spawners_timeout = 30


def shown_name(user) -> str:
    """What the bar calls whoever is looking; JupyterHub asks for it with each page."""
    return ((user.user_info or {}).get("name") or user.name) if user else ""


def update_pages(c, settings: Settings) -> None:
    """Our templates before JupyterHub's; the lab's name and picture on every page."""
    c.JupyterHub.template_paths = [str(ROOT / "templates")]
    c.JupyterHub.template_vars = {
        "lab": settings.lab,
        "programme": settings.programme.start is not None,
        "shown_name": shown_name,
    }
    c.JupyterHub.logo_file = str(settings.lab.picture or ROOT / "static" / "lab.svg")
    c.JupyterHub.default_url = "/hub/home"


def update_services(c, settings: Settings, secrets: dict[str, str]) -> None:
    """Services and their roles, each with the fewest scopes and the reason beside it."""
    c.JupyterHub.services = [
        {
            "name": "idle",
            "command": [sys.executable, "-m", "hub_config.idle"],
            "environment": {"COHORT_SETTINGS": str(settings.data / "hub" / "cohort.toml"),
                            "COHORT_DATA": str(settings.data)},
        },
        {"name": "roster", "api_token": secrets["roster_token"]},
        *(
            {
                "name": name,
                # No "url": the hub would look for it at its start, which comes first. The route
                # is in `update_address`.
                "api_token": secrets[f"{name}_token"],
                "oauth_redirect_uri": f"{settings.address.url}/services/{name}/oauth_callback",
                "display": False,
            }
            for name in SERVICE_PORTS
        ),
    ]  # fmt: skip
    c.JupyterHub.load_roles = [
        USER,
        {
            "name": "experiments",
            "description": "Knows who may see which runs",
            "services": ["experiments"],
            "scopes": [
                "read:users:name",  # to name the authors of runs
                "read:roles:users",  # to know their teams and role
            ],
        },
        {
            "name": "grading",
            "description": "Knows who teaches and who takes a course",
            "services": ["grading"],
            "scopes": [
                "list:users",  # to show instructors everybody who takes their course
                "read:users:name",  # to name them
                "read:roles:users",  # to know their teams and role
            ],
        },
        {
            "name": "idle",
            "description": "Stops servers that nobody uses",
            "services": ["idle"],
            "scopes": [
                "list:users",  # to go through the servers
                "read:users:activity",  # to see when each was last used
                "read:servers",  # to see each one's profile
                "delete:servers",  # to stop it
            ],
        },
        {
            "name": "roster",
            "description": "Ends what people who left still have open",
            "services": ["roster"],
            "scopes": [
                "list:users",  # to see who has an account
                "delete:servers",  # to stop a leaver's desk
                "delete:users",  # to end sessions and tokens, with the account
            ],
        },
    ]


def apply_config(c, settings: Settings, secrets: dict[str, str], ledger, image_tag: str) -> None:
    """Lay everything on ``c``; reads like the table of contents of the hub."""
    update_address(c, settings, secrets)
    update_storage(c, settings)
    update_security(c, settings, secrets)
    update_login(c, settings, secrets)
    update_spawner(c, settings, ledger, image_tag)
    update_pages(c, settings)
    update_services(c, settings, secrets)
