"""The tables of scikit-learn, learned by a running axond and by scikit-learn itself: see tables.sh."""
import csv
import io
import json
import statistics
import sys
import urllib.request
import warnings

from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

HIDDEN, BATCH, EPOCHS, RATE = 32, 16, 100, 0.005
# scikit-learn draws kernels so, whatever the activation; {} leaves the choice to axond
INITS = {"axond": {"kernel_initializer": "glorot_uniform"}, "axond, own init": {}}


def call(method, path, body=None, kind="application/json"):
    request = urllib.request.Request(URL + path, data=body, method=method)
    if body is not None:
        request.add_header("Content-Type", kind)
    return json.load(urllib.request.urlopen(request))


def table(names, x, y):
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(list(names) + ["class"])
    rows.writerows([repr(float(v)) for v in row] + [label] for row, label in zip(x, y))
    return out.getvalue().encode()


def layers(classes, init):
    """For two classes one output that says yes or no, as scikit-learn does."""
    last = {"units": 1, "activation": "sigmoid"} if classes == 2 else {"units": classes, "activation": "softmax"}
    return [{"type": "dense", "units": HIDDEN, "activation": "relu", **init}, {"type": "dense", **last, **init}]


def by_axond(name, about, init, test_x, test_y, seed):
    spec = {
        "model": {"inputs": [{"name": "x", "shape": about["shape"]}], "layers": layers(about["n_classes"], init)},
        "dataset": name, "normalize": True, "batch_size": BATCH, "epochs": EPOCHS, "seed": seed,
        "optimizer": {"name": "adam", "learning_rate": RATE}, "publish": name,
    }
    job = call("POST", "/train", json.dumps(spec).encode())
    while job["state"] in ("queued", "running"):
        job = call("GET", f"/jobs/{job['id']}?wait=30")
    if job["state"] != "succeeded":
        sys.exit(f"the training of {name} has {job['state']}: {job['error']}")
    answer = call("POST", f"/models/{name}/predict", json.dumps({"inputs": test_x.tolist()}).encode())
    right = sum(p["label"] == label for p, label in zip(answer["predictions"], test_y))
    return right / len(test_y)


def by_sklearn(x, y, test_x, test_y, seed):
    scaler = StandardScaler().fit(x)
    net = MLPClassifier((HIDDEN,), activation="relu", solver="adam", alpha=0, batch_size=BATCH, max_iter=EPOCHS,
                        learning_rate_init=RATE, tol=0, n_iter_no_change=EPOCHS, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it would rather go on
        net.fit(scaler.transform(x), y)
    return net.score(scaler.transform(test_x), test_y)


def one_split(name, data, labels, split):
    """The shares of right answers, each a mean over the seeds."""
    x, test_x, y, test_y = train_test_split(data.data, labels, test_size=0.25, random_state=split, stratify=labels)
    about = call("PUT", f"/datasets/{name}?label=class", table(data.feature_names, x, y), "text/csv")
    seeds = range(split * SEEDS, (split + 1) * SEEDS)
    shares = {"scikit-learn": statistics.mean(by_sklearn(x, y, test_x, test_y, s) for s in seeds)}
    for who, init in INITS.items():
        shares[who] = statistics.mean(by_axond(name, about, init, test_x, test_y, s) for s in seeds)
    return shares


def difference(ours, theirs):
    """Of the pairs: mean, its standard error, and whether that says anything (two errors off 0)."""
    d = [a - b for a, b in zip(ours, theirs)]
    mean, error = statistics.mean(d), statistics.stdev(d) / len(d) ** 0.5
    verdict = "no difference shown" if abs(mean) <= 2 * error else "better" if mean > 0 else "worse"
    return f"{mean:+.4f} +- {error:.4f}, {verdict}"


URL, splits, SEEDS = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for name, load in (("iris", load_iris), ("wine", load_wine), ("breast_cancer", load_breast_cancer)):
    data = load()
    labels = [str(data.target_names[i]) for i in data.target]
    rows = []
    for split in range(1, splits + 1):
        rows.append(one_split(name, data, labels, split))
        print(f"{name} split {split}: " + "  ".join(f"{who} {share:.4f}" for who, share in rows[-1].items()), flush=True)
    shares = {who: [row[who] for row in rows] for who in rows[0]}
    print(f"{name}: {len(data.target)} rows, {len(data.feature_names)} features, {splits} splits, seeds of each: {SEEDS}")
    for who, list_ in shares.items():
        versus = "" if who == "scikit-learn" else f"  to scikit-learn {difference(list_, shares['scikit-learn'])}"
        print(f"  {who:17} {statistics.mean(list_):.4f}{versus}")
