#!/bin/sh
# Pin the requirements for every platform and Python from 3.11; arguments go to uv (--upgrade, --upgrade-package NAME).
# Pins in a lock stay as they are unless asked; the later locks follow the earlier ones, so that all fit together.
set -eu
. tools/pip_settings.sh

lock() {
    name=$1
    shift
    .venv/bin/python -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --custom-compile-command "make lock" --output-file "requirements/$name.txt" "requirements/$name.in" "$@"
}

# The lock must not hold what the CUDA builds need. Without a CPU wheel at hand, PyTorch's index has one.
cpu_build=$(mktemp)
trap 'rm -f "$cpu_build"' EXIT
sed -n "s/^torch==.*/&+cpu ; sys_platform == 'linux'/p" requirements/torch.txt >"$cpu_build"
[ -n "${UV_FIND_LINKS:-}" ] || export UV_TORCH_BACKEND=cpu

lock uv "$@"
lock run "$@"
lock sb3 "$@" --no-emit-package torch --constraint requirements/run.txt --constraint "$cpu_build"
lock image "$@" --constraint requirements/run.txt --constraint requirements/sb3.txt
lock dev "$@" --constraint requirements/run.txt --constraint requirements/sb3.txt
lock edge "$@" --constraint requirements/run.txt --constraint requirements/dev.txt
lock cdk "$@" --constraint requirements/run.txt --constraint requirements/dev.txt
lock estimator "$@" --override requirements/estimator-overrides.txt \
    --constraint requirements/run.txt --constraint requirements/sb3.txt --constraint requirements/dev.txt \
    --constraint requirements/cdk.txt
lock checkers "$@" --constraint requirements/cdk.txt
lock sdk_v2 "$@"
lock sdk_v3 "$@"
lock training_toolkit "$@" --constraint requirements/image.txt
lock notebooks "$@" --override requirements/estimator-overrides.txt --constraint requirements/estimator.txt
