/* SPDX-License-Identifier: MIT */
/* The atomic backend: increments against a close and a drain, with bounds and without; and the peak. */
#include "explore.h"
#include "futex.h"

#include "backend/atomic.c"
#include "sync/eventcount.c"
#include "sync/notification.c"
#include "sync/watch.c"
/* Each of the two files has a static function of this name. */
#define leave leave_gate
#include "sync/gate.c"
#undef leave

void tsc_counter_free(struct tsc_object *) {}

/* No scenario has notifications, or forks. */
void tsc_registry_lock() {}

void tsc_registry_unlock() {}

void tsc_counter_hold_notification(struct tsc_object *) {}

void tsc_counter_resume_notification(struct tsc_object *) {}

struct counting {
    struct atom_counter counter;

    void open(bool bounded, bool track_peak)
    {
        struct tsc_counter_attr attr = {};

        futexes_begin();
        attr.bounds.bounded = bounded;
        attr.bounds.max = 100;
        attr.track_peak = track_peak;
        atomic_init(&counter.admitted, 0);
        atomic_init(&counter.closers.epoch, 0);
        atomic_init(&counter.closers.sleepers, 0);
        atomic_init(&counter.gate.watch.waiters.epoch, 0);
        atomic_init(&counter.gate.watch.waiters.sleepers, 0);
        atom_init(&counter.base, &attr);
    }

    int add(int64_t delta)
    {
        return atom_add(&counter.base, delta);
    }

    int64_t value()
    {
        int64_t value;

        atom_get(&counter.base, &value);
        return value;
    }
};

/*
 * Each increment is followed by a decrement, and stores a trace that the draining thread must see. No increment
 * succeeds after the drain.
 */
template <bool bounded> struct drain : rl::test_suite<drain<bounded>, 3>, counting {
    rl::var<int> trace[2];
    rl::atomic<int> drained;

    void before()
    {
        open(bounded, false);
        trace[0](RL_INFO) = trace[1](RL_INFO) = 0;
        atomic_init(&drained, 0);
    }

    void visit(unsigned visitor)
    {
        int came = this->add(1);

        RL_ASSERT(came == 0 || came == -ESHUTDOWN);
        if (came != 0)
            return;
        RL_ASSERT(atomic_load_explicit(&drained, rl::mo_relaxed) == 0);
        trace[visitor](RL_INFO) = 1;
        RL_ASSERT(this->add(-1) == 0);
    }

    void thread(unsigned index)
    {
        if (index < 2) {
            visit(index);
            return;
        }
        atom_close(&counter.base);
        RL_ASSERT(this->add(1) == -ESHUTDOWN);
        RL_ASSERT(atom_wait_at_most(&counter.base, 0, -1) == 0);
        atomic_store_explicit(&drained, 1, rl::mo_relaxed);
    }

    void after()
    {
        RL_ASSERT(value() == 0);
    }
};

/* A waiter on an open counter is woken, and sees stores that precede the value. */
struct wakeup : rl::test_suite<wakeup, 3>, counting {
    rl::var<int> trace;

    void before()
    {
        open(false, false);
        trace(RL_INFO) = 0;
        add(2);
    }

    void thread(unsigned index)
    {
        if (index == 0) {
            trace(RL_INFO) = 1;
            add(-1);
        } else if (index == 1) {
            add(-1);
        } else {
            RL_ASSERT(atom_wait_at_most(&counter.base, 0, -1) == 0);
            RL_ASSERT(trace(RL_INFO) == 1);
        }
    }
};

/* A thread that reads a peak sees stores that precede it. */
struct peaks : rl::test_suite<peaks, 3>, counting {
    rl::var<int> trace;

    void before()
    {
        open(false, true);
        trace(RL_INFO) = 0;
    }

    void thread(unsigned index)
    {
        int64_t peak;

        if (index == 0) {
            trace(RL_INFO) = 1;
            add(5);
            atom_get_peak(&counter.base, &peak);
            RL_ASSERT(peak >= 4);
        } else if (index == 1) {
            add(-1);
        } else {
            int64_t found = value();

            atom_get_peak(&counter.base, &peak);
            RL_ASSERT(peak >= found);
            if (peak >= 4)
                RL_ASSERT(trace(RL_INFO) == 1);
        }
    }

    void after()
    {
        RL_ASSERT(value() == 4);
    }
};

int main()
{
    return explore<drain<false>>(30000, 2) || explore<drain<true>>(30000, 1) || explore<wakeup>(30000, 1) ||
           explore<peaks>(30000, 1);
}
