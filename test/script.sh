# SPDX-License-Identifier: MIT
# Shared by the project's scripts, which source it first. Their help is the comment at their top.
# shellcheck shell=sh

print_help() { awk 'NR > 2 && !/^#/ { exit } NR > 2 { sub(/^# ?/, ""); print }' "$0"; }

usage_error() {
    printf "%s: %s\nTry '%s --help'.\n" "$0" "$*" "$0" >&2
    exit 2
}

# take_arguments MOST ARGUMENT...: prints the help on request; rejects other options and more than MOST arguments.
take_arguments() {
    most=$1
    shift
    for argument in "$@"; do
        case $argument in
        -h | --help) print_help; exit 0 ;;
        esac
    done
    for argument in "$@"; do
        case $argument in
        -*) usage_error "unknown option '$argument'" ;;
        esac
    done
    [ $# -le "$most" ] || usage_error "at most $most arguments, not $#"
}
