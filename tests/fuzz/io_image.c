/* Any bytes as a picture: an error with words, or every pixel between black and white. */
#include <assert.h>

#include "io/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int shapes[][3] = {{3, 5, 4}, {1, 16, 16}};
    for (int i = 0; i < 2; i++) {
        ax_err err = {0};
        float out[256];
        int n = shapes[i][0] * shapes[i][1] * shapes[i][2];
        if (ax_image_decode(data, size, shapes[i][0], shapes[i][1], shapes[i][2], out, &err) < 0) {
            assert(err.code != AX_OK && *err.msg);
            continue;
        }
        for (int k = 0; k < n; k++)
            assert(out[k] >= 0 && out[k] <= 255.001f);
    }
    return 0;
}
