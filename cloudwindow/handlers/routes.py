"""The route table: every address of the house, each with the action it needs."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from aiohttp import web

from cloudwindow.domain.rights import ACTIONS

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
H = TypeVar("H", bound=Handler)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One address: who may use it follows from ``action`` (see ``domain.rights``)."""

    method: str
    path: str
    action: str
    handler: Handler


ROUTES: list[Route] = []


def route(method: str, path: str, action: str) -> Callable[[H], H]:
    """Declare a handler for ``method path``; an unknown action stops the start."""
    if action not in ACTIONS:
        raise ValueError(f"{action} is not in the table of rights")

    def declare(handler: H) -> H:
        handler.action = action  # type: ignore[attr-defined]
        ROUTES.append(Route(method=method, path=path, action=action, handler=handler))
        return handler

    return declare


def add_all(app: web.Application) -> None:
    """Put every declared route into ``app``."""
    for one in ROUTES:
        if one.method == "GET":
            app.router.add_get(one.path, one.handler)  # HEAD comes with it
        else:
            app.router.add_route(one.method, one.path, one.handler)
