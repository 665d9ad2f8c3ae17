/* ball.h - numbers of 113 bits that know how wrong they may be, and their derivatives.
 *
 * A ball is a value and a bound of its error: what was lost to rounding and cancellation so far. A
 * jet is a value with its first and second derivative by one variable, as balls. An error of
 * infinity (or NaN) says that nothing is known. Private to engine/activation/formula. */
#ifndef AX_ACTIVATION_FORMULA_BALL_H
#define AX_ACTIVATION_FORMULA_BALL_H

#include "activation/formula/quad.h"

typedef struct ball {
    quad v, e;
} ball;

typedef struct jet {
    ball v, d, dd;
} jet;

#define BALL_ULP ((quad)0x1p-112)

static inline ball ball_exact(quad v)
{
    return (ball){v, 0};
}

static inline ball ball_unknown(void)
{
    return (ball){0, (quad)INFINITY};
}

/* Products below this are not trusted: the range of numbers ends not far below. */
#define BALL_LEAST ((quad)0x1p-1000 * (quad)0x1p-1000)

/* v, not 0 in truth, with its error; nothing is known beyond the range of numbers */
static inline ball ball_checked(quad v, quad e)
{
    if (!(fabs_q(v) < (quad)INFINITY))
        return ball_unknown();
    return (ball){v, fabs_q(v) < BALL_LEAST ? e + BALL_LEAST : e};
}

static inline ball ball_add(ball a, ball b)
{
    quad v = a.v + b.v;
    if (!(fabs_q(v) < (quad)INFINITY))
        return ball_unknown();
    return (ball){v, a.e + b.e + fabs_q(v) * BALL_ULP};
}

static inline ball ball_neg(ball a)
{
    return (ball){-a.v, a.e};
}

static inline ball ball_sub(ball a, ball b)
{
    return ball_add(a, ball_neg(b));
}

static inline ball ball_mul(ball a, ball b)
{
    quad v = a.v * b.v;
    if ((a.v == 0 && a.e == 0) || (b.v == 0 && b.e == 0))
        return ball_exact(0); /* of an unknown number, too */
    return ball_checked(v,
                        fabs_q(a.v) * b.e + fabs_q(b.v) * a.e + a.e * b.e + fabs_q(v) * BALL_ULP);
}

static inline ball ball_scale(double k, ball a)
{
    return ball_mul(ball_exact(k), a);
}

static inline ball ball_div(ball a, ball b)
{
    quad v = a.v / b.v, room = fabs_q(b.v) - b.e;
    if (!(room > 0))
        return ball_unknown();
    if (a.v == 0 && a.e == 0)
        return a;
    return ball_checked(v, (a.e + fabs_q(v) * b.e) / room + fabs_q(v) * BALL_ULP);
}

/* f(a) for a function that has the value v and the slope d there, is good to 4 ulps and does not
 * bend much within the ball */
static inline ball ball_of(quad v, quad d, ball a)
{
    if (!(a.e < (quad)1e-6 * (1 + fabs_q(a.v))))
        return ball_unknown();
    return (ball){v, (quad)1.1 * fabs_q(d) * a.e + 2 * a.e * a.e + 4 * fabs_q(v) * BALL_ULP};
}

static inline ball ball_exp(ball a)
{
    quad v = exp_q(a.v);
    ball y = ball_of(v, v, a);
    return ball_checked(v, y.e);
}

static inline ball ball_log(ball a)
{
    quad room = a.v - a.e;
    if (!(room > 0))
        return ball_unknown();
    quad v = log_q(a.v);
    return (ball){v, a.e / room + 4 * fabs_q(v) * BALL_ULP};
}

static inline ball ball_sqrt(ball a)
{
    quad v = sqrt_q(a.v), room = a.v - a.e;
    if (a.v == 0 && a.e == 0)
        return a;
    return room > 0 ? (ball){v, a.e / (2 * sqrt_q(room)) + v * BALL_ULP} : ball_unknown();
}

#endif
