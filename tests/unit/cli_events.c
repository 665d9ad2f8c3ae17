/* cli_events.c - tests of reading an event stream: whole, in pieces, with every end of a line, and what
 * is hostile in one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/events.h"

typedef struct seen {
    char text[1024]; /* "kind=data;" of each event */
    int most;        /* enough after so many       */
} seen;

static int note(void *ctx, const char *kind, const char *data)
{
    seen *s = ctx;
    size_t n = strlen(s->text);
    snprintf(s->text + n, sizeof s->text - n, "%s=%s;", kind, data);
    return --s->most == 0;
}

static const struct {
    const char *stream, *events;
    int64_t last;
} cases[] = {
    {"", "", 0},
    {"retry: 2000\n\n", "", 0},
    {"id: 1\nevent: state\ndata: {\"a\":1}\n\n", "state={\"a\":1};", 1},
    {"id:1\r\nevent:state\r\ndata:x\r\n\r\n", "state=x;", 1},
    {"id: 1\revent: state\rdata: x\r\r", "state=x;", 1},
    {"data: x\n\ndata: y\n\n", "message=x;message=y;", 0},
    {"data: one\ndata: two\n\n", "message=one\ntwo;", 0},
    {"data\n\n", "message=;", 0},
    {"data:  x\n\n", "message= x;", 0},
    {": still here\n\nid: 4\ndata: x\n\n: still here\n\n", "message=x;", 4},
    {"id: 2\ndata: x\n\nid: 3\ndata: cut", "message=x;", 2},
    {"id: 2\ndata: x\n\nid: 3\ndata: cut\n", "message=x;", 2},
    {"event: state\n\ndata: x\n\n", "message=x;", 0}, /* a kind without data is no event */
    {"id: 5\n\ndata: x\n\n", "message=x;", 5},
    {"id: -5\ndata: x\n\n", "message=x;", 0},
    {"id: 5 Evil: yes\ndata: x\n\n", "message=x;", 0},
    {"id: 9999999999999999999999\ndata: x\n\n", "message=x;", 0},
    {"unknown: 1\nno colon\ndata: x\n:\n\n", "message=x;", 0},
    {"event: a kind much longer than any that there is\ndata: x\n\n", "a kind much longer than any tha=x;", 0},
};

static void whole_and_in_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t piece = 1; piece < 64; piece += piece < 4 ? 1 : 29) {
            seen s = {.most = -1};
            event_reader r;
            events_init(&r, note, &s);
            size_t n = strlen(cases[i].stream);
            for (size_t at = 0; at < n; at += piece)
                assert_int_equal(events_take(&r, cases[i].stream + at, n - at < piece ? n - at : piece), 0);
            assert_string_equal(s.text, cases[i].events);
            assert_int_equal(r.last, cases[i].last);
            events_fini(&r);
        }
}

static void enough_is_enough(void **state)
{
    static const char text[] = "id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\ndata: c\n\n";
    seen s = {.most = 2};
    event_reader r;
    (void)state;
    events_init(&r, note, &s);
    assert_int_not_equal(events_take(&r, text, sizeof text - 1), 0);
    assert_string_equal(s.text, "message=a;message=b;");
    assert_int_equal(r.last, 2);
    assert_int_equal(r.err.code, AX_OK);
    events_fini(&r);
}

/* What was cut off does not run into what a new connection brings. */
static void a_new_connection(void **state)
{
    static const char one[] = "id: 1\ndata: a\n\nid: 2\nevent: done\ndata: b", two[] = "id: 2\ndata: c\n\n";
    seen s = {.most = -1};
    event_reader r;
    (void)state;
    events_init(&r, note, &s);
    events_take(&r, one, sizeof one - 1);
    assert_int_equal(r.last, 1);
    events_again(&r);
    events_take(&r, two, sizeof two - 1);
    assert_string_equal(s.text, "message=a;message=c;");
    events_fini(&r);
}

/* A line, and the data of an event in many lines, without end. */
static void without_end(void **state)
{
    static const char *const again[] = {"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "data: yyyyyyyyyyyyyyyyyyyyyyyyyy\n"};
    (void)state;
    for (int k = 0; k < 2; k++) {
        seen s = {.most = -1};
        event_reader r;
        int n = 0;
        events_init(&r, note, &s);
        while (n < 2000000 && events_take(&r, again[k], strlen(again[k])) == 0)
            n++;
        assert_true(n < 2000000);
        assert_int_equal(r.err.code, AX_ELIMIT);
        events_fini(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_and_in_pieces),
        cmocka_unit_test(enough_is_enough),
        cmocka_unit_test(a_new_connection),
        cmocka_unit_test(without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
