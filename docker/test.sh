#!/bin/sh
# Build the image, run it with a read-only root as its own user, ask for a prediction, stop it with
# SIGTERM; everything must go as docker/Dockerfile promises.
#
# With docker or podman where an engine answers. Elsewhere, as root, with buildah: no engine, no
# registry. The base image is then made by debootstrap from the apt sources of this machine, and the
# container is a chroot in namespaces of its own (Debian: buildah debootstrap util-linux).
# Big trees live in TMPDIR (/var/tmp) and are removed.
set -eu
cd "$(dirname "$0")/.."
picture=models/ankle-boot.png
work=$(mktemp -d "${TMPDIR:-/var/tmp}/axond-docker.XXXXXX")
container=
server=

fail() {
    echo "docker-test: $*" >&2
    exit 1
}

clean() {
    status=$?
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ -z "$container" ] || $engine rm -f "$container" >/dev/null 2>&1 || true
    for m in root/proc root/models root; do umount "$work/$m" 2>/dev/null || true; done
    if [ -d "$work/storage" ]; then
        bah umount --all >/dev/null 2>&1 || true
        umount "$work/storage/overlay" 2>/dev/null || true
    fi
    rm -rf --one-file-system "$work"
    exit $status
}
trap clean EXIT
trap 'exit 1' INT TERM HUP

# ---- what is asked of the running container; $base is its URL ------------------------------------

await_ready() {
    for _ in $(seq 100); do
        curl -sf "$base/health" >/dev/null && return
        sleep 0.2
    done
    fail "not ready after 20 s"
}

check_answers() {
    answer=$(curl -sS -H 'Content-Type: image/png' --data-binary @$picture "$base/predict?model=$model")
    echo "$answer"
    case $answer in
    *'"label":"Ankle boot"'*) ;;
    *) fail "expected \"Ankle boot\"" ;;
    esac
    # the volume is writable, though the root is not
    code=$(curl -sS -o /dev/null -w '%{http_code}' -X PUT --data-binary "@models/$model.safetensors" \
        "$base/models/uploaded")
    case $code in 2*) ;; *) fail "PUT /models/uploaded answered $code" ;; esac
    curl -sfS "$base/models/uploaded" >/dev/null || fail "the uploaded model does not serve"
}

pick_model() {
    for f in models/*.safetensors; do
        [ -e "$f" ] || fail "models/ holds no model: make models"
        model=$(basename "$f" .safetensors)
    done
}

# ---- docker, podman ----------------------------------------------------------------------------------

with_engine() {
    $engine build -f docker/Dockerfile -t axond .
    container=$($engine run -d --read-only --cap-drop ALL -p 127.0.0.1::8080 axond)
    base=http://$($engine port "$container" 8080 | head -n 1)
    await_ready
    [ "$($engine exec "$container" id -u)" = 10001 ] || fail "not running as its own user"
    $engine exec "$container" axond health || fail "the health check says no"
    check_answers
    $engine stop -t 35 "$container" >/dev/null
    code=$($engine inspect -f '{{.State.ExitCode}}' "$container")
    [ "$code" = 0 ] || fail "SIGTERM: exit code $code"
}

# ---- buildah -----------------------------------------------------------------------------------------

bah() {
    buildah --root "$work/storage" --runroot "$work/run" --storage-driver "$driver" "$@"
}

make_base() {
    mirror=$(apt-get indextargets --format '$(SITE)' 'Codename: bookworm' 'Created-By: Packages' | head -n 1)
    [ -n "$mirror" ] || fail "no apt source of this machine has Debian bookworm"
    debootstrap --variant=minbase bookworm "$work/base" "$mirror" >"$work/log" 2>&1 ||
        { tail -n 20 "$work/log"; fail "debootstrap failed"; }
    rm -rf "$work/base/var/cache/apt/archives" "$work/base/var/lib/apt/lists"
    mkdir -p "$work/base/var/cache/apt/archives/partial" "$work/base/var/lib/apt/lists/partial"
    c=$(bah from scratch)
    bah add -q "$c" "$work/base" / >/dev/null
    bah commit -q --rm "$c" axond-base >/dev/null
    rm -rf "$work/base"
}

# What the image says, one value: config '{{.OCIv1.Config.User}}'
config() {
    bah inspect --format "$1" "$image"
}

# The image's process as an engine would run it: its user, its environment, a read-only root, a
# writable volume, its own processes. The network is the machine's, so the port is a free one.
start_chroot() {
    tree=$(bah mount "$(bah from axond)")
    echo '127.0.0.1 localhost' >"$tree/etc/hosts" # as every engine does
    mkdir "$work/root" "$work/volume"
    cp -a "$tree/models/." "$work/volume"
    chown 10001:10001 "$work/volume"
    mount --bind "$tree" "$work/root"
    mount -o remount,bind,ro "$work/root"
    mount --bind "$work/volume" "$work/root/models"
    setpriv --reuid 10001 --regid 10001 --clear-groups true || fail "setpriv does not work here"
    port=$((20000 + $$ % 20000))
    base=http://127.0.0.1:$port
    unshare --mount --pid --fork --kill-child sh -c '
        mount -t proc proc "$1/proc"
        exec chroot --userspec=10001:10001 "$1" env -i PATH=/usr/local/bin:/usr/bin:/bin \
            AXOND_LISTEN=127.0.0.1:'$port' AXOND_MODELS=/models axond serve' sh "$work/root" 2>"$work/log" &
    server=$!
}

with_buildah() {
    [ "$(id -u)" -eq 0 ] || fail "no docker or podman engine answers, and building without one takes root"
    for tool in buildah debootstrap unshare setpriv; do
        command -v $tool >/dev/null || fail "$tool is missing (Debian: buildah debootstrap util-linux)"
    done
    driver=overlay
    bah info >/dev/null 2>&1 || driver=vfs
    image=axond
    make_base
    bah bud -q --isolation chroot --format docker --build-arg BASE=localhost/axond-base -f docker/Dockerfile -t axond . \
        >"$work/log" 2>&1 || { tail -n 40 "$work/log"; fail "the image does not build"; }
    [ "$(config '{{.OCIv1.Config.User}}')" = 10001:10001 ] || fail "the image does not name its user"
    [ "$(config '{{.OCIv1.Config.Entrypoint}}{{.OCIv1.Config.Cmd}}')" = '[axond][serve]' ] || fail "entry point"
    [ "$(config '{{.Docker.Config.Healthcheck.Test}}')" = '[CMD axond health]' ] || fail "health check"
    start_chroot
    await_ready
    chroot --userspec=10001:10001 "$work/root" env AXOND_LISTEN=0.0.0.0:$port axond health ||
        fail "the health check says no"
    check_answers
    # the process itself, in its namespace: the shell that made the namespace has become it
    kill -TERM "$(pgrep -P "$server")"
    code=0
    wait "$server" || code=$?
    server=
    [ "$code" = 0 ] || { cat "$work/log"; fail "SIGTERM: exit code $code"; }
}

pick_model
if docker version --format '{{.Server.Version}}' >/dev/null 2>&1; then
    engine=docker
    with_engine
elif podman info >/dev/null 2>&1; then
    engine=podman
    with_engine
else
    with_buildah
fi
echo "docker-test: the image builds, runs as its own user on a read-only root, answers and drains"
