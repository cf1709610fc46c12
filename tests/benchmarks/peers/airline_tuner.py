"""KerasTuner's grid search over the airline runs, the first RUNS of 64. args: CSV EPOCHS RUNS"""

import sys
import time

t0 = time.perf_counter()
import keras  # noqa: E402
import keras_tuner  # noqa: E402
from airline_data import RATES, windows  # noqa: E402
from airline_keras_net import compiled, repeated  # noqa: E402

path, epochs, runs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
x, y, cut = windows(path)
seeds = min(runs, 8)


class Net(keras_tuner.HyperModel):
    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        rate = hp.Choice("rate", list(RATES[: -(-runs // 8)]))
        return compiled(rate, hp.Choice("seed", list(range(seeds))), epochs)

    def fit(self, hp: keras_tuner.HyperParameters, model: keras.Model, *args, **kwargs) -> keras.callbacks.History:
        history = model.fit(*args, **kwargs)
        test = model.evaluate(x[cut:], y[cut:], verbose=0)
        rate, seed = hp.get("rate"), hp.get("seed")
        print(f"lr={rate} seed={seed} test_mse={test:.5f} wall={time.perf_counter() - t0:.1f}s", flush=True)
        return history


tuner = keras_tuner.GridSearch(Net(), objective="loss", max_trials=runs, directory="tuner")
tuner.search(repeated(x[:cut], y[:cut]), epochs=1, steps_per_epoch=epochs, verbose=0)
