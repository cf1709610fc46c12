"""A hand-written Hydra application: one airline run per job. -m seed=0,1 rate=0.01 hydra/launcher=basic|joblib"""

import time
from dataclasses import dataclass

import hydra
from airline_data import windows
from hydra.core.config_store import ConfigStore


@dataclass
class Settings:
    csv: str = "???"
    rate: float = 0.01
    seed: int = 0
    epochs: int = 1000


ConfigStore.instance().store("settings", Settings)


@hydra.main(version_base="1.3", config_path=None, config_name="settings")
def main(settings: Settings) -> float:
    from airline_keras_net import compiled, repeated

    began = time.perf_counter()
    x, y, cut = windows(settings.csv)
    model = compiled(settings.rate, settings.seed, settings.epochs)
    model.fit(repeated(x[:cut], y[:cut]), epochs=1, steps_per_epoch=settings.epochs, verbose=0)
    test = model.evaluate(x[cut:], y[cut:], verbose=0)
    print(
        f"lr={settings.rate} seed={settings.seed} test_mse={test:.5f} wall={time.perf_counter() - began:.1f}s",
        flush=True,
    )
    return test


if __name__ == "__main__":
    main()
