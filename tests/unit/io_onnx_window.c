/* ONNX's windows, norms and resizing by opset: one table of small networks, a row each, whose
 * numbers are worked out by hand; and what is refused. ONNX's own cases of these operators are
 * those of `make onnx-test`; what is here is new since then, or not in them. */
#include "onnx_net.h"

/* An attribute: text, else f where it is not 0, else one of v (n 0) or a list. */
typedef struct attr {
    const char *name, *text;
    float f;
    int n;
    int64_t v[6];
} attr;

/* An input behind x that is known: floats, or whole numbers. name NULL: none. "": left out. */
typedef struct given {
    const char *name;
    int whole, rank;
    int64_t dim[5];
    float v[12];
} given;

typedef struct row {
    const char *what, *op;
    int opset;
    ax_shape x;
    float xv[16];
    ax_shape y;
    float yv[24];
    attr a[6];
    given in[4];
    int output; /* which one is y */
    int cast;   /* it is int64 */
} row;

#define DIMS(...)                                                                                  \
    {                                                                                              \
        (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),                                 \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define LIST(name, n, ...)                                                                         \
    {                                                                                              \
        name, NULL, 0, n,                                                                          \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define INT(name, v)                                                                               \
    {                                                                                              \
        name, NULL, 0, 0,                                                                          \
        {                                                                                          \
            v                                                                                      \
        }                                                                                          \
    }
#define FLOAT(name, f)                                                                             \
    {                                                                                              \
        name, NULL, f, 0,                                                                          \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }
#define TEXT(name, s)                                                                              \
    {                                                                                              \
        name, s, 0, 0,                                                                             \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }

// clang-format off
static const row rows[] = {
    {.what = "three axes", .op = "Conv", .opset = 11, .x = DIMS(1, 1, 2, 1, 2), .xv = {1, 2, 3, 4},
     .y = DIMS(1, 1, 2, 1, 1), .yv = {2100, 4321},
     .a = {LIST("pads", 6, 1, 0, 0, 0, 0, 0)}, .in = {{"w", 0, 5, {1, 1, 2, 1, 2}, {1, 10, 100, 1000}}}},
    {.what = "groups in three axes", .op = "Conv", .opset = 11, .x = DIMS(1, 2, 2, 1, 1), .xv = {1, 2, 3, 4},
     .y = DIMS(1, 2, 1, 1, 1), .yv = {21, 4300 + 7},
     .a = {INT("group", 2)}, .in = {{"w", 0, 5, {2, 1, 2, 1, 1}, {1, 10, 100, 1000}}, {"b", 0, 1, {2}, {0, 7}}}},
    {.what = "a line", .op = "Conv", .opset = 11, .x = DIMS(1, 1, 4), .xv = {1, 2, 3, 4},
     .y = DIMS(1, 1, 2), .yv = {31, 42},
     .a = {LIST("dilations", 1, 2)}, .in = {{"w", 0, 3, {1, 1, 2}, {1, 10}}}},

    {.what = "a line", .op = "ConvTranspose", .opset = 11, .x = DIMS(1, 1, 2), .xv = {1, 2},
     .y = DIMS(1, 1, 5), .yv = {1, 10, 102, 20, 200},
     .a = {LIST("strides", 1, 2)}, .in = {{"w", 0, 3, {1, 1, 3}, {1, 10, 100}}}},
    {.what = "cut at both ends, with a bias", .op = "ConvTranspose", .opset = 11, .x = DIMS(1, 1, 2), .xv = {1, 2},
     .y = DIMS(1, 1, 3), .yv = {15, 107, 25},
     .a = {LIST("strides", 1, 2), LIST("pads", 2, 1, 1)}, .in = {{"w", 0, 3, {1, 1, 3}, {1, 10, 100}}, {"b", 0, 1, {1}, {5}}}},
    {.what = "one more behind", .op = "ConvTranspose", .opset = 11, .x = DIMS(1, 1, 2), .xv = {1, 2},
     .y = DIMS(1, 1, 6), .yv = {1, 10, 102, 20, 200, 0},
     .a = {LIST("strides", 1, 2), LIST("output_padding", 1, 1)}, .in = {{"w", 0, 3, {1, 1, 3}, {1, 10, 100}}}},
    {.what = "a size of four", .op = "ConvTranspose", .opset = 11, .x = DIMS(1, 1, 2), .xv = {1, 2},
     .y = DIMS(1, 1, 4), .yv = {10, 102, 20, 200},
     .a = {LIST("strides", 1, 2), LIST("output_shape", 1, 4)}, .in = {{"w", 0, 3, {1, 1, 3}, {1, 10, 100}}}},
    {.what = "a size of four, upper", .op = "ConvTranspose", .opset = 11, .x = DIMS(1, 1, 2), .xv = {1, 2},
     .y = DIMS(1, 1, 4), .yv = {1, 10, 102, 20},
     .a = {LIST("strides", 1, 2), LIST("output_shape", 1, 4), TEXT("auto_pad", "SAME_UPPER")}, .in = {{"w", 0, 3, {1, 1, 3}, {1, 10, 100}}}},
    {.what = "a size of eight", .op = "ConvTranspose", .opset = 11, .x = DIMS(1, 1, 2), .xv = {1, 2},
     .y = DIMS(1, 1, 8), .yv = {1, 10, 102, 20, 200, 0, 0, 0},
     .a = {LIST("strides", 1, 2), LIST("output_shape", 1, 8)}, .in = {{"w", 0, 3, {1, 1, 3}, {1, 10, 100}}}},
    {.what = "depth", .op = "ConvTranspose", .opset = 11, .x = DIMS(1, 1, 2, 1, 1), .xv = {1, 2},
     .y = DIMS(1, 1, 4, 1, 1), .yv = {10, 102, 20, 200},
     .a = {LIST("strides", 3, 2, 1, 1), LIST("pads", 6, 1, 0, 0, 0, 0, 0)}, .in = {{"w", 0, 5, {1, 1, 3, 1, 1}, {1, 10, 100}}}},
    {.what = "groups", .op = "ConvTranspose", .opset = 11, .x = DIMS(1, 2, 1, 1), .xv = {1, 2},
     .y = DIMS(1, 2, 1, 2), .yv = {1, 10, 200, 2000},
     .a = {INT("group", 2)}, .in = {{"w", 0, 4, {2, 1, 1, 2}, {1, 10, 100, 1000}}}},

    {.what = "places by rows", .op = "MaxPool", .opset = 12, .x = DIMS(1, 1, 2, 3), .xv = {1, 2, 3, 6, 5, 4},
     .y = DIMS(1, 1, 1, 2), .yv = {3, 4}, .a = {LIST("kernel_shape", 2, 2, 2)}, .output = 1, .cast = 1},
    {.what = "places by columns", .op = "MaxPool", .opset = 12, .x = DIMS(1, 1, 2, 3), .xv = {1, 2, 3, 6, 5, 4},
     .y = DIMS(1, 1, 1, 2), .yv = {1, 3}, .a = {LIST("kernel_shape", 2, 2, 2), INT("storage_order", 1)}, .output = 1, .cast = 1},
    {.what = "two apart", .op = "MaxPool", .opset = 10, .x = DIMS(1, 1, 5), .xv = {1, 5, 2, 4, 3},
     .y = DIMS(1, 1, 3), .yv = {2, 5, 3}, .a = {LIST("kernel_shape", 1, 2), LIST("dilations", 1, 2)}},
    {.what = "a volume", .op = "MaxPool", .opset = 10, .x = DIMS(1, 1, 2, 2, 2), .xv = {1, 5, 2, 4, 3, 8, 7, 6},
     .y = DIMS(1, 1, 1, 1, 2), .yv = {7, 8}, .a = {LIST("kernel_shape", 3, 2, 2, 1)}},
    {.what = "two apart", .op = "AveragePool", .opset = 19, .x = DIMS(1, 1, 5), .xv = {1, 5, 2, 4, 6},
     .y = DIMS(1, 1, 3), .yv = {1.5f, 4.5f, 4}, .a = {LIST("kernel_shape", 1, 2), LIST("dilations", 1, 2)}},
    {.what = "rounded up, padding counted", .op = "AveragePool", .opset = 19, .x = DIMS(1, 1, 4), .xv = {2, 4, 6, 8},
     .y = DIMS(1, 1, 3), .yv = {2, 6, 4}, /* (0 2 4) (4 6 8) (8 0 -): the last is cut off by the edge */
     .a = {LIST("kernel_shape", 1, 3), LIST("strides", 1, 2), LIST("pads", 2, 1, 1), INT("ceil_mode", 1), INT("count_include_pad", 1)}},
    {.what = "rounded up", .op = "LpPool", .opset = 18, .x = DIMS(1, 1, 5), .xv = {3, -4, 6, 8, 2},
     .y = DIMS(1, 1, 3), .yv = {5, 10, 2},
     .a = {LIST("kernel_shape", 1, 2), LIST("strides", 1, 2), INT("ceil_mode", 1)}},
    {.what = "p is 1", .op = "GlobalLpPool", .opset = 2, .x = DIMS(1, 2, 3), .xv = {1, -2, 3, 4, 5, 6},
     .y = DIMS(1, 2, 1), .yv = {6, 15}, .a = {INT("p", 1)}},
    {.what = "a line", .op = "GlobalAveragePool", .opset = 9, .x = DIMS(1, 2, 3), .xv = {1, 2, 3, 4, 5, 6},
     .y = DIMS(1, 2, 1), .yv = {2, 5}},
    {.what = "a line", .op = "MaxUnpool", .opset = 11, .x = DIMS(1, 1, 2), .xv = {7, 8},
     .y = DIMS(1, 1, 5), .yv = {0, 7, 0, 8, 0},
     .a = {LIST("kernel_shape", 1, 2), LIST("strides", 1, 2)},
     .in = {{"i", 1, 3, {1, 1, 2}, {1, 3}}, {"s", 1, 1, {3}, {1, 1, 5}}}},
    {.what = "windows that meet", .op = "Col2Im", .opset = 18, .x = DIMS(1, 2, 3), .xv = {1, 2, 3, 10, 20, 30},
     .y = DIMS(1, 1, 1, 4), .yv = {1, 12, 23, 30},
     .in = {{"i", 1, 1, {2}, {1, 4}}, {"b", 1, 1, {2}, {1, 2}}}},

    {.what = "a factor for each group", .op = "GroupNormalization", .opset = 18, .x = DIMS(1, 4, 1), .xv = {1, 3, 2, 6},
     .y = DIMS(1, 4, 1), .yv = {-2 + 1, 2 + 1, -3, 3}, .a = {INT("num_groups", 2), FLOAT("epsilon", 1e-12f)},
     .in = {{"g", 0, 1, {2}, {2, 3}}, {"b", 0, 1, {2}, {1, 0}}}},
    {.what = "a factor for each channel", .op = "GroupNormalization", .opset = 21, .x = DIMS(1, 4, 1), .xv = {1, 3, 2, 6},
     .y = DIMS(1, 4, 1), .yv = {-2 + 1, 3, -4, 5 + 1}, .a = {INT("num_groups", 2), FLOAT("epsilon", 1e-12f)},
     .in = {{"g", 0, 1, {4}, {2, 3, 4, 5}}, {"b", 0, 1, {4}, {1, 0, 0, 1}}}},
    {.what = "two channels", .op = "InstanceNormalization", .opset = 6, .x = DIMS(1, 2, 2), .xv = {1, 3, 2, 6},
     .y = DIMS(1, 2, 2), .yv = {-2, 2, -2, 4}, .a = {FLOAT("epsilon", 1e-12f)},
     .in = {{"g", 0, 1, {2}, {2, 3}}, {"b", 0, 1, {2}, {0, 1}}}},
    {.what = "a factor repeated, no summand", .op = "LayerNormalization", .opset = 17, .x = DIMS(1, 2, 2), .xv = {1, 3, 1, 3},
     .y = DIMS(1, 2, 2), .yv = {-2, 3, -2, 3}, .a = {INT("axis", 1), FLOAT("epsilon", 1e-12f)},
     .in = {{"g", 0, 1, {2}, {2, 3}}}},
    {.what = "the mean", .op = "LayerNormalization", .opset = 17, .x = DIMS(2, 2), .xv = {1, 3, 2, 6},
     .y = DIMS(2, 1), .yv = {2, 4}, .in = {{"g", 0, 1, {2}, {1, 1}}}, .output = 1},
    {.what = "what it was divided by", .op = "LayerNormalization", .opset = 17, .x = DIMS(2, 2), .xv = {1, 3, 2, 6},
     .y = DIMS(2, 1), .yv = {.5f, .3779645f}, .a = {FLOAT("epsilon", 3)}, /* 1/sqrt(1 + 3), 1/sqrt(4 + 3) */
     .in = {{"g", 0, 1, {2}, {1, 1}}}, .output = 2},
    {.what = "the root of the mean square", .op = "RMSNormalization", .opset = 23, .x = DIMS(1, 2), .xv = {1, 7},
     .y = DIMS(1, 2), .yv = {2 * .2f, 3 * 1.4f}, .a = {FLOAT("epsilon", 1e-12f)}, .in = {{"g", 0, 1, {2}, {2, 3}}}},
    {.what = "a row of zeros", .op = "LpNormalization", .opset = 1, .x = DIMS(2, 2), .xv = {3, 4, 0, 0},
     .y = DIMS(2, 2), .yv = {.6f, .8f, 0, 0}},
    {.what = "in training", .op = "BatchNormalization", .opset = 15, .x = DIMS(2, 1), .xv = {1, 3},
     .y = DIMS(2, 1), .yv = {-2, 2}, .a = {INT("training_mode", 1), FLOAT("epsilon", 1e-12f)},
     .in = {{"g", 0, 1, {1}, {2}}, {"b", 0, 1, {1}, {0}}, {"m", 0, 1, {1}, {10}}, {"v", 0, 1, {1}, {5}}}},
    {.what = "the mean moves", .op = "BatchNormalization", .opset = 15, .x = DIMS(2, 1), .xv = {1, 3},
     .y = DIMS(1), .yv = {.75f * 10 + .25f * 2}, .a = {INT("training_mode", 1), FLOAT("momentum", .75f)},
     .in = {{"g", 0, 1, {1}, {2}}, {"b", 0, 1, {1}, {0}}, {"m", 0, 1, {1}, {10}}, {"v", 0, 1, {1}, {5}}}, .output = 1},
    {.what = "the variance moves", .op = "BatchNormalization", .opset = 9, .x = DIMS(2, 1), .xv = {1, 3},
     .y = DIMS(1), .yv = {.75f * 5 + .25f * 1}, .a = {FLOAT("momentum", .75f)},
     .in = {{"g", 0, 1, {1}, {2}}, {"b", 0, 1, {1}, {0}}, {"m", 0, 1, {1}, {10}}, {"v", 0, 1, {1}, {5}}}, .output = 2},
    {.what = "each pixel", .op = "BatchNormalization", .opset = 7, .x = DIMS(1, 1, 2), .xv = {1, 3},
     .y = DIMS(1, 1, 2), .yv = {0, 4}, .a = {INT("spatial", 0), FLOAT("epsilon", 1e-12f)},
     .in = {{"g", 0, 2, {1, 2}, {1, 2}}, {"b", 0, 2, {1, 2}, {0, 0}}, {"m", 0, 2, {1, 2}, {1, 1}}, {"v", 0, 2, {1, 2}, {1, 1}}}},

    {.what = "antialiased", .op = "Resize", .opset = 18, .x = DIMS(1, 1, 4), .xv = {1, 2, 3, 4},
     .y = DIMS(1, 1, 2), .yv = {1.625f, 3.375f}, .a = {TEXT("mode", "linear"), INT("antialias", 1)},
     .in = {{"", 0, 0, {0}, {0}}, {"s", 0, 1, {3}, {1, 1, .5f}}}},
    {.what = "antialiased, nothing beyond the edges", .op = "Resize", .opset = 18, .x = DIMS(1, 1, 4), .xv = {1, 2, 3, 4},
     .y = DIMS(1, 1, 2), .yv = {1.7142857f, 3.2857143f},
     .a = {TEXT("mode", "linear"), INT("antialias", 1), INT("exclude_outside", 1)},
     .in = {{"", 0, 0, {0}, {0}}, {"s", 0, 1, {3}, {1, 1, .5f}}}},
    {.what = "symmetric", .op = "Resize", .opset = 19, .x = DIMS(1, 1, 4), .xv = {1, 2, 3, 4},
     .y = DIMS(1, 1, 2), .yv = {1.7857143f, 3.2142857f},
     .a = {TEXT("mode", "linear"), TEXT("coordinate_transformation_mode", "half_pixel_symmetric")},
     .in = {{"", 0, 0, {0}, {0}}, {"s", 0, 1, {3}, {1, 1, .7f}}}},
    {.what = "two axes, not larger", .op = "Resize", .opset = 18, .x = DIMS(1, 1, 1, 4), .xv = {1, 2, 3, 4},
     .y = DIMS(1, 1, 2, 6), .yv = {1, 1, 2, 3, 3, 4, 1, 1, 2, 3, 3, 4},
     .a = {TEXT("coordinate_transformation_mode", "asymmetric"), TEXT("nearest_mode", "floor"),
           TEXT("keep_aspect_ratio_policy", "not_larger"), LIST("axes", 2, 2, -1)},
     .in = {{"", 0, 0, {0}, {0}}, {"", 0, 0, {0}, {0}}, {"s", 1, 1, {2}, {2, 6}}}},
    {.what = "two axes, not smaller", .op = "Resize", .opset = 18, .x = DIMS(1, 1, 1, 2), .xv = {1, 2},
     .y = DIMS(1, 1, 3, 6), .yv = {1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2},
     .a = {TEXT("keep_aspect_ratio_policy", "not_smaller"), LIST("axes", 2, 2, 3)},
     .in = {{"", 0, 0, {0}, {0}}, {"", 0, 0, {0}, {0}}, {"s", 1, 1, {2}, {3, 4}}}},
    {.what = "a region, and beyond", .op = "Resize", .opset = 11, .x = DIMS(1, 3), .xv = {1, 2, 3},
     .y = DIMS(1, 3), .yv = {2, 3, 9},
     .a = {TEXT("mode", "linear"), TEXT("coordinate_transformation_mode", "tf_crop_and_resize"), FLOAT("extrapolation_value", 9)},
     .in = {{"r", 0, 1, {4}, {0, .5f, 1, 1.5f}}, {"n", 0, 1, {0}, {0}}, {"s", 1, 1, {2}, {1, 3}}}},
    {.what = "cubic between", .op = "Resize", .opset = 11, .x = DIMS(1, 1, 1, 4), .xv = {0, 0, 8, 0},
     .y = DIMS(1, 1, 1, 7), .yv = {0, -.75f, 0, 4.75f, 8, 4.75f, 0},
     .a = {TEXT("mode", "cubic"), TEXT("coordinate_transformation_mode", "align_corners")},
     .in = {{"r", 0, 1, {0}, {0}}, {"n", 0, 1, {0}, {0}}, {"s", 1, 1, {4}, {1, 1, 1, 7}}}},
    {.what = "whole blocks", .op = "Resize", .opset = 13, .x = DIMS(1, 1, 1, 2), .xv = {1, 2},
     .y = DIMS(1, 1, 2, 4), .yv = {1, 1, 2, 2, 1, 1, 2, 2},
     .in = {{"", 0, 0, {0}, {0}}, {"s", 0, 1, {4}, {1, 1, 2, 2}}}},
    {.what = "smaller, rounded up", .op = "Resize", .opset = 10, .x = DIMS(1, 4), .xv = {1, 2, 3, 4},
     .y = DIMS(1, 2), .yv = {1, 3}, .in = {{"s", 0, 1, {2}, {1, .6f}}}},
    {.what = "linear", .op = "Upsample", .opset = 9, .x = DIMS(1, 2), .xv = {1, 3},
     .y = DIMS(1, 4), .yv = {1, 2, 3, 3}, .a = {TEXT("mode", "linear")}, .in = {{"s", 0, 1, {2}, {1, 2}}}},

    {.what = "a crop and zeros", .op = "CenterCropPad", .opset = 18, .x = DIMS(4, 1), .xv = {1, 2, 3, 4},
     .y = DIMS(1, 4), .yv = {0, 2, 0, 0}, .in = {{"s", 1, 1, {2}, {1, 4}}}},
    {.what = "between four pixels, and outside", .op = "GridSample", .opset = 20, .x = DIMS(1, 1, 2, 2), .xv = {1, 2, 3, 4},
     .y = DIMS(1, 1, 1, 3), .yv = {2.5f, 1, 0}, .a = {INT("align_corners", 1)},
     .in = {{"g", 0, 4, {1, 1, 3, 2}, {0, 0, -1, -1, -1, 3}}}},
    {.what = "bicubic is cubic", .op = "GridSample", .opset = 16, .x = DIMS(1, 1, 1, 4), .xv = {0, 0, 8, 0},
     .y = DIMS(1, 1, 1, 1), .yv = {4.75f}, .a = {INT("align_corners", 1), TEXT("mode", "bicubic")},
     .in = {{"g", 0, 4, {1, 1, 1, 2}, {0, 0}}}},

    {.what = "a slope per row", .op = "PRelu", .opset = 9, .x = DIMS(1, 2, 2), .xv = {-1, 1, -1, -2},
     .y = DIMS(1, 2, 2), .yv = {-2, 1, -3, -6}, .in = {{"s", 0, 2, {2, 1}, {2, 3}}}},
    {.what = "a slope per column", .op = "PRelu", .opset = 9, .x = DIMS(1, 2, 2), .xv = {-1, 1, -1, -2},
     .y = DIMS(1, 2, 2), .yv = {-2, 1, -2, -6}, .in = {{"s", 0, 1, {2}, {2, 3}}}},
    {.what = "axes apart", .op = "PRelu", .opset = 9, .x = DIMS(2, 1, 2), .xv = {-1, -1, -1, -1},
     .y = DIMS(2, 1, 2), .yv = {-1, -2, -3, -4}, .in = {{"s", 0, 3, {2, 1, 2}, {1, 2, 3, 4}}}},
    {.what = "with a bias of its own", .op = "Shrink", .opset = 9, .x = DIMS(1, 3), .xv = {-2, .5f, 2},
     .y = DIMS(1, 3), .yv = {-1.75f, 0, 1.75f}, .a = {FLOAT("lambd", 1), FLOAT("bias", .25f)}},
    {.what = "where it is 1", .op = "ThresholdedRelu", .opset = 10, .x = DIMS(1, 3), .xv = {-2, 1, 2},
     .y = DIMS(1, 3), .yv = {0, 0, 2}},
    {.what = "by tanh", .op = "Gelu", .opset = 20, .x = DIMS(1, 1), .xv = {1},
     .y = DIMS(1, 1), .yv = {.8411920f}, .a = {TEXT("approximate", "tanh")}},
    {.what = "exact", .op = "Gelu", .opset = 20, .x = DIMS(1, 1), .xv = {1}, .y = DIMS(1, 1), .yv = {.8413447f}},
    {.what = "steeper", .op = "Swish", .opset = 24, .x = DIMS(1, 1), .xv = {1},
     .y = DIMS(1, 1), .yv = {.8807971f}, .a = {FLOAT("alpha", 2)}},
    {.what = "a mask of numbers", .op = "Dropout", .opset = 7, .x = DIMS(1, 2), .xv = {3, 4},
     .y = DIMS(1, 2), .yv = {1, 1}, .output = 1},
};
// clang-format on

static void put_given(net *n, const given *g, const char **in)
{
    int64_t whole[12], count = 1;
    *in = g->name;
    if (!*g->name)
        return;
    for (int i = 0; i < g->rank; i++)
        count *= g->dim[i];
    for (int64_t i = 0; i < count; i++)
        whole[i] = (int64_t)g->v[i];
    if (g->whole)
        ax_onnx_put_tensor(&n->o, g->name, AX_ONNX_INT64, g->dim, g->rank, whole,
                           (size_t)count * sizeof *whole);
    else
        put_floats(n, g->name, g->dim, g->rank, g->v);
}

static void put_attr(net *n, const attr *a)
{
    if (a->text)
        ax_onnx_put_text(&n->o, a->name, a->text);
    else if (a->f != 0)
        ax_onnx_put_float(&n->o, a->name, a->f);
    else if (a->n)
        ax_onnx_put_ints(&n->o, a->name, a->v, a->n);
    else
        ax_onnx_put_int(&n->o, a->name, a->v[0]);
}

static void put_row(net *n, const row *r)
{
    const char *in[5] = {"x"}, *out[4] = {"", "", "", ""};
    int n_in = 1;
    begin(n, r->opset);
    for (int i = 0; i < 4 && r->in[i].name; i++)
        put_given(n, &r->in[i], &in[n_in++]);
    out[0] = "first";
    out[r->output] = r->cast ? "whole" : "y";
    ax_onnx_put_node_outputs(&n->o, r->op, in, n_in, out, r->output + 1);
    for (int i = 0; i < 6 && r->a[i].name; i++)
        put_attr(n, &r->a[i]);
    if (!r->cast)
        return;
    put_node(n, "Cast", "whole", NULL, "y");
    ax_onnx_put_int(&n->o, "to", AX_ONNX_FLOAT);
}

static void one_row(void **state)
{
    const row *r = *state;
    net n;
    put_row(&n, r);
    check(&n, &r->x, r->xv, &r->y, r->yv, 2e-6f);
}

/* ---- what is refused ---- */

static const struct refusal {
    row r;
    ax_code code;
    const char *words;
} refusals[] = {
    {{.what = "kernel_shape",
      .op = "Conv",
      .opset = 11,
      .x = DIMS(1, 1, 4),
      .a = {LIST("kernel_shape", 1, 3)},
      .in = {{"w", 0, 3, {1, 1, 2}, {1, 10}}}},
     AX_ESHAPE,
     "kernel_shape says 3, the weights have 2"},
    {{.what = "nothing left",
      .op = "ConvTranspose",
      .opset = 11,
      .x = DIMS(1, 1, 1),
      .a = {LIST("pads", 2, 1, 1)},
      .in = {{"w", 0, 3, {1, 1, 2}, {1, 10}}}},
     AX_ESHAPE,
     "nothing is left of axis 0"},
    {{.what = "four axes",
      .op = "MaxPool",
      .opset = 11,
      .x = DIMS(1, 1, 2, 2, 2, 2),
      .a = {LIST("kernel_shape", 4, 1, 1, 1, 1)}},
     AX_EUNSUPPORTED,
     "1 to 3 axes"},
    {{.what = "too wide",
      .op = "LpPool",
      .opset = 18,
      .x = DIMS(1, 1, 3),
      .a = {LIST("kernel_shape", 1, 4)}},
     AX_ESHAPE,
     "a window that spans 4"},
    {{.what = "p", .op = "GlobalLpPool", .opset = 2, .x = DIMS(1, 1, 3), .a = {INT("p", -1)}},
     AX_ERANGE,
     "p is -1"},
    {{.what = "smaller than the windows",
      .op = "MaxUnpool",
      .opset = 11,
      .x = DIMS(1, 1, 2),
      .a = {LIST("kernel_shape", 1, 2), LIST("strides", 1, 2)},
      .in = {{"i", 1, 3, {1, 1, 2}, {1, 3}}, {"s", 1, 1, {3}, {1, 1, 3}}}},
     AX_ESHAPE,
     "axis 2 cannot be 3"},
    {{.what = "columns",
      .op = "Col2Im",
      .opset = 18,
      .x = DIMS(1, 2, 4),
      .in = {{"i", 1, 1, {2}, {1, 4}}, {"b", 1, 1, {2}, {1, 2}}}},
     AX_ESHAPE,
     "cannot reshape"},
    {{.what = "groups",
      .op = "GroupNormalization",
      .opset = 21,
      .x = DIMS(1, 3, 1),
      .a = {INT("num_groups", 2)},
      .in = {{"g", 0, 1, {3}, {1, 1, 1}}, {"b", 0, 1, {3}, {0, 0, 0}}}},
     AX_ERANGE,
     "num_groups is 2 for 3 channels"},
    {{.what = "statistics",
      .op = "BatchNormalization",
      .opset = 14,
      .x = DIMS(2, 1),
      .output = 1,
      .in = {{"g", 0, 1, {1}, {2}},
             {"b", 0, 1, {1}, {0}},
             {"m", 0, 1, {1}, {10}},
             {"v", 0, 1, {1}, {5}}}},
     AX_EINVAL,
     "in training mode only"},
    {{.what = "neither", .op = "Resize", .opset = 13, .x = DIMS(1, 2)},
     AX_EINVAL,
     "either scales or sizes"},
    {{.what = "scale",
      .op = "Resize",
      .opset = 13,
      .x = DIMS(1, 2),
      .in = {{"", 0, 0, {0}, {0}}, {"s", 0, 1, {2}, {1, -1}}}},
     AX_ERANGE,
     "a scale of -1 for axis 1"},
    {{.what = "scales",
      .op = "Resize",
      .opset = 13,
      .x = DIMS(1, 2),
      .in = {{"", 0, 0, {0}, {0}}, {"s", 0, 1, {1}, {2}}}},
     AX_EINVAL,
     "1 scales for 2 axes"},
    {{.what = "much",
      .op = "Resize",
      .opset = 13,
      .x = DIMS(1, 2),
      .in = {{"", 0, 0, {0}, {0}}, {"s", 0, 1, {2}, {1e30f, 1}}}},
     AX_ERANGE,
     "a scale of 1e+30"},
    {{.what = "more than there is",
      .op = "Resize",
      .opset = 13,
      .x = DIMS(1, 1),
      .in = {{"", 0, 0, {0}, {0}}, {"", 0, 0, {0}, {0}}, {"s", 1, 1, {2}, {1 << 20, 1 << 20}}}},
     AX_ENOMEM,
     "no memory for a result of (1048576, 1048576)"},
    {{.what = "mode", .op = "Resize", .opset = 13, .x = DIMS(1, 2), .a = {TEXT("mode", "magic")}},
     AX_EINVAL,
     "mode 'magic'"},
    {{.what = "nearest antialias",
      .op = "Resize",
      .opset = 18,
      .x = DIMS(1, 2),
      .a = {INT("antialias", 1)},
      .in = {{"", 0, 0, {0}, {0}}, {"s", 0, 1, {2}, {1, 2}}}},
     AX_EINVAL,
     "antialias"},
    {{.what = "grid",
      .op = "GridSample",
      .opset = 20,
      .x = DIMS(1, 1, 2, 2),
      .in = {{"g", 0, 4, {1, 1, 1, 3}, {0, 0, 0}}}},
     AX_ESHAPE,
     "a grid needs"},
    {{.what = "slope",
      .op = "PRelu",
      .opset = 9,
      .x = DIMS(1, 2, 2),
      .in = {{"s", 0, 1, {3}, {1, 2, 3}}}},
     AX_ESHAPE,
     "PRelu"},
};

static void refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const struct refusal *f = &refusals[i];
        net n;
        put_row(&n, &f->r);
        if (!finish(&n, &f->r.x, AX_F32))
            fail_msg("%s, %s: is not refused", f->r.op, f->r.what);
        check_error(f->r.what, &n.err, f->code, f->words);
        end(&n);
    }
}

int main(void)
{
    enum { ROWS = sizeof rows / sizeof *rows };
    static struct CMUnitTest tests[ROWS + 1];
    static char names[ROWS][96];
    for (int i = 0; i < ROWS; i++) {
        snprintf(names[i], sizeof names[i], "%s: %s", rows[i].op, rows[i].what);
        tests[i] = (struct CMUnitTest){names[i], one_row, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    }
    tests[ROWS] = (struct CMUnitTest)cmocka_unit_test(refused);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
