/* http_bare.c - the ceiling: libmicrohttpd answering without looking at the body.
 *
 * Same event loop as the server (one thread, own wait, run with timeout 0), no parsing, no
 * computation, one fixed answer of about the size of a prediction. What a server reaches of its
 * rate under the same load says how much its own work costs.
 *     build/bench/http_bare PORT */
#include <microhttpd.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char answer[400];

static enum MHD_Result handle(void *cls, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **context)
{
    static int seen;
    (void)cls, (void)url, (void)method, (void)version, (void)data;
    if (!*context) {
        *context = &seen;
        return MHD_YES;
    }
    if (*size) {
        *size = 0;
        return MHD_YES;
    }
    struct MHD_Response *r =
        MHD_create_response_from_buffer(sizeof answer, answer, MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(r, "Content-Type", "application/json");
    enum MHD_Result ok = MHD_queue_response(connection, 200, r);
    MHD_destroy_response(r);
    return ok;
}

int main(int argc, char **argv)
{
    memset(answer, ' ', sizeof answer);
    struct MHD_Daemon *d =
        MHD_start_daemon(MHD_USE_EPOLL, (unsigned short)(argc > 1 ? atoi(argv[1]) : 8090), NULL,
                         NULL, handle, NULL, MHD_OPTION_CONNECTION_LIMIT, 4096u, MHD_OPTION_END);
    if (!d) {
        fprintf(stderr, "http_bare: cannot listen\n");
        return 1;
    }
    struct pollfd p = {.fd = MHD_get_daemon_info(d, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
                       .events = POLLIN};
    for (;;) {
        MHD_UNSIGNED_LONG_LONG ms;
        if (!(MHD_get_timeout(d, &ms) == MHD_YES && !ms))
            poll(&p, 1, 200);
        MHD_run_wait(d, 0);
    }
}
