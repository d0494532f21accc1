#!/bin/sh
# Finds out whether this machine can build the program, and installs what is missing where apt-get can.
#
# Says nothing where nothing is missing. Each obstacle is one sentence, with status 1.
set -u
PATH=$PATH:/usr/sbin:/sbin

fail() { echo "$*" >&2; exit 1; }

# No distribution has Swift in the version that is needed.
command -v swift > /dev/null ||
    fail "Swift is not installed; get version 6.2 or later from swift.org/install/linux and put it into PATH."

# Prints the packages, by Debian's names, of what is missing.
missing() {
    # What Swift itself is linked with, as its installation page lists it.
    swift --version > /dev/null 2>&1 || echo libncurses6 libcurl4 libedit2 libxml2 libsqlite3-0 tzdata
    # The C library's headers and what links programs, which Swift does not bring.
    clang=$(dirname "$(readlink -f "$(command -v swift)")")/clang
    [ -x "$clang" ] || clang=cc
    object=$(mktemp)
    printf '#include <cstdio>\nint main() { return 0; }\n' | "$clang" -x c++ - -lstdc++ -o "$object" 2> /dev/null || echo g++
    rm -f "$object"
    # Loaded when the program runs, so that neither headers nor a link are needed.
    [ -n "${PIXNERD_BLAS-}" ] || ldconfig -p 2> /dev/null | grep -q 'libopenblasp\{0,1\}\.so' || echo libopenblas0
    # By which Swift gets the packages that this one depends on.
    command -v git > /dev/null || echo git ca-certificates
    command -v pkg-config > /dev/null || echo pkg-config
    for library in libpng:libpng-dev libturbojpeg:libturbojpeg0-dev libgif:libgif-dev libtiff-4:libtiff-dev libwebp:libwebp-dev stb:libstb-dev \
        libzip:libzip-dev libxxhash:libxxhash-dev; do
        pkg-config --exists "${library%:*}" 2> /dev/null || echo "${library#*:}"
    done
}

install_packages() {
    command -v apt-get > /dev/null || fail "Install what Debian calls $packages (Fedora: gcc-c++ git openblas pkgconf libpng-devel \
turbojpeg-devel giflib-devel libtiff-devel libwebp-devel stb-devel libzip-devel xxhash-devel; Arch: gcc git openblas pkgconf \
libpng libjpeg-turbo giflib libtiff libwebp stb libzip xxhash)."
    if [ "$(id -u)" = 0 ]; then
        sudo=
    elif ! command -v sudo > /dev/null; then
        fail "These packages are missing, and installing them needs an administrator: apt-get install $packages"
    elif sudo -n true 2> /dev/null || [ -t 0 ]; then
        # At a terminal it may ask for the password.
        sudo=sudo
    else
        fail "These packages are missing, and sudo would ask for a password: sudo apt-get install $packages"
    fi
    echo "Installing $packages"
    log=$(mktemp)
    # The lists may be absent or old; where they cannot be had, what is known may still do.
    $sudo apt-get update -qq > "$log" 2>&1
    # shellcheck disable=SC2086 # a list of packages
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $packages > "$log" 2>&1 || {
        reason=$(grep '^E:' "$log" | head -n 1)
        rm -f "$log"
        fail "apt-get could not install $packages (${reason:-it gave no reason}); mend that, or install them by hand."
    }
    rm -f "$log"
    packages=$(missing | tr '\n' ' ')
    [ -z "$packages" ] || fail "After the installation these are still not found: $packages"
}

packages=$(missing | tr '\n' ' ')
packages=${packages% }
[ -z "$packages" ] || install_packages

version=$(swift --version 2> /dev/null | sed -n 's/.*Swift version \([0-9]*\)\.\([0-9]*\).*/\1 \2/p')
[ -n "$version" ] || fail "swift does not start ($(swift --version 2>&1 | head -n 1)); install it anew from swift.org/install/linux."
# shellcheck disable=SC2086 # two numbers
set -- $version
[ "$1" -gt 6 ] || { [ "$1" = 6 ] && [ "$2" -ge 2 ]; } ||
    fail "Swift $1.$2 is too old; get version 6.2 or later from swift.org/install/linux."
