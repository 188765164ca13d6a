/* SPDX-License-Identifier: MIT */
/*
 * The whole life of an owner. Two threads add, and help to deliver. A third requests an update, whose callback
 * drops the last reference of its counter; then it retires another counter. The owner's thread delivers, runs the
 * callback, frees retired objects, sleeps, and ends. Meanwhile another thread forks.
 *
 * The child has each addition whose call had returned, exactly once. It touches no request. It frees every object
 * without references, and the owner's count is the number of counters left. In the parent no thread hangs, and all
 * objects are freed. No sender sleeps on while a callback runs and there is room.
 *
 * Code that runs with the registry locked is one step, because only a fork could see it half done; the fork waits
 * for the lock. A fork stops no thread: it copies the memory at one moment. Loads and stores are in program order
 * here; queue.pml, delivery.pml and sleep.pml reorder them.
 *
 * Mirrors: src/sync/registry.c: before_fork unlock_all after_fork_in_child forget_calls repair_all
 * Mirrors: src/sync/registry.c: free_unreferenced tsc_object_ref_by_call tsc_object_unref_by_call
 * Mirrors: src/queue/life.c: lock_owner unlock_owner repair_in_child tsc_owner_retire end_thread release_owner run
 * Mirrors: src/queue/delivery.c: deliver tsc_owner_help tsc_owner_begin_callback tsc_owner_end_callback
 * Mirrors: src/queue/delivery.c: tsc_owner_drain_in_child tsc_owner_wake_all_that_fit
 * Mirrors: src/queue/thread.c: take_retired free_retired has_work park tsc_owner_run
 * Mirrors: src/backend/queue.c: queue_update queue_release queue_fini
 * Mirrors: src/counter.c: tsc_counter_free
 *
 * Check:
 * Mutation: -DNO_LOCK: assertion: a message that is delivered, but not yet passed, is delivered again in the child
 * Mutation: -DKEEP_VANISHED: assertion: messages behind one that is never published are lost
 * Mutation: -DREQUESTS_IN_CHILD: assertion: a request is touched whose sender is not in the child
 * Mutation: -DKEEP_CALLS: assertion: the calls of other threads keep their references
 * Mutation: -DKEEP_UNREFERENCED: assertion: an object that another thread was about to free is never freed
 * Mutation: -DREMOVED_IN_TWO_STEPS: assertion: a counter is freed and its owner still counts it
 * Mutation: -DLOCKED_CALLBACK: deadlock: the callback and a fork wait for each other
 * Mutation: -DTAKEN_AT_ONCE: deadlock: the thread sleeps with a counter that it has taken and not yet freed
 * Mutation: -DNO_ROOM_IN_CALLBACK: deadlock: a sender sleeps though there is room, and the callback waits for it
 */
#define ADDITIONS 2
#define POSITIONS (ADDITIONS + 1)
#define CAPACITY 2

/* The contents of a cell. */
#define NOTHING 0
#define ADDITION 1
#define REQUEST 2
#define TO_NOBODY 3

/* The counters: the updated one, and another one. */
#define UPDATED 0
#define OTHER 1
#define COUNTERS 2

typedef objects {
    byte references[COUNTERS];
    bool registered[COUNTERS];
    byte owner_references;
    bool owner_registered;
};

bool registry_locked, delivering;
objects here;
byte calls; /* references to the updated counter that calls hold */

byte tail, next, head;
byte cell[POSITIONS];
byte value;
bool in_callback;
bool replied;
byte blocked;  /* senders that sleep for room */
byte returned; /* additions whose call has returned */

bool retired; /* the other counter is on the list */
byte retired_at;
bool taken; /* with TAKEN_AT_ONCE */
bool parked, notified;
bool ends;
bool thread_gone;

#define LOCK(lock) atomic { !lock -> lock = true }
#define UNLOCK(lock) lock = false

inline unpark() { d_step { notified = true; parked = false } }

/* -------- the child -------- */

hidden objects child;
hidden byte child_value, child_next;
hidden byte child_cell[POSITIONS];
hidden byte at, additions, counters;

inline free_in_child()
{
    for (at : 0 .. COUNTERS - 1) {
        if
        :: child.registered[at] && child.references[at] == 0 ->
            child.registered[at] = false;
            child.owner_references--
        :: else
        fi
    }
    if
    :: child.owner_registered && child.owner_references == 0 -> child.owner_registered = false
    :: else
    fi
}

inline settle_in_child()
{
    do
    :: child_next < tail ->
        if
        :: child_cell[child_next] == ADDITION -> child_value++
#ifdef KEEP_VANISHED
        :: child_cell[child_next] == NOTHING -> break
#endif
#ifdef REQUESTS_IN_CHILD
        :: child_cell[child_next] == REQUEST -> assert(false)
#endif
        :: else
        fi;
        child_next++
    :: else -> break
    od
}

inline check_child()
{
    additions = 0;
    counters = 0;
    for (at : 0 .. POSITIONS - 1) {
        if
        :: child_cell[at] == ADDITION -> additions++
        :: else
        fi
    }
    for (at : 0 .. COUNTERS - 1) {
        assert(!child.registered[at] || child.references[at] > 0);
        if
        :: child.registered[at] -> counters++
        :: else
        fi
    }
    assert(child.references[UPDATED] == here.references[UPDATED] - calls);
    assert(child_next == tail);
    assert(child_value == additions && additions >= returned);
    assert(!child.owner_registered || child.owner_references > 0);
    assert(child.owner_references == counters)
}

proctype forking()
{
    bool locks_owner;

    LOCK(registry_locked);
    locks_owner = here.owner_registered;
#ifdef NO_LOCK
    d_step {
#else
    d_step {
        !delivering || !locks_owner; /* no thread delivers until the copy is made */
#endif
        for (at : 0 .. COUNTERS - 1) {
            child.references[at] = here.references[at];
            child.registered[at] = here.registered[at]
        }
        child.owner_references = here.owner_references;
        child.owner_registered = here.owner_registered;
        for (at : 0 .. POSITIONS - 1) {
            child_cell[at] = cell[at]
        }
        child_value = value;
        child_next = next;
#ifndef KEEP_CALLS
        child.references[UPDATED] = child.references[UPDATED] - calls;
#endif
        if
        :: locks_owner -> settle_in_child()
        :: else
        fi;
#ifndef KEEP_UNREFERENCED
        free_in_child();
#endif
        if
        :: locks_owner -> check_child()
        :: else
        fi;
        registry_locked = false
    }
}

/* -------- the end of objects -------- */

/* The caller held the owner's last reference. */
inline release_owner(on_its_thread)
{
    d_step {
        !registry_locked ->
        ends = true;
        notified = true;
        parked = false
    }
    if
    :: !on_its_thread ->
        thread_gone;
        atomic { !registry_locked -> here.owner_registered = false }
    :: else -> frees_owner = true
    fi
}

inline free_counter(which, on_its_thread)
{
#ifdef REMOVED_IN_TWO_STEPS
    LOCK(registry_locked);
    here.registered[which] = false;
    UNLOCK(registry_locked);
    LOCK(registry_locked);
    d_step { here.owner_references--; last = (here.owner_references == 0) };
    UNLOCK(registry_locked);
#else
    d_step {
        !registry_locked ->
        here.registered[which] = false;
        here.owner_references--;
        last = (here.owner_references == 0)
    }
#endif
    if
    :: last -> last = false; release_owner(on_its_thread)
    :: else
    fi
}

/* -------- delivery -------- */

inline wake_senders() { blocked = 0 }

#define last_reference(which) \
    d_step { here.references[which]--; gone = (here.references[which] == 0) }

inline callback()
{
    in_callback = true;
    head = next;
#ifndef LOCKED_CALLBACK
    UNLOCK(delivering);
#endif
#ifndef NO_ROOM_IN_CALLBACK
    wake_senders();
#endif
    here.references[UPDATED]--; /* not the last one: the call holds one */
    !registry_locked; /* the callback creates a counter */
    (blocked == 0 || tail - head == CAPACITY); /* it waits for senders that have room */
#ifndef LOCKED_CALLBACK
    LOCK(delivering);
#endif
    in_callback = false
}

/* Delivery releases room. The owner's thread wakes waiting senders soon after, unless a callback begins. */
#define DELIVER_ADDITIONS \
    :: next < tail && cell[next] == ADDITION -> value++; next++ \
    :: next < tail && cell[next] == TO_NOBODY -> next++

inline deliver_as_helper()
{
    do
    DELIVER_ADDITIONS
    :: next == tail || cell[next] == NOTHING || cell[next] == REQUEST -> break
    od;
    head = next
}

inline deliver_as_owner()
{
    do
    DELIVER_ADDITIONS
    :: next < tail && cell[next] == REQUEST -> callback(); next++; replied = true
    :: next == tail || cell[next] == NOTHING -> break
    od;
    head = next
}

inline help()
{
    if
    :: atomic { !delivering -> delivering = true };
        if
        :: !in_callback -> deliver_as_helper()
        :: else
        fi;
        UNLOCK(delivering);
        if
        :: blocked && parked -> unpark()
        :: else
        fi
    :: atomic { delivering -> skip }
    fi
}

inline reserve()
{
    do
    :: atomic { tail - head < CAPACITY -> position = tail; tail++ }; break
    :: atomic { tail - head == CAPACITY -> blocked++ };
        blocked == 0
    od
}

bool first_is_on_its_way;

/* The two are alike: so the first is the one that begins first. */
proctype adding(bool first)
{
    byte position;

    atomic { first || first_is_on_its_way -> first_is_on_its_way = true };

    reserve();
    cell[position] = ADDITION;
    if
    :: parked -> help(); unpark()
    :: else
    fi;
    returned++
}

/* An unref inside the callback of another owner, or of a mutex counter. */
inline retire()
{
    last_reference(OTHER);
    assert(gone);
    d_step {
        !registry_locked ->
        retired = true;
        retired_at = tail;
        notified = true;
        parked = false
    }
}

proctype updating()
{
    byte position;
    bool gone, last, frees_owner;

    d_step { here.references[UPDATED]++; calls++ };
    reserve();
    cell[position] = REQUEST;
    if
    :: parked -> unpark()
    :: else
    fi;
    if
    :: help()
    :: true
    fi;
    replied;
    retire();
    returned == ADDITIONS; /* the adding threads are joined */
    d_step { here.references[UPDATED]--; calls--; gone = (here.references[UPDATED] == 0) };
    assert(gone);
    head == tail; /* the flush */
    free_counter(UPDATED, false)
}

/* -------- the owner's thread -------- */

inline free_retired()
{
#ifdef TAKEN_AT_ONCE
    if
    :: d_step { retired && !registry_locked -> retired = false; taken = true }
    :: else
    fi;
    if
    :: taken && head >= retired_at -> taken = false; free_counter(OTHER, true)
    :: else
    fi
#else
    if
    :: retired ->
        d_step {
            !registry_locked ->
            last = (head >= retired_at);
            if
            :: last -> retired = false
            :: else
            fi
        }
        if
        :: last -> last = false; free_counter(OTHER, true)
        :: else
        fi
    :: else
    fi
#endif
}

#define HAS_WORK (tail != head || ends || retired)

inline park()
{
    if
    :: notified -> notified = false
    :: else ->
        parked = true;
        wake_senders();
        if
        :: HAS_WORK -> parked = false
        :: else -> !parked
        fi;
        notified = false
    fi
}

proctype owner()
{
    bool gone, last, frees_owner;

    do
    :: true ->
        LOCK(delivering);
        deliver_as_owner();
        UNLOCK(delivering);
        wake_senders();
        free_retired();
        if
        :: ends && tail == head -> break
        :: else
        fi;
        if
        :: next < tail && cell[next] == NOTHING -> (next == tail || cell[next] != NOTHING)
        :: else -> park()
        fi
    od;
    if
    :: frees_owner ->
        atomic { !registry_locked -> here.owner_registered = false }
    :: else
    fi;
    assert(value == ADDITIONS && !here.registered[OTHER]);
    thread_gone = true
}

init
{
    atomic {
        here.references[UPDATED] = 1;
        here.references[OTHER] = 1;
        here.registered[UPDATED] = true;
        here.registered[OTHER] = true;
        here.owner_references = COUNTERS;
        here.owner_registered = true;
        run owner();
        run adding(true);
        run adding(false);
        run updating();
        run forking()
    }
}
