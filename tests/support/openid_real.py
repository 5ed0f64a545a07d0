"""node-oidc-provider as a program of its own, and a browser that goes through its pages."""

from __future__ import annotations

import html
import os
import re
import subprocess
import time
from pathlib import Path
from types import TracebackType

import httpx2

from support.operators import free_port

SCRIPT = Path(__file__).with_name("openid_provider.mjs")
CLIENT, SECRET = "ringmaster", "a secret of the client's"
STEPS = 12


class RealProvider:
    """Started with the path of the library's entry file, for one redirect URI."""

    def __init__(self, library: Path, redirect_uri: str, log: Path) -> None:
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        self._command = ["node", str(SCRIPT), str(library), str(self.port), redirect_uri]
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> RealProvider:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, env={"PATH": os.environ["PATH"]}
            )
        end = time.monotonic() + 60
        while "ready" not in self._log.read_text().splitlines():
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < end, self._log.read_text()
            time.sleep(0.05)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(60)


class Browser:
    """Keeps cookies, follows redirects, fills in the forms that it knows, runs nothing."""

    def __init__(self) -> None:
        self._http = httpx2.Client(timeout=30, follow_redirects=False, trust_env=False)
        self.visited: list[str] = []

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    @property
    def cookies(self) -> httpx2.Cookies:
        return self._http.cookies

    def sign_in(self, url: str, name: str, *, until: str) -> httpx2.Response:
        """Through login and consent, or out again; the first answer from an address that begins so."""
        answer = self.get(url)
        for _ in range(STEPS):
            if str(answer.request.url).startswith(until):
                return answer
            if "location" in answer.headers:
                answer = self.get(str(answer.request.url.join(answer.headers["location"])))
                continue
            fields = dict(re.findall(r'<input[^>]* name="([^"]+)"(?:[^>]* value="([^"]*)")?', answer.text))
            action = re.search(r'<form[^>]* action="([^"]+)"', answer.text)
            assert action, f"{answer.status_code} {answer.request.url}: {answer.text[:500]}"
            fields.update({"login": name, "password": "any"} if "login" in fields else {})
            fields.update({"logout": "yes"} if "xsrf" in fields else {})
            answer = self.post(html.unescape(action[1]), fields)
        raise AssertionError(f"no way from {url} to {until}: {self.visited}")

    def get(self, url: str) -> httpx2.Response:
        self.visited.append(url)
        return self._http.get(url)

    def post(self, url: str, fields: dict[str, str]) -> httpx2.Response:
        self.visited.append(url)
        return self._http.post(url, data=fields)
