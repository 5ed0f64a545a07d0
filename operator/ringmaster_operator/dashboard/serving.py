"""Routes of the dashboard: one page for every address below /ui, and the files that it names."""

# No postponed annotations here: FastAPI reads them, and the callers of a route are known in a closure only.
from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.responses import PlainTextResponse, RedirectResponse, Response

from ringmaster_operator.dashboard.files import Asset, Files

ROOT = "/ui"
STATIC = f"{ROOT}/_static"
"""No namespace begins with an underscore."""
HEADERS = {
    "Content-Security-Policy": "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"
IfNoneMatch = Annotated[str | None, Header()]
AcceptEncoding = Annotated[str, Header()]


def routes() -> APIRouter:
    """Everything below /ui, and / which leads there."""
    files = Files()
    page = files.page(STATIC)
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def front() -> Response:
        return RedirectResponse(ROOT, status_code=307, headers=HEADERS)

    @router.get(STATIC + "/{version}/{path:path}")
    async def file(
        version: str, path: str, if_none_match: IfNoneMatch = None, accept_encoding: AcceptEncoding = ""
    ) -> Response:
        found = files.assets.get(path) if version == files.version else None
        if found is None:
            text = "no such file in this version; load the page again\n"
            return PlainTextResponse(text, status_code=404, headers=HEADERS | {"Cache-Control": "no-store"})
        return _answer(found, FOR_EVER, if_none_match, accept_encoding)

    @router.get(ROOT)
    @router.get(ROOT + "/{path:path}")
    async def ui(
        path: str = "", if_none_match: IfNoneMatch = None, accept_encoding: AcceptEncoding = ""
    ) -> Response:
        return _answer(page, ASK_AGAIN, if_none_match, accept_encoding)

    return router


def _answer(asset: Asset, cache: str, if_none_match: str | None, accept_encoding: str) -> Response:
    headers = HEADERS | {"Cache-Control": cache, "ETag": asset.etag, "Vary": "Accept-Encoding"}
    if if_none_match is not None and asset.etag in if_none_match:
        return Response(status_code=304, headers=headers)
    if "gzip" in accept_encoding:
        headers["Content-Encoding"] = "gzip"
        return Response(asset.packed, headers=headers, media_type=asset.media)
    return Response(asset.plain, headers=headers, media_type=asset.media)
