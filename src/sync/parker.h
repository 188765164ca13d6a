/* SPDX-License-Identifier: MIT */
#ifndef TSC_PARKER_H
#define TSC_PARKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * A parker: one thread sleeps, others wake it. At most one unpark is remembered.
 *
 *   sleeper: if (prepare()) { if (there is work) cancel(); else commit(); }
 *   waker:   make work; if (is_parked()) unpark();
 *
 * No wake-up is lost, for the eventcount's reason. The parker may be on the sleeper's stack and gone before unpark
 * returns, so the exchange is unpark's last access to it.
 *
 * Models: test/model/parker.pml, test/model/sleep.pml
 */
enum tsc_parker_state { TSC_PARKER_AWAKE = 0, TSC_PARKER_PARKED = 1, TSC_PARKER_NOTIFIED = 2 };

struct tsc_parker {
    _Atomic uint32_t state;
};

/* False if an unpark came first; that consumes the notification. */
bool tsc_parker_prepare(struct tsc_parker *parker);
void tsc_parker_cancel(struct tsc_parker *parker);
void tsc_parker_commit(struct tsc_parker *parker);
void tsc_parker_unpark(struct tsc_parker *parker);

static inline bool tsc_parker_is_parked(struct tsc_parker *parker)
{
    /* seq_cst: pairs with prepare. */
    return atomic_load_explicit(&parker->state, memory_order_seq_cst) == TSC_PARKER_PARKED;
}

static inline bool tsc_parker_is_notified(struct tsc_parker *parker)
{
    /* acquire: pairs with the exchange in unpark. */
    return atomic_load_explicit(&parker->state, memory_order_acquire) == TSC_PARKER_NOTIFIED;
}

#endif
