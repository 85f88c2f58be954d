# What the commands of the documentation meet when the tests run them: programs that would build, install or last for
# long only check what they are asked for.
set -euo pipefail
fail() { echo "$*" >&2; exit 99; }

registry() {
    local arguments=() last=
    for argument in "$@"; do
        # A limit that is fine for a reader may be too short here, where much else runs.
        [ "$last" != --timeout ] || argument=60s
        arguments+=("$argument")
        last=$argument
    done
    case " $* " in
        *" --help "*) ;;
        # In the place of the shell that waits for it in the background, so that a signal reaches it. A busy machine must
        # not keep a worker from being given anything.
        *" master "* | *" worker "*)
            exec "$(type -P registry)" --plugin-dir "$PLUGINS" "${arguments[@]}" --address 127.0.0.1:0 \
                --set registry.cluster.max-cpu-load-avg=10000 ;;
        # It stays until it is ended; what it does is tried elsewhere.
        *" page "*)
            timeout 5 "$(type -P registry)" --plugin-dir "$PLUGINS" "${arguments[@]}" || [ $? = 124 ]
            return ;;
        *" standalone "*"--for"*) ;;
        *" standalone "*) arguments+=(--for 1s) ;;
        *" --law "* | *" --list "*) ;;
        # The suite tries all laws.
        *" conformance "*) arguments+=(--law 1.2) ;;
    esac
    command registry --plugin-dir "$PLUGINS" "${arguments[@]}"
}
target/debug/registry() { registry "$@"; }

target/debug/registry-chaos() {
    local program=${PROGRAMS%/}/registry-chaos help
    # It is built by `cargo test --workspace`, not with this test alone.
    [ -x "$program" ] || return 0
    help=$("$program" "$1" --help)
    for argument in "$@"; do
        case "$argument" in --*) [[ $help == *"$argument"* ]] || fail "registry-chaos $1 has no $argument" ;; esac
    done
}

make() {
    for argument in "$@"; do
        case "$argument" in *=*) continue ;; esac
        grep -q "^$argument:" "$ROOT/Makefile" || fail "make has no target $argument"
    done
}

cargo() {
    local last=
    for argument in "$@"; do
        if [ "$last" = -p ]; then
            grep -rq --include=Cargo.toml "^name = \"$argument\"" "$ROOT"/{host,plugins,registry-api,tests,examples} ||
                fail "there is no package $argument"
        fi
        last=$argument
    done
}

scripts/install() {
    for job in "$@"; do grep -q "^need_$job()" "$ROOT/scripts/install" || fail "scripts/install knows no $job"; done
}

# A user's role, which the reader has made before.
etcdctl() {
    case "$*" in "role grant-permission ROLE "*) command etcdctl --endpoints="$ETCD" role add ROLE >/dev/null 2>&1 || true ;; esac
    command etcdctl --endpoints="$ETCD" "$@"
}

# What changes the machine.
sudo() { :; }
