"""The pages that are ours; they stand before the hub's own of the same path."""

from __future__ import annotations

from pathlib import Path

from jupyterhub.handlers.base import BaseHandler
from tornado import web
from tornado.web import StaticFileHandler

from cohort.membership import membership_of
from hub_config import presence
from hub_config.authorize import AuthorizeWithoutConsent
from hub_config.cards import make_cards
from hub_config.programme import CalendarHandler, ProgrammeHandler, courses_for

STATIC = Path(__file__).parent / "static"


class HomeHandler(BaseHandler):
    """``/hub/home``: a card for the desk, for each team, for the course and the latest runs."""

    template = "home.html"

    @web.authenticated
    async def get(self):
        """Render the person's cards as they are now."""
        user, settings = self.current_user, self.authenticator.settings
        membership = membership_of(r.name for r in user.roles)
        html = await self.render_template(
            self.template,
            user=user,
            lab=settings.lab,
            cards=await make_cards(self, settings, membership, self.spawner_class.ledger),
            courses=courses_for(settings, membership),
            gpus=self.spawner_class.ledger.devices,
        )
        self.finish(html)


class CardsHandler(HomeHandler):
    """``/hub/home/cards``: the cards alone, which the home page fetches every few seconds."""

    template = "cards.html"


class AssetHandler(StaticFileHandler):
    """``/hub/cohort/…``: the style sheet and the script of our pages."""


def handlers() -> list[tuple]:
    """Routes relative to ``/hub``."""
    return [
        (r"/home", HomeHandler),
        (r"/home/cards", CardsHandler),
        (r"/programme", ProgrammeHandler),
        (r"/programme\.ics", CalendarHandler),
        (r"/cohort/(.*)", AssetHandler, {"path": str(STATIC)}),
        (r"/api/cohort/presence", presence.PresenceHandler),
        (r"/api/oauth2/authorize", AuthorizeWithoutConsent),
    ]
