"""Serves the identity provider on this host's loopback: ``python -m idp_serve``."""

from __future__ import annotations

import asyncio
import os
import signal

from hypercorn.asyncio import serve
from hypercorn.config import Config
from idp_app import load_app
from idp_guard import guard


async def run(app, port: int) -> None:
    """Serve until told to stop. No access log: its addresses hold codes and ID tokens."""
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.accesslog = None
    config.errorlog = "-"
    config.include_server_header = False
    config.wsgi_max_body_size = 64 * 1024
    config.graceful_timeout = 3
    # The proxy keeps connections for later; one that we close just then is a 503 to somebody.
    config.keep_alive_timeout = 3600
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await serve(app, config, shutdown_trigger=stop.wait, mode="wsgi")


if __name__ == "__main__":
    asyncio.run(run(guard(load_app()), int(os.environ["COHORT_IDP_PORT"])))
