/* dialect.c - the same name means different functions elsewhere: PyTorch's leaky_relu has slope
 * 0.01, Keras' function 0.2 and its layer 0.3. The rows of the catalogue know. */
#include <stdlib.h>
#include <string.h>

#include "activation/bind.h"

enum { NAMES = 512, SHOWN = 63 };

/* The names of a dialect, or the dialects themselves (NULL), each once. */
static int list(const char *dialect, const char *names[NAMES])
{
    int rows, n = 0;
    const ax_act_row *row = ax_act_catalog(&rows);
    for (int i = 0; i < rows; i++)
        for (int d = 0; d < AX_ACT_DIALECTS && row[i].dialects[d].dialect; d++) {
            const ax_act_dialect *q = &row[i].dialects[d];
            const char *name = dialect ? q->name : q->dialect;
            int known = dialect && strcmp(q->dialect, dialect) != 0;
            for (int k = 0; k < n && !known; k++)
                known = strcmp(names[k], name) == 0;
            if (!known && n < NAMES)
                names[n++] = name;
        }
    return n;
}

static int unknown_dialect(const char *dialect, ax_err *err)
{
    const char *names[NAMES];
    int n = list(NULL, names);
    const char *near = ax_nearest(dialect, names, n);
    ax_fail(err, AX_ENOTFOUND, "unknown dialect '%.*s'", SHOWN, dialect);
    if (near)
        ax_err_hint(err, "did you mean '%s'?", near);
    else
        ax_err_hint(err, "pytorch, keras, jax and onnx are those there are");
    return ax_err_in(err, "dialect");
}

static int unknown_name(const char *dialect, const char *name, ax_err *err)
{
    const char *names[NAMES];
    int n = list(dialect, names);
    if (n == 0)
        return unknown_dialect(dialect, err);
    const char *near = ax_nearest(name, names, n);
    ax_fail(err, AX_ENOTFOUND, "%s has no activation '%.*s' that is known here", dialect, SHOWN,
            name);
    if (near)
        ax_err_hint(err, "did you mean '%s'?", near);
    else if (ax_act_find(name))
        ax_err_hint(err, "'%s' is a name of the catalogue: leave \"dialect\" out", name);
    else
        ax_err_hint(err, "without \"dialect\" the names of the catalogue are meant");
    return ax_err_in(err, "name");
}

/* "alpha=0.2,beta=0.5": written by us, in the catalogue */
static int set_defaults(ax_act *a, const char *text, ax_err *err)
{
    while (text && *text) {
        char name[32] = "";
        const char *is = strchr(text, '=');
        size_t len = is ? (size_t)(is - text) : sizeof name;
        if (len >= sizeof name)
            return ax_fail(err, AX_EINVAL, "%s: defaults '%s'", a->row->name, text);
        memcpy(name, text, len);
        char *end;
        if (ax_act_set(a, name, strtod(is + 1, &end), err) < 0)
            return -1;
        text = *end == ',' ? end + 1 : end;
    }
    return 0;
}

int ax_act_by_dialect(const char *dialect, const char *name, ax_act *out, ax_err *err)
{
    int rows;
    const ax_act_row *row = ax_act_catalog(&rows);
    for (int i = 0; i < rows; i++)
        for (int d = 0; d < AX_ACT_DIALECTS && row[i].dialects[d].dialect; d++) {
            const ax_act_dialect *q = &row[i].dialects[d];
            if (strcmp(q->dialect, dialect) != 0 || strcmp(q->name, name) != 0)
                continue;
            *out = ax_act_bound(&row[i]);
            return set_defaults(out, q->defaults, err);
        }
    return unknown_name(dialect, name, err);
}
