"""Samples per second of a training spec in PyTorch: the peer of bench/train.c.

    python3 bench/train_torch.py SPEC.json THREADS STEPS

The network, loss, optimizer and batch size are those of the spec; the data are random pictures of
the same shape, already in memory as tensors, so nothing but the steps is timed. Layers: what the
sample models use.
"""
import json
import sys
import time

import torch
from torch import nn


def pair(v):
    return (v, v) if isinstance(v, int) else tuple(v)


def build(spec):
    shape = list(spec["inputs"][0]["shape"])
    mods = []
    for l in spec["layers"]:
        t = l["type"]
        if t == "flatten":
            mods.append(nn.Flatten())
            n = 1
            for d in shape:
                n *= d
            shape = [n]
        elif t == "dense":
            mods.append(nn.Linear(shape[0], l["units"]))
            shape = [l["units"]]
        elif t == "conv2d":
            k = pair(l["kernel_size"])
            same = l.get("padding") == "same"
            mods.append(nn.Conv2d(shape[0], l["filters"], k, padding="same" if same else 0,
                                  bias=l.get("use_bias", True)))
            shape = [l["filters"]] + ([d - 0 for d in shape[1:]] if same else
                                      [shape[1] - k[0] + 1, shape[2] - k[1] + 1])
        elif t == "batch_norm":
            mods.append(nn.BatchNorm2d(shape[0]) if len(shape) == 3 else nn.BatchNorm1d(shape[0]))
        elif t == "max_pool2d":
            k = pair(l.get("pool_size", 2))
            mods.append(nn.MaxPool2d(k))
            shape = [shape[0], shape[1] // k[0], shape[2] // k[1]]
        elif t == "global_avg_pool2d":
            mods += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
            shape = [shape[0]]
        elif t == "dropout":
            mods.append(nn.Dropout(l.get("rate", 0.5)))
        elif t != "activation":
            sys.exit(f"layer {t} is not known to this benchmark")
        act = l.get("activation")
        if act == "relu":
            mods.append(nn.ReLU())
        elif act not in (None, "softmax"):
            sys.exit(f"activation {act} is not known to this benchmark")
    return nn.Sequential(*mods)


def main():
    spec = json.load(open(sys.argv[1]))
    torch.set_num_threads(int(sys.argv[2]))
    steps = int(sys.argv[3])
    torch.manual_seed(1)
    net = build(spec["model"])
    batch = spec.get("batch_size", 32)
    name = spec.get("optimizer", "adam")
    name = name if isinstance(name, str) else name["name"]
    opt = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW,
           "sgd": lambda p: torch.optim.SGD(p, 0.01, 0.9)}[name](net.parameters())
    data = torch.rand([8, batch] + spec["model"]["inputs"][0]["shape"])
    target = torch.randint(0, 10, [8, batch])
    loss = nn.CrossEntropyLoss()
    net.train()

    def step(i):
        opt.zero_grad()
        loss(net(data[i % 8]), target[i % 8]).backward()
        opt.step()

    for i in range(5):
        step(i)
    start = time.perf_counter()
    for i in range(steps):
        step(i)
    print(f"{steps * batch / (time.perf_counter() - start):.0f}")


if __name__ == "__main__":
    main()
