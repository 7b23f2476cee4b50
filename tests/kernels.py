"""A kernel in somebody's server, driven over the proxy as JupyterLab drives it."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Thread

from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.labs import Lab


class Kernel:
    """One kernel; each `run` opens a websocket of its own, so an outage between is no matter."""

    def __init__(self, lab: Lab, account: str) -> None:
        self.lab, self.base = lab, f"{lab.url}/user/{account}"
        answer = lab.request("POST", f"/user/{account}/api/kernels", json={"name": "python3"})
        assert answer.status_code == 201, answer.text
        self.id = answer.json()["id"]

    def run(self, code: str) -> str:
        """Run code and return what it printed."""
        with ThreadPoolExecutor(1) as beside:  # Playwright has a loop of its own in this thread
            return beside.submit(asyncio.run, self._run(code)).result(60)

    @contextmanager
    def page_open(self) -> Iterator[None]:
        """Hold a websocket open all the while, as an open page of JupyterLab does."""
        loop = asyncio.new_event_loop()
        thread = Thread(target=loop.run_forever)
        thread.start()

        def wait_for(coroutine):
            return asyncio.run_coroutine_threadsafe(coroutine, loop).result(30)

        try:
            socket = wait_for(self._connect("api/events/subscribe"))
            yield
            wait_for(_close(socket))
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    async def _connect(self, path: str) -> WebSocketClientConnection:
        url = f"{self.base.replace('http', 'ws', 1)}/{path}"
        headers = {"Authorization": f"token {self.lab.token}"}
        return await websocket_connect(HTTPRequest(url, headers=headers))

    async def _run(self, code: str) -> str:
        socket = await self._connect(f"api/kernels/{self.id}/channels")
        message_id = uuid.uuid4().hex
        content = {"code": code, "silent": False, "store_history": False,
                   "user_expressions": {}, "allow_stdin": False}  # fmt: skip
        header = {"msg_id": message_id, "msg_type": "execute_request", "session": message_id,
                  "username": "tests", "version": "5.3"}  # fmt: skip
        await socket.write_message(
            json.dumps({"header": header, "parent_header": {}, "metadata": {}, "content": content,
                        "channel": "shell", "buffers": []})
        )  # fmt: skip
        printed = ""
        while True:
            message = json.loads(await socket.read_message())
            kind, content = message["msg_type"], message["content"]
            if message["parent_header"].get("msg_id") != message_id:
                continue
            if kind == "stream":
                printed += content["text"]
            if kind == "error":
                raise AssertionError(content)
            # The last word on the channel of outputs; the reply comes on another, and may be first.
            if kind == "status" and content["execution_state"] == "idle":
                await _close(socket)
                return printed


async def _close(socket: WebSocketClientConnection) -> None:
    """Close and wait until the other side has, too."""
    socket.close()
    while await socket.read_message() is not None:
        pass
