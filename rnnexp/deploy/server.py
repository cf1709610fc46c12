"""A trained model behind HTTP: what `rnnexp serve` runs. Imported only where something is served."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect

from rnnexp.deploy.request_metrics import CONTENT_TYPE, RequestMetrics
from rnnexp.deploy.served_requests import (
    CSV,
    describe_query,
    describe_request,
    read_body,
    read_params,
    read_query,
)
from rnnexp.deploy.write import csv_text, records
from rnnexp.errors import ConfigError, DataError, RnnexpError
from rnnexp.redact import redact
from rnnexp.runtime.machine import count_usable_cpus, find_version
from rnnexp.tasks.requests import RequestSchema

LOOPBACK = ("127.0.0.1", "localhost")
MAX_CONNECTIONS = 256  # more are answered with 503 at once
STOP_S = 10  # that requests have to end in once the server is told to stop

log = logging.getLogger("rnnexp")


@dataclass(frozen=True)
class ServedModel:
    """A model that is loaded.

    predict: answers to raw input and params as `Served.predict` does, for any number of threads at once
    asked:   what a request may hold
    example: a request that the model answers; None where none is known
    engine:  what computes its network;  why: it is not ONNX Runtime
    hidden:  what no answer may tell, such as the folder of the model
    """

    called: str
    task: str
    predict: Callable[[Any, dict[str, Any]], Any]
    asked: RequestSchema
    example: dict[str, Any] | None = None
    engine: str = "keras"
    why: str = ""
    hidden: tuple[str, ...] = ()

    def answer(self, body: bytes, content_type: str, query: list[tuple[str, str]]) -> Any:
        """Return the predictions for the body of a request as a table."""
        import pandas

        rows, params = read_body(body, content_type, self.asked)
        found = self.predict(rows, read_params({**read_query(query, self.asked), **params}, self.asked))
        if isinstance(found, pandas.DataFrame):
            return found
        numbers = np.asarray(found, np.float64)
        numbers = numbers.reshape(len(numbers), -1)
        return pandas.DataFrame(numbers, columns=[f"target_{i}" for i in range(numbers.shape[1])])

    def conceal(self, text: str) -> str:
        """Return a sentence as a client may read it."""
        for secret in self.hidden:
            text = text.replace(secret, "the model")
        return redact(text)


@dataclass(frozen=True)
class Limits:
    """What a request may take: bytes of its body, seconds until its answer."""

    body: int = 16 * 2**20
    seconds: float = 30.0


class _RefusedError(Exception):
    """A request that is answered with a status of its own."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def make_app(model: ServedModel, limits: Limits, say_ready: Callable[[], None] = lambda: None) -> FastAPI:
    """Return the application that answers for a model; its pages are /, /predict, /ping, /metrics, /openapi.json."""
    metrics, version = RequestMetrics(model.engine), find_version("rnnexp") or "source"
    pool = ThreadPoolExecutor(max(2, count_usable_cpus()), "predict")

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        say_ready()
        yield
        pool.shutdown(wait=False, cancel_futures=True)

    # The pages of FastAPI that show the schema load scripts from elsewhere.
    app = FastAPI(title=model.called, version=version, docs_url=None, redoc_url=None, lifespan=lifespan)

    async def predict(request: Request) -> Response:
        async with asyncio.timeout(limits.seconds):
            body = await _read_whole(request, limits.body)
            return await asyncio.get_running_loop().run_in_executor(pool, _respond, model, request, body)

    async def ping() -> dict[str, str]:
        return {"status": "ok"}

    async def about() -> dict[str, Any]:
        known = {"model": model.called, "task": model.task, "engine": model.engine, "rnnexp": version}
        return {**known, "params": dict(model.asked.params), "example": model.example}

    async def show_metrics() -> Response:
        return PlainTextResponse(metrics.write_text(), media_type=CONTENT_TYPE)

    described = {"requestBody": describe_request(model.asked, model.example), "parameters": describe_query(model.asked)}
    refusals: dict[int | str, Any] = {422: {"description": "A sentence that says what is wrong with the request"}}
    app.post("/predict", openapi_extra=described, responses=refusals)(predict)
    app.get("/ping")(ping)
    app.get("/")(about)
    app.get("/version")(about)
    app.get("/metrics")(show_metrics)
    _add_refusals(app, model, limits)

    @app.middleware("http")
    async def count(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        began, path, status = time.perf_counter(), request.url.path, 500
        try:
            response = await call_next(request)
            status = response.status_code
            return response
        except Exception as error:
            log.error("a request could not be answered", exc_info=error)
            return _refuse(model, status, "the request could not be answered; the log of the server says why")
        finally:
            known = path if path in app.openapi()["paths"] or path == "/openapi.json" else "other"
            metrics.add_request(known, status, time.perf_counter() - began if path == "/predict" else None)

    return app


def _add_refusals(app: FastAPI, model: ServedModel, limits: Limits) -> None:
    """Answer what goes wrong with a sentence, never with a trace or a place on this machine."""

    refuse = partial(_refuse, model)

    async def refuse_request(_request: Request, error: Any) -> Response:
        return refuse(422 if isinstance(error, (ConfigError, DataError)) else 500, str(error))

    async def refuse_early(_request: Request, error: Any) -> Response:
        return refuse(error.status, str(error))

    async def refuse_slow(_request: Request, _error: Any) -> Response:
        return refuse(503, f"there was no answer within {limits.seconds:g} s; send fewer rows, or try again later")

    async def refuse_page(request: Request, error: Any) -> Response:
        pages = "POST /predict; GET /, /ping, /version, /metrics, /openapi.json"
        return refuse(error.status_code, f"{request.method} on this address is not answered; there are {pages}")

    app.add_exception_handler(RnnexpError, refuse_request)
    app.add_exception_handler(_RefusedError, refuse_early)

    async def leave_client(_request: Request, _error: Any) -> Response:
        return Response(status_code=499)  # nobody reads it

    app.add_exception_handler(TimeoutError, refuse_slow)
    app.add_exception_handler(HTTPException, refuse_page)
    app.add_exception_handler(ClientDisconnect, leave_client)


def _respond(model: ServedModel, request: Request, body: bytes) -> Response:
    """Return the answer as JSON or CSV, written beside the loop that all other requests wait for."""
    headers = request.headers
    frame = model.answer(body, headers.get("content-type", ""), request.query_params.multi_items())
    if CSV in headers.get("accept", ""):
        return PlainTextResponse(csv_text(frame), media_type=CSV)
    return JSONResponse({"rows": records(frame)})


def _refuse(model: ServedModel, status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"detail": model.conceal(sentence)}, status)


async def _read_whole(request: Request, most: int) -> bytes:
    """Return the body of a request, of which no more is held than it may have."""
    too_long = _RefusedError(413, f"the body is longer than {most:,} bytes; send fewer rows at a time")
    said = request.headers.get("content-length", "0")
    if said.isdecimal() and int(said) > most:
        raise too_long
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most:
            raise too_long
    return bytes(body)


def open_port(host: str, port: int) -> socket.socket:
    """Return a socket at an address of this machine; ConfigError if that is taken, or none. Port 0: any free one."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        why = getattr(error, "strerror", None) or error
        raise ConfigError(f"--host {host} --port {port}: cannot be used: {why}") from None
    return listener


def serve(
    model: ServedModel, limits: Limits, listener: socket.socket, say_ready: Callable[[], None] = lambda: None
) -> None:
    """Answer requests until SIGTERM or SIGINT, after which what has begun is ended; main thread only."""

    def listen() -> None:
        listener.listen()  # Uvicorn does so after this, and who has been told may ask before
        say_ready()

    app = make_app(model, limits, listen)
    if listener.getsockname()[0] in LOOPBACK:  # a page in a browser may lead its own name here
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(LOOPBACK))
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=STOP_S,
        server_header=False,
        ws="none",
    )
    before = signal.signal(signal.SIGTERM, lambda *_: None)  # it sends itself the signal again at its end
    try:
        uvicorn.Server(config).run([listener])
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, before)
        listener.close()
