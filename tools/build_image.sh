#!/bin/sh
# Build the image for SageMaker with docker or buildah, and push it; docs/image.md explains it.
set -eu
cd "$(dirname "$0")/.."

usage="usage: tools/build_image.sh [--torch none|cpu|base] [--base IMAGE] [--name NAME]
       [--push REPOSITORY_URI | --print-tag]"
torch=none base='' name=rl-autoscaling repository='' print_tag=no

die() {
    echo "$1" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case "$1" in
        -h | --help) echo "$usage"; exit ;;
        --print-tag) print_tag=yes; shift; continue ;;
        --torch | --base | --name | --push) [ $# -ge 2 ] || die "$1 has no value; $usage" ;;
        *) die "unknown argument $1; $usage" ;;
    esac
    case "$1" in
        --torch) torch=$2 ;;
        --base) base=$2 ;;
        --name) name=$2 ;;
        --push) repository=$2 ;;
    esac
    shift 2
done
case "$torch" in none | cpu | base) ;; *) die "--torch is none, cpu or base, not '$torch'" ;; esac

# What is in the tag decides everything that is built here: a tag never has to move.
content=$(
    {
        find image requirements/uv.txt requirements/image.txt requirements/sb3.txt requirements/torch.txt \
            -type f ! -path '*/__pycache__/*' | LC_ALL=C sort | xargs sha256sum
        echo "$base $torch"
    } | sha256sum | cut -c 1-12
)
image=$name:$content
if [ "$print_tag" = yes ]; then
    echo "$content"
    exit
fi

# Where pip takes packages from, the build does as well.
if [ -x .venv/bin/python ]; then
    . tools/pip_settings.sh
    python=.venv/bin/python
else
    python=python3
fi

registry=${repository%%/*}
account=$(printf '%s' "$registry" | sed -nE 's/^([0-9]{12})\.dkr\.ecr.*/\1/p')
region=$(printf '%s' "$registry" | sed -nE 's/^[0-9]{12}\.dkr\.ecr(-fips)?\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?$/\2/p')

ecr_password() {
    if command -v aws >/dev/null; then
        aws ecr get-login-password --region "$region"
        return
    fi
    "$python" - "$region" <<'END'
import base64, sys
import boto3
tokens = boto3.client("ecr", region_name=sys.argv[1]).get_authorization_token()
print(base64.b64decode(tokens["authorizationData"][0]["authorizationToken"]).decode().partition(":")[2])
END
}

# Print the media type of the image's manifest in ECR, nothing if the image is not there.
ecr_media_type() {
    if command -v aws >/dev/null; then
        aws ecr describe-images --region "$region" --registry-id "$account" \
            --repository-name "${repository#*/}" --image-ids "imageTag=$content" \
            --query 'imageDetails[0].imageManifestMediaType' --output text 2>/dev/null || true
        return
    fi
    "$python" - "$region" "$account" "${repository#*/}" "$content" <<'END' 2>/dev/null || true
import sys
import boto3
region, account, name, tag = sys.argv[1:]
found = boto3.client("ecr", region_name=region).describe_images(
    registryId=account, repositoryName=name, imageIds=[{"imageTag": tag}]
)
print(found["imageDetails"][0]["imageManifestMediaType"])
END
}

if [ -n "$repository" ] && [ -n "$region" ] && [ -n "$(ecr_media_type)" ]; then
    echo "$repository:$content is there already" >&2
    echo "$repository:$content"
    exit
fi

# A client of Docker without its engine is of no use.
if docker info >/dev/null 2>&1; then
    tool=docker
elif command -v buildah >/dev/null; then
    tool=buildah
else
    die "An image needs a running Docker engine, or buildah (Debian, Ubuntu: apt install buildah): neither is here"
fi

set -- --file image/Dockerfile --tag "$image" --platform linux/amd64 \
    --build-arg "TORCH=$torch" --build-arg "VERSION=$content"
[ -z "$base" ] || set -- "$@" --build-arg "BASE_IMAGE=$base"
[ -z "${UV_DEFAULT_INDEX:-}" ] || set -- "$@" --build-arg "PIP_INDEX_URL=$UV_DEFAULT_INDEX"
[ ! -f "${SSL_CERT_FILE:-}" ] || set -- "$@" --secret "id=certificates,src=$SSL_CERT_FILE"

# Endpoints refuse the manifests of OCI: both tools are asked for Docker's.
echo "Building $image with $tool" >&2
if [ "$tool" = docker ]; then
    docker build --provenance=false --sbom=false --output type=docker "$@" . >&2
else
    # Folders with wheels are lent to the build; an engine elsewhere could not see them.
    links=$(printf '%s' "${UV_FIND_LINKS:-}" | tr ',' '\n')
    for link in $links; do
        [ ! -d "$link" ] || set -- "$@" --volume "$link:$link:ro"
    done
    [ -z "$links" ] || set -- "$@" --build-arg "UV_FIND_LINKS=$UV_FIND_LINKS"
    buildah build --isolation chroot --format docker --ignorefile image/Dockerfile.dockerignore "$@" . >&2
fi
if [ -z "$repository" ]; then
    echo "$image"
    exit
fi

if [ -n "$region" ]; then
    password=$(ecr_password)
    printf '%s' "$password" | "$tool" login --username AWS --password-stdin "$registry" >&2
fi
echo "Pushing $repository:$content" >&2
if [ "$tool" = docker ]; then
    docker tag "$image" "$repository:$content" >&2
    docker push "$repository:$content" >&2
else
    case "$registry" in localhost:* | 127.0.0.1:*) insecure=--tls-verify=false ;; *) insecure='' ;; esac
    buildah push --format v2s2 ${insecure:+"$insecure"} "$image" "docker://$repository:$content" >&2
fi
if [ -n "$region" ]; then
    media=$(ecr_media_type)
    [ "$media" = application/vnd.docker.distribution.manifest.v2+json ] ||
        die "$repository:$content has a manifest of type '$media', which SageMaker endpoints refuse"
fi
echo "$repository:$content"
