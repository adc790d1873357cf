"""A test that may be looked at after every case: a betting e-process for the mean of bounded paired differences.

Capital starts at 1 and bets, before each case, that the mean is above the boundary. Were the mean at or below the boundary,
the capital could exceed 1/alpha with a chance of at most alpha, ever (Ville's inequality): so passing when it does is valid
at any stopping time. After I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random variables by betting",
JRSS B 86 (2024), section 4, with the predictable plug-in bet of their equation 25.
"""

from __future__ import annotations

import math

from pointsman.errors import UsageError

_MOST = 0.5
"""Share of the largest safe bet that is ever put at risk: a single lost case must not end the game."""


class Betting:
    """Evidence that the mean of differences in [-1, 1] is above ``boundary``, case by case.

    ``spread`` is a first guess of the variance, as a part of the largest possible; a wrong one costs power, never validity.

    Raises:
        UsageError: the boundary is not inside (-1, 1), or ``alpha`` not inside (0, 1).
    """

    def __init__(self, boundary: float, alpha: float = 0.05, *, spread: float = 1.0) -> None:
        if not (-1 < boundary < 1 and 0 < alpha < 1 and 0 < spread <= 1):
            raise UsageError("boundary must be inside (-1, 1), alpha and spread inside (0, 1)")
        self._null = (boundary + 1) / 2  # differences are moved to [0, 1]
        self._alpha = alpha
        self._log_capital = 0.0
        self._best = 0.0
        self._n = 0
        # Prior of one half a case at 1/2 with variance 1/4, as in the paper: the first bets are careful.
        self._sum = 0.5
        self._squares = 0.25 * spread

    @property
    def n(self) -> int:
        """Cases seen."""
        return self._n

    @property
    def evidence(self) -> float:
        """The largest capital so far; at 1 / alpha the question is settled for good."""
        return math.exp(min(self._best, 700.0))

    @property
    def wanted(self) -> float:
        """The evidence at which the question is settled: 1 / alpha."""
        return 1 / self._alpha

    @property
    def shown(self) -> bool:
        """True once the mean has been shown to be above the boundary."""
        return self._best >= -math.log(self._alpha)

    def see(self, difference: float) -> None:
        """Take the next case's difference (candidate minus baseline), in [-1, 1].

        Raises:
            UsageError: it is outside.
        """
        if not -1 <= difference <= 1:
            raise UsageError(f"a difference of {difference} is outside [-1, 1]")
        value = (difference + 1) / 2
        self._log_capital += math.log1p(self._bet() * (value - self._null))
        self._best = max(self._best, self._log_capital)
        self._n += 1
        self._sum += value
        mean = self._sum / (self._n + 1)
        self._squares += (value - mean) ** 2

    def _bet(self) -> float:
        """Return the bet for the next case, from those seen: the growth-optimal one to second order, kept safe and one-sided."""
        mean = self._sum / (self._n + 1)
        variance = self._squares / (self._n + 1)
        edge = mean - self._null
        bet = edge / (variance + edge * edge)
        return min(max(bet, 0.0), _MOST / self._null)
