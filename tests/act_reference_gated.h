/* act_reference_gated.h - references of the rows of catalog_gated.inc; see act_reference.h. */
#ifndef TESTS_ACT_REFERENCE_GATED_H
#define TESTS_ACT_REFERENCE_GATED_H

/* gates T and their slopes: f = x T, f' = T + x T', f'' = 2 T' + x T'' */
static real ref_serf_slope(real x)
{
    return 2 * REF_K / REF_SQRT2 * exp(-ref_sp(x) * ref_sp(x)) * ref_s(x);
}

static real ref_serf_curve(real x)
{
    return ref_serf_slope(x) * (ref_s(-x) - 2 * ref_sp(x) * ref_s(x));
}

/* L = ln(1 + s(z)), L' = s c/(1 + s) */
static real ref_logish_slope(real z)
{
    return ref_s_slope(z) / (1 + ref_s(z));
}

static real ref_logish_curve(real z)
{
    return ref_logish_slope(z) * (ref_s(-z) - ref_s(z) - ref_logish_slope(z));
}

static real ref_smish_gate(real z)
{
    return tanh(log1p(ref_s(z)));
}

static real ref_smish_slope(real z)
{
    return ref_sech2(log1p(ref_s(z))) * ref_logish_slope(z);
}

/* smish'' by the same definitions: q = 1 + s, T = (q^2 - 1)/(q^2 + 1) */
static wide ref_smish_wide(wide z)
{
    wide s = 1 / (1 + wide_exp(-z)), c = 1 / (1 + wide_exp(z)), q = 1 + s, m = q * q + 1;
    wide l = s * c / q, gate = (q * q - 1) / m, sech2 = 4 * q * q / (m * m);
    return sech2 * (2 * l + z * (l * (c - s - l) - 2 * gate * l * l));
}

static real ref_smish_curve(real z)
{
    real l = ref_logish_slope(z), sech2 = ref_sech2(log1p(ref_s(z)));
    real bend = z * (ref_logish_curve(z) - 2 * ref_smish_gate(z) * l * l);
    return REF_CLOSE(sech2 * (2 * l + bend), sech2 * (2 * l + fabs(bend)), ref_smish_wide(z));
}

/* gelu and its derivatives */
static real ref_g(real x)
{
    return x * ref_Phi(x);
}

static real ref_g_slope(real x)
{
    return ref_Phi(x) + x * ref_phi(x);
}

static real ref_g_curve(real x)
{
    return ref_phi(x) * (2 - x * x);
}

/* acon_c: f/x (order 0) or f' */
static wide ref_acon_wide(const double *p, int order, wide x)
{
    wide k = (wide)p[0] - p[1], z = p[2] * k * x, v = wide_exp(-wide_abs(z));
    wide s = (z > 0 ? 1 : v) / (1 + v), c = (z > 0 ? v : 1) / (1 + v);
    return p[0] * s + p[1] * c + (order ? k * z * s * c : 0);
}

static real ref_acon(const double *p, int order, real x)
{
    real k = (real)p[0] - p[1], z = fmax(fmin(p[2] * k * x, 1e4L), -1e4L);
    real s = p[0] * ref_s(z), c = p[1] * ref_s(-z), b = order ? k * z * ref_s_slope(z) : 0;
    return REF_CLOSE(s + c + b, fabs(s) + fabs(c) + fabs(b), ref_acon_wide(p, order, x));
}

/* silu' and silu'' at b x */
static real ref_silu_slope(wide b, real x)
{
    wide w = b * x;
    real z = fmax(fmin((real)w, 1e4L), -1e4L), y = 1 + z * ref_s(-z);
    return ref_s(z) * REF_CLOSE(y, 1, 1 + w / (1 + wide_exp(w)));
}

static real ref_silu_curve(wide b, real x)
{
    wide w = b * x;
    real z = (real)w, y = 2 - z * tanh(z / 2);
    return fabs(z) > 1e4L ? 0
                          : ref_s_slope(z) * REF_CLOSE(y, 2, 2 + w * (2 / (1 + wide_exp(w)) - 1));
}

/* pau: P/(1 + |Q|) and its derivatives in type T; |x| <= 16 */
#define REF_PAU_NEAR(T, name)                                                                      \
    static T name(const double *p, int order, T x, T *size)                                        \
    {                                                                                              \
        T n[3] = {0}, d[3] = {0}, m[3] = {0}, k[3] = {0}, u = x < 0 ? -x : x, f[3];                \
        for (int i = 5; i >= 0; i--) {                                                             \
            T a = p[i], b = i == 5 || i == 0 ? 0 : p[5 + i];                                       \
            for (int j = 2; j >= 0; j--) {                                                         \
                n[j] = n[j] * x + (j ? j * n[j - 1] : a);                                          \
                d[j] = d[j] * x + (j ? j * d[j - 1] : b);                                          \
                m[j] = m[j] * u + (j ? j * m[j - 1] : a < 0 ? -a : a);                             \
                k[j] = k[j] * u + (j ? j * k[j - 1] : b < 0 ? -b : b);                             \
            }                                                                                      \
        }                                                                                          \
        int sign = (d[0] > 0) - (d[0] < 0);                                                        \
        T q = 1 + sign * d[0];                                                                     \
        f[0] = n[0] / q;                                                                           \
        f[1] = (n[1] - f[0] * sign * d[1]) / q;                                                    \
        f[2] = (n[2] - 2 * f[1] * sign * d[1] - f[0] * sign * d[2]) / q;                           \
        m[0] = (m[0] + k[0]) / q;                                                                  \
        m[1] = (m[1] + m[0] * k[1]) / q;                                                           \
        m[2] = (m[2] + 2 * m[1] * k[1] + m[0] * k[2]) / q;                                         \
        *size = m[order];                                                                          \
        return f[order];                                                                           \
    }
REF_PAU_NEAR(real, ref_pau_near)
REF_PAU_NEAR(wide, ref_pau_wide)

/* further out as a line and a rest, l1 x + l0 + y g(y), y = 1/x, whose derivatives do not cancel;
 * b4 is not 0 */
static real ref_pau_far(const double *p, int order, real x)
{
    real q = (((p[9] * x + p[8]) * x + p[7]) * x + p[6]) * x, sign = q < 0 ? -1 : 1;
    real b[5] = {1, sign * p[6], sign * p[7], sign * p[8], sign * p[9]};
    real l1 = p[5] / b[4], l0 = (p[4] - l1 * b[3]) / b[4], y = 1 / x, r[3] = {0}, d[3] = {0}, g[3];
    for (int i = 0; i < 5; i++)
        for (int j = 2; j >= 0; j--) {
            real c = i == 4 ? 0 : p[i] - (i ? l1 * b[i - 1] : 0) - l0 * b[i];
            if (i < 4)
                r[j] = r[j] * y + (j ? j * r[j - 1] : c);
            d[j] = d[j] * y + (j ? j * d[j - 1] : b[i]);
        }
    g[0] = r[0] / d[0];
    g[1] = (r[1] - g[0] * d[1]) / d[0];
    g[2] = (r[2] - 2 * g[1] * d[1] - g[0] * d[2]) / d[0];
    return order == 0   ? l1 * x + l0 + y * g[0]
           : order == 1 ? l1 - y * y * (g[0] + y * g[1])
                        : y * y * y * (2 * g[0] + 4 * y * g[1] + y * y * g[2]);
}

static real ref_pau(const double *p, int order, real x)
{
    if (fabs(x) > 16)
        return ref_pau_far(p, order, x);
    real size, y = ref_pau_near(p, order, x, &size);
    wide unused;
    return REF_CLOSE(y, size, ref_pau_wide(p, order, x, &unused));
}

/* clang-format off */
REF(silu, x * ref_s(x), fabs(x) > 1e4L ? x > 0 : ref_s(x) * (1 + x * ref_s(-x)),
    ref_s_slope(x) * (2 - x * tanh(x / 2)))
REF(gelu, x * ref_Phi(x), fabs(x) > 1e4L ? x > 0 : ref_Phi(x) + x * ref_phi(x),
    ref_phi(x) * (2 - x * x))
REF(gelu_tanh, x * ref_s(ref_2u(x)),
    fabs(x) > 1e4L ? x > 0 : ref_s(ref_2u(x)) * (1 + x * ref_2u_slope(x) * ref_s(-ref_2u(x))),
    fabs(x) > 1e4L ? 0 : ref_s_slope(ref_2u(x)) * (2 * ref_2u_slope(x) + x * ref_2u_curve(x) -
    x * ref_2u_slope(x) * ref_2u_slope(x) * tanh(ref_2u(x) / 2)))
REF(mish, x * tanh(ref_sp(x)),
    fabs(x) > 1e4L ? x > 0 : tanh(ref_sp(x)) + x * ref_sech2(ref_sp(x)) * ref_s(x),
    fabs(x) > 1e4L ? 0 : ref_sech2(ref_sp(x)) * ref_s(x) *
    (2 + x * (ref_s(-x) - 2 * ref_s(x) * tanh(ref_sp(x)))))
REF(swish, x * ref_s(p[0] * x), ref_silu_slope(p[0], x),
    p[0] * ref_silu_curve(p[0], x))
REF(e_swish, p[0] * x * ref_s(x), p[0] * ref_silu_slope(1, x),
    p[0] * ref_silu_curve(1, x))
REF(telu, x * tanh(exp(x)),
    x > 10 ? 1 : tanh(exp(x)) + x * exp(x) * ref_sech2(exp(x)),
    x > 10 ? 0 : exp(x) * ref_sech2(exp(x)) * (2 + x * (1 - 2 * exp(x) * tanh(exp(x)))))
REF(serf, x * erf(ref_sp(x)), fabs(x) > 1e4L ? x > 0 : erf(ref_sp(x)) + x * ref_serf_slope(x),
    fabs(x) > 1e4L ? 0 : 2 * ref_serf_slope(x) + x * ref_serf_curve(x))
REF(smish, p[0] * x * ref_smish_gate(p[1] * x),
    p[0] * (ref_smish_gate(p[1] * x) + p[1] * x * ref_smish_slope(p[1] * x)),
    p[0] * p[1] * ref_smish_curve(p[1] * x))
REF(logish, p[0] * x * log1p(ref_s(p[1] * x)),
    p[0] * (log1p(ref_s(p[1] * x)) + p[1] * x * ref_logish_slope(p[1] * x)),
    p[0] * p[1] * (2 * ref_logish_slope(p[1] * x) + p[1] * x * ref_logish_curve(p[1] * x)))
REF(phish, x * tanh(ref_g(x)),
    fabs(x) > 1e4L ? x > 0 : tanh(ref_g(x)) + x * ref_sech2(ref_g(x)) * ref_g_slope(x),
    fabs(x) > 1e4L ? 0 : ref_sech2(ref_g(x)) * (2 * ref_g_slope(x) + x * (ref_g_curve(x) -
    2 * tanh(ref_g(x)) * ref_g_slope(x) * ref_g_slope(x))))
REF(lisht, x * tanh(x), tanh(x) + x * ref_sech2(x),
    fabs(x) > 1e4L ? 0 : 2 * ref_sech2(x) * (1 - x * tanh(x)))
REF(elish, (x < 0 ? expm1(x) : x) * ref_s(x),
    x > 1e4L ? 1 : x > 0 ? ref_s(x) * (1 + x * ref_s(-x)) :
    ref_s(x) * (exp(x) + expm1(x) * ref_s(-x)),
    x > 1e4L ? 0 : x > 0 ? ref_s_slope(x) * (2 - x * tanh(x / 2)) :
    exp(x) * (((exp(x) + 3) * exp(x) + 5) * exp(x) - 1) / pow(1 + exp(x), 3))
REF(hard_elish, (x < 0 ? expm1(x) : x) * ref_clip((x + 1) / 2, 0, 1),
    x <= -1 ? 0 : x <= 0 ? (exp(x) * (x + 1) + expm1(x)) / 2 : x < 1 ? x + 0.5L : 1,
    x <= -1 ? 0 : x <= 0 ? exp(x) * (x + 3) / 2 : x < 1)
REF(hard_mish, x * ref_clip(x + 2, 0, 2) / 2, x <= -2 ? 0 : x < 0 ? x + 1 : 1,
    x > -2 && x <= 0)
REF(acon_c, x * ref_acon(p, 0, x), ref_acon(p, 1, x),
    p[2] * ((real)p[0] - p[1]) * ((real)p[0] - p[1]) *
    ref_silu_curve((wide)p[2] * ((wide)p[0] - p[1]), x))
REF(pau, ref_pau(p, 0, x), ref_pau(p, 1, x),
    ref_pau(p, 2, x))
REF(hard_swish, x * ref_clip((x + 3) / 6, 0, 1), x <= -3 ? 0 : x >= 3 ? 1 : (2 * x + 3) / 6,
    fabs(x) < 3 ? 1 / 3.0L : 0)

#define REF_CASES_GATED \
    REF_ROW("silu", silu, -1.27846, REF_P(0), \
            -1.27846454f, -88.72f, -103.97f, -108.6f, -109, 16.6f, 40, 2.3993573f, -2.3993573f), \
    REF_ROW("gelu", gelu, -0.75179, REF_P(0), \
            -0.7517915f, -5.5f, -13.05f, -14.4f, -15, 5.5f, 14.4f, 1.41421356f, -1.41421356f), \
    REF_ROW("gelu_tanh", gelu_tanh, -0.75246, REF_P(0), \
            -0.7524614f, -5.5f, -9.95f, -10.7f, 5, -12, 12, 1.41850401f, -1.41850401f), \
    REF_ROW("mish", mish, -1.19243, REF_P(0), \
            -1.19243121f, -88.72f, -103.97f, -108.6f, 8.3f, 20, 40, -2.2563764f, 1.49057118f), \
    REF_ROW("swish", swish, -1.27846, REF_P(1), -1.27846454f, -103.97f, -108.6f, 2.3993573f), \
    REF_ROW("swish", swish, -INFINITY, REF_P(0), 1), \
    REF_ROW("swish", swish, INFINITY, REF_P(-1.3), 0.983434264f, 80, 83.5f, -1.8456594f), \
    REF_ROW("swish", swish, -0.0127846, REF_P(100), -0.0127846454f, -1.0397f, -1.13f, \
            0.023993573f), \
    REF_ROW("swish", swish, -1278.46, REF_P(0.001), -1278.46454f, -1e5f, -1.2e5f, 2399.3573f), \
    REF_ROW("swish", swish, -0.3874135, REF_P(3.3), -0.387413497f, -31.5f, -34, -0.727077964f), \
    REF_ROW("e_swish", e_swish, -1.27846, REF_P(1.5), -1.27846454f, -104.3f, -109, -2.3993573f), \
    REF_ROW("e_swish", e_swish, -1.27846, REF_P(0.3), -1.27846454f, -104.3f, -107, -2.3993573f), \
    REF_ROW("e_swish", e_swish, INFINITY, REF_P(-1000), -1.27846454f, -110, -116, 2.3993573f), \
    REF_ROW("quick_gelu", swish, -0.751154, REF_P(1.702), \
            -0.751154256f, -52.1f, -61, -64, 1.40972813f, -1.40972813f), \
    REF_ROW("hard_swish", hard_swish, -1.5, REF_P(0), -3, 3, -1.5f), \
    REF_ROW("telu", telu, -1.07886, REF_P(0), \
            -1.07886006f, -2.0659719f, 0.69656396f, -103.97f, -108.6f, 3.9f, 4.1f, 2.2f, 4, 4.6f), \
    REF_ROW("serf", serf, -1.19305, REF_P(0), \
            -1.19305997f, -2.25649748f, 1.09604605f, -103.97f, -108.6f, 5.5f, 10.3f, 15), \
    REF_ROW("smish", smish, -1.39451, REF_P(1, 1), \
            -1.3945193f, -2.55110029f, 2.21542145f, -103.97f, -108.6f, 109, 17), \
    REF_ROW("smish", smish, INFINITY, REF_P(-2.7, 0.3), -4.64839767f, -8.5036676f, 7.38473817f, \
            330), \
    REF_ROW("smish", smish, -0.00139451, REF_P(1000, 1000), -0.0013945193f, -0.0025511003f, \
            0.0022154215f), \
    REF_ROW("smish", smish, INFINITY, REF_P(1, -1), 1.3945193f, 2.55110029f, -2.21542145f), \
    REF_ROW("logish", logish, -1.37245, REF_P(1, 1), \
            -1.37245414f, -2.53344807f, 2.31675852f, -103.97f, -108.6f, 109, 17), \
    REF_ROW("logish", logish, -1.37245 / 0.3, REF_P(2.7, 0.3), -4.57484712f, -8.44482690f, \
            7.72252838f, 330), \
    REF_ROW("logish", logish, -1372.45, REF_P(0.001, 0.001), -1372.45414f, -2533.44807f, \
            2316.75852f), \
    REF_ROW("phish", phish, 0, REF_P(0), \
            -1.1954312f, -1.88366599f, -0.470412585f, 1.20184435f, -13, -14, 9, 52, 65, \
            -0.75179152f), \
    REF_ROW("lisht", lisht, 0, REF_P(0), \
            1.19967864f, -1.19967864f, 9.011f, -9.011f, 52.33f, 54, 65), \
    REF_ROW("elish", elish, -0.881373, REF_P(0), \
            -0.881373587f, -1.7175298f, 2.39935728f, -88.72f, -103.97f, 16.6f, 108, 120), \
    REF_ROW("hard_elish", hard_elish, -0.442854, REF_P(0), -1, 1, -0.442854401f), \
    REF_ROW("acon_c", acon_c, -1.27846, REF_P(1, 0, 1), -1.27846454f, -103.97f, -108.6f, \
            2.3993573f), \
    REF_ROW("acon_c", acon_c, INFINITY, REF_P(1.2, -0.8, 1.5), \
            -0.135155f, -0.95f, 0.799785760f, -0.799785760f, 35), \
    REF_ROW("acon_c", acon_c, INFINITY, REF_P(-0.3, 1.1, 0.7), -1.32580f, 1.95f, 2.44832f), \
    REF_ROW("acon_c", acon_c, -INFINITY, REF_P(1.7, 1.7, 1), 1), \
    REF_ROW("acon_c", acon_c, INFINITY, REF_P(1000, -1e-3, 1000), -1.38155e-5f, -2e-5f, \
            2.3993573e-6f), \
    REF_ROW("acon_c", acon_c, INFINITY, REF_P(0.1, 0.7, -1000), 0.00399893f, 1), \
    REF_ROW("pau", pau, INFINITY, REF_P(0.02979246, 0.61837738, 2.32335207, 3.05202660, \
            1.48548002, \
                                        0.25103717, 1.14201226, 4.39322834, 0.87154450, \
            0.34720652), \
            1, -1, -0.05f, -0.9f, -1.6f, 16, 1e10f, -1e10f, 1e30f), \
    REF_ROW("pau", pau, INFINITY, REF_P(0.5, -1, 0.3, 0.2, -0.1, 0.05, -0.4, 0.2, 0.1, 0.03), \
            0.52f, 1.15f, -3, -2.1f, 0.9f, 30, -40, 2e12f), \
    REF_ROW("pau", pau, INFINITY, REF_P(0, 0.5, 0, 0, 0, 1000, 0, 0, 0, -1000), 1, -0.3f, 0.2f, \
            1e20f), \
    REF_ROW("hard_mish", hard_mish, -1, REF_P(0), -2, -1),
/* clang-format on */

#endif
