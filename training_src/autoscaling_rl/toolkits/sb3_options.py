"""Options of the toolkit `sb3`: what a preset may say in its table [training]."""

from dataclasses import dataclass, replace

from autoscaling_rl.controller.policy import ACTIVATIONS
from autoscaling_rl.settings import setting

SCHEDULES = ("constant", "linear")
DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True, kw_only=True)
class Sb3Options:
    """Proximal policy optimisation (Schulman et al., 2017) by Stable-Baselines3.

    Several instances share the steps: each has n_envs environments, and the gradients of every
    minibatch are averaged over all, so that it is as many times batch_size (but advantages are
    normalised on each). See `sb3_cluster`.

    Few epochs over large minibatches train small networks fastest: on one core the optimiser, not
    the environment, is the limit.

    With an artifact of toolkit hindsight in the channel `checkpoint`, training goes on from its
    policy, which keeps its layers, its normalisation and its bank. The best policy met on load held
    out is kept, the start included. `shared_loads` and the options after it are read then, instead
    of `n_steps`, `learning_rate`, `gamma`, `gae_lambda`, `value_weight`, `hidden`, `activation`,
    `normalise_observations`, `normalise_rewards`, `reward_scale`, `episode_steps` and
    `test_episodes`.

    Attributes:
        steps: environment steps in all, over every environment; rounded up to whole rollouts.
        n_envs: environments that are stepped together.
        n_steps: steps of each environment in a rollout, between two rounds of optimisation.
        batch_size: steps in a minibatch; at most n_envs * n_steps.
        epochs: passes over a rollout; more of them learn more from each step and cost more time.
        learning_rate: step size of Adam, at the start.
        learning_rate_schedule: "constant", or "linear" down to 0 at the last step.
        clip_range: largest change of an action's probability ratio, at the start.
        clip_range_schedule: "constant" or "linear".
        target_kl: ends the epochs of a rollout early when the policy moved further; 0: never.
        gamma: discount per step; 1 / (1 - gamma) steps are looked ahead.
        gae_lambda: bias (0) against variance (1) of advantages (Schulman et al., 2016).
        entropy: weight of the entropy bonus, which keeps a policy exploring.
        value_weight: weight of the value function's loss.
        max_gradient_norm: gradients are scaled down to this norm.
        hidden: neurons of each hidden layer, of policy and value function alike.
        activation: "tanh", "silu" or "relu".
        normalise_observations: whether to scale observations by their running mean and deviation,
            which become part of the policy. They are clipped to +-10 in any case.
        reward_scale: rewards are multiplied by it for training (reported returns are not).
        normalise_rewards: whether to divide rewards by the running deviation of discounted returns.
        episode_steps: steps after which a training episode is cut, without counting as its end;
            0: where the environment ends it. Long episodes delay learning about their starts.
        segment_steps: environment steps between two checkpoints, each with a test of the policy. At
            a segment's start all environments begin new episodes. 0: a tenth of `steps`, or more:
            where the time limit of episodes is known, twice that in each environment.
        device: "cpu", "cuda" for an NVIDIA GPU, or "auto": the GPU where there is one.
            Small networks may train faster without.
        test_episodes: episodes of each test. They are the same ones in every test; the policy with
            the best mean return is the one that is kept.
        shared_loads: environments that meet the same load, prices and boot times; the others of a
            group are the baseline of each (Mao et al., 2019). Must divide n_envs. Only read with an
            artifact of toolkit hindsight in the channel `checkpoint`, as all that follow.
        exploration: standard deviation of actions at the start, in logs of machines. Much more than
            0.01 trains for another fleet than the one that acts without exploring.
        warm_minutes: length of an episode, which is a rollout. The last hour of it is not learnt
            from, since what it launches may never serve in it.
        warm_learning_rate: step size of Adam, at the start.
        warm_gamma: discount per minute. Machines cost at once and serve after their warm-up.
        warm_series: loads of two weeks that episodes are cut from.
        warm_tests: loads held out for the tests; two days of each.
    """

    steps: int = setting(1_000_000, minimum=1, maximum=10**10)
    n_envs: int = setting(64, minimum=1, maximum=65_536)
    n_steps: int = setting(128, minimum=1, maximum=1_000_000)
    batch_size: int = setting(2048, minimum=2, maximum=10**7)
    epochs: int = setting(4, minimum=1, maximum=1000)
    learning_rate: float = setting(3e-4, above=0.0, maximum=1.0)
    learning_rate_schedule: str = setting("linear", choices=SCHEDULES)
    clip_range: float = setting(0.2, above=0.0, maximum=1.0)
    clip_range_schedule: str = setting("constant", choices=SCHEDULES)
    target_kl: float = setting(0.0, minimum=0.0, maximum=10.0)
    gamma: float = setting(0.99, minimum=0.0, maximum=1.0)
    gae_lambda: float = setting(0.95, minimum=0.0, maximum=1.0)
    entropy: float = setting(0.0, minimum=0.0, maximum=10.0)
    value_weight: float = setting(0.5, minimum=0.0, maximum=100.0)
    max_gradient_norm: float = setting(0.5, above=0.0, maximum=1000.0)
    hidden: tuple[int, ...] = setting((64, 64), minimum=1, maximum=4096)
    activation: str = setting("tanh", choices=ACTIVATIONS)
    normalise_observations: bool = True
    reward_scale: float = setting(1.0, above=0.0, maximum=1e6)
    normalise_rewards: bool = False
    episode_steps: int = setting(0, minimum=0, maximum=10**9)
    segment_steps: int = setting(0, minimum=0, maximum=10**10)
    test_episodes: int = setting(8, minimum=1, maximum=4096)
    device: str = setting("auto", choices=DEVICES)
    shared_loads: int = setting(8, minimum=2, maximum=4096)
    exploration: float = setting(0.01, above=0.0, maximum=1.0)
    warm_minutes: int = setting(480, minimum=120, maximum=10_080)
    warm_learning_rate: float = setting(5e-5, above=0.0, maximum=1.0)
    warm_gamma: float = setting(0.99, minimum=0.0, maximum=1.0)
    warm_series: int = setting(64, minimum=1, maximum=10_000)
    warm_tests: int = setting(128, minimum=1, maximum=10_000)

    def __post_init__(self) -> None:
        """Refuse combinations that cannot work, with the remedy."""
        if self.batch_size > self.rollout:
            raise ValueError(
                f"training.batch_size is {self.batch_size}, more than the {self.rollout} steps of a"
                " rollout (n_envs * n_steps): lower it, or raise training.n_steps"
            )
        if not self.hidden or len(self.hidden) > 8:
            raise ValueError("training.hidden must name 1 to 8 layers, e.g. [64, 64]")

    def after_hindsight(self) -> "Sb3Options":
        """Return the options as they apply where training starts from toolkit hindsight.

        An episode is a rollout, so that no group goes on into the next one with other weights. The
        baseline is the group's: there is no value function to learn or to bootstrap from.
        """
        return replace(
            self,
            n_steps=self.warm_minutes,
            batch_size=min(self.batch_size, self.n_envs * self.warm_minutes),
            learning_rate=self.warm_learning_rate,
            gamma=self.warm_gamma,
            gae_lambda=1.0,
            value_weight=0.0,
        )

    def shared_by(self, instances: int) -> "Sb3Options":
        """Return the options of each of some instances that do the steps of these together."""
        return replace(
            self,
            steps=-(-self.steps // instances),
            segment_steps=-(-self.segment_steps // instances),
        )

    @property
    def rollout(self) -> int:
        """Environment steps of a rollout."""
        return self.n_envs * self.n_steps

    def segments(self, longest: int = 0) -> tuple[int, ...]:
        """Return the rollouts of each segment, nearly equally many, so that all steps are done.

        Args:
            longest: steps after which an episode ends at the latest; 0: not known. Episodes that
                last longer than a segment never end, and what their ends bring is never learnt; but
                a job that is interrupted goes on from the last segment's end, so there are three.
        """
        rollouts = -(-self.steps // self.rollout)
        least = max(1, -(-2 * longest // self.n_steps))
        if self.segment_steps:
            wanted = round(self.steps / self.segment_steps)
        else:
            wanted = min(10, max(3, rollouts // least))
        count = min(max(1, wanted), rollouts)
        length, rest = divmod(rollouts, count)
        return (length + 1,) * rest + (length,) * (count - rest)
