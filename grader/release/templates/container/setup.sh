#!/bin/sh
# Made by "python -m grader autograder". Run once as root when the image is built; may be run again.
# PIP_FLAGS in the environment replaces the flags below; with CHAINRULE_PYTHON set nothing is installed.
set -eu
umask 022

pip_flags=@PIP_FLAGS@
: "${PIP_FLAGS=$pip_flags}"
source=$(cd "$(dirname "$0")" && pwd)
venv=/opt/chainrule/venv

usable() { # whether it is Python 3.11 to 3.13, can make environments, and lies where every user can read it
    found=$(command -v "$1") || return 1
    case $(readlink -f "$found") in /root/* | /home/*) return 1 ;; esac
    "$found" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

find_python() {
    for name in python3.11 python3.12 python3.13 python3; do
        if usable "$name"; then
            python=$(command -v "$name")
            return 0
        fi
    done
    return 1
}

install_python() {
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    for version in 3.11 3.12 3.13; do
        if apt-cache show "python$version-venv" >/dev/null 2>&1; then
            apt-get install -y -qq --no-install-recommends "python$version" "python$version-venv"
            return 0
        fi
    done
}

install() {
    if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        find_python || { install_python && find_python; } || {
            echo "setup.sh: no Python 3.11 to 3.13 here, and apt-get knows none;" \
                "give apt the distribution's updates (and universe), or choose another base image" >&2
            exit 1
        }
        "$python" -m venv --clear "$venv"
    fi
    # the flags are several words
    # shellcheck disable=SC2086
    "$venv/bin/python" -m pip install --quiet --no-cache-dir $PIP_FLAGS \
        --constraint "$source/constraints.txt" --requirement "$source/requirements.txt"
    "$venv/bin/python" -m compileall -q "$source/grader"
    # what each run begins with: a broken installation is found out here, not by students
    (cd "$source" && "$venv/bin/python" -E -s -c 'from grader.sandbox.child.start import load_libraries; load_libraries(@LIBRARIES@)')
}

[ -n "${CHAINRULE_PYTHON:-}" ] || install

# student code runs as another user: it may read the engine, never the answers
cd "$source"
[ "$(id -u)" -ne 0 ] || chown -R root:root .
chmod -R u=rwX,go=rX .
chmod -R go= @SECRETS@
chmod 755 setup.sh run_autograder
