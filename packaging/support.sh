# SPDX-License-Identifier: MIT
# Shared by the scripts here: sourced, with `source` set to the root of the sources.
# shellcheck shell=sh disable=SC2154
export LC_ALL=C
. "$source/test/script.sh"

me=packaging/$(basename "$0")
started=$(date +%s)

say() { printf '%s: [%4d s] %s\n' "$me" "$(($(date +%s) - started))" "$*" >&2; }
die() { say "FAILED: $*"; told=yes; exit 1; }

# A folder for what need not stay, and a last line, whatever ends the script.
work=$(mktemp -d)
told=
finish() {
    status=$?
    rm -rf "$work"
    [ "$status" -eq 0 ] || [ -n "$told" ] || say "FAILED: status $status"
}
trap finish EXIT

# Names all that is missing at once.
need() {
    missing=
    for tool in "$@"; do
        command -v "$tool" >/dev/null || missing="$missing $tool"
    done
    [ -z "$missing" ] || die "these are missing:$missing; packaging/README.md says which packages have them"
}

# Its output goes into a log, which is shown where it fails.
quietly() {
    log=$1
    shift
    # In a condition, set -e would be off in what it calls.
    set +e
    (set -e; "$@") >"$log" 2>&1
    status=$?
    set -e
    [ "$status" -ne 0 ] || return 0
    tail -n 40 "$log" >&2
    case $log in
    "$work"/*) die "$*" ;;
    *) die "$* (all of it in $log)" ;;
    esac
}

version() { sed -n "s/^  version: '\(.*\)',\$/\1/p" "$source/meson.build"; }

# The path of the release tarball: $1, or one that is made of the commit here, in folder $2.
tarball() {
    if [ -n "$1" ]; then
        [ -f "$1" ] || die "there is no tarball $1"
        readlink -f "$1"
    else
        "$source/packaging/make-tarball" "$2" >&2
        echo "$2/libtscounter-$(version).tar.xz"
    fi
}

# Tries what is installed below folder $1, its libraries in $2 there; the rest is for try-installed.
try_below() {
    root=$1 libraries=$2
    shift 2
    env PKG_CONFIG_SYSROOT_DIR="$root" PKG_CONFIG_LIBDIR="$root$libraries/pkgconfig" \
        PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1 LD_LIBRARY_PATH="$root$libraries" \
        PATH="$root/usr/bin:$PATH" MANPATH="$root/usr/share/man" "$source/packaging/try-installed" "$@"
}
