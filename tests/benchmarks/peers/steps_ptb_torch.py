"""Steps per second of a hand-written PyTorch language model, epochs after the first. args: FILE EPOCHS

Zaremba et al. (2014), small: two LSTM(200), 20 lanes of 20 tokens, states carried, SGD 1.0, gradients clipped at 5.
"""

import gzip
import sys
import time
from collections import Counter

import torch
from torch.nn.functional import cross_entropy

LANES, STEPS, UNITS = 20, 20, 200


class Net(torch.nn.Module):
    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(vocabulary, UNITS)
        self.rnn = torch.nn.LSTM(UNITS, UNITS, 2, batch_first=True)
        self.head = torch.nn.Linear(UNITS, vocabulary)

    def forward(self, x: torch.Tensor, states: tuple | None) -> tuple[torch.Tensor, tuple]:
        x, states = self.rnn(self.embedding(x), states)
        return self.head(x), states


with gzip.open(sys.argv[1], "rt", encoding="utf-8") as file:
    tokens = [token for line in file for token in (*line.split(), "<eos>")]
numbers = {token: index for index, (token, _) in enumerate(Counter(tokens).most_common(), start=2)}
ids = torch.tensor([numbers[token] for token in tokens])
length = (len(ids) - 1) // LANES // STEPS * STEPS
x, y = (ids[first : first + LANES * length].view(LANES, length) for first in (0, 1))

torch.manual_seed(0)
net = Net(len(numbers) + 2)
for parameter in net.parameters():
    torch.nn.init.uniform_(parameter, -0.1, 0.1)
optimizer = torch.optim.SGD(net.parameters(), 1.0)
epochs = int(sys.argv[2])
for epoch in range(epochs):
    if epoch == 1:
        began = time.perf_counter()
    states, total = None, 0.0
    for first in range(0, length, STEPS):
        scores, states = net(x[:, first : first + STEPS], states)
        states = tuple(state.detach() for state in states)
        nats = cross_entropy(scores.flatten(0, 1), y[:, first : first + STEPS].flatten())
        optimizer.zero_grad()
        (STEPS * nats).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        total += nats.item()
seconds = time.perf_counter() - began
parameters = sum(p.numel() for p in net.parameters())
steps = length // STEPS
print(f"parameters={parameters} nats={total / steps:.4f} steps_per_s={steps * (epochs - 1) / seconds:.2f}")
