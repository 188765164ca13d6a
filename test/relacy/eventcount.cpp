/* SPDX-License-Identifier: MIT */
/* An eventcount loses no wake-up, and the woken thread sees earlier stores. */
#include "explore.h"
#include "futex.h"

#include "sync/eventcount.c"

struct wakeup : rl::test_suite<wakeup, 3> {
    struct tsc_eventcount eventcount;
    rl::atomic<uint32_t> condition;
    rl::var<int> told;

    void before()
    {
        futexes_begin();
        atomic_init(&eventcount.epoch, 0);
        atomic_init(&eventcount.sleepers, 0);
        atomic_init(&condition, 0);
        told(RL_INFO) = 0;
    }

    bool is_met()
    {
        return atomic_load_explicit(&condition, rl::mo_seq_cst) != 0;
    }

    void sleep()
    {
        while (!is_met()) {
            uint32_t key = tsc_eventcount_prepare(&eventcount);

            if (is_met())
                tsc_eventcount_cancel(&eventcount);
            else
                tsc_eventcount_commit(&eventcount, key, INT64_MAX);
        }
        RL_ASSERT(told(RL_INFO) == 1);
    }

    void thread(unsigned index)
    {
        if (index < 2) {
            sleep();
            return;
        }
        told(RL_INFO) = 1;
        atomic_store_explicit(&condition, 1, rl::mo_seq_cst);
        tsc_eventcount_notify_all(&eventcount);
    }

    void after()
    {
        RL_ASSERT(atomic_load_explicit(&eventcount.sleepers, rl::mo_relaxed) == 0);
    }
};

int main()
{
    return explore<wakeup>(50000, 2);
}
