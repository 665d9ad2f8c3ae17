/* act_json.h - what the tests of activations in JSON share: reading one from text, round trips and
 * refusals as tables. */
#ifndef ACT_JSON_H
#define ACT_JSON_H

#include <string.h>

#include "activation/activation.h"

static inline int from_text(const char *json, ax_arena *arena, ax_act *a, ax_err *err)
{
    cJSON *j = cJSON_Parse(json);
    assert_non_null(j);
    int rc = ax_act_from_json(j, arena, a, err);
    cJSON_Delete(j);
    return rc;
}

typedef struct act_trip {
    const char *in, *out;
} act_trip;

/* What is read is written in its one form, which is read again and stays. */
static inline void check_trips(const act_trip *trip, size_t n)
{
    for (size_t i = 0; i < 2 * n; i++) {
        const char *in = i % 2 ? trip[i / 2].out : trip[i / 2].in;
        ax_arena arena;
        ax_act a;
        ax_err err;
        ax_arena_init(&arena, 0);
        if (from_text(in, &arena, &a, &err) < 0)
            fail_msg("%s: %s at %s", in, err.msg, err.at);
        cJSON *out = ax_act_to_json(&a);
        char *text = cJSON_PrintUnformatted(out);
        assert_string_equal(text, trip[i / 2].out);
        cJSON_free(text);
        cJSON_Delete(out);
        ax_arena_fini(&arena);
    }
}

typedef struct act_refusal {
    const char *json;
    ax_code code;
    const char *msg, *at, *hint; /* what msg and hint have in them; the whole of at */
} act_refusal;

static inline void check_refusals(const act_refusal *refusal, size_t n)
{
    for (const act_refusal *r = refusal; r < refusal + n; r++) {
        ax_arena arena;
        ax_err err = {0};
        ax_act a = {.row = NULL, .param = {42}};
        ax_arena_init(&arena, 0);
        assert_int_equal(from_text(r->json, &arena, &a, &err), -1);
        assert_int_equal(from_text(r->json, &arena, &a, NULL), -1);
        if (err.code != r->code || !strstr(err.msg, r->msg) || strcmp(err.at, r->at) != 0 ||
            !strstr(err.hint, r->hint))
            fail_msg("%s: %s | %s | %s | %s", r->json, ax_code_name(err.code), err.msg, err.at, err.hint);
        assert_true(a.row == NULL && a.param[0] == 42); /* untouched */
        ax_arena_fini(&arena);
    }
}

#endif
