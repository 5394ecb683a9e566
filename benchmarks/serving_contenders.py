"""What `benchmarks/serving.py` compares, each as a process: it prints its port and serves.

    python benchmarks/serving_contenders.py NAME MODEL_DIR

`policy` is the endpoint; `without` the same server, which reads, parses and checks the same
requests and answers them with a constant; `fastapi` FastAPI on the same HTTP server and event loop,
with the same artifact's policy in NumPy. Each runs on the last core alone.
"""

import os
import sys
import threading
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "training_src")]

import numpy as np  # noqa: E402
import uvicorn  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from autoscaling_rl.controller.controller import answer_observations  # noqa: E402
from autoscaling_rl.serving.server import configuration, listen, load  # noqa: E402

SERVERS_CORE = (os.cpu_count() or 1) - 1


def main(name: str, folder: Path) -> None:
    """Serve until a signal comes."""
    os.sched_setaffinity(0, {SERVERS_CORE})
    listener = listen("127.0.0.1", 0)
    print(listener.getsockname()[1], flush=True)
    if name == "fastapi":
        config = uvicorn.Config(
            fastapi_application(folder),
            http="httptools",
            loop="uvloop",
            log_config=None,
            access_log=False,
        )
    else:
        config = configuration(application(name, folder))
    uvicorn.Server(config).run(sockets=[listener])


def application(name: str, folder: Path) -> Any:  # noqa: ANN401 - an ASGI application
    """Return the endpoint's application, with its model or with one that decides nothing."""
    from autoscaling_rl.serving.application import Application
    from autoscaling_rl.serving.model import Model

    made = Application(Model(folder))
    if name == "policy":
        threading.Thread(target=load, args=(made.model,), daemon=True).start()
    else:
        made.model.inference = Constant()
    return made


class Constant:
    """Answers every good request alike."""

    version = "0" * 12
    guard_settings = None
    inputs = 16

    def respond(self, body: object) -> tuple[int, dict[str, object]]:
        """Return the constant, or what is wrong with the request."""
        assert isinstance(body, dict)
        answer = answer_observations(self, body["observations"])  # type: ignore[arg-type]
        return 200, {**answer, "model_version": self.version}

    def act(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the action of each observation."""
        return np.ones(len(observations), np.int64)


def fastapi_application(folder: Path) -> Any:  # noqa: ANN401 - FastAPI is for this alone
    """Return what most people would write."""
    from fastapi import FastAPI
    from pydantic import BaseModel

    from autoscaling_rl.artifact import load_policy

    class Request(BaseModel):
        observations: list[list[float]]

    class Answer(BaseModel):
        actions: list[int]
        model_version: str

    policy, made = load_policy(folder), FastAPI()

    @made.get("/ping")
    async def ping() -> dict[str, str]:
        return {"status": "ready"}

    @made.post("/invocations")
    async def invoke(request: Request) -> Answer:
        actions = policy.act(np.array(request.observations, np.float32))
        return Answer(actions=actions.tolist(), model_version="0" * 12)

    return made


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
