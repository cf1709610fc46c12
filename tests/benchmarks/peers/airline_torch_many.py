"""Every n-th of 64 airline runs by hand in PyTorch, in one thread. args: CSV EPOCHS RUNS PROCESS PROCESSES"""

import sys
import time

t0 = time.perf_counter()
import torch  # noqa: E402
from airline_data import RATES, windows  # noqa: E402


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = torch.nn.LSTM(1, 4, 2, batch_first=True)
        self.head = torch.nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.rnn(x)[0][:, -1])


path, (epochs, runs, process, processes) = sys.argv[1], map(int, sys.argv[2:])
torch.set_num_threads(1)
x, y, cut = windows(path)
x, y = torch.tensor(x), torch.tensor(y)
mse = torch.nn.MSELoss()
for rate, seed in [(rate, seed) for rate in RATES for seed in range(8)][:runs][process::processes]:
    torch.manual_seed(seed)
    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), rate)
    for _ in range(epochs):
        optimizer.zero_grad()
        mse(net(x[:cut]), y[:cut]).backward()
        optimizer.step()
    with torch.no_grad():
        test = mse(net(x[cut:]), y[cut:]).item()
    print(f"lr={rate} seed={seed} test_mse={test:.5f} wall={time.perf_counter() - t0:.1f}s", flush=True)
