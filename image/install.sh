#!/bin/sh
# Runs in the build's first stage: makes /opt/venv, which is all that the image takes from there.
set -eu

certificates=/run/secrets/certificates
if [ -s "$certificates" ]; then
    export PIP_CERT="$certificates" SSL_CERT_FILE="$certificates"
fi
if [ -n "${PIP_INDEX_URL:-}" ]; then
    export UV_DEFAULT_INDEX="$PIP_INDEX_URL"
fi

# The installer knows the CPU build of PyTorch by itself; it stays in this stage.
python3 -m venv /opt/uv
/opt/uv/bin/pip install --quiet --no-cache-dir --disable-pip-version-check \
    --require-hashes --requirement requirements/uv.txt

install() {
    /opt/uv/bin/uv pip install --no-cache --compile-bytecode --python /opt/venv/bin/python --no-deps "$@"
}

install_pytorch() {
    if [ -n "${UV_FIND_LINKS:-}" ] && install --no-index --requirement requirements/torch.txt; then
        return
    fi
    install --torch-backend cpu --requirement requirements/torch.txt
}

case "$TORCH" in
    none | cpu) python3 -m venv /opt/venv ;;
    base) python3 -m venv --system-site-packages /opt/venv ;;
    *) echo "TORCH is '$TORCH': it must be none, cpu or base" >&2; exit 2 ;;
esac
install --require-hashes --requirement requirements/image.txt
if [ "$TORCH" != none ]; then
    install --require-hashes --requirement requirements/sb3.txt
fi
if [ "$TORCH" = cpu ]; then
    install_pytorch
fi
# A base image that lacks something fails here, not in a job.
/opt/venv/bin/python -c 'import boto3, gymnasium, numba, onnx, uvicorn, uvloop'
if [ "$TORCH" != none ]; then
    /opt/venv/bin/python -c 'import stable_baselines3, torch'
fi
