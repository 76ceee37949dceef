/* The named tensors of a file: collecting, sorting, finding; sizes of number formats.  See tensors.h.
 *
 * SPDX-License-Identifier: MIT */
#include "model/tensors.h"

#include <stdlib.h>

am_status am_source_add(am_source *s, const am_named_tensor *t, am_error *err) {
    if (s->n_tensors >= AM_TENSORS_MAX)
        return am_fail(err, AM_E_MODEL, "%s: more than %d tensors", am_source_shown(s), AM_TENSORS_MAX);
    if (s->n_tensors == s->cap_tensors) {
        size_t cap = s->cap_tensors ? s->cap_tensors * 2 : 256;
        am_named_tensor *tensors = realloc(s->tensors, cap * sizeof *tensors);
        if (!tensors) return am_fail_nomem(err, "the list of tensors", cap * sizeof *tensors);
        s->tensors = tensors;
        s->cap_tensors = cap;
    }
    s->tensors[s->n_tensors++] = *t;
    return AM_OK;
}

static int compare_names(const char *a, size_t a_len, const char *b, size_t b_len) {
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
    return order ? order : (a_len > b_len) - (a_len < b_len);
}

static int compare_tensors(const void *a, const void *b) {
    const am_named_tensor *ta = a, *tb = b;
    return compare_names(ta->name, ta->name_len, tb->name, tb->name_len);
}

am_status am_source_sort(am_source *s, am_error *err) {
    if (s->n_tensors == 0) return am_fail(err, AM_E_MODEL, "%s: no tensors in it", am_source_shown(s));
    qsort(s->tensors, s->n_tensors, sizeof *s->tensors, compare_tensors);
    for (size_t i = 1; i < s->n_tensors; i++) {
        if (compare_tensors(&s->tensors[i - 1], &s->tensors[i]) != 0) continue;
        char shown[AM_NAME_SHOWN];
        am_show(shown, sizeof shown, s->tensors[i].name, s->tensors[i].name_len);
        return am_fail(err, AM_E_MODEL, "%s: tensor %s is there twice", am_source_shown(s), shown);
    }
    return AM_OK;
}

am_named_tensor *am_source_find_n(const am_source *s, const char *name, size_t len) {
    size_t low = 0, high = s->n_tensors;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        am_named_tensor *t = &s->tensors[middle];
        int order = compare_names(name, len, t->name, t->name_len);
        if (order == 0) return t;
        if (order < 0) high = middle;
        else low = middle + 1;
    }
    return NULL;
}

am_named_tensor *am_source_find(const am_source *s, const char *name) {
    return am_source_find_n(s, name, strlen(name));
}

const char *am_source_shown(const am_source *s) {
    return s->files[0].shown;
}

/* A layer that is missing between others must be missed, not end the count: so the largest number counts. */
int am_source_count_layers(const am_source *s, const char *prefix, char separator) {
    size_t prefix_len = strlen(prefix);
    int n_layers = 0;
    for (size_t i = 0; i < s->n_tensors; i++) {
        const am_named_tensor *t = &s->tensors[i];
        if (t->name_len < prefix_len || memcmp(t->name, prefix, prefix_len) != 0) continue;
        size_t at = prefix_len;
        int number = 0;
        while (at < t->name_len && t->name[at] >= '0' && t->name[at] <= '9' && number <= AM_DIMS_MAX_LAYERS)
            number = number * 10 + (t->name[at++] - '0');
        if (at == prefix_len || at == t->name_len || t->name[at] != separator) continue;
        if (number + 1 > n_layers) n_layers = number + 1;
    }
    return n_layers;
}

/* Elements and bytes of one block; a plain number is a block of one. */
static const struct {
    int n_elements, n_bytes;
} blocks[] = {
    [AM_DTYPE_F32] = { 1, 4 },    [AM_DTYPE_F16] = { 1, 2 },    [AM_DTYPE_BF16] = { 1, 2 },
    [AM_DTYPE_S8_ROW] = { 1, 1 }, [AM_DTYPE_Q8_0] = { 32, 34 }, [AM_DTYPE_Q4_0] = { 32, 18 },
    [AM_DTYPE_Q4_1] = { 32, 20 }, [AM_DTYPE_Q5_0] = { 32, 22 }, [AM_DTYPE_Q5_1] = { 32, 24 },
};

bool am_dtype_bytes(am_dtype dtype, int n_dims, const int64_t *dims, uint64_t *n_bytes) {
    int64_t row = n_dims ? dims[n_dims - 1] : 1;
    if (row < 0 || row % blocks[dtype].n_elements != 0) return false;
    const uint64_t most = UINT64_C(1) << 62;
    uint64_t product = (uint64_t)blocks[dtype].n_bytes;
    bool empty = false;
    for (int i = 0; i < n_dims; i++) {
        uint64_t n = (uint64_t)dims[i];
        if (dims[i] < 0) return false;
        if (i == n_dims - 1) n /= (uint64_t)blocks[dtype].n_elements;
        if (n == 0) empty = true;
        else if (product > most / n) return false;
        else product *= n;
    }
    *n_bytes = empty ? 0 : product;
    return true;
}
