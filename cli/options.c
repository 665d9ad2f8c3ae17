/* options.c - see options.h. */
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

enum { FLAGS_MAX = 64, FLAGS_LISTED = 8, NAME_MAX_BYTES = 64 };

static const option *find(const command_line *c, const char *name, size_t n)
{
    for (int i = 0; i < c->n_rows; i++)
        if (strlen(c->rows[i].name) == n && !memcmp(c->rows[i].name, name, n))
            return &c->rows[i];
    return NULL;
}

/* All flags of a command that has few; else where they are listed. */
static int list_flags(const command_line *c, ax_err *err)
{
    char list[200] = "";
    if (c->n_rows == 0 || c->n_rows > FLAGS_LISTED)
        return ax_err_hint(err, "axond %s --help lists them", c->command);
    for (int i = 0; i < c->n_rows; i++) {
        size_t at = strlen(list);
        snprintf(list + at, sizeof list - at, "%s--%s", i ? ", " : "", c->rows[i].name);
    }
    return ax_err_hint(err, "there %s %s", c->n_rows > 1 ? "are" : "is", list);
}

static int unknown(const command_line *c, const char *arg, ax_err *err)
{
    const char *names[FLAGS_MAX];
    char name[NAME_MAX_BYTES];
    int n = 0;
    for (; n < c->n_rows && n < FLAGS_MAX - 1; n++)
        names[n] = c->rows[n].name;
    names[n++] = "help";
    const char *bare = arg + strspn(arg, "-");
    snprintf(name, sizeof name, "%.*s", (int)strcspn(bare, "="), bare);
    const char *near = ax_nearest(name, names, n);
    ax_fail(err, AX_EINVAL, "there is no flag '%.60s'", arg);
    return near ? ax_err_hint(err, "did you mean --%s?", near) : list_flags(c, err);
}

/* ---- values ---------------------------------------------------------------------------------- */

static int set_choice(const option *o, const char *from, const char *value, ax_err *err)
{
    const char *word = o->value;
    for (int i = 0;; i++) {
        size_t n = strcspn(word, "|");
        if (strlen(value) == n && !memcmp(word, value, n)) {
            *(int *)o->to = i;
            return 0;
        }
        if (!word[n])
            return ax_fail(err, AX_EINVAL, "%s: '%.60s' is not one of %s", from, value, o->value);
        word += n + 1;
    }
}

static int set_number(const option *o, const char *from, const char *value, ax_err *err)
{
    char *end;
    int whole = o->kind == OPTION_INTEGER;
    errno = 0;
    long long i = whole ? strtoll(value, &end, 10) : 0;
    double d = whole ? (double)i : strtod(value, &end);
    if (end == value || *end || isspace((unsigned char)*value))
        return ax_fail(err, AX_EINVAL, "%s: '%.60s' is not a %snumber", from, value,
                       whole ? "whole " : "");
    if (errno == ERANGE || !(d >= o->lo && d <= o->hi)) {
        return ax_fail(err, AX_ERANGE, "%s: %.60s is outside %s to %s", from, value,
                       AX_NUMBER(o->lo), AX_NUMBER(o->hi));
    }
    if (whole)
        *(int64_t *)o->to = i;
    else
        *(double *)o->to = d;
    return 0;
}

/* `from` is how the user wrote the name: "--models", "AXOND_MODELS". */
static int set(const option *o, const char *from, const char *value, ax_err *err)
{
    option_list *list = o->to;
    switch (o->kind) {
    case OPTION_SWITCH:
        *(int *)o->to = 1;
        return 0;
    case OPTION_CHOICE:
        return set_choice(o, from, value, err);
    case OPTION_INTEGER:
    case OPTION_NUMBER:
        return set_number(o, from, value, err);
    default:
        break;
    }
    if (!*value)
        return ax_fail(err, AX_EINVAL, "%s: the value is empty, expected %s", from, o->value);
    if (o->kind == OPTION_TEXT)
        *(const char **)o->to = value;
    else if (list->n == OPTION_LIST_MAX)
        return ax_fail(err, AX_ELIMIT, "%s is given more than %d times", from, OPTION_LIST_MAX);
    else
        list->item[list->n++] = value;
    return 0;
}

static int from_environment(const command_line *c, ax_err *err)
{
    for (int i = 0; i < c->n_rows; i++) {
        const option *o = &c->rows[i];
        char name[NAME_MAX_BYTES];
        if (!o->env)
            continue;
        snprintf(name, sizeof name, "AXOND_%s", o->name);
        for (char *p = name; *p; p++)
            *p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
        const char *value = getenv(name);
        if (value && set(o, name, value, err))
            return -1;
    }
    return 0;
}

/* ---- words ----------------------------------------------------------------------------------- */

/* argv[*i] is a flag; *i moves to its last word. given[row] counts. */
static int read_flag(const command_line *c, char **argv, int n, int *i, int given[], ax_err *err)
{
    const char *arg = argv[*i], *name = arg + 2, *eq = strchr(name, '=');
    const option *o = find(c, name, eq ? (size_t)(eq - name) : strlen(name));
    char from[NAME_MAX_BYTES];
    if (!o)
        return unknown(c, arg, err);
    snprintf(from, sizeof from, "--%s", o->name);
    if (given[o - c->rows]++ && o->kind != OPTION_LIST)
        return ax_fail(err, AX_EINVAL, "%s is given twice", from);
    if (o->kind == OPTION_SWITCH) {
        if (eq)
            return ax_fail(err, AX_EINVAL, "%s takes no value, but '%.60s' was given", from,
                           eq + 1);
        return set(o, from, "", err);
    }
    if (eq)
        return set(o, from, eq + 1, err);
    if (*i + 1 == n || !strncmp(argv[*i + 1], "--", 2)) {
        ax_fail(err, AX_EINVAL, "%s needs a value: %s", from, o->value);
        return *i + 1 == n
                   ? -1
                   : ax_err_hint(err, "a value that begins with -- is written %s=--...", from);
    }
    return set(o, from, argv[++*i], err);
}

static int count_args(const command_line *c, int n, char **argv, ax_err *err)
{
    if (n < c->min_args)
        ax_fail(err, AX_EINVAL, n ? "%d argument%s not enough" : "an argument is missing", n,
                n == 1 ? " is" : "s are");
    else if (c->max_args >= 0 && n > c->max_args)
        ax_fail(err, AX_EINVAL, "'%.60s' is one argument too many", argv[c->max_args]);
    else
        return 0;
    return ax_err_hint(err, "usage: axond %s %s", c->command, c->usage);
}

int options_read(const command_line *c, int n, char **argv, int *n_args, ax_err *err)
{
    int given[FLAGS_MAX] = {0}, args = 0, only_args = 0;
    for (int i = 0; i < n && strcmp(argv[i], "--"); i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
            return 1;
    if (from_environment(c, err))
        return -1;
    for (int i = 0; i < n; i++) {
        if (only_args || argv[i][0] != '-' || !argv[i][1])
            argv[args++] = argv[i];
        else if (!strcmp(argv[i], "--"))
            only_args = 1;
        else if (argv[i][1] != '-')
            return unknown(c, argv[i], err);
        else if (read_flag(c, argv, n, &i, given, err))
            return -1;
    }
    *n_args = args;
    return count_args(c, args, argv, err);
}

int options_parse(const command_line *c, int n, char **argv, int *n_args, int *exit_code)
{
    ax_err err = {0};
    int r = options_read(c, n, argv, n_args, &err);
    if (r == 0)
        return 1;
    if (r == 1)
        options_help(c, stdout);
    else
        cli_error(c->command, &err);
    *exit_code = r == 1 ? EXIT_DONE : EXIT_USAGE;
    return 0;
}

/* ---- help ------------------------------------------------------------------------------------ */

void options_help(const command_line *c, FILE *out)
{
    int width = (int)strlen("--help");
    fprintf(out, "usage: axond %s %s\n\n%s", c->command, c->usage, c->about);
    for (int i = 0; i < c->n_rows; i++) {
        const option *o = &c->rows[i];
        int w = (int)(2 + strlen(o->name) + (o->value ? 1 + strlen(o->value) : 0));
        width = w > width ? w : width;
    }
    fprintf(out, "\noptions:\n");
    for (int i = 0; i < c->n_rows; i++) {
        const option *o = &c->rows[i];
        int w = fprintf(out, "  --%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
        fprintf(out, "%*s%s%s\n", width + 4 - w, "", o->help,
                o->kind == OPTION_LIST ? " (may be given again)" : "");
    }
    fprintf(out, "  %-*s  this text\n", width, "--help");
}
