/* jobs.h - what the tests of training jobs share: specs, posting, waiting. */
#ifndef TESTS_HTTP_JOBS_H
#define TESTS_HTTP_JOBS_H

#include "harness.h"

/* A spec with `samples` made-up points in two classes, to be published under `name`. Free it. */
UNUSED static char *job_spec(const char *name, int samples, int epochs, const char *more)
{
    size_t size = (size_t)samples * 48 + 2048, n = 0;
    char *s = malloc(size);
    ax_rng r = {.seed = 7, .stream = 3};
    n += (size_t)snprintf(
        s + n, size - n,
        "{\"model\":{\"name\":\"points\",\"inputs\":[{\"name\":\"x\",\"shape\":[3]}],"
        "\"layers\":[{\"type\":\"dense\",\"units\":64,\"activation\":\"gelu\"},"
        "{\"type\":\"dropout\",\"rate\":0.2},{\"type\":\"dense\",\"units\":64,"
        "\"activation\":\"tanh\"},{\"type\":\"dense\",\"units\":2,\"activation\":"
        "\"softmax\"}]},\"publish\":\"%s\",\"epochs\":%d,\"batch_size\":16,"
        "\"validation_split\":0.1%s,\"dataset\":{\"x\":[",
        name, epochs, more);
    for (int i = 0; i < samples; i++) {
        float x[3];
        for (int k = 0; k < 3; k++)
            x[k] = ax_rng_uniform(r, (uint64_t)(3 * i + k));
        n +=
            (size_t)snprintf(s + n, size - n, "%s[%.4f,%.4f,%.4f]", i ? "," : "", x[0], x[1], x[2]);
    }
    n += (size_t)snprintf(s + n, size - n, "],\"y\":[");
    for (int i = 0; i < samples; i++) {
        float a = ax_rng_uniform(r, (uint64_t)(3 * i)),
              b = ax_rng_uniform(r, (uint64_t)(3 * i + 1));
        n += (size_t)snprintf(s + n, size - n, "%s%d", i ? "," : "", a * b > 0.25f);
    }
    snprintf(s + n, size - n, "]}}");
    return s;
}

/* The text of a field of the answer, as it stands there, into out. */
UNUSED static const char *field(const char *json, const char *name, char out[128])
{
    char key[80];
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = json ? strstr(json, key) : NULL;
    out[0] = 0;
    if (!at)
        return out;
    at += strlen(key);
    at += strspn(at, " \t");
    if (*at == '"')
        snprintf(out, 128, "%.*s", (int)strcspn(at + 1, "\""), at + 1);
    else
        snprintf(out, 128, "%.*s", (int)strcspn(at, ",}]"), at);
    return out;
}

/* Post a spec; the number of the job, 0 when it is refused (then the status is in *status). */
UNUSED static int post_job(const char *spec, long *status)
{
    char id[128];
    reply r = post("/train", spec);
    int n = r.status == 202 ? atoi(field(r.body, "id", id)) : 0;
    if (status)
        *status = r.status;
    else if (!n)
        fail_msg("POST /train: %ld %s", r.status, r.body);
    reply_free(&r);
    return n;
}

UNUSED static reply job(int id)
{
    char path[64];
    snprintf(path, sizeof path, "/jobs/%d", id);
    return get(path);
}

UNUSED static const char *job_state(int id, char out[128])
{
    reply r = job(id);
    field(r.body, "state", out);
    reply_free(&r);
    return out;
}

/* Wait until a job is in a state; fails after `most` seconds. */
UNUSED static void await(int id, const char *state, double most)
{
    char now[128] = "";
    for (double end = seconds() + most; seconds() < end; nap(0.02))
        if (!strcmp(job_state(id, now), state))
            return;
    reply r = job(id);
    fail_msg("job %d is not %s: %s", id, state, r.body);
}

UNUSED static long act(int id, const char *method, const char *what)
{
    char path[64];
    snprintf(path, sizeof path, "/jobs/%d%s", id, what);
    return status_of(&(request){.method = method, .path = path});
}

/* The hash of a version's file, "" when there is none. */
UNUSED static const char *hash_of(const char *model, int version, char out[128])
{
    char path[128];
    snprintf(path, sizeof path, "/models/%s/versions/%d", model, version);
    reply r = get(path);
    out[0] = 0;
    if (r.status == 200)
        field(r.body, "hash", out);
    reply_free(&r);
    return out;
}

/* The number of the running training process, from the log; 0: none. */
UNUSED static pid_t worker(void)
{
    char line[1024];
    int pid = 0;
    FILE *f = fopen(the.log, "r");
    while (f && fgets(line, sizeof line, f)) {
        const char *at = strstr(line, "runs as process ");
        if (at)
            pid = atoi(at + 16);
    }
    if (f)
        fclose(f);
    return pid && kill(pid, 0) == 0 ? pid : 0;
}

/* ---- JSON ---- */

/* The answer as a tree, to be freed; the answer itself is freed. */
UNUSED static cJSON *object(reply r)
{
    cJSON *o = cJSON_Parse(r.body);
    if (r.status >= 400 || !o)
        fail_msg("%ld %s", r.status, r.body);
    reply_free(&r);
    return o;
}

UNUSED static const cJSON *at(const cJSON *o, const char *name)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
    if (!v)
        fail_msg("no field '%s'", name);
    return v;
}

UNUSED static double num(const cJSON *o, const char *name)
{
    return cJSON_GetNumberValue(at(o, name));
}

/* ---- the server ---- */

/* In a folder of its own, with one small model. */
UNUSED static int start_with(const char *const *flags)
{
    char path[128];
    curl_global_init(CURL_GLOBAL_ALL);
    if (!the.folder[0])
        folder_new();
    snprintf(path, sizeof path, "%s/tiny.safetensors", the.models);
    write_tiny(path, 1);
    start(flags);
    return 0;
}

UNUSED static int stop_and_remove(void **state)
{
    (void)state;
    stop();
    folder_remove();
    return 0;
}

#endif
