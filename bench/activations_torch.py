"""Nanoseconds an element of PyTorch's activations over 64 MiB, one thread: the peer of activations.c.

    python3 bench/activations_torch.py NAME...

The output is there before the clock starts, and the numbers are those of activations.c; best of nine.
Prints a line each: name, nanoseconds.
"""
import sys
import time

import torch

FAR = 16 << 20
TIMES = 9

torch.set_num_threads(1)
words = torch.arange(FAR, dtype=torch.int64) * 2654435761 & 0xFFFFFFFF
x = (words >> 8).float() * 2.0**-20 - 8
y = torch.empty_like(x)
nn = torch._C._nn  # where the functions of torch.nn.functional take out=

functions = {
    "sigmoid": lambda: torch.sigmoid(x, out=y),
    "tanh": lambda: torch.tanh(x, out=y),
    "gelu": lambda: nn.gelu(x, out=y),
    "silu": lambda: nn.silu(x, out=y),
    "mish": lambda: nn.mish(x, out=y),
    "softplus": lambda: nn.softplus(x, 1, 20, out=y),
}

for name in sys.argv[1:]:
    if name not in functions:
        sys.exit(f"{name} is not known to this benchmark: {', '.join(functions)}")
    best = 1e9
    for _ in range(TIMES):
        start = time.perf_counter()
        functions[name]()
        best = min(best, time.perf_counter() - start)
    print(name, f"{best / FAR * 1e9:.3f}")
