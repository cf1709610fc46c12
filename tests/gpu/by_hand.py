"""Steps per second of a PyTorch loop by hand, all data on the device.

args: CELL UNITS WINDOW BATCH EXAMPLES EPOCHS DEVICE
"""

import sys
import time

import torch

cell, device = sys.argv[1], sys.argv[7]
units, window, batch, examples, epochs = map(int, sys.argv[2:7])


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = getattr(torch.nn, cell.upper())(1, units, batch_first=True)
        self.head = torch.nn.Linear(units, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.rnn(x)[0][:, -1])


torch.manual_seed(0)
series = torch.sin(torch.linspace(0, 50, examples + window)) + 0.1 * torch.randn(examples + window)
rows = series.unfold(0, window + 1, 1).contiguous().to(device)
net, mse = Net().to(device), torch.nn.MSELoss()
optimizer = torch.optim.Adam(net.parameters(), 1e-3)
steps = 0
for epoch in range(epochs):
    if epoch == 1:
        torch.cuda.synchronize() if device == "cuda" else None
        began = time.perf_counter()
    for chosen in torch.randperm(examples, device=device).split(batch):
        optimizer.zero_grad()
        mse(net(rows[chosen, :window, None]), rows[chosen, window:]).backward()
        optimizer.step()
        steps += epoch > 0
torch.cuda.synchronize() if device == "cuda" else None
print(f"steps_per_s={steps / (time.perf_counter() - began):.2f}")
