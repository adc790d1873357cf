"""A browser without eyes: keeps cookies, follows nothing, sends what it is told. For tests of the pages' answers."""

from __future__ import annotations

import http.client
import json as json_
from collections.abc import Mapping
from http.cookies import SimpleCookie
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import msgspec


class Answer(msgspec.Struct, frozen=True):
    """What came back; header names in lower case."""

    status_code: int
    headers: dict[str, str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode()

    def json(self) -> Any:
        return json_.loads(self.content)


class Browsing:
    """One visitor of one site."""

    def __init__(self, base_url: str) -> None:
        self._place = urlsplit(base_url)
        self.cookies: dict[str, str] = {}

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self._ask("GET", path, None, headers or {})

    def post(
        self,
        path: str,
        *,
        data: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        where = f"{path}?{urlencode(params)}" if params else path
        form = {"content-type": "application/x-www-form-urlencoded", **(headers or {})}
        return self._ask("POST", where, urlencode(data or {}), form)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cookies.clear()

    def _ask(self, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> Answer:
        sent = {"accept": "text/html", **headers}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = http.client.HTTPConnection(self._place.hostname or "", self._place.port, timeout=20)
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            for name, value in answer.getheaders():
                if name.lower() == "set-cookie":
                    for cookie in SimpleCookie(value).values():
                        self.cookies[cookie.key] = cookie.value
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())
        finally:
            connection.close()
