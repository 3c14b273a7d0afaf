"""Errors as problems, routes and order of the application; nothing is started."""

import pytest
from aiohttp import web

from streamhub.config import EdgeSettings
from streamhub.domain.errors import Refused, StreamHubError, TryAgain
from streamhub.protocol.problems import PROBLEMS
from streamhub.telemetry import Metrics
from streamhub.transport.app import PARTS, Parts, create_app
from streamhub.transport.problems import problem_of, problem_response


@pytest.mark.parametrize("code", PROBLEMS)
def test_every_code_has_its_status_and_title(code: str) -> None:
    problem = problem_of(StreamHubError(code, "why", field="name", retry_after_ms=1), "r1")

    assert (problem.status, problem.title) == (PROBLEMS[code].status, PROBLEMS[code].title)
    assert (problem.code, problem.detail, problem.field) == (code, "why", "name")
    assert (problem.retry_after_ms, problem.request_id) == (1, "r1")


def test_what_is_not_ours_to_show_is_internal() -> None:
    problem = problem_of(RuntimeError("canary"), "r1")

    assert (problem.code, problem.status, problem.detail) == ("internal", 500, None)


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (web.HTTPNotFound(text="canary"), "not_found", 404),
        (web.HTTPMethodNotAllowed("POST", {"GET"}), "bad_request", 405),
        (web.HTTPRequestEntityTooLarge(1), "too_large", 413),
        (web.HTTPUnsupportedMediaType(), "unsupported_type", 415),
        (web.HTTPBadRequest(text="canary"), "bad_request", 400),
        (web.RequestPayloadError("canary"), "bad_request", 400),
        (web.HTTPBadGateway(text="canary"), "internal", 500),
    ],
)
def test_errors_of_http_itself_become_problems(error: Exception, code: str, status: int) -> None:
    problem = problem_of(error, "r1")

    assert (problem.code, problem.status) == (code, status)
    assert "canary" not in (problem.detail or "")


def test_an_absent_member_is_left_out() -> None:
    response = problem_response(problem_of(Refused("conflict"), "r1"))

    assert response.body == (
        b'{"code":"conflict","title":"This conflicts with what is there","status":409,'
        b'"request_id":"r1"}'
    )
    assert response.content_type == "application/problem+json"
    assert response.status == 409


@pytest.mark.parametrize(("retry_after_ms", "seconds"), [(1, "1"), (1000, "1"), (1001, "2")])
def test_retry_after_is_rounded_up_to_seconds(retry_after_ms: int, seconds: str) -> None:
    error = TryAgain("rate_limited", retry_after_ms=retry_after_ms)

    assert problem_response(problem_of(error, "r1")).headers["Retry-After"] == seconds


def test_the_application_holds_the_routes_of_its_parts() -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response()

    parts = Parts(edge=EdgeSettings(), metrics=Metrics(), routes=(web.get("/v1/area", handler),))
    app = create_app(parts)

    assert app[PARTS] is parts
    assert {route.resource.canonical for route in app.router.routes() if route.resource} == {
        "/v1/server",
        "/v1/area",
    }
