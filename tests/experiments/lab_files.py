"""Files in a workspace, written as its people would."""

from __future__ import annotations

import base64
import json
import shlex

from tests.labs import Lab


def write(lab: Lab, account: str, path: str, content: dict | str) -> None:
    """Write a file below the home of a running workspace; a dict as JSON, as notebooks are."""
    text = content if isinstance(content, str) else json.dumps(content)
    data = base64.b64encode(text.encode()).decode()
    where = shlex.quote(path)
    lab.sh(account, f'mkdir -p "$(dirname {where})" && echo {data} | base64 -d > {where}')
