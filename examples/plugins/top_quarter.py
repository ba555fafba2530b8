"""A barrier aggregate: the mean KL of a completion's worst quarter, between rmse and max.

cockpit launch ... --plugin examples/plugins/top_quarter.py --set heal.aggregate=top_quarter
"""

from torch import Tensor

from engine.plugins import barrier_aggregate


@barrier_aggregate
def top_quarter(kl: Tensor) -> Tensor:
    """D of one completion from its per-position KL [n], in nats."""
    return kl.topk(max(1, len(kl) // 4)).values.mean()
