/* SPDX-License-Identifier: MIT */
/*
 * The guarantees of the kernel for a futex, and no more. The check of the word and the sleep are one step; a
 * wake-up comes before or after it. It orders nothing else: the library itself must order what a woken thread
 * sees.
 */
#ifndef RELACY_FUTEX_H
#define RELACY_FUTEX_H

#include "relacy-atomic.h"
#include "sync/futex.h"

enum { THREADS_MAX = 8 };

/* Relacy's threads are fibers, which switch only at atomic operations: so this needs no lock. */
static const void *asleep_on[THREADS_MAX];

static void futexes_begin()
{
    for (auto &word : asleep_on)
        word = nullptr;
}

bool tsc_futex_wait(zeroed_atomic<uint32_t> *word, uint32_t expected, int64_t)
{
    rl::thread_id_t self = rl::ctx().threadx_->index_;

    /* An addition of 0 reads the newest value. */
    if (word->fetch_add(0, rl::mo_relaxed, RL_INFO) != expected)
        return true;
    asleep_on[self] = word;
    rl::ctx().park_current_thread(false, false, false, RL_INFO);
    asleep_on[self] = nullptr;
    return true;
}

bool tsc_futex_wait_cancellable(zeroed_atomic<uint32_t> *word, uint32_t expected, int64_t deadline)
{
    return tsc_futex_wait(word, expected, deadline);
}

void tsc_futex_wake(zeroed_atomic<uint32_t> *word, int sleepers)
{
    for (rl::thread_id_t thread = 0; thread < THREADS_MAX && sleepers > 0; thread++)
        if (asleep_on[thread] == word) {
            asleep_on[thread] = nullptr;
            rl::ctx().unpark_thread(thread, false, RL_INFO);
            sleepers--;
        }
}

#endif
