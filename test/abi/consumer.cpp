/* SPDX-License-Identifier: MIT */
/* The same in C++. */
#include <tscounter/guard.h>
#include <tscounter/tscounter.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <utility>

static bool counts(tsc_counter_t *counter)
{
    std::int64_t inside = 0;
    std::int64_t after = 0;

    {
        tsc::scoped_inc guard(counter);
        tsc::scoped_inc moved(std::move(guard));

        if (guard || !moved || tsc_counter_get(counter, &inside) != 0)
            return false;
    }
    if (tsc_counter_add(counter, 5) != 0 || tsc_counter_value(counter) != 5 || tsc_counter_sub(counter, 5) != 0)
        return false;
    return tsc_counter_get(counter, &after) == 0 && inside == 1 && after == 0;
}

int main()
{
    int built = 0;

    for (tsc_backend_t backend = TSC_BACKEND_MUTEX; tsc_backend_name(backend) != nullptr; backend++) {
        tsc_counter_t *counter = nullptr;
        int error = tsc_counter_create(&counter, backend, nullptr);

        if (error == -ENOTSUP)
            continue;
        if (error != 0 || !counts(counter)) {
            std::printf("%s does not count\n", tsc_backend_name(backend));
            return 1;
        }
        tsc_counter_unref(counter);
        built++;
    }
    return built == 0;
}
