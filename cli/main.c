/* main.c - axond: one program, a row per command. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../server/server.h"
#include "cli.h"
#include "options.h"

static int cmd_version(int argc, char **argv);
static int cmd_help(int argc, char **argv);

typedef struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} command;

// clang-format off
static const command commands[] = {
    {"serve",      axond_serve,    "answer predictions over HTTP"},
    {"train",      cmd_train,      "train a model from a spec"},
    {"predict",    cmd_predict,    "classify pictures, JSON, CSV or npy files"},
    {"run",        cmd_run,        "run a model on npy files"},
    {"inspect",    cmd_inspect,    "show a model's layers, shapes and costs"},
    {"convert",    cmd_convert,    "write a model as ONNX, or one of ONNX as safetensors"},
    {"activation", cmd_activation, "explain, evaluate and draw activation functions"},
    {"bench",      cmd_bench,      "measure how fast a model runs"},
    {"jobs",       cmd_jobs,       "list, cancel, resume the trainings of a server"},
    {"watch",      cmd_watch,      "follow a training on a server"},
    {"health",     cmd_health,     "ask a running server whether it is ready"},
    {"version",    cmd_version,    "print the version"},
    {"help",       cmd_help,       "this list; help COMMAND: more about one"},
};
// clang-format on

enum { N_COMMANDS = sizeof commands / sizeof *commands };

static void list_commands(FILE *out)
{
    fprintf(out, "axond %s - serves, trains and explains neural networks\n\n", AX_VERSION);
    fprintf(out, "usage: axond COMMAND [options]; axond COMMAND --help tells more\n\n");
    for (int i = 0; i < N_COMMANDS; i++)
        fprintf(out, "  %-11s %s\n", commands[i].name, commands[i].help);
}

static const command *find(const char *name)
{
    for (int i = 0; i < N_COMMANDS; i++)
        if (!strcmp(commands[i].name, name))
            return &commands[i];
    return NULL;
}

static int unknown(const char *name)
{
    const char *names[N_COMMANDS];
    ax_err err;
    for (int i = 0; i < N_COMMANDS; i++)
        names[i] = commands[i].name;
    ax_fail(&err, AX_EINVAL, "there is no command '%.60s'", name);
    const char *near = ax_nearest(name, names, N_COMMANDS);
    if (near)
        ax_err_hint(&err, "did you mean '%s'?", near);
    else
        ax_err_hint(&err, "axond help lists them");
    cli_error(NULL, &err);
    return EXIT_USAGE;
}

static int cmd_version(int argc, char **argv)
{
    const command_line line = {.command = "version",
                               .usage = "[--help]",
                               .about = "Print the version and the kernels in use.\n"};
    int n, code;
    if (!options_parse(&line, argc - 1, argv + 1, &n, &code))
        return code;
    printf("axond %s (%s kernels)\n", AX_VERSION, ax_isa_name(ax_isa_active()));
    return EXIT_DONE;
}

static int cmd_help(int argc, char **argv)
{
    const command_line line = {.command = "help",
                               .usage = "[COMMAND]",
                               .about = "List the commands, or tell more about one.\n",
                               .max_args = 1};
    int n, code;
    if (!options_parse(&line, argc - 1, argv + 1, &n, &code))
        return code;
    if (n == 0) {
        list_commands(stdout);
        return EXIT_DONE;
    }
    const command *c = find(argv[1]);
    if (!c)
        return unknown(argv[1]);
    char flag[] = "--help", *words[] = {argv[1], flag, NULL};
    return c->run(2, words);
}

/* Results that did not reach stdout (a full disk) are a failure, whatever the command thought. */
static int finish(int code)
{
    if (!fflush(stdout) && !ferror(stdout))
        return code;
    fprintf(stderr, "axond: standard output could not be written\n");
    return code == EXIT_DONE ? EXIT_FAILED : code;
}

/* AXON_ISA must be something this machine can follow: a measurement on other kernels than asked for
 * would mislead. */
static int instruction_set(void)
{
    const char *isa = getenv("AXON_ISA");
    ax_err err;
    if (!isa || !*isa || !ax_isa_force(isa, &err))
        return 0;
    fprintf(stderr, "axond: AXON_ISA: %s%s%s\n", err.msg, *err.hint ? "; " : "", err.hint);
    return -1;
}

int main(int argc, char **argv)
{
    if (instruction_set())
        return EXIT_USAGE;
    if (argc < 2) {
        list_commands(stderr);
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    if (!strcmp(name, "--help") || !strcmp(name, "-h"))
        name = "help";
    else if (!strcmp(name, "--version"))
        name = "version";
    const command *c = find(name);
    return c ? finish(c->run(argc - 1, argv + 1)) : unknown(name);
}
