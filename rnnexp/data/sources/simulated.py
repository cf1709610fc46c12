"""Series as tutorials name them, drawn so that what can be known of their future is known: a share, the weather."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from rnnexp.data.series import Series
from rnnexp.data.source import MAX_DRAWN, Column, SeriesSource
from rnnexp.registry import register

if TYPE_CHECKING:
    import numpy as np

NEWS, MEMORY = 0.09, 0.90  # of the variance of returns: how much of the last one's square goes on, and of itself
YEAR = 24 * 365.2425  # hours
COLDEST, WARMEST = 24 * 20.0, 15.0  # hours after the new year and after midnight


@register("data")
class share_price(SeriesSource):
    """Draw the closing prices of a share on business days: a martingale, of which the last price is the best forecast.

    Returns are normal, their variance is a GARCH(1, 1) with weights .09 and .90 (Bollerslev, Generalized autoregressive
    conditional heteroskedasticity, 1986): calm and wild times come in clusters, and only the size of the next step can
    be known in part, not its sign.
    """

    name: Literal["share_price"] = "share_price"
    points: int = Field(2500, ge=2, le=MAX_DRAWN, description="Business days, the first is 2015-01-01.")
    start: float = Field(100.0, gt=0, description="First price.")
    volatility: float = Field(0.015, gt=0, lt=1, description="Standard deviation of a day's return in the long run.")
    seed: int = Field(0, ge=0, description="Seed of the returns.")

    def read(self) -> Series:
        import numpy as np

        drawn = np.random.default_rng(self.seed).standard_normal(self.points - 1)
        usual = self.volatility**2

        def follow(variance: float, shock: float) -> float:
            return (1 - NEWS - MEMORY) * usual + (NEWS * shock**2 + MEMORY) * variance

        variance = np.array([*accumulate(drawn[:-1], follow, initial=usual)])
        returns = np.sqrt(variance) * drawn - variance / 2  # whose exponential is 1 in the mean
        prices = self.start * np.exp(np.concatenate([[0.0], returns.cumsum()]))
        days = np.busday_offset(np.datetime64("2015-01-01"), np.arange(self.points))
        return Series.single(
            prices,
            column="close",
            time=days.astype("datetime64[ns]"),
            frequency="B",
            unit="dollars",
            source="share_price",
        )


@register("data")
class weather(SeriesSource):
    """Draw hourly temperature, pressure, humidity and wind of a place with warm summers and cold winters.

    Days and years are waves. Fronts (a pressure that wanders for days) and air masses (warmth that does) are
    autoregressive. Skies are clear under high pressure, and clear days are warm in the afternoon and cold at night: no
    sum of lags and waves can tell that.
    """

    name: Literal["weather"] = "weather"
    target: Column | list[Column] | None = Field("temperature", description="Column or columns to forecast.")
    points: int = Field(4 * 8766, ge=2, le=MAX_DRAWN, description="Hours, the first is 2019-01-01 00:00.")
    noise: float = Field(0.3, ge=0, description="Standard deviation of each hour's temperature by itself, in °C.")
    seed: int = Field(0, ge=0, description="Seed of fronts, air masses, wind and noise.")

    def read(self) -> Series:
        import numpy as np

        generator, hours = np.random.default_rng(self.seed), np.arange(self.points)
        front, air, gusts = (_wander(generator, self.points, lasting) for lasting in (60.0, 120.0, 12.0))
        winter = np.cos(2 * np.pi * (hours - COLDEST) / YEAR)
        clear = 1 / (1 + np.exp(-2.5 * front))
        daily = (1 + 9 * clear) * (1 - 0.5 * winter) * np.cos(2 * np.pi * (hours - WARMEST) / 24) / 2
        warmth = 10 - 10 * winter + 3 * air + daily
        columns = {
            "temperature": warmth + self.noise * generator.standard_normal(self.points),
            "pressure": 1013 + 9 * front,
            "humidity": np.clip(82 - 14 * clear - 3 * daily + 3 * generator.standard_normal(self.points), 10, 100),
            "wind": 3 * np.exp(0.4 * gusts - 0.3 * front),
        }
        time = np.datetime64("2019-01-01T00", "h") + hours
        return Series(
            np.stack([*columns.values()], axis=1),
            tuple(columns),
            np.array([0, self.points]),
            time=time.astype("datetime64[ns]"),
            frequency="h",
            source="weather",
        )


def _wander(generator: np.random.Generator, points: int, lasting: float) -> np.ndarray:
    """Return (points,) of an autoregression of order 1, of unit variance, that forgets in so many hours."""
    import numpy as np

    kept = np.exp(-1 / lasting)
    first, *pushes = generator.standard_normal(points)
    pushed = np.sqrt(1 - kept**2) * np.array(pushes)
    return np.array([*accumulate(pushed, lambda state, push: kept * state + push, initial=first)])
