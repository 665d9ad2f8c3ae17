/* remote.h - a server as the commands see it: where it is, what it answers, why it refuses.
 *
 * Commands that talk to a server have the option REMOTE_OPTION (--server, AXOND_SERVER) and give the API
 * key of AXOND_API_KEY, which no other user of the machine can read off a command line. */
#ifndef CLI_REMOTE_H
#define CLI_REMOTE_H

#include "http_client.h"
#include "options.h"

#define REMOTE_DEFAULT "127.0.0.1:8080"
// clang-format off
#define REMOTE_OPTION(to) \
    {"server", OPTION_TEXT, to, "URL", .env = 1, .help = "where the server is (" REMOTE_DEFAULT ")"}
// clang-format on
/* A line of a command's help. */
#define REMOTE_ABOUT "Where the server asks for an API key, it is taken from AXOND_API_KEY.\n"

typedef struct remote {
    http_url url;
    const char *key; /* NULL: none */
} remote;

/* server NULL: REMOTE_DEFAULT. -1 with what is wrong with the URL. */
int remote_open(remote *r, const char *server, ax_err *err);

/* A request without a body, the answer as a tree that the caller deletes. NULL: not reached, refused
 * (with the server's own words and hint), or no JSON object. */
cJSON *remote_json(const remote *r, const char *method, const char *path, ax_err *err);

/* What an answer that is no 2xx says, as an error: AX_EIO where another try may help (429 and all 5xx),
 * AX_ENOTFOUND (404), else AX_EINVAL. Always -1. */
int remote_refused(const remote *r, const http_answer *a, ax_err *err);

/* The number of a job, as a user writes it; -1 with err. */
int remote_job_id(const char *text, ax_err *err);

/* Fields of what a server sent: "" and NaN where there is none, or it has another type. Borrowed. */
const char *remote_text(const cJSON *o, const char *field);
double remote_number(const cJSON *o, const char *field);
const cJSON *remote_field(const cJSON *o, const char *field);

#endif
