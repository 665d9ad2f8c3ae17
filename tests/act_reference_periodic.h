/* act_reference_periodic.h - references of the rows of catalog_periodic.inc; see
 * act_reference.h. */
#ifndef TESTS_ACT_REFERENCE_PERIODIC_H
#define TESTS_ACT_REFERENCE_PERIODIC_H

/* k x need not be a real, and what is lost of it is a whole turn if x is large */
static real ref_sin(real k, real x)
{
    real z = k * x;
    return fma(k, x, -z) == 0 ? sin(z) : (real)wide_sin((wide)k * x);
}

static real ref_cos(real k, real x)
{
    real z = k * x;
    return fma(k, x, -z) == 0 ? cos(z) : (real)wide_cos((wide)k * x);
}

static real ref_sinc(real k, real x)
{
    return x == 0 ? 1 : ref_sin(k, x) / (k * x);
}

/* sum of (-1)^n z^(2n - order) (2n)!/(2n - order)!/(2n + 1)!, |z| < 0.25 */
static real ref_sinc_series(int order, real z)
{
    real sum = 0, power = order == 1 ? z : 1, factorial = 6;
    for (int n = 1; n < 12; n++) {
        sum += (n % 2 ? -1 : 1) * power * (order == 1 ? 2 * n : 2 * n * (2 * n - 1)) / factorial;
        power *= z * z;
        factorial *= (2 * n + 2) * (2 * n + 3);
    }
    return sum;
}

static real ref_sinc_slope(real k, real x)
{
    real z = k * x, c, s, y;
    if (fabs(z) < 0.25L)
        return k * ref_sinc_series(1, z);
    c = ref_cos(k, x), s = ref_sin(k, x) / z, y = c - s;
    wide w = (wide)k * x;
    return REF_CLOSE(y, fabs(c) + fabs(s), wide_cos(w) - wide_sin(w) / w) / x;
}

static real ref_sinc_curve(real k, real x)
{
    real z = k * x, c, s, y;
    if (fabs(z) < 0.25L)
        return k * k * ref_sinc_series(2, z);
    c = 2 * ref_cos(k, x) / z, s = ref_sin(k, x), y = (2 / z / z - 1) * s - c;
    wide w = (wide)k * x;
    y = REF_CLOSE(y, (2 / z / z + 1) * fabs(s) + fabs(c),
                  (2 / w / w - 1) * wide_sin(w) - 2 * wide_cos(w) / w);
    return k * (y / x);
}

/* 1 + sin 2ax, without loss at its double roots */
static real ref_snake_slope(real a, real x)
{
    real y = 1 + ref_sin(2 * a, x);
    return REF_CLOSE(y, 2, 1 + wide_sin(2 * (wide)a * x));
}

static real ref_gcu_slope(real x)
{
    real c = cos(x), b = x * sin(x), y = c - b;
    return REF_CLOSE(y, fabs(c) + fabs(b), wide_cos(x) - x * wide_sin(x));
}

static real ref_gcu_curve(real x)
{
    real s = -2 * sin(x), b = x * cos(x), y = s - b;
    return REF_CLOSE(y, fabs(s) + fabs(b), -2 * wide_sin(x) - x * wide_cos(x));
}

/* sin z - z */
static wide ref_sag(wide z)
{
    if (wide_abs(z) > 0.25)
        return wide_sin(z) - z;
    wide sum = 0, term = z;
    for (int n = 2; n < 30; n += 2)
        sum += term *= -z * z / (n * (n + 1));
    return sum;
}

/* f, f' or f'' of sinlu over s(x); nothing is lost at a double root of 1 + ab cos bx, nor where ab
 * is -1 and x small */
static wide ref_sinlu_wide(const double *p, int order, wide x)
{
    wide z = p[1] * x, ab = p[0] * (wide)p[1], half = ab < 0 ? wide_sin(z / 2) : wide_cos(z / 2);
    wide u = (1 + ab) * x + p[0] * ref_sag(z), swing = wide_abs(ab);
    wide du = 1 - swing + 2 * swing * half * half;
    wide ddu = -ab * p[1] * wide_sin(z), v = wide_exp(-wide_abs(x));
    wide c = (x > 0 ? v : 1) / (1 + v), s = (x > 0 ? 1 : v) / (1 + v);
    return order == 0 ? u : order == 1 ? du + u * c : ddu + 2 * du * c + u * c * (c - s);
}

static real ref_sinlu(const double *p, int order, real x)
{
    if (x < -1e4L)
        return -0.0L;
    real s = p[0] * ref_sin(p[1], x), b = p[0] * p[1] * ref_cos(p[1], x), c = ref_s(-x);
    real bend = -p[1] * p[1] * s, u = x + s, y, size;
    if (order == 0)
        y = u, size = fabs(x) + fabs(s);
    else if (order == 1)
        y = 1 + b + u * c, size = 1 + fabs(b) + (fabs(x) + fabs(s)) * c;
    else {
        y = bend + 2 * (1 + b) * c - u * c * tanh(x / 2);
        size = fabs(bend) + (2 + 2 * fabs(b) + fabs(x) + fabs(s)) * c;
    }
    return ref_s(x) * REF_CLOSE(y, size, ref_sinlu_wide(p, order, x));
}

/* clang-format off */
REF(sin, ref_sin(p[0], x), p[0] * ref_cos(p[0], x),
    -p[0] * p[0] * ref_sin(p[0], x))
REF(cos, ref_cos(p[0], x), -p[0] * ref_sin(p[0], x),
    -p[0] * p[0] * ref_cos(p[0], x))
REF(sinc, ref_sinc(p[0], x), ref_sinc_slope(p[0], x),
    ref_sinc_curve(p[0], x))
REF(snake, x + ref_sin(p[0], x) * ref_sin(p[0], x) / p[0], ref_snake_slope(p[0], x),
    2 * p[0] * ref_cos(2 * p[0], x))
REF(gcu, x * cos(x), ref_gcu_slope(x),
    ref_gcu_curve(x))
REF(sinlu, ref_sinlu(p, 0, x), ref_sinlu(p, 1, x),
    ref_sinlu(p, 2, x))

#define REF_CASES_PERIODIC \
    REF_ROW("sin", sin, INFINITY, REF_P(1), \
            1.57079633f, 3.14159265f, -6.28318531f, 1048576.0f, -1048576.0f, 1e10f, 1e30f), \
    REF_ROW("sin", sin, INFINITY, REF_P(30), 0.104719755f, 34952.53f, 1e20f), \
    REF_ROW("sin", sin, INFINITY, REF_P(0.3), 10.4719755f, 3495253.0f, 1e20f), \
    REF_ROW("sin", sin, INFINITY, REF_P(3.141592653589793), 1, -2, 3, 1048576, 333772.1f), \
    REF_ROW("sin", sin, INFINITY, REF_P(1000), 0.00314159265f, 1048.576f), \
    REF_ROW("sin", sin, INFINITY, REF_P(0.001), 3141.59265f, 1.048576e9f), \
    REF_ROW("cos", cos, INFINITY, REF_P(1), \
            1.57079633f, 3.14159265f, -4.71238898f, 1048576.0f, -1048576.0f, 1e10f, 1e30f), \
    REF_ROW("cos", cos, INFINITY, REF_P(30), 0.0523598776f, 34952.53f, 1e20f), \
    REF_ROW("cos", cos, INFINITY, REF_P(0.7), 2.24399475f, 1.5e6f, 1e20f), \
    REF_ROW("sinc", sinc, INFINITY, REF_P(1), \
            0.78f, -0.78f, 3.14159265f, 4.49340946f, 7.72525184f, 2.08157598f, 5.94036999f, 1e5f, \
            1048576.0f, 1e30f), \
    REF_ROW("sinc", sinc, INFINITY, REF_P(3.141592653589793), \
            0.248f, 1, 2, -3, 1.43029665f, 0.662586217f, 333772.1f), \
    REF_ROW("sinc", sinc, INFINITY, REF_P(1000), 0.00078f, 0.0044934095f, 0.002081576f), \
    REF_ROW("sinc", sinc, INFINITY, REF_P(0.001), 780, 4493.40946f, 2081.57598f), \
    REF_ROW("sinlu", sinlu, -1.08286, REF_P(1, 1), \
            3.14159265f, -0.618f, -1.4f, -3.1f, 9.42477796f, 25.13274f, -108, -111, 1048576.0f, \
            1e30f), \
    REF_ROW("sinlu", sinlu, INFINITY, REF_P(2, 3), -0.8f, 0.8f, 0.5f, 2.7f, 40.3f, -4.5f), \
    REF_ROW("sinlu", sinlu, INFINITY, REF_P(-1, 1), 0.01f, 1, -0.1f, 6.2831853f, 12.566371f), \
    REF_ROW("sinlu", sinlu, INFINITY, REF_P(1000, -1000), 0.5f, -0.5f, 60), \
    REF_ROW("sinlu", sinlu, INFINITY, REF_P(1.0 / 3, 3), 1.04719755f, 3.14159265f, 5.2359878f), \
    REF_ROW("snake", snake, -INFINITY, REF_P(1), \
            -0.785398163f, 2.35619449f, 5.49778714f, 0.785398163f, 1048576.0f, 524288.0f, 1e30f), \
    REF_ROW("snake", snake, -INFINITY, REF_P(0.3), -2.61799388f, 7.85398163f, 1e20f), \
    REF_ROW("snake", snake, -INFINITY, REF_P(1000), -0.000785398163f, 0.00235619449f), \
    REF_ROW("snake", snake, -INFINITY, REF_P(0.001), -785.398163f, 2356.19449f), \
    REF_ROW("gcu", gcu, INFINITY, REF_P(0), \
            0.860333589f, 3.42561846f, 6.43729818f, 1.57079633f, 2.28892973f, 5.08698509f, \
            1048576.0f, 1e5f, 1e10f, 1e30f),
/* clang-format on */

#endif
