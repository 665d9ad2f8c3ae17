/* options.h - the command line of one subcommand: a row per flag, the rest are arguments.
 *
 * --flag VALUE and --flag=VALUE are the same, `--` ends the flags, flags and arguments may mix.
 * --help, the bounds and the errors come from the rows. A flag of a row with `env` may also be set
 * by the environment (--models: AXOND_MODELS); the flag wins. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdint.h>
#include <stdio.h>

#include "axon.h"

enum { OPTION_LIST_MAX = 64 };

typedef struct option_list {
    const char *item[OPTION_LIST_MAX];
    int n;
} option_list;

typedef enum option_kind {
    OPTION_SWITCH,  /* int *: 1 when given                                */
    OPTION_TEXT,    /* const char **                                      */
    OPTION_LIST,    /* option_list *: may be given again and again        */
    OPTION_INTEGER, /* int64_t *, within [lo, hi]                         */
    OPTION_NUMBER,  /* double *, within [lo, hi]                          */
    OPTION_CHOICE   /* int *: which of the words in `value`, from 0       */
} option_kind;

typedef struct option {
    const char *name; /* "max-batch", without dashes                      */
    option_kind kind;
    void *to;          /* set only when the flag is there: holds the default before */
    const char *value; /* in the help: "DIR"; OPTION_CHOICE: "auto|plain|json"     */
    double lo, hi;
    int env;
    const char *help;
} option;

typedef struct command_line {
    const char *command; /* "train"                                        */
    const char *usage;   /* "SPEC.json --out MODEL.safetensors [options]"  */
    const char *about;   /* a few lines below the usage, ending in \n      */
    const option *rows;
    int n_rows;
    int min_args, max_args; /* arguments that are not flags; max -1: any   */
} command_line;

/* Read argv[0..n) (the words behind the subcommand). The arguments are moved to the front of argv
 * in their order, their number is in *n_args.
 * 0; 1 when --help was asked for; -1 with the flag, its value and what was expected in err. */
int options_read(const command_line *c, int n, char **argv, int *n_args, ax_err *err);

/* The same for a program: help goes to stdout, an error to stderr. Non-zero when the command shall
 * run; else *exit_code is what the program ends with. */
int options_parse(const command_line *c, int n, char **argv, int *n_args, int *exit_code);

void options_help(const command_line *c, FILE *out);

#endif
