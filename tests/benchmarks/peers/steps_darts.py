"""Steps per second of darts, epochs after the first. args: sine|etth1|ettm1 ETT_CSV EPOCHS ROWS"""

import sys

from darts import TimeSeries
from darts.models import BlockRNNModel
from stopwatch import Stopwatch
from tasks import task
from torch.nn import MSELoss

epochs = int(sys.argv[3])
work = task(sys.argv[1], sys.argv[2], int(sys.argv[4]))
watch = Stopwatch(skip=work.steps)
quiet = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False, "accelerator": "cpu"}
model = BlockRNNModel(
    input_chunk_length=work.window,
    output_chunk_length=work.horizon,
    model=work.cell,
    hidden_dim=work.units,
    n_rnn_layers=1,
    batch_size=work.batch,
    n_epochs=epochs,
    loss_fn=MSELoss(),
    optimizer_kwargs={"lr": 1e-3},
    random_state=0,
    save_checkpoints=False,
    pl_trainer_kwargs={"callbacks": [watch], **quiet},
)
model.fit(TimeSeries.from_values(work.series))
print(watch.report(model.model))
