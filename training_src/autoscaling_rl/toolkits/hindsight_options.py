"""Options of the toolkit `hindsight`: what a preset may say in its table [training]."""

from dataclasses import dataclass

from autoscaling_rl.settings import setting


@dataclass(frozen=True, kw_only=True)
class HindsightOptions:
    """Training by the exact gradient of J through the dynamics.

    Attributes:
        networks: networks that are trained, each on loads of its own; their outputs are averaged.
        steps: updates of each network.
        windows: stretches of load in an update.
        window_minutes: length of a stretch.
        series: loads that stretches are cut from, drawn anew for each network.
        series_days: length of a load.
        own_share: part of the loads that is cut from the recorded load, if one is given. More than
            a small part would be learnt by heart.
        hidden: neurons of each of the two hidden layers.
        learning_rate: largest step size of AdamW; it falls along a cosine.
        weight_decay: of AdamW.
        averaging: weight of the past in the running mean of weights that is kept; 0: the last.
        segment_steps: updates between two checkpoints.
        bank: whether the policy chooses online between the network at several prices and rules.
    """

    networks: int = setting(1, minimum=1, maximum=16)
    steps: int = setting(3000, minimum=1, maximum=1_000_000)
    windows: int = setting(48, minimum=1, maximum=4096)
    window_minutes: int = setting(400, minimum=60, maximum=10_080)
    series: int = setting(128, minimum=2, maximum=10_000)
    series_days: int = setting(14, minimum=2, maximum=60)
    own_share: float = setting(0.15, minimum=0.0, maximum=1.0)
    hidden: int = setting(64, minimum=1, maximum=1024)
    learning_rate: float = setting(3e-3, above=0.0, maximum=1.0)
    weight_decay: float = setting(1e-3, minimum=0.0, maximum=10.0)
    averaging: float = setting(0.998, minimum=0.0, maximum=0.99999)
    segment_steps: int = setting(500, minimum=1, maximum=1_000_000)
    bank: bool = True
