/* SPDX-License-Identifier: MIT */
/*
 * The atomic backend: increments against a close and a drain, with bounds and without; the peak; and waiting for
 * admission, with a lock that spins.
 */
#include "explore.h"
#include "futex.h"

#include "backend/atomic.c"
#include "sync/eventcount.c"
#include "sync/notification.c"
#include "sync/gate.c"
#include "sync/phase.c"
#include "sync/watch.c"
/* Names that another file has, too. */
#define leave leave_queue
#define wait queued_wait
#include "sync/admission.c"
#undef leave
#undef wait

void tsc_counter_free(struct tsc_object *) {}

/* No scenario has notifications, or forks. */
void tsc_registry_lock() {}

void tsc_registry_unlock() {}

void tsc_counter_hold_notification(struct tsc_object *) {}

void tsc_counter_resume_notification(struct tsc_object *) {}

void tsc_lock_acquire_slow(struct tsc_lock *lock)
{
    while (!tsc_lock_try(lock))
        rl::yield(1, RL_INFO);
}

void tsc_lock_release_slow(struct tsc_lock *) {}

struct counting {
    struct atom_counter counter;

    void open(bool bounded, bool track_peak, int64_t max = 100)
    {
        struct tsc_counter_attr attr = {};

        futexes_begin();
        attr.bounds.bounded = bounded;
        attr.bounds.max = max;
        attr.track_peak = track_peak;
        atomic_init(&counter.phases.controller.epoch, 0);
        atomic_init(&counter.phases.controller.sleepers, 0);
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

/* One thread at a time is inside, and sees what the one before stored. Nobody sleeps for ever. */
template <int visitors, int changers>
struct admission : rl::test_suite<admission<visitors, changers>, visitors + changers>, counting {
    rl::var<int> inside;

    void before()
    {
        open(true, false, 1);
        inside(RL_INFO) = 0;
    }

    void visit()
    {
        RL_ASSERT(atom_wait_add(&counter.base, 1, -1) == 0);
        inside(RL_INFO) = inside(RL_INFO) + 1;
        RL_ASSERT(this->add(-1) == 0);
    }

    void thread(unsigned index)
    {
        if (index < visitors)
            visit();
        else
            RL_ASSERT(atom_set_bounds(&counter.base, 0, 1) == 0);
    }

    void after()
    {
        RL_ASSERT(inside(RL_INFO) == visitors && value() == 0);
        RL_ASSERT(!tsc_admission_has_waiters(&counter.admission));
    }
};

int main()
{
    return explore<admission<3, 0>>(30000, 1) || explore<admission<2, 1>>(30000, 1) ||
           explore<drain<false>>(30000, 2) || explore<drain<true>>(30000, 1) || explore<wakeup>(30000, 1) ||
           explore<peaks>(30000, 1);
}
