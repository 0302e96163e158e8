"""Pages: one Jinja2 environment, one `render`, one `redirect` for all services."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from shared.clock import DemoClock
from shared.ids import new_id
from shared.observability.tracing import trace_id
from shared.vietnamese import dates, money, phones, text
from shared.web import csrf
from shared.web.kit import kit_of
from shared.web.navigation import nav_for
from shared.web.visitor import visitor_of

TEMPLATES = Path(__file__).parent / "templates"
STATIC = Path(__file__).parent / "static"
FLASH_COOKIE = "tannha_flash"
_FLASH_KINDS = {"done", "note", "warning"}


def make_templates(
    folders: Sequence[Path] = (), static: Sequence[Path] = (), tile_url: str | None = None
) -> Environment:
    """The environment of a service: its own `folders` first, then the kit's.

    Everything is escaped, an unknown name is an error. `static` are folders whose files `asset()` may
    name; `tile_url` is the optional map background.
    """
    environment = Environment(
        loader=FileSystemLoader([*folders, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        vnd=money.format_vnd,
        vn_date=dates.format_date,
        vn_day=dates.format_day,
        vn_time=dates.format_time,
        vn_instant=dates.format_instant,
        window=lambda window: dates.window_text(window[0], window[1]),
        phone=phones.display,
        mask_phone=text.mask_phone,
        mask_name=text.mask_name,
    )
    places = [*static, STATIC]
    environment.globals.update(asset=lambda name: _asset(name, tuple(places)), tile_url=tile_url)
    return environment


def render(request: Request, template: str, /, *, status: int = 200, **context: Any) -> HTMLResponse:
    """The page `template` with `context`.

    Every template also has: `actor` (or None), `nav`, `csrf_field` and `idempotency_field` (hidden inputs
    for forms), `csrf_token`, `addresses`, `service_title`, `path`, `flashes`, `trace` (the id that logs and
    events carry too) and `demo_now` (an instant while a demonstration moves the clock, else None).
    """
    kit = kit_of(request)
    token = csrf.csrf_token(request)
    actor = _actor(request)
    html = kit.templates.get_template(template).render(
        **{
            "request": request,
            "actor": actor,
            "nav": nav_for(actor, kit.addresses, request.url.path),
            "csrf_token": token,
            "csrf_field": Markup('<input type="hidden" name="{}" value="{}">').format(csrf.FIELD, token),
            "idempotency_field": Markup('<input type="hidden" name="idempotency_key" value="{}">').format(
                new_id()
            ),
            "addresses": kit.addresses,
            "service_title": kit.title,
            "path": request.url.path,
            "flashes": _read_flash(request),
            "trace": trace_id(),
            "demo_now": kit.clock() if isinstance(kit.clock, DemoClock) else None,
            **context,
        }
    )
    response = HTMLResponse(html, status)
    csrf.keep_form_cookie(request, response)
    if FLASH_COOKIE in request.cookies:
        response.delete_cookie(FLASH_COOKIE, path="/")
    return response


def redirect(
    request: Request, target: str, *, flash: str | None = None, kind: str = "done"
) -> RedirectResponse:
    """Send the browser on after a form (303), with a sentence that the next page shows once.

    `target` is checked like a `next=`: anything outside our own pages becomes "/". `kind` is `done`,
    `note` or `warning`. The sentence travels in a cookie: say what happened, no personal data.
    """
    kit = kit_of(request)
    response = RedirectResponse(kit.addresses.safe_next(target), 303)
    if flash is not None:
        note = json.dumps({"kind": kind, "text": flash[:300]}, ensure_ascii=False).encode()
        response.set_cookie(
            FLASH_COOKIE,
            base64.urlsafe_b64encode(note).decode(),
            max_age=60,
            httponly=True,
            samesite="lax",
            secure=kit.production,
            path="/",
        )
    return response


def _actor(request: Request) -> Any:
    try:
        return visitor_of(request).actor
    except Exception:  # noqa: BLE001 - a page about a bad token must not fail on it again
        return None


def _read_flash(request: Request) -> list[dict[str, str]]:
    try:
        note = json.loads(base64.urlsafe_b64decode(request.cookies.get(FLASH_COOKIE, "")))
        kind = note["kind"] if note["kind"] in _FLASH_KINDS else "note"
        return [{"kind": kind, "text": str(note["text"])}]
    except (ValueError, KeyError, TypeError):
        return []


@lru_cache(maxsize=256)
def _asset(name: str, folders: tuple[Path, ...]) -> str:
    """The address of a static file, with a mark of its content so that browsers may keep it for long."""
    for folder in folders:
        file = folder / name
        if file.is_file():
            mark = hashlib.sha256(file.read_bytes()).hexdigest()[:10]
            return f"/static/{escape(name)}?v={mark}"
    return f"/static/{escape(name)}"
