#!/usr/bin/env bash
# Installs one release for the action: install.sh FOLDER. Unpacks the archive only if its SHA-256 is the expected one.
#
#     PREFLIGHT_VERSION   the release
#     PREFLIGHT_SHA256    of the archive; if empty, the one in the release's SHA256SUMS
#     PREFLIGHT_RELEASES  the address that the releases are under
set -euo pipefail
folder=$1

case "$(uname -s)-$(uname -m)" in
  Linux-x86_64) platform=linux-x64 ;;
  Linux-aarch64 | Linux-arm64) platform=linux-arm64 ;;
  Darwin-x86_64) platform=darwin-x64 ;;
  Darwin-arm64) platform=darwin-arm64 ;;
  MINGW*-x86_64 | MSYS*-x86_64) platform=win32-x64 ;;
  *)
    echo "preflight: there is no binary for $(uname -s) on $(uname -m)" >&2
    exit 4
    ;;
esac

name="preflight-$PREFLIGHT_VERSION-$platform"
address="$PREFLIGHT_RELEASES/v$PREFLIGHT_VERSION"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fetch() { curl --fail --silent --show-error --location --retry 3 --output "$work/$1" "$address/$1"; }

fetch "$name.tar.gz"
expected=${PREFLIGHT_SHA256:-}
if [ -z "$expected" ]; then
  fetch SHA256SUMS
  expected=$(awk -v name="$name.tar.gz" '$2 == name { print $1 }' "$work/SHA256SUMS")
fi
if command -v sha256sum > /dev/null; then sum=(sha256sum); else sum=(shasum -a 256); fi
actual=$("${sum[@]}" "$work/$name.tar.gz" | cut -d ' ' -f 1)
if [ "$actual" != "$expected" ]; then
  echo "preflight: the SHA-256 of $name.tar.gz is $actual, not ${expected:-in SHA256SUMS}. It was not installed." >&2
  exit 4
fi
mkdir -p "$folder"
tar -xzf "$work/$name.tar.gz" -C "$folder" --strip-components 1
echo "Installed preflight $PREFLIGHT_VERSION for $platform (SHA-256 $actual)"
