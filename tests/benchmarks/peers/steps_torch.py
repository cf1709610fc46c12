"""Steps per second of PyTorch by hand, epochs after the first. args: sine|etth1|ettm1 ETT_CSV EPOCHS ROWS"""

import sys
import time

import numpy as np
import torch
from tasks import task

epochs = int(sys.argv[3])
work = task(sys.argv[1], sys.argv[2], int(sys.argv[4]))


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = getattr(torch.nn, work.cell)(1, work.units, batch_first=True)
        self.head = torch.nn.Linear(work.units, work.horizon)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.rnn(x)[0][:, -1])


torch.manual_seed(0)
rows = np.lib.stride_tricks.sliding_window_view(work.series, work.window + work.horizon).copy()
data = torch.utils.data.TensorDataset(torch.tensor(rows[:, : work.window, None]), torch.tensor(rows[:, work.window :]))
loader = torch.utils.data.DataLoader(data, batch_size=work.batch, shuffle=True)
net, mse = Net(), torch.nn.MSELoss()
optimizer = torch.optim.Adam(net.parameters(), 1e-3)
for epoch in range(epochs):
    if epoch == 1:
        began = time.perf_counter()
    for x, y in loader:
        optimizer.zero_grad()
        mse(net(x), y).backward()
        optimizer.step()
seconds = time.perf_counter() - began
parameters = sum(p.numel() for p in net.parameters())
print(f"parameters={parameters} steps_per_s={work.steps * (epochs - 1) / seconds:.2f}")
