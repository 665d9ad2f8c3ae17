/* health.c - `axond health`: is a server ready? For containers, which have no curl. */
#include <stdlib.h>

#include "cli.h"
#include "http_client.h"
#include "options.h"

static const double patience = 5;

int cmd_health(int argc, char **argv)
{
    int n, code;
    const command_line line = {"health",
                               "[URL]",
                               "Ask a server whether it is ready: exit code 0 says yes, 1 no. "
                               "Without URL it is the one that\n"
                               "AXOND_LISTEN names, or 127.0.0.1:8080.\n",
                               NULL,
                               0,
                               0,
                               1};
    argv++;
    if (!options_parse(&line, argc - 1, argv, &n, &code))
        return code;
    const char *listen = getenv("AXOND_LISTEN");
    const char *text = n ? argv[0] : listen && *listen ? listen : "127.0.0.1:8080";
    http_url url;
    http_answer a;
    ax_err err;
    if (http_url_parse(text, &url, &err) < 0) {
        if (!n)
            ax_err_in(&err, "AXOND_LISTEN");
        cli_error("health", &err);
        return EXIT_USAGE;
    }
    http_request q = {.method = "GET", .path = *url.path ? "" : "/health", .seconds = patience};
    if (http_ask(&url, &q, &a, &err) < 0) {
        cli_error("health", &err);
        return EXIT_FAILED;
    }
    printf("%s", text_tame(a.body, "\n"));
    code = a.status == 200 ? EXIT_DONE : EXIT_FAILED;
    http_answer_free(&a);
    return code;
}
