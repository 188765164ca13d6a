/* SPDX-License-Identifier: MIT */
/*
 * The queue backend on the real ring, with an owner's thread that only delivers: the position of a close among the
 * messages, and the drain.
 */
#include "explore.h"
#include "futex.h"

#include "backend/queue.c"
#include "sync/eventcount.c"
#include "sync/parker.c"
#include "sync/notification.c"
#include "sync/watch.c"

/* -------- stubs of the owner -------- */

void tsc_ring_backoff() {}

int tsc_owner_check_send_slow(struct tsc_owner *, uint32_t)
{
    return 0;
}

int tsc_owner_check_wait(struct tsc_owner *)
{
    return 0;
}

void tsc_owner_help_or_wake(struct tsc_owner *, uint64_t) {}

uint64_t tsc_owner_reserve_slow(struct tsc_owner *owner)
{
    uint64_t position;

    while (!tsc_owner_try_reserve(owner, &position))
        rl::yield(1, RL_INFO);
    return position;
}

int tsc_owner_flush(struct tsc_owner *owner, int64_t)
{
    uint64_t tail = tsc_ring_tail(&owner->ring);

    while ((int64_t)(tail - tsc_ring_head(&owner->ring)) > 0)
        rl::yield(1, RL_INFO);
    return 0;
}

void tsc_owner_await_reply(struct tsc_owner *, struct tsc_parker *parker)
{
    if (tsc_parker_prepare(parker))
        tsc_parker_commit(parker);
}

/* No scenario has bounds, or waits for admission. */
int tsc_owner_begin_exclusive(struct tsc_owner *, int64_t)
{
    return 0;
}

void tsc_owner_end_exclusive(struct tsc_owner *) {}

int tsc_admission_wait(struct tsc_admission *, int64_t, int64_t, tsc_admission_try_fn)
{
    return 0;
}

void tsc_admission_init(struct tsc_admission *, int64_t, int64_t, int64_t (*)(void *), void *) {}

void tsc_admission_check(struct tsc_admission *, int64_t) {}

void tsc_admission_close(struct tsc_admission *) {}

void tsc_admission_set_bounds(struct tsc_admission *, int64_t, int64_t) {}

void tsc_admission_forget_waiters(struct tsc_admission *, int64_t, int64_t) {}

/* No scenario has callbacks, or destroys a counter. */
void tsc_owner_begin_callback(struct tsc_owner *) {}

void tsc_owner_end_callback(struct tsc_owner *) {}

bool tsc_owner_is_started(struct tsc_owner *)
{
    return true;
}

void tsc_owner_retire(struct tsc_owner *, struct tsc_retirement *) {}

const struct tsc_owner_attr tsc_owner_attr_default = {};

int tsc_owner_new(struct tsc_owner **, const struct tsc_owner_attr *)
{
    return -ENOMEM;
}

bool tsc_thread_must_not_join()
{
    return false;
}

void tsc_counter_free(struct tsc_object *) {}

/* No scenario has notifications, or forks. */
void tsc_registry_lock() {}

void tsc_registry_unlock() {}

void tsc_counter_hold_notification(struct tsc_object *) {}

void tsc_counter_resume_notification(struct tsc_object *) {}

bool tsc_object_drop(struct tsc_object *)
{
    return false;
}

void tsc_object_ref(struct tsc_object *) {}

void tsc_object_ref_by_call(struct tsc_object *) {}

void tsc_object_unref_by_call(struct tsc_object *) {}

/* -------- scenarios -------- */

enum { CAPACITY = 16 };

struct queueing {
    struct tsc_owner owner;
    struct tsc_ring_cell cells[CAPACITY];
    struct queue_counter counter;
    rl::atomic<int> callers;

    void open(int number_of_callers)
    {
        struct tsc_counter_attr attr = {};

        futexes_begin();
        owner.ring.cells = cells;
        owner.ring.capacity = CAPACITY;
        owner.ring.next = 0;
        attr.owner = &owner;
        queue_init(&counter.base, &attr);
        atomic_init(&callers, number_of_callers);
    }

    static void deliver(void *message, int64_t argument)
    {
        auto *recipient = (struct tsc_recipient *)((uintptr_t)message & ~TSC_MESSAGE_KIND_BITS);

        if (recipient != nullptr)
            recipient->deliver(recipient, argument);
    }

    void deliver_until_all_are_back()
    {
        while (atomic_load_explicit(&callers, rl::mo_acquire) != 0 || tsc_ring_occupancy(&owner.ring) != 0) {
            void *message;
            int64_t argument;

            if (!tsc_ring_read(&owner.ring, owner.ring.next, &message, &argument)) {
                rl::yield(1, RL_INFO);
                continue;
            }
            deliver(message, argument);
            owner.ring.next++;
            tsc_ring_release(&owner.ring);
        }
    }

    int add(int64_t delta)
    {
        return queue_add(&counter.base, delta);
    }

    void is_back()
    {
        atomic_fetch_sub_explicit(&callers, 1, rl::mo_acq_rel);
    }
};

/* A refused call is behind the close, and so is its thread's next call. */
struct close_position : rl::test_suite<close_position, 3>, queueing {
    void before()
    {
        open(2);
    }

    void thread(unsigned index)
    {
        int64_t previous;

        if (index == 2) {
            deliver_until_all_are_back();
            return;
        }
        if (index == 1)
            RL_ASSERT(queue_close(&counter.base) == 0);
        if (add(1) == -ESHUTDOWN)
            RL_ASSERT(queue_exchange(&counter.base, 7, &previous) == -ESHUTDOWN);
        else
            RL_ASSERT(index == 0);
        is_back();
    }
};

/* No increment succeeds after the drain. The draining thread sees what the decrementing threads stored before. */
struct drain : rl::test_suite<drain, 3>, queueing {
    rl::var<int> trace;
    rl::atomic<int> drained;

    void before()
    {
        open(2);
        trace(RL_INFO) = 0;
        atomic_init(&drained, 0);
    }

    void visit()
    {
        if (add(1) != 0)
            return;
        RL_ASSERT(atomic_load_explicit(&drained, rl::mo_relaxed) == 0);
        trace(RL_INFO) = 1;
        RL_ASSERT(add(-1) == 0);
    }

    void thread(unsigned index)
    {
        int64_t value;

        if (index == 2) {
            deliver_until_all_are_back();
            return;
        }
        if (index == 0) {
            visit();
        } else {
            RL_ASSERT(queue_close(&counter.base) == 0);
            RL_ASSERT(queue_wait_at_most(&counter.base, 0, -1) == 0);
            atomic_store_explicit(&drained, 1, rl::mo_relaxed);
            RL_ASSERT(queue_get(&counter.base, &value) == 0 && value == 0);
            trace(RL_INFO) = 2;
        }
        is_back();
    }
};

int main()
{
    return explore<close_position>(30000, 1) || explore<drain>(30000, 1);
}
