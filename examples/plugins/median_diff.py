"""A vector method: the median of the paired differences, coordinate by coordinate, which a few odd contexts cannot pull away.

cockpit launch ... --plugin examples/plugins/median_diff.py --set steer.method=median_diff
"""

from torch import Tensor

from engine.plugins import Pairs, vector_method


@vector_method
def median_diff(pairs: Pairs) -> Tensor:
    """A direction [d] of one layer; its length comes from the norm rule, so a dose means what it means for mean_diff."""
    return (pairs.positive - pairs.negative).median(dim=0).values
