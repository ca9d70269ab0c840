"""The page /docs: a page of our own, without a script and without anything from elsewhere.

It is made once from the description that /openapi.json gives to programs.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from html import escape
from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
h2 { font-size: 1.1rem; margin: 2rem 0 .3rem; border-top: 1px solid #ddd; padding-top: 1rem; }
h2 code { font-size: 1.1rem; } code, pre { font-family: ui-monospace, monospace; background: #f5f5f5; }
pre { padding: .7rem; overflow-x: auto; } table { border-collapse: collapse; }
td { padding: .1rem 1rem .1rem 0; vertical-align: top; } .method { color: #06c; }
"""

_POLICY = "; ".join(
    (
        "default-src 'none'",
        f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""What keeps a browser from anything but showing the page."""


def add_docs(app: FastAPI) -> None:
    """Add the page to an application whose routes are all there."""
    page: list[str] = []

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        """Return the page."""
        if not page:
            page.append(_page(app.openapi()))
        return HTMLResponse(page[0], headers=HEADERS)


def _page(description: Mapping[str, Any]) -> str:
    info = description["info"]
    parts = [
        "<!doctype html>",
        '<html lang="en"><meta charset="utf-8">',
        f"<title>{escape(info['title'])}</title><style>{_STYLE}</style>",
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>",
        f"<p>{escape(info['description'])} For programs: <a href='/openapi.json'>/openapi.json</a>.</p>",
        "<p>Send the key in a header: <code>Authorization: Bearer mlk_...</code></p>",
    ]
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            parts.append(_operation(path, method, operation, description))
    return "\n".join(parts)


def _operation(path: str, method: str, operation: Mapping[str, Any], whole: Mapping[str, Any]) -> str:
    parts = [
        f'<h2><code><span class="method">{method.upper()}</span> {escape(path)}</code></h2>',
        f"<p>{escape(operation.get('description') or operation.get('summary') or '')}</p>",
    ]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body:
        parts.append(f"<p>Body:</p><pre>{escape(_shape(body['schema'], whole))}</pre>")
    parts.append("<table>")
    for status, answer in operation["responses"].items():
        content = answer.get("content", {}).get("application/json", {})
        shown = f"<pre>{escape(_shape(content['schema'], whole))}</pre>" if status == "200" and content else ""
        parts.append(f"<tr><td>{escape(status)}</td><td>{escape(answer['description'])}{shown}</td></tr>")
    parts.append("</table>")
    return "\n".join(parts)


def _shape(schema: Mapping[str, Any], whole: Mapping[str, Any]) -> str:
    """Return a schema as indented JSON, with the schemas that it refers to in their places."""
    return json.dumps(_resolved(schema, whole), indent=2)


def _resolved(part: Any, whole: Mapping[str, Any]) -> Any:
    if isinstance(part, Mapping):
        if "$ref" in part:
            found: Any = whole
            for step in part["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            return _resolved(found, whole)
        return {key: _resolved(value, whole) for key, value in part.items() if key != "title"}
    return [_resolved(item, whole) for item in part] if isinstance(part, list) else part
