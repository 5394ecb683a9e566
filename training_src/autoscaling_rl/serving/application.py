"""The endpoint as an ASGI application: /ping and /invocations of SageMaker's container contract.

/openapi.json describes both.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import orjson

from autoscaling_rl.serving.admission import Body, Queue, Slot, announced
from autoscaling_rl.serving.batches import Batches
from autoscaling_rl.serving.model import Inference, Model
from autoscaling_rl.serving.requests import (
    Answer,
    Disconnected,
    Receive,
    Refused,
    Scope,
    Send,
    answer_in_json,
    check_headers,
    read_body,
    send_answer,
)

logger = logging.getLogger(__name__)

# A larger body is worth a thread: it would keep /ping waiting. Smaller ones would wait for it.
LARGEST_AT_ONCE = 16 << 10

DESCRIPTION = Path(__file__).with_name("openapi.json")

Endpoint = Callable[[Scope, Receive], Awaitable[Answer]]


class Application:
    """Answers requests with a model."""

    def __init__(self, model: Model, queue: Queue | None = None) -> None:
        self.model, self.queue = model, queue or Queue()
        # Work that holds the interpreter gains nothing from more threads.
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="decide")
        self._works: set[Future[Answer]] = set()
        self._batches = Batches()
        self._routes: Mapping[str, tuple[str, Endpoint]] = {
            "/ping": ("GET", self._ping),
            "/invocations": ("POST", self._invocations),
            "/openapi.json": ("GET", self._describe),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        try:
            answer = await self._route(scope)(scope, receive)
        except Refused as refused:
            answer = refused.answer
        except Disconnected:
            return
        except asyncio.CancelledError:  # the time to drain is up
            answer = self.queue.refuse().answer
        except Exception:
            logger.exception("request failed", extra={"details": {"path": scope["path"]}})
            answer = Refused(500, "InternalError", "see the log of the endpoint", None).answer
        await send_answer(send, answer)

    def close(self) -> bool:
        """Give up what has not been begun; return whether nothing is being worked on either."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        return all(work.done() for work in tuple(self._works))

    def _route(self, scope: Scope) -> Endpoint:
        route = self._routes.get(scope["path"])
        if route is None:
            message = f"there is only {', '.join(self._routes)}"
            raise Refused(404, "NotFound", message, "path")
        method, endpoint = route
        if scope["method"] != method:
            allow = (b"allow", method.encode())
            raise Refused(405, "MethodNotAllowed", f"must be {method}", "method", allow)
        return endpoint

    def _inference(self) -> Inference:
        if self.model.inference is None:
            raise Refused(503, "ModelUnavailable", self.model.reason, None)
        return self.model.inference

    async def _ping(self, scope: Scope, receive: Receive) -> Answer:
        version = self._inference().version
        return answer_in_json(200, {"status": "ready", "model_version": version})

    async def _describe(self, scope: Scope, receive: Receive) -> Answer:
        return Answer(200, DESCRIPTION.read_bytes())

    async def _invocations(self, scope: Scope, receive: Receive) -> Answer:
        check_headers(scope["headers"])
        inference = self._inference()
        with Body(self.queue) as read:
            body = await read_body(receive, read.hold)
            with Slot(self.queue, announced(body, _minute_seconds(inference))):
                if len(body) > LARGEST_AT_ONCE:
                    return await self._in_thread(parse_and_respond, inference, body)
                request = parse(body)
                # A state of few bytes can bring two weeks of load in its memory.
                if isinstance(request, dict) and "states" in request:
                    return await self._in_thread(respond, inference, request)
                if not hasattr(inference, "respond_all"):  # code of an older artifact
                    return respond(inference, request)
            # What is left waits for this turn of the event loop to end, not for its place.
            return await self._batches.answer(inference, request)

    async def _in_thread(self, work: Callable[..., Answer], *given: object) -> Answer:
        future = self._pool.submit(work, *given)
        self._works.add(future)
        future.add_done_callback(self._works.discard)
        return await asyncio.wrap_future(future)


def parse(body: bytes) -> object:
    """Return the JSON in `body`.

    Raises:
        Refused: 400.
    """
    if not body.strip():
        raise Refused(400, "InvalidRequest", "is empty: send a JSON object", "body")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused(400, "InvalidJson", str(error), "body") from None


def _minute_seconds(inference: Inference) -> float:
    """Return about what a minute of load takes; 0 if the artifact's own code does not say."""
    return float(getattr(getattr(inference, "controller", None), "minute_seconds", 0.0))


def respond(inference: Inference, request: object) -> Answer:
    """Return the model's answer to parsed JSON."""
    return answer_in_json(*inference.respond(request))


def parse_and_respond(inference: Inference, body: bytes) -> Answer:
    """Return the model's answer to a body.

    Raises:
        Refused: 400.
    """
    return respond(inference, parse(body))
