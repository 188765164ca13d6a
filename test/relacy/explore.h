/* SPDX-License-Identifier: MIT */
/* Runs a scenario in very many interleavings, with all values that loads may return. */
#ifndef RELACY_EXPLORE_H
#define RELACY_EXPLORE_H

#include <cstdlib>
#include <fstream>
#include <iostream>

#include "relacy-atomic.h"

/*
 * Random schedules find errors that need many switches of the thread. Schedules with a bound on switches are
 * complete.
 */
template <typename Scenario> static bool explore_by(rl::scheduler_type_e type, unsigned iterations, unsigned bound)
{
    static std::ofstream nowhere("/dev/null");
    rl::test_params params;

    params.search_type = type;
    params.iteration_count = iterations;
    params.context_bound = bound;
    params.execution_depth_limit = 4000;
    params.progress_stream = &nowhere;
    return rl::simulate<Scenario>(params);
}

template <typename Scenario> static int explore(unsigned iterations, unsigned bound)
{
    return explore_by<Scenario>(rl::sched_random, iterations, 0) &&
                   explore_by<Scenario>(rl::sched_bound, UINT_MAX, bound)
               ? EXIT_SUCCESS
               : EXIT_FAILURE;
}

#endif
