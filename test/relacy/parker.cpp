/* SPDX-License-Identifier: MIT */
/* One thread parks until each of two others has made work. */
#include "explore.h"
#include "futex.h"

#include "sync/parker.c"

enum { MAKERS = 2 };

struct handover : rl::test_suite<handover, MAKERS + 1> {
    struct tsc_parker parker;
    rl::atomic<uint32_t> made[MAKERS];

    void before()
    {
        futexes_begin();
        atomic_init(&parker.state, TSC_PARKER_AWAKE);
        for (auto &work : made)
            atomic_init(&work, 0);
    }

    bool is_made()
    {
        return atomic_load_explicit(&made[0], rl::mo_seq_cst) && atomic_load_explicit(&made[1], rl::mo_seq_cst);
    }

    void park()
    {
        while (!is_made()) {
            if (!tsc_parker_prepare(&parker))
                continue;
            if (is_made())
                tsc_parker_cancel(&parker);
            else
                tsc_parker_commit(&parker);
        }
    }

    void thread(unsigned index)
    {
        if (index == MAKERS) {
            park();
            return;
        }
        atomic_store_explicit(&made[index], 1, rl::mo_seq_cst);
        if (tsc_parker_is_parked(&parker))
            tsc_parker_unpark(&parker);
    }
};

/* The notification alone orders the reply. */
struct reply : rl::test_suite<reply, 2> {
    struct tsc_parker parker;
    rl::var<int> value;

    void before()
    {
        futexes_begin();
        atomic_init(&parker.state, TSC_PARKER_AWAKE);
        value(RL_INFO) = 0;
    }

    void thread(unsigned index)
    {
        if (index == 0) {
            value(RL_INFO) = 1;
            tsc_parker_unpark(&parker);
            return;
        }
        if (tsc_parker_prepare(&parker))
            tsc_parker_commit(&parker);
        RL_ASSERT(value(RL_INFO) == 1);
    }
};

int main()
{
    return explore<handover>(50000, 2) || explore<reply>(20000, 3);
}
