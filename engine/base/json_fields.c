/* json_fields.c - typed access to the fields of a parsed object; see json.h. */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/number.h"

static const char *type_name(const cJSON *v)
{
    return cJSON_IsString(v)   ? "a string"
           : cJSON_IsNumber(v) ? "a number"
           : cJSON_IsArray(v)  ? "an array"
           : cJSON_IsObject(v) ? "an object"
           : cJSON_IsNull(v)   ? "null"
           : cJSON_IsBool(v)   ? "true or false"
                               : "nothing known";
}

/* The value of key into *v, NULL when it is absent. */
static int find(const cJSON *o, const char *key, const cJSON **v, ax_err *err)
{
    *v = NULL;
    if (o && !cJSON_IsObject(o))
        return ax_fail(err, AX_ETYPE, "expected an object with a field '%s', got %s", key,
                       type_name(o));
    *v = o ? cJSON_GetObjectItemCaseSensitive(o, key) : NULL;
    return 0;
}

static int fail_type(const cJSON *v, const char *key, const char *expected, ax_err *err)
{
    ax_fail(err, AX_ETYPE, "'%s' is %s, expected %s", key, type_name(v), expected);
    return ax_err_in(err, "%s", key);
}

int ax_json_int(const cJSON *o, const char *key, int64_t def, int64_t lo, int64_t hi, int64_t *out,
                ax_err *err)
{
    static const double exact = 0x1p53; /* below it every integer is a double of its own */
    const cJSON *v;
    if (find(o, key, &v, err))
        return -1;
    if (!v) {
        *out = def;
        return 0;
    }
    if (!cJSON_IsNumber(v))
        return fail_type(v, key, "an integer", err);
    double x = v->valuedouble;
    if (fabs(x) < exact && x != trunc(x)) {
        ax_fail(err, AX_ETYPE, "'%s' is %s, expected an integer", key, AX_NUMBER(x));
    } else if (!(fabs(x) < exact) && x >= (double)lo && x <= (double)hi) {
        ax_fail(err, AX_ERANGE, "'%s' is %s: integers from 2^53 on are not exact in JSON", key,
                AX_NUMBER(x));
    } else if (!(fabs(x) < exact) || (int64_t)x < lo || (int64_t)x > hi) {
        ax_fail(err, AX_ERANGE, "'%s' is %s, expected an integer from %lld to %lld", key,
                AX_NUMBER(x), (long long)lo, (long long)hi);
    } else {
        *out = (int64_t)x;
        return 0;
    }
    return ax_err_in(err, "%s", key);
}

int ax_json_num(const cJSON *o, const char *key, double def, double lo, double hi, double *out,
                ax_err *err)
{
    const cJSON *v;
    if (find(o, key, &v, err))
        return -1;
    if (!v) {
        *out = def;
        return 0;
    }
    if (!cJSON_IsNumber(v))
        return fail_type(v, key, "a number", err);
    double x = v->valuedouble;
    if (!isfinite(x) || x < lo || x > hi) {
        ax_fail(err, AX_ERANGE, "'%s' is %s, expected a number from %s to %s", key,
                AX_NUMBER(x), AX_NUMBER(lo), AX_NUMBER(hi));
        return ax_err_in(err, "%s", key);
    }
    *out = x;
    return 0;
}

int ax_json_bool(const cJSON *o, const char *key, int def, int *out, ax_err *err)
{
    const cJSON *v;
    if (find(o, key, &v, err))
        return -1;
    if (v && !cJSON_IsBool(v))
        return fail_type(v, key, "true or false", err);
    *out = v ? cJSON_IsTrue(v) : def;
    return 0;
}

int ax_json_str(const cJSON *o, const char *key, const char *def, const char **out, ax_err *err)
{
    const cJSON *v;
    if (find(o, key, &v, err))
        return -1;
    if (v && !cJSON_IsString(v))
        return fail_type(v, key, "a string", err);
    *out = v ? v->valuestring : def;
    return 0;
}

int ax_json_put(cJSON *to, const char *key, cJSON *item)
{
    if (item && to && (key ? cJSON_AddItemToObject(to, key, item) : cJSON_AddItemToArray(to, item)))
        return 0;
    cJSON_Delete(item);
    return -1;
}

static int is_known(const char *key, const char *const *known, int n)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(key, known[i]))
            return 1;
    return 0;
}

int ax_json_known(const cJSON *o, const char *const *known, int n, ax_err *err)
{
    if (!cJSON_IsObject(o))
        return ax_fail(err, AX_ETYPE, "expected an object, got %s", o ? type_name(o) : "nothing");
    for (const cJSON *v = o->child; v; v = v->next) {
        if (is_known(v->string, known, n))
            continue;
        const char *nearest = ax_nearest(v->string, known, n);
        ax_fail(err, AX_EINVAL, "unknown field '%s'", v->string);
        if (nearest)
            ax_err_hint(err, "did you mean '%s'?", nearest);
        return ax_err_in(err, "%s", v->string);
    }
    return 0;
}
