"""Steps per second of neuralforecast, epochs after the first. args: sine|etth1|ettm1 ETT_CSV EPOCHS ROWS

Its decoder sees the last `horizon` states, not the last one alone; the recurrent layer does the same work.
"""

import logging
import sys

import pandas as pd
from neuralforecast import NeuralForecast
from neuralforecast.losses.pytorch import MSE
from neuralforecast.models import GRU, LSTM
from stopwatch import Stopwatch
from tasks import task

logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
epochs = int(sys.argv[3])
work = task(sys.argv[1], sys.argv[2], int(sys.argv[4]))
model = {"LSTM": LSTM, "GRU": GRU}[work.cell](
    h=work.horizon,
    input_size=work.window,
    encoder_hidden_size=work.units,
    encoder_n_layers=1,
    decoder_layers=1,
    recurrent=False,
    loss=MSE(),
    max_steps=work.steps * epochs,
    learning_rate=1e-3,
    batch_size=1,  # series in a step
    windows_batch_size=work.batch,
    scaler_type="identity",
    random_seed=0,
    callbacks=[Stopwatch(skip=work.steps)],
    enable_progress_bar=False,
    enable_model_summary=False,
    enable_checkpointing=False,
    logger=False,
    accelerator="cpu",
)
times = pd.date_range("2016-07-01", periods=len(work.series), freq="h")
forecast = NeuralForecast([model], freq="h")
forecast.fit(pd.DataFrame({"unique_id": "series", "ds": times, "y": work.series}))
(fitted,) = forecast.models  # it trains a copy, of the callback too
(copied,) = [callback for callback in fitted.trainer_kwargs["callbacks"] if isinstance(callback, Stopwatch)]
print(copied.report(fitted))
