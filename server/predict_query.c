/* predict_query.c - the options of a prediction behind the ? of its URL: the same as in a JSON
 * body, for pictures and raw numbers, and for JSON too. */
#include <stdio.h>
#include <string.h>

#include "handlers.h"
#include "predict.h"

static int read_top(predict *p, const char *text, problem *why)
{
    (void)text;
    return request_integer(p->r, "top", 1, WIRE_TOP_MAX, &p->args.top, why);
}

static int read_deadline(predict *p, const char *text, problem *why)
{
    (void)text;
    return request_integer(p->r, "deadline_ms", 1, WIRE_DEADLINE_MAX, &p->args.deadline_ms, why);
}

static int read_timings(predict *p, const char *text, problem *why)
{
    p->args.timings = !strcmp(text, "true");
    if (p->args.timings || !strcmp(text, "false"))
        return 0;
    return problem_set(why, 400, "invalid", "timings: '%.40s' is not true or false", text);
}

static int read_non_finite(predict *p, const char *text, problem *why)
{
    int policy = wire_non_finite_word(text, why);
    p->args.non_finite = (wire_non_finite)policy;
    return policy < 0 ? -1 : 0;
}

/* Names with commas between. */
static int read_outputs(predict *p, const char *text, problem *why)
{
    wire_request *a = &p->args;
    char *name = ax_arena_strdup(&p->r->mem, text);
    if (!name)
        return problem_set(why, 503, "out_of_memory", "out of memory");
    for (char *next = name; next; name = next) {
        int n = a->n_outputs;
        if ((next = strchr(name, ',')))
            *next++ = 0;
        if (n == WIRE_OUTPUTS)
            return problem_set(why, 400, "limit_exceeded", "outputs: more than %d in one request",
                               WIRE_OUTPUTS);
        if (!*name)
            return problem_set(why, 400, "invalid", "outputs: name %d of the list is empty", n + 1);
        for (int i = 0; i < n; i++)
            if (!strcmp(a->outputs[i], name))
                return problem_set(why, 400, "invalid", "outputs: '%.60s' is asked for twice",
                                   name);
        a->outputs[a->n_outputs++] = name;
    }
    return 0;
}

static const struct {
    const char *name;
    unsigned given;
    int (*read)(predict *p, const char *text, problem *why);
} options[] = {
    {"outputs", GIVEN_OUTPUTS, read_outputs},
    {"top", GIVEN_TOP, read_top},
    {"timings", GIVEN_TIMINGS, read_timings},
    {"deadline_ms", GIVEN_DEADLINE, read_deadline},
    {"non_finite", GIVEN_NON_FINITE, read_non_finite},
};

const char *const predict_options[] = {"model",       "outputs",    "top", "timings",
                                       "deadline_ms", "non_finite", NULL};

int predict_query(predict *p, problem *why)
{
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        const char *text = request_query(p->r, options[i].name);
        if (!text)
            continue;
        if (options[i].read(p, text, why) < 0) {
            snprintf(why->err.at, sizeof why->err.at, "%s", options[i].name);
            return -1;
        }
        p->args.given |= options[i].given;
    }
    return 0;
}
