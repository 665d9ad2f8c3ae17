#!/usr/bin/python3
"""Makes roots.h: where derivatives of activation functions vanish, and their Taylor series there.

A row of FUNCTIONS holds the function as it is defined and, by order of the derivative, guesses of
its irrational roots. Roots are found and series taken with 80 digits (mpmath); the root is then
split into two doubles, and what the truncated series leaves is checked on the interval where
near_root() of prims.h uses it.

    python3 engine/activation/roots.py > engine/activation/roots.h
"""
from mpmath import (mp, mpf, diff, erf, exp, expm1, findroot, log, log1p, ncdf, nstr, sqrt, tanh,
                    taylor)

mp.dps = 80
TERMS = 7
RADIUS = mpf(2) ** -6
LEFT = mpf(2) ** -41  # the relative error allowed


def sigmoid(x):
    return 1 / (1 + exp(-x))


FUNCTIONS = {
    "SILU": (lambda x: x * sigmoid(x), {1: [-1.28], 2: [2.4]}),
    "GELU": (lambda x: x * ncdf(x), {1: [-0.75]}),
    "GELU_TANH": (
        lambda x: x * sigmoid(2 * sqrt(2 / mp.pi) * (x + mpf("0.044715") * x**3)),
        {1: [-0.75], 2: [1.42]}),
    "MISH": (lambda x: x * tanh(log1p(exp(x))), {1: [-1.19], 2: [-2.26, 1.49]}),
    "TELU": (lambda x: x * tanh(exp(x)), {1: [-1.08], 2: [-2.07, 0.7]}),
    "SERF": (lambda x: x * erf(log1p(exp(x))), {1: [-1.19], 2: [-2.26, 1.1]}),
    "SMISH": (lambda x: x * tanh(log1p(sigmoid(x))), {1: [-1.39], 2: [-2.55, 2.22]}),
    "LOGISH": (lambda x: x * log1p(sigmoid(x)), {1: [-1.37], 2: [-2.53, 2.32]}),
    "PHISH": (lambda x: x * tanh(x * ncdf(x)), {1: [-1.2], 2: [-1.88, -0.47, 1.2]}),
    "LISHT": (lambda x: x * tanh(x), {2: [1.2]}),
    # left of 0
    "ELISH": (lambda x: expm1(x) * sigmoid(x), {1: [-0.88], 2: [-1.72]}),
    "HARD_ELISH": (lambda x: expm1(x) * (x + 1) / 2, {1: [-0.44]}),
}

HEAD = """\
/* roots.h - roots of derivatives of activation functions, for near_root() of prims.h.
 *
 * Made by roots.py; add a function there. ROOT_X_D is the root of X', ROOT_X_DD one of X''; where
 * there are several they are numbered from the left. Even derivatives have their positive root
 * only. Beside each: log2 of the largest relative error of the series on its interval. */
#ifndef AX_ACTIVATION_ROOTS_H
#define AX_ACTIVATION_ROOTS_H

#include "activation/prims.h"
"""


def series(f, order, guess):
    """Root of the order-th derivative of f, and the coefficients of (x - root)^1, ^2..."""
    root = findroot(lambda x: diff(f, x, order), mpf(guess))
    c = taylor(lambda x: f(x), root, order + TERMS + 2)
    rising = lambda n: mp.factorial(n) / mp.factorial(n - order)
    return root, [c[n] * rising(n) for n in range(order + 1, order + TERMS + 3)]


def rest(c):
    """What terms beyond TERMS add, relative to the sum, at the ends of the interval."""
    worst = mpf(0)
    for d in (-RADIUS, RADIUS):
        terms = [a * d**i for i, a in enumerate(c)]
        worst = max(worst, abs(sum(terms[TERMS:]) / sum(terms)))
    return worst


def table(name, root, c):
    hi = float(root)
    lo = float(root - mpf(hi))
    left = rest(c)
    assert left < LEFT, (name, nstr(left, 3))
    numbers = [nstr(a, 20) for a in c[:TERMS]]
    rows = [", ".join(numbers[i:i + 3]) for i in range(0, TERMS, 3)]
    return ("static const root %s = { /* 2^%.0f */\n    %s,\n    %s,\n    {%s}};\n" % (
        name, log(left, 2), hi.hex(), lo.hex(), ",\n     ".join(rows)))


def main():
    print(HEAD)
    for name, (f, orders) in FUNCTIONS.items():
        for order, guesses in orders.items():
            for i, guess in enumerate(guesses):
                suffix = "_%d" % (i + 1) if len(guesses) > 1 else ""
                root, c = series(f, order, guess)
                print(table("ROOT_%s_%s%s" % (name, "D" * order, suffix), root, c))
    print("#endif")


main()
