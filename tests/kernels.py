"""A kernel in somebody's server, driven over the proxy as JupyterLab drives it."""

from __future__ import annotations

import asyncio
import json
import uuid
from concurrent.futures import ThreadPoolExecutor

from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

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
            return beside.submit(asyncio.run, asyncio.wait_for(self._run(code), 60)).result()

    async def _run(self, code: str) -> str:
        url = f"{self.base.replace('http', 'ws', 1)}/api/kernels/{self.id}/channels"
        headers = {"Authorization": f"token {self.lab.token}"}
        socket = await websocket_connect(HTTPRequest(url, headers=headers))
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
            if message["parent_header"].get("msg_id") != message_id:
                continue
            if message["msg_type"] == "stream":
                printed += message["content"]["text"]
            if message["msg_type"] == "error":
                raise AssertionError(message["content"])
            if message["msg_type"] == "execute_reply":
                socket.close()
                while await socket.read_message() is not None:
                    pass  # until the other side has closed too
                return printed
