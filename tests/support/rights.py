"""The routes of the public port as the table of requests has them."""

from typing import Final

from streamhub.protocol.rest import REQUESTS

PUBLIC: Final = frozenset(
    {
        ("GET", "/v1/server"),
        ("GET", "/v1/openapi.json"),
        ("GET", "/v1/docs"),
        ("GET", "/v1/ws"),  # authenticates within the socket
        ("GET", "/v1/uploads/ws"),
        ("GET", "/v1/links/{token}/content"),
        ("GET", "/v1/signed/{file}/{version}"),
        ("OPTIONS", "/v1/tus/"),
        ("OPTIONS", "/v1/tus/{upload}"),
        *((request.method, request.path) for request in REQUESTS if not request.right),
    }
)
"""For everybody: ways in, and what one must know before."""

WAYS_IN: Final = frozenset(
    {
        "/v1/auth/code",
        "/v1/auth/email/confirm",
        "/v1/auth/invited",
        "/v1/auth/keys",
        "/v1/auth/link",
        "/v1/auth/login",
        "/v1/auth/logout",
        "/v1/auth/mail",
        "/v1/auth/openid",
        "/v1/auth/openid/finish",
        "/v1/auth/openid/start",
        "/v1/auth/refresh",
        "/v1/auth/register",
        "/v1/auth/register/confirm",
        "/v1/auth/reset",
        "/v1/auth/reset/confirm",
        "/v1/docs",
        "/v1/links/{token}",
        "/v1/links/{token}/content",
        "/v1/openapi.json",
        "/v1/server",
        "/v1/signed/{file}/{version}",
        "/v1/tus/",
        "/v1/tus/{upload}",
        "/v1/ws",
        "/v1/uploads/ws",
    }
)
"""Kept by hand, on purpose: nothing becomes public by being forgotten in the table."""

RIGHT_OF: Final = {
    ("POST", "/v1/files"): "file.upload",
    ("GET", "/v1/files/{file}/content"): "file.get",
    ("POST", "/v1/files/{file}/versions"): "file.upload",
    ("GET", "/v1/files/{file}/versions/{version}/content"): "file.get",
    ("POST", "/v1/tus/"): "file.upload",
    ("POST", "/v1/tus/{upload}"): "file.upload",
    ("PATCH", "/v1/tus/{upload}"): "file.upload",
    ("DELETE", "/v1/tus/{upload}"): "file.upload",
    ("GET", "/v1/tus/{upload}"): "file.get",
    **{(request.method, request.path): request.right for request in REQUESTS if request.right},
}
