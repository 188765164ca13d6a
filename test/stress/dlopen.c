/* SPDX-License-Identifier: MIT */
/* The library is loaded and unloaded with dlopen and dlclose; its counters keep working. */
#include <check.h>
#include <dlfcn.h>
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../src/backend/list.h"
#include "library.h"
#include "support/suite.h"
#include "support/threads.h"

enum { ROUNDS = 50 };

static tsc_counter_t *make_counter(const struct library *library, tsc_backend_t backend)
{
    tsc_counter_t *counter;
    int result = library->create(&counter, backend, NULL);

    ck_assert(result == 0 || result == -ENOTSUP);
    return counter;
}

static void assert_counts(const struct library *library, tsc_counter_t *counter)
{
    int64_t before;
    int64_t after;

    ck_assert_int_eq(library->get(counter, &before), 0);
    ck_assert_int_eq(library->inc(counter), 0);
    ck_assert_int_eq(library->get(counter, &after), 0);
    ck_assert_int_eq(after, before + 1);
    ck_assert_int_eq(library->wait_at_most(counter, before, SUPPORT_MILLISECOND_NS), -ETIMEDOUT);
}

START_TEST(test_library_is_opened_and_closed)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct library library = open_library(SHARED_LIBRARY);
        tsc_counter_t *counter = make_counter(&library, (tsc_backend_t)_i);

        if (counter != NULL) {
            assert_counts(&library, counter);
            library.unref(counter);
        }
        ck_assert_int_eq(dlclose(library.handle), 0);
    }
}
END_TEST

/* A counter keeps the library loaded after dlclose. */
START_TEST(test_counters_outlive_dlclose)
{
    struct library library = open_library(SHARED_LIBRARY);
    tsc_counter_t *counter = make_counter(&library, (tsc_backend_t)_i);

    ck_assert_int_eq(dlclose(library.handle), 0);
    if (counter == NULL)
        return;
    assert_counts(&library, counter);
    library.unref(counter);
}
END_TEST

/* dlopen returns the same library again. A later fork runs its handlers once, and they still work. */
START_TEST(test_fork_after_dlclose)
{
    struct library library = open_library(SHARED_LIBRARY);
    tsc_counter_t *counter = make_counter(&library, (tsc_backend_t)_i);
    int status;
    pid_t child;

    ck_assert_int_eq(dlclose(library.handle), 0);
    if (counter == NULL)
        return;
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        int64_t value = -1;

        _exit(library.inc(counter) != 0 || library.get(counter, &value) != 0 || value != 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    assert_counts(&library, counter);
    library.unref(counter);
}
END_TEST

/* A plugin that contains the static library is really unloaded, together with its fork handlers. */
START_TEST(test_plugin_is_opened_and_closed)
{
    for (int round = 0; round < ROUNDS; round++) {
        void *plugin = dlopen(PLUGIN, RTLD_NOW | RTLD_LOCAL);
        int (*count)(uint32_t);
        int status;
        pid_t child;

        ck_assert_msg(plugin != NULL, "%s", dlerror());
        *(void **)&count = dlsym(plugin, "plugin_count");
        ck_assert(count != NULL);
        ck_assert_int_eq(count((uint32_t)_i), 0);
        ck_assert_int_eq(dlclose(plugin), 0);
        ck_assert_ptr_null(dlopen(PLUGIN, RTLD_NOW | RTLD_NOLOAD));
        child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0)
            _exit(0);
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_int_eq(status, 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dlopen");
    TCase *tcase = support_add_case(suite, "dlopen", 30);

    tcase_add_loop_test(tcase, test_library_is_opened_and_closed, 0, TSC_BACKEND_COUNT);
    tcase_add_loop_test(tcase, test_counters_outlive_dlclose, 0, TSC_BACKEND_COUNT);
    for (int backend = 0; backend < TSC_BACKEND_COUNT; backend++) {
        if (backend != TSC_BACKEND_QUEUE || !support_part_is_skipped(test_fork_after_dlclose->name, "queue"))
            tcase_add_loop_test(tcase, test_fork_after_dlclose, backend, backend + 1);
    }
    if (!support_is_skipped(test_plugin_is_opened_and_closed->name))
        tcase_add_loop_test(tcase, test_plugin_is_opened_and_closed, 0, TSC_BACKEND_COUNT);
    return support_run_suite(suite);
}
