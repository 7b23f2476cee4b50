#!/bin/sh
# Makes .venv from a hashed lock: `sh cohort/lab/bootstrap.sh requirements.txt`.
# Says one line when there is something to do, nothing when .venv is current (a few ms: no Python).
set -eu
lock=$1
dev=requirements-dev.txt
cd "$(dirname "$0")/../.."
stamp=.venv/.cohort-stamp

die() {
    echo "cohort: $*" >&2
    exit 1
}

# What a .venv is made of: this folder (the editable install points at it), the Python it
# stands on (a distribution upgrade takes that away), the lock and the project's own file.
mark() {
    printf '%s %s ' "$PWD" "$(readlink -f .venv/bin/python)"
    cat "$1" pyproject.toml | sha256sum
}

current() {
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(mark "$1")" ]
}

# The development lock holds all of the other, so either command is content with it.
if [ -x .venv/bin/python ] && { current "$lock" || current "$dev"; }; then
    exit 0
fi

new_enough='import sys; sys.exit(sys.version_info < (3, 11))'
python=
# The distribution's own first: every user of the machine can run it, and upgrades keep it.
for candidate in /usr/bin/python3 python3; do
    if "$candidate" -c "$new_enough" 2>/dev/null; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] ||
    die "Python 3.11 or newer is needed: use Debian 12 or newer, or Ubuntu 24.04 or newer."

echo "Preparing .venv from $lock"

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "python3-venv is missing and only root can install it: run this as root, or install sudo."
    fi
}

if ! .venv/bin/python -c "import pip; $new_enough" 2>/dev/null; then
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        as_root apt-get update -qq >/dev/null || true # one broken source need not stop us
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 \
            install -y -qq --no-install-recommends python3-venv >/dev/null ||
            die "python3-venv could not be installed: see apt-get's message above."
    fi
    "$python" -m venv --clear .venv ||
        die "$python cannot make a virtual environment: see its message above."
fi

rm -f "$stamp"
pip() {
    .venv/bin/python -m pip --disable-pip-version-check install -qq --no-deps "$@" ||
        die "Python packages could not be installed: see pip's message above."
}
pip --require-hashes --only-binary :all: -r "$lock"
pip --no-build-isolation --no-index -e .
mark "$lock" >"$stamp"
