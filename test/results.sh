# SPDX-License-Identifier: MIT
# Sums up meson's logs of several builds: sourced.
# shellcheck shell=sh

# problems_in LOG: prints a line for each program that did not pass, and for each test that a program skipped.
problems_in() {
    if [ -s "$1" ] && [ -s "${1%.json}.junit.xml" ]; then
        jq -r --arg build "$(basename "$(dirname "$(dirname "$1")")")" '
            if .result != "OK" then "\($build): \(.result) \(.name)"
            else "\($build): \(.name): \(.stderr // "" | scan("Skipped test: .*"))" end' "$1"
    else
        echo "no test ran: $1"
    fi
}

# print_results LOG...: prints these lines, and then "N passed, N failed, N skipped". A LOG is
# BUILD/meson-logs/NAME.json. Beside it, NAME.junit.xml counts the tests of a program that prints TAP. Returns 1 if
# something failed or nothing passed.
print_results() {
    problems=$(for log in "$@"; do problems_in "$log"; done)
    [ -z "$problems" ] || echo "$problems"
    skipped_tests=$(echo "$problems" | grep -c ': Skipped test: ') || true
    failed_programs=$(echo "$problems" | grep -cvE '^$|: SKIP |: Skipped test: ') || true
    # The JUnit files do not show that a program timed out, or that it failed after its last test.
    for log in "$@"; do
        grep -oh '<testsuite [^>]*>' "${log%.json}.junit.xml" 2>/dev/null || true
    done | tr ' ' '\n' | awk -F '"' -v skipped_tests="$skipped_tests" -v failed_programs="$failed_programs" '
        NF > 1 { sum[$1] += $2 }
        END {
            failed = sum["failures="] + sum["errors="]
            passed = sum["tests="] - failed - sum["skipped="]
            if (failed < failed_programs)
                failed = failed_programs
            printf "%d passed, %d failed, %d skipped\n", passed, failed, sum["skipped="] + skipped_tests
            exit failed > 0 || passed <= 0
        }'
}
