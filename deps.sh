#!/bin/sh
# Install the Debian packages that building, testing or running axond needs and that are missing.
# Without root (and without a password-less sudo) the exact line to type is printed instead.
set -eu
packages="gcc make bc curl libmicrohttpd-dev libcjson-dev libopenblas-dev libsqlite3-dev
zlib1g-dev libpng-dev libjpeg62-turbo-dev libcurl4-openssl-dev libcmocka-dev dataset-fashion-mnist $*"

if ! command -v dpkg-query >/dev/null; then
    echo "not a Debian system; what axond needs has these names there: $packages" >&2
    exit 0
fi
missing=""
for p in $packages; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing="$missing $p"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
    sudo=""
elif sudo -n true 2>/dev/null; then
    sudo="sudo"
else
    echo "axond needs these Debian packages:$missing" >&2
    echo "type:  sudo apt-get install$missing" >&2
    exit 1
fi
$sudo apt-get update -qq
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
