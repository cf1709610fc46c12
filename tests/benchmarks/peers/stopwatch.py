"""A Lightning callback that times the steps after the first ones, and nothing else."""

import time

from pytorch_lightning import Callback, LightningModule, Trainer


class Stopwatch(Callback):
    """Count the training steps after `skip` of them and their seconds, loading of the batches included."""

    def __init__(self, skip: int) -> None:
        self.skip, self.steps, self.began, self.ended = skip, 0, 0.0, 0.0

    def on_train_batch_end(self, trainer: Trainer, module: LightningModule, *args) -> None:
        self.steps += 1
        self.ended = time.perf_counter()
        if self.steps == self.skip:
            self.began = self.ended

    def report(self, module: LightningModule) -> str:
        parameters = sum(p.numel() for p in module.parameters() if p.requires_grad)
        return f"parameters={parameters} steps_per_s={(self.steps - self.skip) / (self.ended - self.began):.2f}"
