/* The arrays of an am_quantized in their one order, each with its name, type and shape: what the maker allocates, what
 * the container writes and what it demands of a file is this list and no other.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_MODEL_SLOTS_H
#define AM_MODEL_SLOTS_H

#include <string.h>

#include "base/arena.h"
#include "model/mapping.h"
#include "model/quantized.h"

enum {
    AM_SLOT_NAME_CAP = 40,
    AM_S8_PANEL = 16, /* outputs of a panel, and */
    AM_S8_GROUP = 4,  /* inputs that lie together in it: the layout of gemm_s8s8 */
};

/* Numbers of the file format: they never change. */
typedef enum am_slot_type {
    AM_SLOT_S8_PANELS = 1, /* [n_rows, n_cols] in panels */
    AM_SLOT_F32 = 2,
    AM_SLOT_F16 = 3,
    AM_SLOT_S32 = 4,
    AM_SLOT_U32 = 5,
    AM_SLOT_BYTES = 6,
    AM_SLOT_SCALES = 7, /* f32, none negative; [1, n_cols], n_cols a multiple of 16 */
} am_slot_type;

typedef struct am_slot {
    char name[AM_SLOT_NAME_CAP];
    am_slot_type type;
    uint64_t n_rows, n_cols;
    uint64_t n_bytes;
    void *pointer; /* to the member of am_quantized (a pointer of whatever type) that says where the array lies */
} am_slot;

static inline void am_slot_set(const am_slot *s, const void *array) {
    memcpy(s->pointer, &array, sizeof array);
}

static inline const void *am_slot_get(const am_slot *s) {
    const void *array;
    memcpy(&array, s->pointer, sizeof array);
    return array;
}

/* Call fn for every slot in order until one does not return AM_OK.  Of q are used: dims, which must have passed
 * am_dims_check(), the tables of layers, is_f16 of the plain rows, and the lengths of the lists. */
typedef am_status am_slot_fn(void *arg, const am_slot *slot);
am_status am_slots_walk(am_quantized *q, uint64_t n_vocab_bytes, am_slot_fn *fn, void *arg);

/* What is behind am_quantized.owner: one of the two is in use. */
typedef struct am_quantized_owner {
    am_arena arena;
    am_mapping mapping;
} am_quantized_owner;

/* A quantized model of these dimensions (which must have passed am_dims_check()) without arrays: am_quantized_close()
 * takes it back at every stage.  Returns AM_OK, AM_E_NOMEM. */
am_status am_quantized_new(am_quantized **q, const am_dims *dims, am_error *err);

/* n and k of every matrix and every plain rows. */
void am_quantized_shapes(am_quantized *q);

#endif
