#!/usr/bin/env bash
# Makes .build/release-archive/pixnerd-VERSION-linux-ARCH.tar.gz and tries it in an empty root.
#
# The program holds Swift's own libraries. Those for images, archives and fingerprints lie beside it in lib/, where it looks
# first. A host must have:
# - glibc of the version here or later, with libstdc++ and libgcc_s, which OpenBLAS and oneDNN share with the program;
# - OpenBLAS (libopenblas0), or another library that PIXNERD_BLAS names: it is chosen for the host's processor.
# Open MPI and oneDNN are used where the host has them.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin

version=$(sed -n 's/.*static let current = "\(.*\)"/\1/p' Sources/PixNerdSupport/Version.swift)
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+ ]] || { echo "Sources/PixNerdSupport/Version.swift names no version" >&2; exit 1; }
name=pixnerd-$version-linux-$(uname -m)
archives=$PWD/.build/release-archive
folder=$archives/$name
rm -rf "$folder" "$archives/$name.tar.gz"
mkdir -p "$folder/lib" "$folder/licenses"

# The old kind of path is also searched for what the libraries in lib/ need themselves.
# The program with the studio in it, under the usual name.
swift build -c release --product pixnerd-studio --static-swift-stdlib ${PIXNERD_JOBS:+-j "$PIXNERD_JOBS"} \
    -Xlinker -rpath -Xlinker '$ORIGIN/lib' -Xlinker --disable-new-dtags
build=$(swift build -c release --show-bin-path)
cp "$build/pixnerd-studio" "$folder/pixnerd"
strip --strip-debug "$folder/pixnerd" 2> /dev/null || true
# Files that targets bring with them lie beside the program.
for resources in "$build"/pixnerd_*.resources; do
    [[ ! -d $resources ]] || cp -r "$resources" "$folder/"
done
cp -r README.md LICENSE CHANGELOG.md configs docs "$folder/"

# "name path" of all shared libraries that a file needs.
needed() { ldd "$1" | awk '$2 == "=>" && $3 ~ /^\// { print $1, $3 }'; }
is_of_host() { [[ $1 =~ ^(libc|libm|libdl|librt|libpthread|libresolv|libutil|libstdc\+\+|libgcc_s)\.so ]]; }

while read -r library path; do
    is_of_host "$library" && continue
    cp -L "$path" "$folder/lib/$library"
    # The licence of each, as Debian installs it.
    package=$(dpkg -S "$(realpath "$path")" 2> /dev/null | head -n 1 | cut -d: -f1) || true
    [[ -z $package || ! -f /usr/share/doc/$package/copyright ]] ||
        cp "/usr/share/doc/$package/copyright" "$folder/licenses/$package.txt"
done < <(needed "$folder/pixnerd")
[[ $("$folder/pixnerd" --version) == "$version" ]] || { echo "the program is not of version $version" >&2; exit 1; }

tar --directory "$archives" --create --gzip --file "$archives/$name.tar.gz" --sort=name --owner=0 --group=0 "$name"
echo "$archives/$name.tar.gz: $(du -h "$archives/$name.tar.gz" | cut -f1), with $(ls "$folder/lib" | xargs)"

# MARK: The empty root

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root"/{proc,tmp,trial}
put() { mkdir -p "$root$(dirname "$1")" && cp -L "$1" "$root$1"; }
loader=$(ldd "$folder/pixnerd" | awk '$1 ~ /^\// { print $1 }')
put "$loader"
blas=$(ldconfig -p | awk '$1 ~ /^libopenblasp?\.so\.0$/ && !found++ { print $NF }')
put "${blas:?OpenBLAS is not installed}"
while read -r library path; do
    is_of_host "$library" && put "$path"
done < <(needed "$folder/pixnerd")
# With the Fortran libraries that it needs.
while read -r _ path; do put "$path"; done < <(needed "$blas")
tar --directory "$root/trial" --extract --file "$archives/$name.tar.gz"

# The folder of /proc goes with the namespace of mounts.
inside() {
    local user=()
    ((EUID == 0)) || user=(--user --map-root-user)
    unshare "${user[@]}" --mount bash -c 'mount --rbind /proc "$0/proc" && exec chroot "$0" "${@:1}"' "$root" "$@"
}
program=/trial/$name/pixnerd
if ! inside "$program" --version > /dev/null 2> "$root/reason"; then
    # A place where nobody may make namespaces cannot try it; a program that does not start is a failure.
    if grep -q -e 'unshare:' -e 'mount:' -e 'chroot: cannot change' "$root/reason"; then
        echo "not tried in an empty root: $(head -n 1 "$root/reason")"
        exit 0
    fi
    cat "$root/reason" >&2
    exit 1
fi
inside "$program" info
inside "$program" dataset shapes --out /trial/shapes --per-class 8 --size 32
inside "$program" train "/trial/$name/configs/shapes.yaml" --set data.root=/trial/shapes --set directory=/trial/runs \
    --set training.steps=5 --set training.field_sizes= --set training.preview_every=0 --set training.log_every=1
[[ -s $root/trial/runs/shapes/latest/ema.safetensors ]] || { echo "the training in the empty root saved nothing" >&2; exit 1; }
inside "$program" sample /trial/runs/shapes --out /trial/sheet.png --size 32 --steps 2
[[ -s $root/trial/sheet.png ]] || { echo "nothing was sampled in the empty root" >&2; exit 1; }
echo "The archive works in an empty root with glibc, libstdc++, libgcc_s and OpenBLAS."
