/* SPDX-License-Identifier: MIT */
#include "witness.h"

#include <check.h>
#include <inttypes.h>

void witness_report(struct witness *witness, const char *what, int64_t seen, int64_t low, int64_t high)
{
    if (atomic_fetch_add(&witness->reports, 1) != 0)
        return;
    witness->what = what;
    witness->seen = seen;
    witness->low = low;
    witness->high = high;
}

void witness_assert_none(const struct witness *witness, const char *subject)
{
    int reports = atomic_load(&witness->reports);

    if (reports != 0)
        ck_abort_msg("%s: %s: %" PRId64 " is not in %" PRId64 " to %" PRId64 " (the first of %d reports)", subject,
                     witness->what, witness->seen, witness->low, witness->high, reports);
}
