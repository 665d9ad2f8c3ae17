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


def by_axond(name, names, x, y, test_x, test_y, seed):
    about = call("PUT", f"/datasets/{name}?label=class", table(names, x, y), "text/csv")
    spec = {
        "model": {
            "inputs": [{"name": "x", "shape": about["shape"]}],
            "layers": [
                {"type": "dense", "units": HIDDEN, "activation": "relu"},
                {"type": "dense", "units": about["n_classes"], "activation": "softmax"},
            ],
        },
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


URL, splits = sys.argv[1], int(sys.argv[2])
for name, load in (("iris", load_iris), ("wine", load_wine), ("breast_cancer", load_breast_cancer)):
    data = load()
    labels = [str(data.target_names[i]) for i in data.target]
    ours, theirs = [], []
    for seed in range(1, splits + 1):
        x, test_x, y, test_y = train_test_split(data.data, labels, test_size=0.25, random_state=seed, stratify=labels)
        ours.append(by_axond(name, data.feature_names, x, y, test_x, test_y, seed))
        theirs.append(by_sklearn(x, y, test_x, test_y, seed))
        print(f"{name} split {seed}: axond {ours[-1]:.4f}  scikit-learn {theirs[-1]:.4f}")
    print(f"{name}: axond {statistics.mean(ours):.4f}  scikit-learn {statistics.mean(theirs):.4f}  "
          f"(means of {splits} splits, {len(data.target)} rows, {len(data.feature_names)} features)")
