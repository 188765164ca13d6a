/* SPDX-License-Identifier: MIT */
/* The reference counter, applied to a history call by call. */
#ifndef HISTORY_MODEL_H
#define HISTORY_MODEL_H

#include "history.h"

bool model_has(tsc_backend_t backend, uint64_t capability);

/* Whether such a counter supports the operation. If not, it returns -ENOTSUP. */
bool model_supports(const struct attributes *attributes, enum operation operation);

/* Whether the addition would lower a total, which refuses it whatever the value is. */
bool model_refuses(const struct attributes *attributes, const struct call *addition);

/* Whether the call, with its result, is allowed in this state, which it then changes. */
bool model_allows(const struct attributes *attributes, const struct call *call, struct state *state);

#endif
