#!/bin/sh
# Cross-build for aarch64 and run the tests of the engine and the command line under qemu-user.
#
# The libraries for aarch64 are Debian packages too: they are downloaded with this machine's own apt
# sources into build/aarch64/sysroot, with an apt state of their own, so that the machine itself is left
# as it is (no foreign architecture is added, nothing is installed). T=name picks tests.
set -eu
cd "$(dirname "$0")/.."
out=$PWD/build/aarch64
root=$out/sysroot
apt=$out/apt
lib=$root/usr/lib/aarch64-linux-gnu
packages="libc6-dev libgcc-12-dev libcjson-dev libopenblas-pthread-dev libpng-dev libjpeg62-turbo-dev
zlib1g-dev libcmocka-dev libmicrohttpd-dev libsqlite3-dev libcurl4-openssl-dev"

fail() {
    echo "test-aarch64: $*" >&2
    exit 1
}

apt_get() {
    apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures::=arm64 \
        -o Dir::State="$apt/state" -o Dir::State::status="$apt/status" -o Dir::Cache="$apt/cache" \
        -o Debug::NoLocking=1 -o APT::Sandbox::User= "$@"
}

make_sysroot() {
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null ||
        fail "the libraries for aarch64 come as Debian packages, which takes apt-get and dpkg-deb"
    rm -rf "$root"
    mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial" "$root/usr/lib"
    : >"$apt/status"
    apt_get update || fail "the package lists for arm64 could not be fetched"
    # shellcheck disable=SC2086
    apt_get install -y --no-install-recommends --download-only $packages ||
        fail "the packages could not be fetched: $packages"
    ln -s usr/lib "$root/lib"
    for deb in "$apt"/cache/archives/*.deb; do
        dpkg-deb --fsys-tarfile "$deb" | tar -C "$root" -x --keep-directory-symlink
    done
    # links from the root of a file system would lead into this machine's own
    find "$lib" -type l -lname '/*' | while read -r link; do
        ln -sfr "$root$(readlink "$link")" "$link"
    done
    # what update-alternatives would do
    for file in libopenblas.so libopenblas.so.0; do
        ln -sf "openblas-pthread/$file" "$lib/$file"
    done
    for header in "$root"/usr/include/aarch64-linux-gnu/openblas-pthread/*.h; do
        ln -sf "openblas-pthread/$(basename "$header")" "$root/usr/include/aarch64-linux-gnu/"
    done
    rm -rf "$apt/cache"
    touch "$root/complete"
}

./deps.sh gcc-aarch64-linux-gnu qemu-user
[ -e "$root/complete" ] || make_sysroot
# The generic OpenBLAS kernels: which others there are depends on the emulated processor.
export OPENBLAS_CORETYPE=ARMV8 OPENBLAS_NUM_THREADS=1
export RUNNER="qemu-aarch64 -L $root" TEST_TIMEOUT=1800
exec make --no-print-directory FLAVOUR=aarch64 test-programs
