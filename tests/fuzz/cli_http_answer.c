/* Any bytes as the answer of a server: it is taken, as a whole and as a stream of events, or refused with
 * a message on one line; a body that is gathered has its length. */
#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/events.h"
#include "cli/http_client.h"

enum { MOST = 32768 }; /* fits into the buffer of a socket: nobody has to read meanwhile */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_event(void *ctx, const char *kind, const char *text)
{
    (void)ctx;
    assert(*kind && text);
    return !strcmp(kind, "done");
}

static void ask(const uint8_t *data, size_t size, int stream)
{
    int ends[2];
    event_reader r;
    http_url url = {.host = "fuzz", .port = "1", .name = "fuzz:1"};
    http_answer a;
    ax_err err = {0};
    events_init(&r, on_event, NULL);
    http_request q = {.method = "GET", .path = "/", .seconds = 5, .silence = 5, .take = stream ? events_take : NULL, .ctx = &r};
    assert(!socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    assert(send(ends[1], data, size, MSG_NOSIGNAL) == (ssize_t)size && !shutdown(ends[1], SHUT_WR));
    if (http_exchange(ends[0], &url, &q, &a, &err) == 0)
        assert(a.status >= 200 && a.status < 600 && a.body && a.len <= size && !a.body[a.len]);
    else
        assert(err.code && *err.msg && !strpbrk(err.msg, "\r\n\033"));
    http_answer_free(&a);
    events_fini(&r);
    close(ends[0]);
    close(ends[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > MOST)
        return 0;
    ask(data, size, 0);
    ask(data, size, 1);
    return 0;
}
