#!/usr/bin/env bash
# Packs the archive of one platform: archive.sh PLATFORM BINARY FOLDER. Prints its path.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
platform=$1 binary=$2 out=$3
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1)
name="preflight-$version-$platform"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/$name" "$out"
case $platform in win32-*) file=preflight.exe ;; *) file=preflight ;; esac
cp "$binary" "$work/$name/$file"
chmod 755 "$work/$name/$file"
cp "$root"/README.md "$root"/CHANGELOG.md "$root"/LICENSE-* "$work/$name/"
tar -C "$work" -czf "$out/$name.tar.gz" "$name"
printf '%s\n' "$out/$name.tar.gz"
