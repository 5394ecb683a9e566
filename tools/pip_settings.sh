# shellcheck shell=sh
# Sourced by the other tools: let uv take packages from where pip would.
# uv reads neither pip's variables nor its configuration files; `pip config list` knows both.

settings=$(.venv/bin/python -m pip config list)

# Print pip's setting $1; `pip config list` puts the environment's values first, as `:env:.name`.
setting() {
    printf '%s\n' "$settings" | sed -nE "s/^(:env:|global|install)\.$1='(.*)'\$/\2/p" | head -n 1
}

# Give uv's variable $1 the value $2, unless it has one or there is none to give.
pass_on() {
    eval "present=\${$1:-}"
    if [ -z "$present" ] && [ -n "$2" ]; then
        export "$1=$2"
    fi
}

pass_on UV_FIND_LINKS "$(setting find-links | sed -E 's/(\\n| )+/,/g; s/^,//')"
pass_on UV_DEFAULT_INDEX "$(setting index-url)"
pass_on UV_NO_INDEX "$(setting no-index)"
pass_on UV_HTTP_TIMEOUT "$(setting default-timeout)"
pass_on SSL_CERT_FILE "$(setting cert)"
