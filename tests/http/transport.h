/* transport.h - a server per group of tests, with a tiny and a slow model, and bursts of requests.
 */
#ifndef TESTS_TRANSPORT_H
#define TESTS_TRANSPORT_H

#include <sys/resource.h>

#include "harness.h"

#define BODY      "{\"inputs\":[[1,2,3,4]]}"
#define POST_HEAD "POST /predict HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n"
#define POST      POST_HEAD "Content-Length: 22\r\n\r\n" BODY

#define COMMON                                                                                     \
    "--default-model", "tiny", "--max-body", "100000", "--max-connections", "1100",                \
        "--cors-origin", "https://page.example", "--drain-timeout-s", "30"

static const char *const patient_flags[] = {COMMON, "--header-timeout-s", "60", NULL};

/* The server of the next test: one with clocks that nobody meets, or one with short ones. */
static inline int run_with(const char *const *flags)
{
    static const char *const *now;
    if (the.pid && now == flags)
        return 0;
    if (the.pid && stop())
        return -1;
    start(now = flags);
    return 0;
}

static inline int patient(void **state)
{
    (void)state;
    return run_with(patient_flags);
}

static inline int setup(void **state)
{
    (void)state;
    char path[160];
    struct rlimit l = {20000, 20000};
    setrlimit(RLIMIT_NOFILE, &l);
    folder_new();
    snprintf(path, sizeof path, "%s/tiny.safetensors", the.models);
    write_tiny(path, 1);
    snprintf(path, sizeof path, "%s/slow.safetensors", the.models);
    write_slow(path);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    int code = the.pid ? stop() : 0;
    folder_remove();
    return code;
}

/* n connections whose requests all become ready at the same moment, round after round. */
static inline void burst(int n, int rounds)
{
    int *fd = malloc(sizeof *fd * (size_t)n);
    for (int i = 0; i < n; i++)
        fd[i] = dial();
    for (int r = 0; r < rounds; r++) {
        for (int i = 0; i < n; i++)
            assert_int_equal(say(fd[i], POST), 0);
        for (int i = 0; i < n; i++) {
            char text[4096];
            hear(fd[i], text, sizeof text, "}\n");
            if (!strstr(text, "HTTP/1.1 200"))
                fail_msg("connection %d of %d, round %d: '%s'", i, n, r, text);
        }
    }
    for (int i = 0; i < n; i++)
        close(fd[i]);
    free(fd);
}

#endif
