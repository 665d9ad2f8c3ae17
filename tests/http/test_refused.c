/* What is refused: one table of bad bodies, one of bad requests, and bodies too large or too odd to
 * write down. Each row has the status, the code, the place ("at") and words of the message. What
 * clients do wrong below HTTP - too slow, gone - is in test_transport.c. */
#include "harness.h"

static int setup(void **state)
{
    (void)state;
    char path[160];
    folder_new();
    snprintf(path, sizeof path, "%s/tiny.safetensors", the.models);
    write_tiny(path, 1);
    snprintf(path, sizeof path, "%s/picture.safetensors", the.models);
    write_picture(path);
    snprintf(path, sizeof path, "%s/overflow.safetensors", the.models);
    write_overflow(path);
    snprintf(path, sizeof path, "%s/binary.safetensors", the.models);
    write_model(
        path,
        "{\"inputs\":[{\"name\":\"x\",\"shape\":[2]}],\"layers\":[{\"type\":\"dense\","
        "\"units\":1,\"activation\":\"sigmoid\",\"name\":\"d\"}],\"labels\":[\"no\",\"yes\"]}",
        (dense[]){{"d", 2, 1, 0}}, 1, 9, 1);
    start((const char *[]){"--default-model", "tiny", "--max-body", "1000000", "--max-rows", "50",
                           NULL});
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    int code = stop();
    folder_remove();
    return code;
}

/* at is "" where the whole request, or a byte of it that the message counts, is the place. */
static void expect(const request *q, int status, const char *code, const char *at, const char *says)
{
    reply r = ask(q);
    cJSON *j = cJSON_Parse(r.body);
    const cJSON *error = cJSON_GetObjectItem(j, "error"), *word = cJSON_GetObjectItem(j, "code"),
                *place = cJSON_GetObjectItem(j, "at");
    if (r.status != status || !cJSON_IsString(error) || !cJSON_IsString(word) ||
        strcmp(word->valuestring, code) || strcmp(place ? place->valuestring : "", at) ||
        !strstr(r.body, says) || !strstr(r.headers, "X-Request-Id: ") ||
        (status == 405 && !strstr(r.headers, "Allow: ")))
        fail_msg("%s %s %.200s: expected %d %s at '%s' with '%s', got %ld %s", q->method, q->path,
                 q->body ? q->body : "", status, code, at, says, r.status, r.body);
    cJSON_Delete(j);
    reply_free(&r);
}

/* The default model is tiny: samples of four numbers. */
static void refuses_bodies(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int status;
        const char *code, *at, *says;
    } rows[] = {
        {"", 400, "parse_error", "", "expected an object, got the end of the body at byte 0"},
        {"{}", 400, "missing_field", "", "the field 'inputs' is missing"},
        {"[]", 400, "wrong_type", "", "expected an object, got an array at byte 0"},
        {"{\"inputs\":[[1,2,3]]}", 400, "shape_mismatch", "inputs[0]", "\"expected\":4,\"got\":3"},
        {"{\"inputs\":[[1,2,3,4,5]]}", 400, "shape_mismatch", "inputs[0]",
         "expected 4 elements, got 5"},
        {"{\"inputs\":[[1,2,3,4],[1,2,3]]}", 400, "shape_mismatch", "inputs[1]",
         "expected 4 elements, got 3"},
        {"{\"inputs\":[[1,2,3,\"x\"]]}", 400, "wrong_type", "inputs[0][3]",
         "expected a number, got a string at byte 18"},
        {"{\"inputs\":[[1,2,3,NaN]]}", 400, "out_of_range", "inputs[0][3]",
         "NaN is not a finite number, which inputs must be"},
        {"{\"inputs\":[[1,2,3,1e400]]}", 400, "out_of_range", "inputs[0][3]",
         "1e400 is beyond the largest float32"},
        {"{\"inputs\":[[1,2,3,01]]}", 400, "parse_error", "inputs[0][3]",
         "01 is not a number as JSON writes it"},
        {"{\"inputs\":[[[[[[[[[[[1]]]]]]]]]]]}", 400, "shape_mismatch", "inputs",
         "nested more than 9 deep"},
        {"{\"inputs\":[[[[1]]]]}", 400, "shape_mismatch", "inputs",
         "arrays are nested 4 deep, which fits no reading of the input"},
        {"{\"inputs\":[]}", 400, "shape_mismatch", "inputs",
         "the array is empty, expected at least one sample"},
        {"{\"inputs\":[[1,2,3,4]]", 400, "parse_error", "", "end of the body"},
        {"{\"inputs\":[[1,2,3,4]]}}", 400, "parse_error", "", "nothing behind"},
        {"{\"inputs\":[[1,2,3,4]],\"inputs\":[[1,2,3,4]]}", 400, "duplicate_field", "inputs",
         "the field is given twice"},
        {"{\"input\":[[1,2,3,4]]}", 400, "unknown_field", "input", "did you mean 'inputs'?"},
        {"{\"inputs\":[[1,2,3,4]],\"topk\":1}", 400, "unknown_field", "topk",
         "did you mean 'top'?"},
        {"{\"inputs\":[[1,2,3,4]],\"top\":4}", 400, "out_of_range", "top",
         "top is 4, model 'tiny' has 3 classes"},
        {"{\"inputs\":[[1,2,3,4]],\"top\":0}", 400, "out_of_range", "top",
         "top: 0 is not a whole number from 1 to"},
        {"{\"inputs\":[[1,2,3,4]],\"outputs\":[\"hiden\"]}", 404, "not_found", "outputs",
         "no output or layer is called 'hiden'"},
        {"{\"inputs\":[[1,2,3,4]],\"outputs\":[]}", 400, "parse_error", "outputs[0]",
         "expected a string, got ']' at byte 33"},
        {"{\"inputs\":[[1,2,3,4]],\"deadline_ms\":-1}", 400, "out_of_range", "deadline_ms",
         "-1 is not a whole number from 1 to 86400000"},
        {"{\"inputs\":[[1,2,3,4]],\"non_finite\":\"zero\"}", 400, "invalid", "non_finite",
         "'zero' is not one of error, null, string"},
        {"{\"inputs\":{\"y\":[[1,2,3,4]]}}", 400, "unknown_input", "inputs", "did you mean 'x'?"},
        {"{\"model\":\"tinny\",\"inputs\":[[1,2,3,4]]}", 404, "unknown_model", "model",
         "did you mean 'tiny'?"},
        {"{\"model\":7,\"inputs\":[[1,2,3,4]]}", 400, "wrong_type", "model",
         "expected a string, got a number at byte 9"},
        {"{inputs:[[1,2,3,4]]}", 400, "parse_error", "",
         "expected the name of a field in quotes, got 'i' at byte 1"},
        {"{'inputs':[[1,2,3,4]]}", 400, "parse_error", "",
         "expected the name of a field in quotes, got ''' at byte 1"},
        {"{\"inputs\":[[1,2,3,4]],}", 400, "parse_error", "",
         "expected the name of a field in quotes, got '}' at byte 22"},
        {"{\"inputs\":[[1,2,3,4],]}", 400, "parse_error", "inputs[1]",
         "expected an array, got ']' at byte 21"},
        {"{\"inputs\":[[1,2,,4]]}", 400, "parse_error", "inputs[0][2]",
         "expected a number, got ',' at byte 16"},
        {"{\"inputs\":[[1,2,3,4}]", 400, "parse_error", "",
         "expected ',' or '}' after the value, got the end of the"},
        {"{\"inputs\" [[1,2,3,4]]}", 400, "wrong_type", "inputs",
         "expected ':' after the name, got an array at byte 10"},
        {"{\"inputs\":[[1,2,3,4]] \"top\":1}", 400, "wrong_type", "",
         "expected ',' or '}' after the value, got a string at byte 22"},
        {"\xef\xbb\xbf{\"inputs\":[[1,2,3,4]]}", 400, "parse_error", "",
         "expected an object, got byte 0xef at byte 0"},
        {"\xff\xfe{\"inputs\"", 400, "parse_error", "",
         "expected an object, got byte 0xff at byte 0"},
        {"{\"model\":\"t\xc3\",\"inputs\":[[1,2,3,4]]}", 400, "parse_error", "model",
         "a string that is not UTF-8 at byte 11"},
        {"{\"model\":\"tiny", 400, "parse_error", "model", "a string that does not end at byte 10"},
        {"{\"model\":\"\\ud800\",\"inputs\":[[1,2,3,4]]}", 400, "parse_error", "model",
         "a bad escape inside a string at byte 10"},
        {"{\"inputs\":null}", 400, "wrong_type", "inputs",
         "expected an array, got null at byte 10"},
        {"{\"inputs\":true}", 400, "wrong_type", "inputs",
         "expected an array, got a boolean at byte 10"},
        {"{\"inputs\":\"1,2,3,4\"}", 400, "wrong_type", "inputs",
         "expected an array, got a string at byte 10"},
        {"{\"inputs\":7}", 400, "wrong_type", "inputs",
         "expected an array, got a number at byte 10"},
        {"{\"inputs\":[[1,2,null,4]]}", 400, "wrong_type", "inputs[0][2]",
         "expected a number, got null at byte 16"},
        {"{\"inputs\":[[1,2,true,4]]}", 400, "wrong_type", "inputs[0][2]",
         "expected a number, got a boolean at byte 16"},
        {"{\"inputs\":[[1,2,{},4]]}", 400, "wrong_type", "inputs[0][2]",
         "expected a number, got an object at byte 16"},
        {"{\"inputs\":[[]]}", 400, "shape_mismatch", "inputs[0]", "expected 4 elements, got 0"},
        {"{\"inputs\":[[1,2,3,4],5]}", 400, "wrong_type", "inputs[1]",
         "expected an array, got a number at byte 21"},
        {"{\"inputs\":[[1,2,3,4],[[1],2,3,4]]}", 400, "shape_mismatch", "inputs[1][0]",
         "expected a number, got an array: nested too deep here"},
        {"{\"inputs\":[[1,2,Infinity,4]]}", 400, "out_of_range", "inputs[0][2]",
         "Infinity is not a finite number, which inputs must be"},
        {"{\"inputs\":[[-Infinity,2,3,4]]}", 400, "out_of_range", "inputs[0][0]",
         "-Infinity is not a finite number, which inputs must be"},
        {"{\"inputs\":[[1,2,3,4],[1,nan,3,4]]}", 400, "out_of_range", "inputs[1][1]",
         "nan is not a finite number, which inputs must be"},
        {"{\"inputs\":[[1,2,3,3.5e38]]}", 400, "out_of_range", "inputs[0][3]",
         "3.5e38 is beyond the largest float32"},
        {"{\"inputs\":[[1,-1e99999999999999999999,3,4]]}", 400, "out_of_range", "inputs[0][1]",
         "-1e99999999999999999999 is beyond the largest float32"},
        {"{\"inputs\":[[0x10,2,3,4]]}", 400, "parse_error", "inputs[0][0]",
         "expected ',' or ']' after the number, got 'x' at byte 13"},
        {"{\"inputs\":[[+1,2,3,4]]}", 400, "parse_error", "inputs[0][0]",
         "+1 is not a number as JSON writes it: no leading zero,"},
        {"{\"inputs\":[[.5,2,3,4]]}", 400, "parse_error", "inputs[0][0]",
         ".5 is not a number as JSON writes it: no leading zero,"},
        {"{\"inputs\":[[1.,2,3,4]]}", 400, "parse_error", "inputs[0][0]",
         "1. is not a number as JSON writes it: no leading zero,"},
        {"{\"inputs\":[[1,2,3,4]],\"top\":\"3\"}", 400, "wrong_type", "top",
         "expected a whole number, got a string at byte 28"},
        {"{\"inputs\":[[1,2,3,4]],\"top\":1.5}", 400, "out_of_range", "top",
         "1.5 is not a whole number from 1 to 1000000"},
        {"{\"inputs\":[[1,2,3,4]],\"timings\":1}", 400, "wrong_type", "timings",
         "expected true or false, got a number at byte 32"},
        {"{\"inputs\":[[1,2,3,4]],\"outputs\":\"out\"}", 400, "wrong_type", "outputs",
         "expected an array of names, got a string at byte 32"},
        {"{\"inputs\":[[1,2,3,4]],\"outputs\":[3]}", 400, "wrong_type", "outputs[0]",
         "expected a string, got a number at byte 33"},
        {"{\"inputs\":[[1,2,3,4]],\"outputs\":[\"out\",\"out\"]}", 400, "invalid", "outputs[1]",
         "'out' is asked for twice"},
        {"{\"inputs\":[[1,2,3,4]],\"instances\":[[1,2,3,4]]}", 400, "duplicate_field", "instances",
         "the field is given twice"},
        {"{\"inputs\":[[1,2,3,4]],\"deadline_ms\":1e30}", 400, "out_of_range", "deadline_ms",
         "1e30 is not a whole number from 1 to 86400000"},
        {"{\"inputs\":[[1,2,3,4]],\"parameters\":{}}", 400, "unknown_field", "parameters",
         "unknown field 'parameters'"},
        {"{\"model\":null,\"inputs\":[[1,2,3,4]]}", 400, "wrong_type", "model",
         "expected a string, got null at byte 9"},
        {"{\"model\":\"picture\",\"inputs\":[[[[1,2,3,4,5,6],[1,2,3]]]]}", 400, "shape_mismatch",
         "inputs[0][0][1]", "expected 6 elements, got 3"},
        {"{\"model\":\"picture\",\"inputs\":[[1,2,3,4]]}", 400, "shape_mismatch", "inputs[0]",
         "expected 48 elements, got 4"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect(&(request){.method = "POST", .path = "/predict", .body = rows[i].body},
               rows[i].status, rows[i].code, rows[i].at, rows[i].says);
}

static void refuses_requests(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path, *type, *body;
        int status;
        const char *code, *at, *says;
    } rows[] = {
        {"POST", "/predict", "text/csv", "1,2,3,4", 415, "unsupported_media_type", "Content-Type",
         "application/json"},
        {"POST", "/predict", "application/xml", "<a/>", 415, "unsupported_media_type",
         "Content-Type", "application/json"},
        {"POST", "/predict", "application/octet-stream", "abcde", 400, "shape_mismatch", "",
         "\"expected\":16,\"got\":5"},
        {"POST", "/predict", "application/octet-stream", "\1\1\1\1\1\1\1\1\1\1\1\1\1\1\xff\xff",
         400, "out_of_range", "inputs[0][3]", "inputs[0][3] is not a finite number"},
        {"POST", "/predict", "image/png", "not a picture", 422, "not_a_picture", "",
         "the input of model 'tiny' has shape [4], which is no picture"},
        {"POST", "/predict?model=picture", "image/png", "not a picture", 422, "unsupported", "",
         "PNG or JPEG"},
        {"POST", "/predict?model=picture", "image/jpeg", "\xff\xd8\xff", 400, "parse_error", "",
         "the JPEG cannot be decoded: Premature end of JPEG file"},
        {"POST", "/predict?model=picture&top=x", "image/png", "x", 400, "out_of_range", "top",
         "'x' is not a whole number from 1 to 1000000"},
        {"POST", "/predict?model=nope", "image/png", "x", 404, "unknown_model", "model",
         "no model is called 'nope'"},
        {"POST", "/predict?top=x", "application/octet-stream", "\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1",
         400, "out_of_range", "top", "'x' is not a whole number from 1 to 1000000"},
        {"POST", "/models/tiny/predict", NULL, "{\"model\":\"picture\",\"inputs\":[[1,2,3,4]]}",
         400, "conflict", "model", "the body asks for model 'picture', the URL for 'tiny'"},
        {"POST", "/models/tiny/predict?model=picture", NULL, "{\"inputs\":[[1,2,3,4]]}", 400,
         "conflict", "model", "the path asks for model 'tiny', the option for 'picture'"},
        {"POST", "/predict?model=tiny", NULL, "{\"model\":\"picture\",\"inputs\":[[1,2,3,4]]}", 400,
         "conflict", "model", "the body asks for model 'picture', the URL for 'tiny'"},
        {"POST", "/predict?topp=1", NULL, "{\"inputs\":[[1,2,3,4]]}", 400, "unknown_option", "topp",
         "/predict takes no option 'topp'"},
        {"POST", "/predict?zzz=1", "image/png", "x", 400, "unknown_option", "zzz",
         "it takes: model"},
        {"POST", "/predict?top=1&top=1", NULL, "{\"inputs\":[[1,2,3,4]]}", 400, "duplicate_option",
         "top", "the option 'top' is given twice"},
        {"POST", "/predict?top=1", NULL, "{\"inputs\":[[1,2,3,4]],\"top\":1}", 400,
         "duplicate_field", "top", "given in the URL and in the body"},
        {"POST", "/predict?top=4", NULL, "{\"inputs\":[[1,2,3,4]]}", 400, "out_of_range", "top",
         "top is 4, model 'tiny' has 3 classes"},
        {"POST", "/models/binary/predict?top=3", NULL, "{\"inputs\":[[1,2]]}", 400, "out_of_range",
         "top", "top is 3, model 'binary' has 2 classes"},
        {"POST", "/predict?top=1&outputs=hidden", NULL, "{\"inputs\":[[1,2,3,4]]}", 400, "conflict",
         "top", "top ranks the output 'out', which is not asked for"},
        {"POST", "/predict?outputs=oyt", NULL, "{\"inputs\":[[1,2,3,4]]}", 404, "not_found",
         "outputs", "did you mean 'out'?"},
        {"POST", "/predict?timings=yes", NULL, "{\"inputs\":[[1,2,3,4]]}", 400, "invalid",
         "timings", "timings: 'yes' is not true or false"},
        {"POST", "/predict?outputs=", NULL, "{\"inputs\":[[1,2,3,4]]}", 400, "invalid", "outputs",
         "name 1 of the list is empty"},
        {"POST", "/predict?outputs=out,,hidden", NULL, "{\"inputs\":[[1,2,3,4]]}", 400, "invalid",
         "outputs", "name 2 of the list is empty"},
        {"POST", "/predict?non_finite=nul", NULL, "{\"inputs\":[[1,2,3,4]]}", 400, "invalid",
         "non_finite", "did you mean 'null'?"},
        {"POST", "/predict?deadline_ms=+5", NULL, "{\"inputs\":[[1,2,3,4]]}", 400, "out_of_range",
         "deadline_ms", "' 5' is not a whole number from 1 to 86400000"},
        {"POST", "/models/none/predict", NULL, "{\"inputs\":[[1,2,3,4]]}", 404, "unknown_model",
         "model", "no model is called 'none'"},
        {"POST", "/models/tiny/versions/2/predict", NULL, "{\"inputs\":[[1,2,3,4]]}", 404,
         "unknown_version", "version", "model 'tiny' has no version 2"},
        {"POST", "/models/tiny/versions/zwei/predict", NULL, "{\"inputs\":[[1,2,3,4]]}", 404,
         "unknown_version", "version", "'zwei' is not a version: 1, 2, ..."},
        {"POST", "/models/overflow/predict", NULL, "{\"inputs\":[[1,1]],\"top\":1}", 422,
         "no_classes", "top", "model 'overflow' has no classes to rank"},
        {"GET", "/predict", NULL, NULL, 405, "method_not_allowed", "",
         "/predict takes POST, OPTIONS"},
        {"PUT", "/predict", NULL, "{}", 405, "method_not_allowed", "",
         "/predict takes POST, OPTIONS"},
        {"BREW", "/predict", NULL, "{}", 405, "method_not_allowed", "",
         "/predict takes POST, OPTIONS"},
        {"GET", "/activations/evaluate", NULL, NULL, 405, "method_not_allowed", "",
         "/activations/evaluate takes POST, OPTIONS"},
        {"DELETE", "/activations/evaluate", NULL, NULL, 405, "method_not_allowed", "",
         "/activations/evaluate takes POST, OPTIONS"},
        {"BREW", "/activations/evaluate", NULL, NULL, 405, "method_not_allowed", "",
         "/activations/evaluate takes POST, OPTIONS"},
        {"POST", "/activations/plot.svg", NULL, "{}", 405, "method_not_allowed", "",
         "/activations/plot.svg takes GET, HEAD, OPTIONS"},
        {"POST", "/activations/relu", NULL, "{}", 405, "method_not_allowed", "",
         "/activations/relu takes GET, HEAD, OPTIONS"},
        {"POST", "/activations/plot", NULL, "{}", 404, "not_found", "",
         "did you mean /activations/plot.svg?"},
        {"GET", "/activations/plot", NULL, NULL, 404, "not_found", "name",
         "unknown activation 'plot'"},
        {"GET", "/models/reload", NULL, NULL, 405, "method_not_allowed", "",
         "/models/reload takes POST, PUT, OPTIONS"},
        {"DELETE", "/models/reload", NULL, NULL, 405, "method_not_allowed", "",
         "/models/reload takes POST, PUT, OPTIONS"},
        {"POST", "/models/tiny", NULL, "{}", 405, "method_not_allowed", "",
         "/models/tiny takes GET, HEAD, PUT, DELETE, OPTIONS"},
        {"POST", "/models/none", NULL, "{}", 405, "method_not_allowed", "",
         "/models/none takes PUT, OPTIONS"},
        {"POST", "/predikt", NULL, "{}", 404, "not_found", "", "did you mean /predict?"},
        {"POST", "/", NULL, "{}", 405, "method_not_allowed", "", "/ takes GET, HEAD, OPTIONS"},
        {"GET", "/models/..%2f..%2fetc", NULL, NULL, 400, "bad_url", "url", "an escaped slash"},
        {"GET", "/models/%00", NULL, NULL, 400, "bad_url", "url",
         "the URL has a zero byte, %00 (at byte 8)"},
        {"DELETE", "/models/tiny%00zzz", NULL, NULL, 400, "bad_url", "url",
         "the URL has a zero byte, %00 (at byte 12)"},
        {"DELETE", "/models/tiny", NULL, "{\"version\":1}", 400, "unexpected_body", "",
         "DELETE /models/{name} takes no body"},
        {"POST", "/models/reload", NULL, "{\"force\":true}", 400, "unknown_field", "force",
         "unknown field 'force'"},
        {"POST", "/models/reload", NULL, "[]", 400, "wrong_type", "", "without fields"},
        {"POST", "/models/reload?force", NULL, "", 400, "unknown_option", "force",
         "/models/reload takes no option 'force'"},
        {"GET", "/models/tiny/versions", NULL, NULL, 404, "not_found", "",
         "there is nothing at /models/tiny/versions"},
        {"DELETE", "/models/nope", NULL, NULL, 404, "unknown_model", "model",
         "no model is called 'nope'"},
        {"DELETE", "/models/.git", NULL, NULL, 400, "bad_name", "name",
         "'.git' cannot be the name of a model"},
        {"PUT", "/models/.hidden", "application/octet-stream", "x", 400, "bad_name", "name",
         "'.hidden' cannot be the name of a model"},
        {"PUT", "/models/a%20b", "application/octet-stream", "x", 400, "bad_name", "name",
         "'a b' cannot be the name of a model"},
        {"PUT", "/models/caf%c3%a9", "application/octet-stream", "x", 400, "bad_name", "name",
         "[A-Za-z0-9_.-]{1,64}"},
        {"PUT", "/models/new", "application/octet-stream", "not a model", 422, "parse_error",
         "header", "not a safetensors file: its header would be"},
        {"PUT", "/models/new", "application/octet-stream", "", 400, "empty_body", "",
         "the body is empty: expected a model file"},
        {"POST", "/predict", "text/plain", "{\"inputs\":[[1,2,3,4]]}", 415,
         "unsupported_media_type", "Content-Type",
         "the Content-Type 'text/plain' is not one that /predict takes"},
        {"POST", "/predict", "application/x-www-form-urlencoded", "inputs=1", 400, "parse_error",
         "", "expected an object, got 'i' at byte 0"},
        {"POST", "/predict", "multipart/form-data; boundary=x", "--x--", 415,
         "unsupported_media_type", "Content-Type",
         "the Content-Type 'multipart/form-data; boundary=x' is"},
        {"POST", "/predict?model=picture", "image/gif", "GIF89a", 415, "unsupported_media_type",
         "Content-Type", "the Content-Type 'image/gif' is not one that /predict takes"},
        {"POST", "/predict?model=picture", "image/png", "\x89PNG\r\n\x1a\n", 400, "parse_error", "",
         "the PNG cannot be decoded: the data ends too early"},
        {"POST", "/predict?model=picture", "image/png", "\xff\xd8\xff\xe0", 400, "parse_error", "",
         "the JPEG cannot be decoded: Premature end of JPEG file"},
        {"POST", "/predict?model=picture", "application/octet-stream", "abcd", 400,
         "shape_mismatch", "", "the body has 4 bytes, a sample of shape [1,8,6] has 192"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect(&(request){.method = rows[i].method,
                          .path = rows[i].path,
                          .type = rows[i].type,
                          .body = rows[i].body},
               rows[i].status, rows[i].code, rows[i].at, rows[i].says);
}

/* A body of n bytes to /predict that begins with `start` and goes on with `fill`, with a length in
 * its head and, as long as it is to be read, without. */
static void expect_long(const char *start, char fill, size_t n, int status, const char *code,
                        const char *at, const char *says)
{
    char *body = malloc(n + 1);
    memset(body, fill, n);
    body[n] = 0;
    memcpy(body, start, strlen(start));
    request q = {.method = "POST", .path = "/predict", .body = body, .len = n};
    expect(&q, status, code, at, says);
    q.header[0] = "Transfer-Encoding: chunked";
    if (status == 413)
        assert_int_equal(status_of(&q), 413);
    else
        expect(&q, status, code, at, says);
    free(body);
}

static void refuses_long_bodies(void **state)
{
    (void)state;
    enum { MUCH = 900000, LIMIT = 1000000 };
    static const struct {
        const char *start;
        char fill;
        size_t n;
        int status;
        const char *code, *at, *says;
    } rows[] = {
        {"{\"inputs\":", '[', MUCH, 400, "shape_mismatch", "inputs", "nested more than 9 deep"},
        {"{\"inputs\":[[1,", '[', MUCH, 400, "shape_mismatch", "inputs[0][1]", "nested too deep"},
        {"{\"parameters\":", '{', MUCH, 400, "unknown_field", "parameters", "'parameters'"},
        {"{\"outputs\":", '[', MUCH, 400, "wrong_type", "outputs[0]", "got an array"},
        {"{\"inputs\":[[1,2,", '9', MUCH, 400, "out_of_range", "inputs[0][2]", "9999... is beyond"},
        {"{\"inputs\":[[1,2,1e", '9', MUCH, 400, "out_of_range", "inputs[0][2]",
         "9999... is beyond"},
        {"{\"inputs\":[[1,2,0.", '3', MUCH, 400, "parse_error", "inputs[0][2]",
         "the end of the body"},
        {"{\"model\":\"", 'x', MUCH, 400, "parse_error", "model", "does not end at byte 10"},
        {"{\"", 'x', MUCH, 400, "parse_error", "", "a string that does not end at byte 2"},
        {"", ' ', MUCH, 400, "parse_error", "", "got the end of the body at byte 900000"},
        {"", ' ', LIMIT + 1, 413, "body_too_large", "", "\"expected\":1000000,\"got\":1000001"},
        {"", ' ', 5 * LIMIT, 413, "body_too_large", "", "the limit is 1000000"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect_long(rows[i].start, rows[i].fill, rows[i].n, rows[i].status, rows[i].code,
                    rows[i].at, rows[i].says);
}

static void refuses_too_many_samples(void **state)
{
    (void)state;
    enum { N = 51 };
    static char text[N * 16], raw[N * 16];
    char *p = text + sprintf(text, "{\"inputs\":[[1,2,3,4]");
    for (int i = 1; i < N; i++)
        p += sprintf(p, ",[1,2,3,4]");
    strcpy(p, "]}");
    expect(&(request){.method = "POST", .path = "/predict", .body = text}, 413, "too_many_samples",
           "inputs", "50");
    expect(&(request){.method = "POST",
                      .path = "/predict",
                      .type = "application/octet-stream",
                      .body = raw,
                      .len = sizeof raw},
           413, "too_many_samples", "", "51");
}

/* A PNG that is cut or damaged in one byte. */
static void refuses_broken_pictures(void **state)
{
    (void)state;
    unsigned char png[2048], copy[2048];
    size_t n = make_png(png, 6, 8, 128);
    const struct {
        size_t len, at; /* this much of it, with another byte there */
        int status;
        const char *code, *says;
    } rows[] = {
        {n / 4, 0, 400, "parse_error", "the PNG cannot be decoded: the data ends too early"},
        {n / 2, 0, 400, "parse_error", "the PNG cannot be decoded"},
        {n - 1, 0, 400, "parse_error", "the PNG cannot be decoded"},
        {n, 1, 422, "unsupported", "PNG or JPEG"},                    /* the signature */
        {n, 16, 400, "parse_error", "IHDR: CRC error"},               /* the width */
        {n, 24, 400, "parse_error", "the PNG cannot be decoded"},     /* bits per pixel */
        {n, n - 30, 400, "parse_error", "the PNG cannot be decoded"}, /* the pixels */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        memcpy(copy, png, n);
        if (rows[i].at)
            copy[rows[i].at] ^= 0x41;
        expect(&(request){.method = "POST",
                          .path = "/predict?model=picture",
                          .type = "image/png",
                          .body = (char *)copy,
                          .len = rows[i].len},
               rows[i].status, rows[i].code, "", rows[i].says);
    }
}

/* A few bytes that claim to be a picture of 268 million pixels a side. */
static void refuses_huge_pictures(void **state)
{
    (void)state;
    static const unsigned char head[13] = {0x10, 0, 0, 0, 0x10, 0, 0, 0, 8};
    unsigned char png[128] = "\x89PNG\r\n\x1a\n";
    unsigned char *end = png_chunk(png + 8, "IHDR", head, sizeof head);
    end = png_chunk(end, "IDAT", NULL, 0);
    expect(&(request){.method = "POST",
                      .path = "/predict?model=picture",
                      .type = "image/png",
                      .body = (char *)png,
                      .len = (size_t)(end - png)},
           422, "limit_exceeded", "", "268435456 x 268435456 pixels; at most 16384 on a side");
}

/* After all this the server is as it was. */
static void still_answers(void **state)
{
    (void)state;
    reply r = post("/predict", "{\"inputs\":[[1,2,3,4]]}");
    assert_int_equal(r.status, 200);
    reply_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_bodies),          cmocka_unit_test(refuses_requests),
        cmocka_unit_test(refuses_long_bodies),     cmocka_unit_test(refuses_too_many_samples),
        cmocka_unit_test(refuses_broken_pictures), cmocka_unit_test(refuses_huge_pictures),
        cmocka_unit_test(still_answers),
    };
    curl_global_init(CURL_GLOBAL_ALL);
    return cmocka_run_group_tests(tests, setup, teardown);
}
