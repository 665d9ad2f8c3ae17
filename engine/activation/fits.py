#!/usr/bin/python3
"""Prints the coefficients of the polynomials of prims_full.h and shrink.isa.c, and of the quotient
of polynomials in gated.isa.c.

Each is a minimax fit found by Remez exchange with 60 digits: the largest relative error of

    first + w * (c[0] + c[1] w + ...)    against    f(w),    0 <= w <= w_max

is as small as it can be for the number of coefficients; `first`, the value at 0, is kept (rounded
to double), so that results for small arguments are good to the last bit. Coefficients are printed
as doubles, with log2 of the error that is left once they are rounded. The quotient is treated at the
end.

    python3 engine/activation/fits.py
"""
from mpmath import (atan, cos, erf, erfc, exp, linspace, log, lu_solve, matrix, mp, mpf, pi,
                    polyval, sqrt, tan, tanh)

mp.dps = 60
GRID = 600


def from_series(f, taylor):
    """f(w), but its value at 0 and next to it, where f divides by almost nothing."""
    return lambda w: f(w) if w > mpf(10) ** -12 else sum(c * w**i for i, c in enumerate(taylor))


def mills(w):
    """t sqrt(2 pi) e^(t^2/2) P(Z > t), w = 1/t^2"""
    t = 1 / sqrt(w)
    return t * sqrt(2 * pi) * exp(t * t / 2) * erfc(t / sqrt(2)) / 2


FITS = {  # f(w), its series at 0, w_max, number of coefficients
    "atan(z)/z, w = z^2, |z| <= tan(pi/8)":
        (lambda w: atan(sqrt(w)) / sqrt(w), [1, mpf(-1) / 3, mpf(1) / 5], tan(pi / 8)**2, 8),
    "erf(x)/x, w = x^2, |x| <= 0.6":
        (lambda w: erf(sqrt(w)) / sqrt(w),
         [2 / sqrt(pi), -2 / (3 * sqrt(pi)), 1 / (5 * sqrt(pi))], mpf("0.36"), 7),
    "t sqrt(2 pi) e^(t^2/2) P(Z > t), w = 1/t^2, t >= 15":
        (mills, [1, -1, 3], mpf(1) / 225, 5),
    "(x - tanh x)/x^3, w = x^2, |x| <= 0.625":
        (lambda w: (sqrt(w) - tanh(sqrt(w))) / sqrt(w)**3,
         [mpf(1) / 3, mpf(-2) / 15, mpf(17) / 315], mpf("0.390625"), 9),
}


def errors(f, first, c, grid):
    return [(first + w * sum(a * w**i for i, a in enumerate(c))) / f(w) - 1 for w in grid]


def exchange(f, first, start):
    """Coefficients and level of the polynomial that errs by +-level, in turn, at the places."""
    n = len(start)
    a, b = matrix(n, n), matrix(n, 1)
    for row, w in enumerate(start):
        for i in range(n - 1):
            a[row, i] = w ** (i + 1)
        a[row, n - 1] = f(w) * (-1) ** row
        b[row] = f(w) - first
    c = list(lu_solve(a, b))
    return c[:-1], abs(c[-1])


def extrema(error, grid, n):
    """The n places, in turn above and below zero, where the error is largest."""
    best = []
    for w, e in zip(grid, error):
        if best and (e > 0) == (best[-1][1] > 0):
            if abs(e) > abs(best[-1][1]):
                best[-1] = (w, e)
        else:
            best.append((w, e))
    while len(best) > n:
        best.pop(0 if abs(best[0][1]) < abs(best[-1][1]) else -1)
    return [w for w, _ in best]


def remez(f, first, w_max, n):
    grid = [w_max * (1 - cos(pi * x)) / 2 for x in linspace(0, 1, GRID)][1:]
    places = [w_max * (1 - cos(pi * (i + mpf(1) / 2) / (n + 1))) / 2 for i in range(n + 1)]
    for _ in range(30):
        c, level = exchange(f, first, places)
        error = errors(f, first, c, grid)
        if max(map(abs, error)) < level * mpf("1.001"):
            break
        places = extrema(error, grid, n + 1)
    rounded = [mpf(float(a)) for a in c]
    return rounded, max(map(abs, errors(f, first, rounded, grid)))


def places_in(t_max, n):
    """n points of (0, t_max], close together where Mills' ratio bends: Chebyshev in (t-2)/(t+2)"""
    top = (t_max - 2) / (t_max + 2)
    s = [(top - 1) / 2 - (top + 1) / 2 * cos(pi * (i + mpf(1) / 2) / n) for i in range(n)]
    return [2 * (1 + a) / (1 - a) for a in s]


def quotient(f, at_0, t_max, n, m):
    """a/b next to f on [0, t_max] with a(0)/b(0) = at_0: a of degree n, b of degree m and monic.
    That a/b = f (1 +- level) at the places is not linear, the level being a factor of b; there the
    last b stands in."""
    count = n + m + 1
    grid, places = places_in(t_max, 3000), places_in(t_max, count)
    a, b, level = None, [mpf(2) ** (m - i) for i in range(m + 1)], mpf(0)
    for _ in range(60):
        for _ in range(15):
            left, right = matrix(count, count), matrix(count, 1)
            for row, t in enumerate(places):
                side, v = (-1) ** row, f(t)
                want = v * (1 + side * level)
                left[row, n] = at_0 - want
                for i in range(1, n + 1):
                    left[row, i - 1] = t**i
                for i in range(1, m):
                    left[row, n + i] = -want * t**i
                left[row, count - 1] = -v * side * polyval(b[::-1], t)
                right[row] = want * t**m
            c = list(lu_solve(left, right))
            b = c[n:-1] + [mpf(1)]
            a = [at_0 * b[0]] + c[:n]
            level += c[-1]
            if abs(c[-1]) < abs(level) * mpf(10) ** -12:
                break
        error = [polyval(a[::-1], t) / polyval(b[::-1], t) / f(t) - 1 for t in grid]
        if max(map(abs, error)) < abs(level) * mpf("1.001"):
            break
        places = extrema(error, grid, count)
    a, b = ([mpf(float(c)) for c in p] for p in (a, b))
    a[0] *= 1 - mpf(2) ** -50  # see gated.isa.c
    error = [polyval(a[::-1], t) / polyval(b[::-1], t) / f(t) - 1 for t in grid]
    return a, b, max(map(abs, error))


for name, (f, taylor, w_max, n) in FITS.items():
    near = from_series(f, taylor)
    c, left = remez(near, mpf(float(taylor[0])), w_max, n)
    print(f"{name}: 2^{float(log(left, 2)):.1f}")
    for a in [taylor[0]] + c:
        print("   ", float(a).hex())

a, b, left = quotient(lambda t: exp(t * t / 2) * erfc(t / sqrt(mpf(2))) / 2, mpf(1) / 2, mpf(17), 6, 7)
print(f"e^(t^2/2) P(Z > t) = a/b, t <= 17: 2^{float(log(left, 2)):.1f}")
for c in a[::-1] + b[-2::-1]:
    print("   ", float(c).hex())
