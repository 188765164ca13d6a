/* SPDX-License-Identifier: MIT */
/*
 * The mutex backend, with a lock that spins. A waiter that only fences the lock sees the objects that the lock
 * protects.
 */
#include "explore.h"
#include "futex.h"

#include "backend/mutex.c"
#include "sync/eventcount.c"
#include "sync/notification.c"
#include "sync/watch.c"
/* Names that another file has, too. */
#define leave leave_queue
#define wait queued_wait
#include "sync/admission.c"
#undef leave
#undef wait

/* -------- stubs -------- */

void tsc_lock_acquire_slow(struct tsc_lock *lock)
{
    while (!tsc_lock_try(lock))
        rl::yield(1, RL_INFO);
}

bool tsc_lock_acquire_until(struct tsc_lock *lock, int64_t)
{
    tsc_lock_acquire_slow(lock);
    return true;
}

void tsc_lock_release_slow(struct tsc_lock *) {}

/* No scenario has callbacks, or destroys a counter. */
void tsc_thread_forbid_join() {}

void tsc_thread_allow_join() {}

void tsc_counter_free(struct tsc_object *) {}

/* No scenario has notifications, or forks. */
void tsc_registry_lock() {}

void tsc_registry_unlock() {}

void tsc_counter_hold_notification(struct tsc_object *) {}

void tsc_counter_resume_notification(struct tsc_object *) {}

void tsc_object_ref_by_call(struct tsc_object *) {}

void tsc_object_unref_by_call(struct tsc_object *) {}

/* -------- scenarios -------- */

struct counting {
    struct mutex_counter counter;

    void open(bool bounded = false)
    {
        struct tsc_counter_attr attr = {};

        attr.bounds.bounded = bounded;
        attr.bounds.max = 1;

        futexes_begin();
        atomic_init(&counter.watch.waiters.epoch, 0);
        atomic_init(&counter.watch.waiters.sleepers, 0);
        counter.closed(RL_INFO) = false;
        mutex_init(&counter.base, &attr);
    }

    int add(int64_t delta)
    {
        return mutex_add(&counter.base, delta);
    }
};

/* A waiter is woken, and sees stores that precede the value. */
struct wakeup : rl::test_suite<wakeup, 3>, counting {
    rl::var<int> trace[2];

    void before()
    {
        open();
        trace[0](RL_INFO) = trace[1](RL_INFO) = 0;
        add(2);
    }

    void thread(unsigned index)
    {
        if (index < 2) {
            trace[index](RL_INFO) = 1;
            add(-1);
            return;
        }
        RL_ASSERT(mutex_wait_at_most(&counter.base, 0, -1) == 0);
        RL_ASSERT(trace[0](RL_INFO) == 1 && trace[1](RL_INFO) == 1);
    }
};

/* No increment succeeds after the drain. The draining thread sees what the decrementing threads stored before. */
struct drain : rl::test_suite<drain, 3>, counting {
    rl::var<int> trace[2];
    rl::atomic<int> drained;

    void before()
    {
        open();
        trace[0](RL_INFO) = trace[1](RL_INFO) = 0;
        atomic_init(&drained, 0);
    }

    void visit(unsigned visitor)
    {
        if (add(1) != 0)
            return;
        RL_ASSERT(atomic_load_explicit(&drained, rl::mo_relaxed) == 0);
        trace[visitor](RL_INFO) = 1;
        RL_ASSERT(add(-1) == 0);
    }

    void thread(unsigned index)
    {
        if (index < 2) {
            visit(index);
            return;
        }
        RL_ASSERT(mutex_close(&counter.base) == 0);
        RL_ASSERT(add(1) == -ESHUTDOWN);
        RL_ASSERT(mutex_wait_at_most(&counter.base, 0, -1) == 0);
        atomic_store_explicit(&drained, 1, rl::mo_relaxed);
        trace[0](RL_INFO) = trace[1](RL_INFO) = 2;
    }
};

/* One thread at a time is inside, and sees what the one before stored. Nobody sleeps for ever. */
struct admission : rl::test_suite<admission, 3>, counting {
    rl::var<int> inside;

    void before()
    {
        open(true);
        inside(RL_INFO) = 0;
    }

    void thread(unsigned)
    {
        RL_ASSERT(mutex_wait_add(&counter.base, 1, -1) == 0);
        inside(RL_INFO) = inside(RL_INFO) + 1;
        RL_ASSERT(add(-1) == 0);
    }

    void after()
    {
        RL_ASSERT(inside(RL_INFO) == 3);
        RL_ASSERT(!tsc_admission_has_waiters(&counter.admission));
    }
};

int main()
{
    return explore<admission>(30000, 1) || explore<wakeup>(30000, 1) || explore<drain>(30000, 1);
}
