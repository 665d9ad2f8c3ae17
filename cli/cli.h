/* cli.h - what the subcommands of axond share: exit codes, errors, and text for people.
 *
 * A subcommand takes its name in argv[0], the words behind it, and gives the exit code. Results go
 * to stdout, one line about a failure to stderr. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "axon.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

int cmd_train(int argc, char **argv);
int cmd_predict(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_convert(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_activation(int argc, char **argv);
int cmd_jobs(int argc, char **argv);
int cmd_watch(int argc, char **argv);
int cmd_health(int argc, char **argv);

/* "axond train: model.layers[1].units: MESSAGE; HINT" on stderr, without the place where the message
 * names it; a hint of several lines, a formula with its caret, stands below. command NULL:
 * "axond: ...". */
void cli_error(const char *command, const ax_err *err);

/* The whole thing as one line of JSON, or over several lines, to out; deletes it. */
void cli_print_json(cJSON *json, int pretty, FILE *out);

/* ---- text for people; all write into out[0..size) and return it ---- */

/* 1234567 -> "1,234,567" */
const char *text_count(int64_t n, char *out, size_t size);
/* "512 B", "1.4 KiB", "3.0 MiB" */
const char *text_bytes(int64_t n, char *out, size_t size);
/* 0.0213 -> "21 ms", 75 -> "1m15s", 7384 -> "2h03m"; not finite or negative: "?" */
const char *text_seconds(double s, char *out, size_t size);
/* the shortest decimal that reads back as the same float32; "inf", "-inf", "nan" */
const char *text_f32(float v, char *out, size_t size);
/* 12345 -> "12.3k": three figures and a letter, for rates */
const char *text_rate(double n, char *out, size_t size);

/* What came from a file or a server, in place and returned: control characters, with which it could
 * command the terminal, become '?'; those in `keep` ("\n" or "") stay. */
char *text_tame(char *s, const char *keep);

/* Does the environment say that text may be UTF-8? */
int text_utf8(void);

#endif
