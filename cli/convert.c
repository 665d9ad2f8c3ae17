/* convert.c - `axond convert`: a model file in the other format, ONNX or safetensors. */
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#include "options.h"

static int ends_in(const char *path, const char *ending)
{
    size_t n = strlen(path), e = strlen(ending);
    return n > e && !strcmp(path + n - e, ending);
}

/* One would be written over the other. */
static int same_file(const char *a, const char *b)
{
    struct stat x, y;
    return !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* What the words alone can have wrong. */
static int check(const char *in, const char *out, ax_err *err)
{
    if (!ends_in(out, ".onnx") && !ends_in(out, ".safetensors"))
        return ax_fail(err, AX_EINVAL,
                       "'%.200s' must end in .onnx or in .safetensors: that says what "
                       "is to be written",
                       out);
    if (same_file(in, out))
        return ax_fail(err, AX_EINVAL, "'%.200s' is both what is to be read and written", out);
    return 0;
}

static int other_format(const ax_model_info *m, const char *out, ax_err *err)
{
    if (!ends_in(out, m->producer ? ".onnx" : ".safetensors"))
        return 0;
    ax_fail(err, AX_EINVAL, "%s is a model in %s already", m->path, m->format);
    return ax_err_hint(err, "a copy is made by cp; the other format ends in %s",
                       m->producer ? ".safetensors" : ".onnx");
}

static int convert(const char *in, const char *out, int exact)
{
    ax_err err = {0};
    int code = EXIT_FAILED;
    ax_model *m = ax_model_open(in, &err);
    const ax_model_info *info = m ? ax_model_get_info(m) : NULL;
    if (info && other_format(info, out, &err)) {
        code = EXIT_USAGE;
    } else if (info && exact && info->producer) {
        ax_fail(&err, AX_EINVAL, "--exact says how a file of ONNX is written; %s is one", in);
        code = EXIT_USAGE;
    } else if (info &&
               !(info->producer
                     ? ax_model_write_spec(m, out, &err)
                     : ax_model_write_onnx(m, out, exact ? AX_ONNX_EXACT : AX_ONNX_NAMED, &err))) {
        code = EXIT_DONE;
    }
    ax_model_release(m);
    if (code)
        cli_error("convert", &err);
    return code;
}

int cmd_convert(int argc, char **argv)
{
    int n, code, exact = 0;
    ax_err err;
    const option rows[] = {
        {"exact", OPTION_SWITCH, &exact,
         .help = "to ONNX: activations in simple operations and double precision"},
    };
    const command_line line = {
        "convert",
        "IN OUT [--exact]",
        "Write the model file IN in the other format: one of axond as OUT.onnx, or one of ONNX as\n"
        "OUT.safetensors, which can be trained further. What cannot be said there is refused, "
        "node\n"
        "by node. docs/onnx-export.md tells more.\n",
        rows,
        sizeof rows / sizeof *rows,
        2,
        2};
    argv++;
    if (!options_parse(&line, argc - 1, argv, &n, &code))
        return code;
    if (!check(argv[0], argv[1], &err))
        return convert(argv[0], argv[1], exact);
    cli_error("convert", &err);
    return EXIT_USAGE;
}
