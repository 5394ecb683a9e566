#!/bin/sh
# Install PyTorch into .venv: a wheel at hand (pip's find-links), else the CPU build, else the registry's build.
# UV_TORCH_BACKEND chooses another build than the CPU's, `auto` the one for this machine's GPU.
set -eu
. tools/pip_settings.sh

install() {
    .venv/bin/python -m uv pip install --quiet --python .venv/bin/python --requirement requirements/torch.txt "$@"
}

echo "Installing requirements/torch.txt"
if [ -n "${UV_FIND_LINKS:-}" ] && install --no-index 2>/dev/null; then
    exit
fi
if install --torch-backend "${UV_TORCH_BACKEND:-cpu}"; then
    exit
fi
echo "PyTorch's own index does not answer: taking the registry's build, on Linux one of several GB" >&2
install
