/* config.h - every setting once: flag, environment name, file key, type, default, bounds, help.
 *
 * One row in config.c adds a setting; parsing, bounds, --help and the errors come from the row.
 * A flag beats the environment, which beats the file given with --config. Thread rule: filled once
 * at start, read-only afterwards. */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include <stdint.h>

#include "axon.h"

typedef struct config {
    const char *file;   /* --config                                        */
    const char *listen; /* ADDR:PORT                                       */
    const char *models;
    const char *default_model; /* NULL: the only one                              */
    const char *cors_origin;   /* NULL: none; "*": any                            */
    const char *api_key_file;  /* NULL: open                                      */
    const char *state;         /* folder of the jobs                              */
    const char *data;          /* named data sets, NULL: Debian's places only     */
    int64_t max_jobs, max_queued_jobs, keep_jobs, job_threads, job_nice, job_memory, checkpoint_s;
    int64_t threads;           /* event loops, and threads of one computation     */
    int64_t max_batch, max_delay_us, max_queue, max_rows, max_evaluate;
    int64_t max_body, max_model, max_dataset, max_datasets, max_buffered, max_connections;
    int64_t request_timeout_ms, idle_timeout_s, header_timeout_s, body_timeout_s, drain_timeout_s;
    int64_t inline_us; /* runs shorter than this happen in the event loop */
    int log_json;      /* --log-format: 0 text, 1 json                    */
    int log_level;     /* log.h                                           */
    int threads_given;
    int models_given;
    ax_arena mem; /* owns the strings                                */
} config;

/* Read argv[1..argc) ("serve" already taken off), the environment and the file. 0; 1 when --help
 * was asked for (nothing else is done); -1 with one line in err that names flag, value and bounds.
 */
int config_load(config *c, int argc, char **argv, ax_err *err);
void config_free(config *c);

/* "1.2.3.4:80", "[::1]:80", "localhost:80", ":80", "80" as host ("" for any) and port. -1 with err
 * when it is none of these. */
typedef struct listen_at {
    char host[256], port[8];
} listen_at;
int config_listen(const char *text, listen_at *out, ax_err *err);

/* Put the setting, as a flag, in front of the message about what it names. Always -1. */
int config_blame(const char *name, ax_err *err);

/* The text of --help, generated from the table, into mem. */
const char *config_help(ax_arena *mem);

#endif
