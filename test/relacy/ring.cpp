/* SPDX-License-Identifier: MIT */
/* Two senders and the consumer, over several laps of a ring of two. */
#include "explore.h"

#include "queue/ring.h"

enum { SENDERS = 2, MESSAGES = 2, CAPACITY = 2 };

void tsc_ring_backoff() {}

struct laps : rl::test_suite<laps, SENDERS + 1> {
    struct tsc_ring ring;
    struct tsc_ring_cell cells[CAPACITY];
    rl::var<int64_t> handed_over[SENDERS][MESSAGES];

    void before()
    {
        ring.cells = cells;
        ring.capacity = CAPACITY;
        ring.next = 0;
        atomic_init(&ring.tail, 0);
        atomic_init(&ring.head, 0);
        for (auto &cell : cells)
            atomic_init(&cell.mark, 0);
    }

    void send(unsigned sender)
    {
        for (int message = 0; message < MESSAGES; message++) {
            uint64_t position;

            handed_over[sender][message](RL_INFO) = message;
            while (!tsc_ring_reserve(&ring, &position))
                rl::yield(1, RL_INFO);
            tsc_ring_publish(&ring, position, (void *)(uintptr_t)(2 * sender + 2), message);
        }
    }

    void receive()
    {
        int64_t next[SENDERS] = {0};

        while (next[0] + next[1] < SENDERS * MESSAGES) {
            void *recipient;
            int64_t message;

            if (!tsc_ring_read(&ring, ring.next, &recipient, &message)) {
                tsc_ring_release(&ring);
                rl::yield(1, RL_INFO);
                continue;
            }
            ring.next++;
            unsigned sender = (uintptr_t)recipient / 2 - 1;

            RL_ASSERT(sender < SENDERS && message == next[sender]);
            RL_ASSERT(handed_over[sender][message](RL_INFO) == message);
            next[sender]++;
        }
    }

    void thread(unsigned index)
    {
        if (index < SENDERS)
            send(index);
        else
            receive();
    }
};

int main()
{
    return explore<laps>(50000, 1);
}
