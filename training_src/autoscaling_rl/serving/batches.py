"""Requests that come at the same time are decided together, by one pass of the network.

A pass costs little more for many rows than for one: nearly all of it is the overhead of calls. This
is the adaptive batching of Crankshaw et al., Clipper (NSDI 2017), without its delay: no request
waits for others to come, only for those that the event loop has already read.
"""

import asyncio
import logging

from autoscaling_rl.serving.model import Inference
from autoscaling_rl.serving.requests import Answer, answer_in_json

logger = logging.getLogger(__name__)

MOST = 32  # requests of a pass, each of at most `application.LARGEST_AT_ONCE` bytes


class Batches:
    """Collects the requests of one turn of the event loop."""

    def __init__(self) -> None:
        self._waiting: list[tuple[object, asyncio.Future[Answer]]] = []

    async def answer(self, inference: Inference, request: object) -> Answer:
        """Return the answer to parsed JSON, made together with those that wait as well."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._turn, loop, inference)
        future: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((request, future))
        return await future

    def _turn(self, loop: asyncio.AbstractEventLoop, inference: Inference) -> None:
        """Answer what waits, but not so much that a health check would have to wait long."""
        batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        if self._waiting:
            loop.call_soon(self._turn, loop, inference)
        answers = answered(inference, [request for request, _ in batch])
        for (_, future), answer in zip(batch, answers, strict=True):
            if future.done():  # given up: the time to drain is over
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)


def answered(inference: Inference, requests: list[object]) -> list[Answer | Exception]:
    """Return the answer to each request; what fails on one leaves the others alone."""
    if len(requests) > 1:
        try:
            together = zip(requests, inference.respond_all(requests), strict=True)
            return [answer_in_json(*said) for _, said in together]
        except Exception:
            logger.exception("requests failed together: each is tried alone")
    answers: list[Answer | Exception] = []
    for request in requests:
        try:
            answers.append(answer_in_json(*inference.respond(request)))
        except Exception as error:
            answers.append(error)
    return answers
