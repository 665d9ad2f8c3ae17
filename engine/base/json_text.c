/* json_text.c - a tree as text with the numbers of number.h; see json.h.
 *
 * cJSON keeps the structure, quoting and layout: the numbers of a copy are made into finished text,
 * which it puts where it stands. */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/number.h"

static int is_plain(double v)
{
    return fabs(v) < 1e9 && v == trunc(v) && !(v == 0 && signbit(v)); /* cJSON prints these well */
}

static int finish_numbers(cJSON *item)
{
    for (; item; item = item->next) {
        if (finish_numbers(item->child))
            return -1;
        if (!cJSON_IsNumber(item) || !isfinite(item->valuedouble) || is_plain(item->valuedouble))
            continue;
        char *text = cJSON_malloc(AX_NUMBER_MAX);
        if (!text)
            return -1;
        item->valuestring = (char *)ax_number_str(item->valuedouble, text);
        item->type = (item->type & ~0xff) | cJSON_Raw; /* what stays are flags of the key */
    }
    return 0;
}

char *ax_json_text(const cJSON *json, int pretty)
{
    cJSON *copy = cJSON_Duplicate(json, 1);
    char *text = NULL;
    if (copy && !finish_numbers(copy))
        text = pretty ? cJSON_Print(copy) : cJSON_PrintUnformatted(copy);
    cJSON_Delete(copy);
    return text;
}
