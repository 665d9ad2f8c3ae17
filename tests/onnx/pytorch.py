"""Networks exported by PyTorch, in PyTorch and in axond: the same inputs, the numbers compared.

    python3 pytorch.py FOLDER AXOND

Every network is exported with its batch (and, for sequences, its time) open where the exporter can, and run
for other sizes than it was exported with. The largest difference may be 1e-5 of the largest number of the
output. Last line: "N passed, N failed".
"""
import os
import subprocess
import sys
import warnings

import numpy as np
import torch
from torch import nn

WITHIN = 1e-5


class ResidualBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.body = nn.Sequential(nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1, bias=False),
                                  nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1))
        self.down = nn.Conv2d(16, 24, 3, stride=2, padding=1)

    def forward(self, x):
        x = self.stem(x)
        return self.down(torch.relu(x + self.body(x))).mean((2, 3))


class Recurrent(nn.Module):
    """The outputs and the last states of a recurrent layer."""

    def __init__(self, kind, **options):
        super().__init__()
        self.layer = kind(7, 12, **options)

    def forward(self, x):
        y, state = self.layer(x)
        return (y, *state) if isinstance(state, tuple) else (y, state)


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(50, 16)
        self.out = nn.Linear(16, 5)

    def forward(self, ids):
        return self.out(self.table(ids).mean(1))


class Encoder(nn.Module):
    """Layers of a transformer as PyTorch has them, without the fused path of its inference mode."""

    def __init__(self, first):
        super().__init__()
        self.layers = nn.ModuleList([nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, norm_first=first,
                                                                activation="gelu") for _ in range(2)])

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


def mlp():
    return nn.Sequential(nn.Linear(20, 33), nn.ReLU(), nn.Linear(33, 17), nn.Tanh(), nn.Linear(17, 5), nn.Softmax(1))


def cnn():
    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.SiLU(), nn.MaxPool2d(2),
                         nn.Conv2d(8, 12, 5, stride=2, padding=2, groups=4), nn.Hardswish(), nn.AvgPool2d(2, ceil_mode=True),
                         nn.Flatten(), nn.Linear(48, 10), nn.LogSoftmax(1))


def activations():
    return nn.Sequential(nn.Linear(9, 9), nn.ELU(0.7), nn.LeakyReLU(0.2), nn.PReLU(9), nn.SELU(), nn.CELU(1.3), nn.GELU(),
                         nn.Softplus(), nn.Mish(), nn.Softsign(), nn.Hardsigmoid(), nn.Hardtanh(-0.4, 0.6), nn.Sigmoid(),
                         nn.LogSigmoid(), nn.Hardshrink(0.1), nn.ReLU6())


def convolutions():
    return nn.Sequential(nn.Conv1d(6, 10, 5, padding=2, dilation=1), nn.ReLU(), nn.ConvTranspose1d(10, 4, 4, stride=2, padding=1),
                         nn.GroupNorm(2, 4), nn.Conv1d(4, 8, 3, groups=2, padding=1))


def upscaling():
    return nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.PixelShuffle(2), nn.Upsample(scale_factor=2, mode="bilinear"),
                         nn.InstanceNorm2d(4, affine=True), nn.ConvTranspose2d(4, 3, 3, stride=2, padding=1, output_padding=1))


def volumes():
    return nn.Sequential(nn.Conv3d(2, 4, 3, padding=1), nn.ReLU(), nn.MaxPool3d(2), nn.AdaptiveAvgPool3d(1), nn.Flatten(),
                         nn.Linear(4, 3))


T = {0: "batch", 1: "time"}
# name, module, shape of export, other shapes, open axes, opset
CASES = [
    ("mlp", mlp, (2, 20), [(1, 20), (7, 20)], {0: "batch"}, 13),
    ("cnn", cnn, (2, 1, 14, 14), [(1, 1, 14, 14), (5, 1, 14, 14)], {0: "batch"}, 14),
    ("residual block", ResidualBlock, (1, 3, 16, 16), [(3, 3, 16, 16), (2, 3, 21, 13)], {0: "batch", 2: "h", 3: "w"}, 13),
    ("activations", activations, (2, 9), [(1, 9), (6, 9)], {0: "batch"}, 16),
    ("1-d convolutions", convolutions, (1, 6, 20), [(3, 6, 20), (1, 6, 33)], {0: "batch", 2: "t"}, 13),
    ("upscaling", upscaling, (1, 3, 8, 8), [(2, 3, 8, 8)], {0: "batch"}, 13),
    ("volumes", volumes, (1, 2, 8, 6, 5), [(3, 2, 8, 6, 5)], {0: "batch"}, 13),
    ("lstm", lambda: Recurrent(nn.LSTM, batch_first=True), (2, 5, 7), [(1, 9, 7), (4, 5, 7)], T, 13),
    ("gru", lambda: Recurrent(nn.GRU, batch_first=True), (2, 5, 7), [(1, 9, 7), (4, 5, 7)], T, 13),
    ("rnn", lambda: Recurrent(nn.RNN, nonlinearity="relu"), (5, 2, 7), [(9, 1, 7), (5, 4, 7)], {0: "time", 1: "batch"}, 13),
    ("lstm, two layers both ways", lambda: Recurrent(nn.LSTM, num_layers=2, bidirectional=True, batch_first=True), (2, 5, 7), [(3, 8, 7)], T, 14),
    ("gru, both ways", lambda: Recurrent(nn.GRU, bidirectional=True, batch_first=True), (2, 5, 7), [(3, 8, 7)], T, 14),
    ("transformer encoder", lambda: Encoder(False), (2, 6, 32), [(1, 6, 32), (3, 11, 32)], T, 14),
    ("transformer encoder, norms first", lambda: Encoder(True), (2, 6, 32), [(1, 9, 32)], T, 16),
    ("embedding", Words, (2, 6), [(1, 6), (4, 9)], T, 13),
]


def shake(module):
    """Statistics and scales that are not those of a fresh layer."""
    for m in module.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.running_mean.uniform_(-0.5, 0.5)
            m.running_var.uniform_(0.5, 2)
            nn.init.uniform_(m.weight, 0.5, 1.5)
            nn.init.uniform_(m.bias, -0.5, 0.5)


def sample(shape, ids):
    return torch.randint(0, 50, shape) if ids else torch.randn(shape)


def run(axond, model, x, folder, names):
    path = os.path.join(folder, "x.npy")
    np.save(path, x.numpy())
    done = subprocess.run([axond, "run", model, "--input", "x=" + path, "--output-dir", folder], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return [np.load(os.path.join(folder, n + ".npy")) for n in names]


def one(folder, axond, name, make, shape, others, axes, opset):
    torch.manual_seed(1)
    module = make().eval()
    shake(module)
    ids = isinstance(module, Words)
    model = os.path.join(folder, name.replace(" ", "-").replace(",", "") + ".onnx")
    with torch.no_grad():
        want = module(sample(shape, ids))
    names = ["y%d" % i for i in range(len(want))] if isinstance(want, tuple) else ["y0"]
    torch.onnx.export(module, (sample(shape, ids),), model, opset_version=opset, input_names=["x"], output_names=names,
                      dynamic_axes={"x": axes})
    worst = 0
    for s in [shape] + others:
        x = sample(s, ids)
        with torch.no_grad():
            want = module(x)
        want = want if isinstance(want, tuple) else (want,)
        for y, got in zip(want, run(axond, model, x, folder, names)):
            y = y.numpy()
            if y.shape != got.shape:
                raise RuntimeError("shape %s, expected %s" % (got.shape, y.shape))
            worst = max(worst, float(np.abs(y - got).max() / np.abs(y).max()))
    print("%-6s %-34s %8.1e   sizes %s" % ("ok" if worst <= WITHIN else "FAILED", name, worst, [shape] + others))
    return worst <= WITHIN


def main(folder, axond):
    warnings.filterwarnings("ignore")
    os.makedirs(folder, exist_ok=True)
    passed = failed = 0
    for case in CASES:
        try:
            ok = one(folder, axond, *case)
        except Exception as e:  # whatever an exporter or a program throws is one failed case
            print("FAILED %s: %s" % (case[0], str(e).strip().split("\n")[-1]))
            ok = False
        passed += ok
        failed += not ok
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], os.path.abspath(sys.argv[2])))
