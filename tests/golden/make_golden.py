#!/usr/bin/python3
"""Write the golden files of this folder with PyTorch: three small networks, each trained for ten steps
by four optimizers. Run once by hand, from the top of the tree:

    env -u OPENBLAS_CORETYPE /usr/bin/python3 tests/golden/make_golden.py

(Debian's python3-torch.) PyTorch computes in double from float32 weights and data, so that what
differs from it is the error of whoever is compared. Per network there are two files: NAME.model, a
model file with the weights before the first step, and NAME.golden, the data (x, y) and what must
come out: "grad/PARAM" of the first step, "OPTIMIZER/losses" of each step, "OPTIMIZER/PARAM" after the
last one. Batch-norm follows Keras: the running variance is the biased one and keeps `momentum` of
itself."""
import json
import os
import struct

import torch
import torch.nn.functional as F

STEPS, BATCH = 10, 6
HERE = os.path.dirname(os.path.abspath(__file__))

OPTIMIZERS = {
    "sgd": {"name": "sgd", "learning_rate": 0.1, "weight_decay": 0.001},
    "momentum": {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9, "nesterov": True},
    "adam": {"name": "adam", "learning_rate": 0.002, "epsilon": 1e-4, "weight_decay": 0.01},
    "adamw": {"name": "adamw", "learning_rate": 0.002, "beta1": 0.8, "epsilon": 1e-4, "weight_decay": 0.1},
}


def optimizer(spec, params):
    lr, decay = spec["learning_rate"], spec.get("weight_decay", 0)
    if spec["name"] == "sgd":
        return torch.optim.SGD(params, lr, spec.get("momentum", 0), 0, decay, spec.get("nesterov", False))
    cls = torch.optim.Adam if spec["name"] == "adam" else torch.optim.AdamW
    return cls(params, lr, (spec.get("beta1", 0.9), 0.999), spec["epsilon"], decay)


def batch_norm(p, name, x, momentum=0.99, eps=1e-3):
    axes = [0] + list(range(2, x.dim()))
    mean, var = x.mean(axes), x.var(axes, unbiased=False)
    with torch.no_grad():
        for key, value in (("moving_mean", mean), ("moving_variance", var)):
            running = p[name + "/" + key]
            running.mul_(momentum).add_((1 - momentum) * value)
    return F.batch_norm(x, None, None, p[name + "/gamma"], p[name + "/beta"], True, 0, eps)


def dense(p, name, x):
    return F.linear(x, p[name + "/kernel"], p[name + "/bias"])


def conv(p, name, x, **how):
    return F.conv2d(x, p[name + "/kernel"], p.get(name + "/bias"), **how)


def mlp(p, x, y):
    h = torch.tanh(dense(p, "fc1", x / 4 - 0.25))
    h = F.gelu(F.layer_norm(dense(p, "fc2", h), [15], p["norm/gamma"], p["norm/beta"], 1e-3))
    return F.cross_entropy(dense(p, "out", h), y.long()) + 0.01 * (p["fc2/kernel"] ** 2).sum()


def cnn(p, x, y):
    h = F.relu(batch_norm(p, "norm1", conv(p, "conv1", x, padding=1)))
    h = conv(p, "conv2", F.max_pool2d(h, 2), padding=1, stride=2)
    h = F.relu(batch_norm(p, "norm2", h, momentum=0.9))
    return F.cross_entropy(dense(p, "out", h.mean((2, 3))), y.long(), label_smoothing=0.1)


def residual(p, x, y):
    a = F.relu(conv(p, "a", x, padding=1))
    b = F.elu(conv(p, "b", a, padding=1, groups=8))
    h = F.silu(a + conv(p, "c", b, padding=2, dilation=2))
    h = dense(p, "out", F.avg_pool2d(h, 2).flatten(1))
    return F.binary_cross_entropy_with_logits(h, y)


def layers(*rows):
    return [dict(zip(("type", "name"), r[:2]), **r[2]) for r in rows]


SOFTMAX = {"activation": "softmax"}
NETS = {
    "mlp": (mlp, [12], 5, None, layers(
        ("dense", "fc1", {"units": 17, "activation": "tanh"}),
        ("dense", "fc2", {"units": 15, "kernel_regularizer": {"l2": 0.01}}),
        ("layer_norm", "norm", {"activation": "gelu"}),
        ("dense", "out", {"units": 5, **SOFTMAX}))),
    "cnn": (cnn, [2, 9, 7], 4, {"name": "cross_entropy", "label_smoothing": 0.1}, layers(
        ("conv2d", "conv1", {"filters": 6, "kernel_size": 3, "padding": "same", "use_bias": False}),
        ("batch_norm", "norm1", {"activation": "relu"}),
        ("max_pool2d", "pool", {}),
        ("conv2d", "conv2", {"filters": 17, "kernel_size": 3, "padding": 1, "strides": 2, "use_bias": False}),
        ("batch_norm", "norm2", {"activation": "relu", "momentum": 0.9}),
        ("global_avg_pool2d", "mean", {}),
        ("dense", "out", {"units": 4, **SOFTMAX}))),
    "residual": (residual, [3, 6, 6], 3, None, layers(
        ("conv2d", "a", {"filters": 8, "kernel_size": 3, "padding": "same", "activation": "relu"}),
        ("depthwise_conv2d", "b", {"kernel_size": 3, "padding": "same", "activation": "elu"}),
        ("conv2d", "c", {"filters": 8, "kernel_size": 3, "padding": "same", "dilation_rate": 2}),
        ("add", "sum", {"inputs": ["a", "c"], "activation": "silu"}),
        ("avg_pool2d", "pool", {}),
        ("flatten", "flat", {}),
        ("dense", "out", {"units": 3, "activation": "sigmoid"}))),
}


def shapes(layer, c, features):
    """The parameters of one layer, given its input's channels (or features)."""
    kind, k = layer["type"], layer.get("kernel_size", 0)
    if kind == "dense":
        return {"kernel": [layer["units"], features], "bias": [layer["units"]]}
    if kind == "conv2d":
        p = {"kernel": [layer["filters"], c, k, k]}
        return p if layer.get("use_bias") is False else {**p, "bias": [layer["filters"]]}
    if kind == "depthwise_conv2d":
        return {"kernel": [c, 1, k, k], "bias": [c]}
    if kind == "batch_norm":
        return {n: [c] for n in ("gamma", "beta", "moving_mean", "moving_variance")}
    return {"gamma": [features], "beta": [features]} if kind == "layer_norm" else {}


def initial(rows, shape):
    """Fixed float32 weights, as doubles."""
    c, features, p = shape[0], shape[0], {}
    for layer in rows:
        for suffix, s in shapes(layer, c, features).items():
            fan = max(1, torch.tensor(s[1:]).prod().item())
            w = torch.randn(s) / fan**0.5 if len(s) > 1 else 0.1 * torch.randn(s)
            if suffix in ("gamma", "moving_variance"):
                w = 1 + w.abs()
            p[layer["name"] + "/" + suffix] = w.float().double()
        c = layer.get("filters", c)
        features = layer.get("units", layer.get("filters", features))
        if layer["type"] == "flatten":
            features = c * (shape[1] // 2) * (shape[2] // 2)
    return p


def write(path, tensors, meta):
    """A safetensors file."""
    kinds = {torch.float32: "F32", torch.int32: "I32"}
    header, data = {"__metadata__": meta}, b""
    for name, t in tensors.items():
        raw = t.contiguous().numpy().tobytes()
        header[name] = {"dtype": kinds[t.dtype], "shape": list(t.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def floats(params, prefix):
    return {prefix + k: v.detach().float() for k, v in params.items()}


def learnable(params):
    return {k: v for k, v in params.items() if "moving" not in k}


def train(net, start, x, y, spec, out, name):
    p = {k: v.clone() for k, v in start.items()}
    for v in learnable(p).values():
        v.requires_grad_()
    opt = optimizer(spec, list(learnable(p).values()))
    losses = []
    for step in range(STEPS):
        at = slice(step * BATCH, (step + 1) * BATCH)
        opt.zero_grad()
        loss = net(p, x[at].double(), y[at].double())
        loss.backward()
        if step == 0:
            out.update({"grad/" + k: v.grad.float() for k, v in learnable(p).items()})
        opt.step()
        losses.append(loss.item())
    out[name + "/losses"] = torch.tensor(losses)
    out.update(floats(p, name + "/"))


def main():
    torch.manual_seed(20)
    for name, (net, shape, classes, loss, rows) in NETS.items():
        start = initial(rows, shape)
        x = torch.rand(STEPS * BATCH, *shape)
        y = torch.randint(0, classes, [STEPS * BATCH]).int() if net is not residual else \
            torch.randint(0, 2, [STEPS * BATCH, classes]).float()
        scale = {"scale": 0.25, "mean": 0.25} if net is mlp else {}
        spec = {"name": name, "inputs": [{"name": "x", "shape": shape, **scale}], "layers": rows}
        out = {"x": x, "y": y}
        for key, how in OPTIMIZERS.items():
            train(net, start, x, y, how, out, key)
        meta = {"optimizers": json.dumps(OPTIMIZERS), "batch_size": str(BATCH)}
        if loss:
            meta["loss"] = json.dumps(loss)
        write(os.path.join(HERE, name + ".model"), floats(start, ""), {"axond.spec": json.dumps(spec)})
        write(os.path.join(HERE, name + ".golden"), out, meta)


if __name__ == "__main__":
    main()
