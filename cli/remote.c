/* remote.c - see remote.h. */
#include "remote.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double patience = 30;

int remote_open(remote *r, const char *server, ax_err *err)
{
    const char *key = getenv("AXOND_API_KEY");
    *r = (remote){.key = key && *key ? key : NULL};
    if (http_url_parse(server ? server : REMOTE_DEFAULT, &r->url, err) == 0)
        return 0;
    return ax_err_in(err, "--server");
}

const cJSON *remote_field(const cJSON *o, const char *field)
{
    return cJSON_GetObjectItemCaseSensitive(o, field);
}

const char *remote_text(const cJSON *o, const char *field)
{
    const char *s = cJSON_GetStringValue(remote_field(o, field));
    return s ? s : "";
}

double remote_number(const cJSON *o, const char *field)
{
    const cJSON *v = remote_field(o, field);
    return cJSON_IsNumber(v) ? v->valuedouble : NAN;
}

int remote_refused(const remote *r, const http_answer *a, ax_err *err)
{
    ax_code code = a->status == 404 ? AX_ENOTFOUND : a->status == 429 || a->status >= 500 ? AX_EIO : AX_EINVAL;
    cJSON *o = ax_json_parse(a->body, a->len, NULL);
    const char *why = remote_text(o, "error"), *hint = remote_text(o, "hint");
    if (*why)
        ax_fail(err, code, "%s", why);
    else
        ax_fail(err, code, "%s answers %d, which is no answer of axond", r->url.name, a->status);
    if (a->status == 401 || a->status == 403)
        ax_err_hint(err, "the API key is taken from AXOND_API_KEY");
    else if (*hint)
        ax_err_hint(err, "%s", hint);
    cJSON_Delete(o);
    return -1;
}

cJSON *remote_json(const remote *r, const char *method, const char *path, ax_err *err)
{
    http_request q = {.method = method, .path = path, .key = r->key, .seconds = patience};
    http_answer a;
    cJSON *o = NULL;
    ax_err why;
    if (http_ask(&r->url, &q, &a, err) < 0)
        return NULL;
    if (a.status < 200 || a.status > 299)
        remote_refused(r, &a, err);
    else if (!(o = ax_json_parse(a.body, a.len, &why)))
        ax_fail(err, AX_EPARSE, "%s answers with something else than JSON: %s", r->url.name, why.msg);
    else if (!cJSON_IsObject(o)) {
        ax_fail(err, AX_EPARSE, "%s answers with JSON that is no object", r->url.name);
        cJSON_Delete(o);
        o = NULL;
    }
    http_answer_free(&a);
    return o;
}

int remote_job_id(const char *text, ax_err *err)
{
    size_t n = strspn(text, "0123456789");
    if (n && n <= 15 && !text[n])
        return 0;
    ax_fail(err, AX_EINVAL, "'%.40s' is not the number of a job", text);
    return ax_err_hint(err, "axond jobs lists them");
}
