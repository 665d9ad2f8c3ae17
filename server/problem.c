/* problem.c - refusals as values; see problem.h. */
#include "problem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int problem_set(problem *p, int status, const char *code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    p->status = status;
    p->retry_after = p->position = 0;
    p->code = code;
    p->expected[0] = p->got[0] = p->err.at[0] = p->err.hint[0] = 0;
    p->err.code = AX_EINVAL;
    vsnprintf(p->err.msg, sizeof p->err.msg, fmt, ap);
    va_end(ap);
    return -1;
}

static int status_of(ax_code code)
{
    switch (code) {
    case AX_EINVAL:
    case AX_EPARSE:
    case AX_ESHAPE:
    case AX_ETYPE:
    case AX_ERANGE:
        return 400;
    case AX_ENOTFOUND:
        return 404;
    case AX_EEXIST:
        return 409;
    case AX_ELIMIT:
    case AX_ECORRUPT:
    case AX_EUNSUPPORTED:
    case AX_EUNKNOWN:
        return 422;
    case AX_ENOMEM:
        return 503;
    default:
        return 500;
    }
}

int problem_from(problem *p, const ax_err *err)
{
    p->status = status_of(err->code);
    p->retry_after = p->status == 503;
    p->code = NULL;
    p->expected[0] = p->got[0] = 0;
    p->position = 0;
    p->err = *err;
    return -1;
}

int problem_from_file(problem *p, const ax_err *err)
{
    problem_from(p, err);
    if (err->code != AX_ENOMEM && err->code != AX_EIO)
        p->status = 422;
    if (err->code == AX_ENOTFOUND || err->code == AX_EEXIST)
        p->code = "invalid"; /* a name inside the file, not one of ours */
    return -1;
}

int problem_from_errno(problem *p, int e, const char *what)
{
    char text[128];
    const char *why = strerror_r(e, text, sizeof text);
    if (e == EROFS || e == EACCES || e == EPERM)
        return problem_set(p, 403, "read_only", "%s: %s", what, why);
    if (e == ENOSPC || e == EDQUOT)
        return problem_set(p, 507, "disk_full", "%s: %s", what, why);
    return problem_set(p, 500, "io_error", "%s: %s", what, why);
}

void problem_expect(problem *p, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(p->expected, sizeof p->expected, fmt, ap);
    va_end(ap);
}

void problem_got(problem *p, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(p->got, sizeof p->got, fmt, ap);
    va_end(ap);
}

void problem_fields(const problem *p, buf *out)
{
    buf_str(out, "\"error\":");
    buf_json(out, p->err.msg);
    buf_str(out, ",\"code\":");
    buf_json(out, p->code ? p->code : ax_code_name(p->err.code));
    if (p->err.at[0]) {
        buf_str(out, ",\"at\":");
        buf_json(out, p->err.at);
    }
    if (p->position)
        buf_printf(out, ",\"position\":%d", p->position);
    if (p->expected[0])
        buf_printf(out, ",\"expected\":%s", p->expected);
    if (p->got[0])
        buf_printf(out, ",\"got\":%s", p->got);
    if (p->err.hint[0]) {
        buf_str(out, ",\"hint\":");
        buf_json(out, p->err.hint);
    }
}

void problem_write(const problem *p, buf *out)
{
    buf_char(out, '{');
    problem_fields(p, out);
    buf_str(out, "}\n");
}
