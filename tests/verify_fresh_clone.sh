#!/usr/bin/env bash
# The main job as a new user meets it: a fresh clone in an empty folder (with a space in its path),
# none of this shell's variables but those that say how packages and networks are reached.
set -euo pipefail

top=$(git -C "$(dirname "${BASH_SOURCE[0]}")" rev-parse --show-toplevel)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
clone="$folder/a fresh clone"

kept=(HOME="$HOME" PATH="$PATH" LANG=C.UTF-8)
while IFS= read -r name; do
    kept+=("$name=${!name}")
done < <(compgen -e | grep -E '^(PIP_|UV_|SSL_CERT_|(HTTP|HTTPS|ALL|NO)_PROXY$|(http|https|all|no)_proxy$)' || true)

# Run `make $3...` in the clone: it must answer $1 within $2 seconds.
expect() {
    local answer=$1 limit=$2 status=0 began=$SECONDS
    shift 2
    env -i "${kept[@]}" make -C "$clone" "$@" || status=$?
    echo "make $*: exit status $status after $((SECONDS - began)) s"
    if [ "$status" -ne "$answer" ] || [ $((SECONDS - began)) -gt "$limit" ]; then
        echo "expected exit status $answer within $limit s" >&2
        exit 1
    fi
}

if [ -n "$(git -C "$top" status --porcelain)" ]; then
    echo "Not everything is committed: what is cloned is the last commit." >&2
fi
git clone --quiet "$top" "$clone"
expect 0 480 run
# A policy that is hardly trained: the gate rejects it.
expect 3 60 run PRESET=smoke OUTPUT="$folder/smoke output"
expect 2 10 run PRESET=no-such-preset
expect 2 10 run LOAD=no-such-file.csv
if [ -n "$(git -C "$clone" status --porcelain)" ]; then
    echo "the runs left files that git does not ignore:" >&2
    git -C "$clone" status --short >&2
    exit 1
fi
