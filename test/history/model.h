/* SPDX-License-Identifier: MIT */
/* The reference counter, asked about one call after the other of a history. */
#ifndef HISTORY_MODEL_H
#define HISTORY_MODEL_H

#include "history.h"

bool model_has(tsc_backend_t backend, uint64_t capability);

/* Whether a counter like that can do this at all. Else it answers -ENOTSUP. */
bool model_supports(const struct attributes *attributes, enum operation operation);

/* Whether the call, with its answer, is right in this state, which it then changes. */
bool model_allows(const struct attributes *attributes, const struct call *call, struct state *state);

#endif
