"""Instances that train one policy together.

Synchronous data parallelism, as in DD-PPO (Wijmans et al., ICLR 2020): each instance steps
environments of its own, the gradients of every minibatch are averaged over all, and so all have the
same weights at any time. What scales observations and rewards is joined after each rollout.
"""

import os
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import distributed

from autoscaling_rl.errors import UserError
from autoscaling_rl.toolkits.base import TrainingJob, TrainingStopped
from autoscaling_rl.toolkits.statistics import RunningMoments

PORT = 29_500  # unless MASTER_PORT says another one, as for every program that uses PyTorch so
MEETING = timedelta(minutes=10)  # instances of a job start at about the same time
HANDSHAKE = timedelta(seconds=30)
SILENCE = timedelta(minutes=30)  # of the slowest instance, in which it may test a policy


class Cluster:
    """The instances of a job; one alone neither waits nor sends anything.

    Attributes:
        size: instances.
        rank: of this one, from 0.
    """

    def __init__(self, job: TrainingJob) -> None:
        """Meet the others.

        Raises:
            UserError: they did not come, or the first one cannot be reached.
            TrainingStopped: the job was asked to stop meanwhile.
        """
        self.size, self.rank = len(job.hosts), 0
        self._parameters: list[torch.nn.Parameter] = []
        self._arrived = 0
        self._joined: list[tuple[RunningMoments, RunningMoments]] = []
        if self.size > 1:
            self.rank = job.hosts.index(job.current_host)
            self._meet(job)
            settings = int(job.checkpoints.fingerprint[:12] or "0", 16)
            self.check_same(settings, "settings, loads or models to start from")

    def _meet(self, job: TrainingJob) -> None:
        first, port = job.hosts[0], os.environ.get("MASTER_PORT", PORT)
        if job.network_interface:
            os.environ.setdefault("GLOO_SOCKET_IFNAME", job.network_interface)
        try:
            if not 0 < int(port) < 1 << 16:
                raise ValueError("there is no such port")
            store = self._store(first, int(port), job.stop)
            distributed.init_process_group(
                "gloo", store=store, rank=self.rank, world_size=self.size, timeout=SILENCE
            )
        except (OSError, RuntimeError, ValueError) as error:
            raise UserError(
                f"the {self.size} instances of this job did not meet at {first}, port {port}:"
                f" {' '.join(str(error).split())[:200]}; see the logs of the others, and let the"
                " security group of the job allow traffic within itself"
            ) from error

    def _store(self, first: str, port: int, stop: Callable[[], bool]) -> Any:  # noqa: ANN401
        """Return what the instances find each other by, once all of them have come.

        PyTorch would wait for them as well, but deaf to a request to stop.
        """
        end, leads = time.monotonic() + MEETING.total_seconds(), self.rank == 0

        def wait(until: Callable[[], bool]) -> None:
            while not until():
                if stop():
                    raise TrainingStopped("stopped before the instances had met: no policy yet")
                if time.monotonic() > end:
                    raise TimeoutError(f"not all of them came within {MEETING}")
                time.sleep(0.1)

        if not leads:
            wait(lambda: _listens(first, port))
        store = distributed.TCPStore(  # type: ignore[attr-defined]
            first,
            port,
            self.size,
            is_master=leads,
            timeout=HANDSHAKE,
            wait_for_workers=False,
            # PyTorch itself would listen on every address of the machine.
            master_listen_fd=socket.create_server((first, port)).detach() if leads else None,
        )
        store.add("here", 1)
        wait(lambda: store.add("here", 0) == self.size)
        return store

    @property
    def path(self) -> tuple[int, ...]:
        """What seeds of this instance depend on beside what those of the first do."""
        return (self.rank,) if self.rank else ()

    def close(self) -> None:
        """Leave the others."""
        if self.size > 1:
            distributed.destroy_process_group()

    def any(self, flag: bool) -> bool:
        """Return whether the flag is set on any instance."""
        return bool(self.most(float(flag)))

    def most(self, value: float) -> float:
        """Return the largest of the instances' values."""
        return float(self._reduced(np.array([value]), distributed.ReduceOp.MAX)[0])

    def total(self, values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sums of the instances' values, elementwise."""
        return self._reduced(np.array(values, np.float64), distributed.ReduceOp.SUM)

    def _reduced(
        self, values: NDArray[np.float64], how: distributed.ReduceOp.RedOpType
    ) -> NDArray[np.float64]:
        if self.size > 1:
            self._reduce(torch.from_numpy(values), how)
        return values

    def _reduce(self, values: torch.Tensor, how: distributed.ReduceOp.RedOpType) -> None:
        try:
            distributed.all_reduce(values, how)
        except RuntimeError as error:
            raise UserError(
                f"another of the {self.size} instances of this job has ended or cannot be reached:"
                " the log of the one that ended first says why"
            ) from error

    def share_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Average gradients over the instances from now on, as soon as all of them are there."""
        if self.size == 1:
            return
        self._parameters = [each for each in parameters if each.requires_grad]
        for each in self._parameters:
            each.register_post_accumulate_grad_hook(self._average)  # type: ignore[no-untyped-call]

    def _average(self, _: torch.Tensor) -> None:
        self._arrived += 1
        if self._arrived < len(self._parameters):
            return
        self._arrived = 0
        gradients = [each.grad for each in self._parameters if each.grad is not None]
        joined = torch.cat([each.reshape(-1) for each in gradients]).cpu()
        self._reduce(joined, distributed.ReduceOp.SUM)
        joined /= self.size
        parts = torch.split(joined, [each.numel() for each in gradients])
        for each, mean in zip(gradients, parts, strict=True):
            each.copy_(mean.view_as(each))

    def check_weights(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Make sure that all instances have the same weights: else nothing was shared.

        Args:
            parameters: of the model.

        Raises:
            RuntimeError: they have not.
        """
        if self.size == 1:
            return
        total = float(sum(each.detach().double().sum() for each in parameters))
        if self.most(total) != -self.most(-total):
            raise RuntimeError("the instances have different weights")

    def join(self, moments: Sequence[RunningMoments]) -> None:
        """Have each of `moments` hold what all instances have seen.

        They must be the same on all instances at the first call, which only remembers them.
        """
        if self.size == 1:
            return
        for known, (before, newest) in zip(moments, self._joined, strict=False):
            columns = len(before.mean)
            parts = np.zeros((self.size, 1 + 2 * columns))
            parts[self.rank] = np.concatenate(([newest.count], newest.mean, newest.variance))
            for count, *each in self.total(parts).tolist():  # in one order, on all of them
                before.merge(count, np.array(each[:columns]), np.array(each[columns:]))
            known.take(before)
        self._joined = [(each.copy(), each.watch()) for each in moments]

    def check_same(self, value: int, what: str) -> None:
        """Refuse instances that do not agree.

        Args:
            value: of this instance, below 2**53.
            what: it stands for, in plural.

        Raises:
            UserError: they have different ones.
        """
        if self.most(float(value)) != -self.most(-float(value)):
            raise UserError(
                f"the {self.size} instances of this job have different {what}: give all of them"
                " the same"
            )


def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 1.0).close()
    except OSError:  # names of instances may not be known at once either
        return False
    return True
