"""Real-time collaboration's own loose end: its stop when nobody opened a document."""

from __future__ import annotations


def stop_quietly(serverapp) -> None:
    """Let a team's server stop without a traceback in its log.

    WHY: `jupyter_server_ydoc` 3.0 stops its websocket server even if that never started, and
    the RuntimeError of it ends in the log of every workspace where no document was opened.
    """
    point = serverapp.extension_manager.extension_points.get("jupyter_server_ydoc")
    if point is None:
        return
    server = point.app.ywebsocket_server
    clean = server.clean

    async def clean_if_started() -> None:
        if server.started.is_set():
            await clean()

    server.clean = clean_if_started
