/* SPDX-License-Identifier: MIT */
#include "sync/parker.h"

#include "sync/deadline.h"
#include "sync/futex.h"
#include "test-point.h"

bool tsc_parker_prepare(struct tsc_parker *parker)
{
    uint32_t state = TSC_PARKER_AWAKE;

    /* seq_cst: pairs with is_parked. */
    if (atomic_compare_exchange_strong_explicit(&parker->state, &state, TSC_PARKER_PARKED, memory_order_seq_cst,
                                                memory_order_relaxed))
        return true;
    tsc_parker_cancel(parker);
    return false;
}

void tsc_parker_cancel(struct tsc_parker *parker)
{
    /* acquire: pairs with the exchange in unpark, whose notification this may consume. */
    atomic_exchange_explicit(&parker->state, TSC_PARKER_AWAKE, memory_order_acquire);
}

void tsc_parker_commit(struct tsc_parker *parker)
{
    while (!tsc_parker_is_notified(parker)) {
        TSC_TEST_POINT(parker_falling_asleep);
        tsc_futex_wait(&parker->state, TSC_PARKER_PARKED, TSC_NEVER);
    }
    /* Not a store: it may consume a later notification than the one seen. */
    tsc_parker_cancel(parker);
}

void tsc_parker_unpark(struct tsc_parker *parker)
{
    /* release: pairs with is_notified and cancel. */
    if (atomic_exchange_explicit(&parker->state, TSC_PARKER_NOTIFIED, memory_order_release) == TSC_PARKER_PARKED) {
        TSC_TEST_POINT(parker_waking);
        tsc_futex_wake(&parker->state, 1);
    }
}
