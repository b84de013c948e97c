#!/usr/bin/env bash
# Fetches the QUIC stacks that the interoperability tests talk to, quic-go with a Go compiler and quiche, into
# artifacts/interop and interop/quiche/node_modules. Needs no root and installs nothing on the machine: Debian's packages are
# unpacked, not installed. Safe to run again and again; does nothing (and needs no network) when everything is there. What
# cannot be had is named, and the exit code is 1; the tests that need it are then skipped.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# shellcheck source=eng/apt-sources.sh
source eng/apt-sources.sh

readonly target=$PWD/artifacts/interop
readonly quiche=$PWD/interop/quiche
readonly go_release=go-1.23
# The compiler, quic-go and the packages that its own sources import; those that only its tests and tools need are left out.
readonly go_packages=(golang-1.23-go golang-1.23-src golang-github-lucas-clemente-quic-go-dev
  golang-golang-x-crypto-dev golang-golang-x-exp-dev golang-golang-x-net-dev golang-golang-x-sys-dev)

say() { printf 'interop-prerequisites: %s\n' "$*"; }

os_release() { . /etc/os-release 2>/dev/null && echo "${!1:-}"; }

fetch_go() {
  [[ -e $target/go/complete ]] && return 0
  if [[ $(uname -s) != Linux || $(os_release ID) != debian || $(os_release VERSION_ID) != 12 ]] || ! command -v dpkg-deb >/dev/null; then
    say "quic-go is fetched on Debian 12 only (Go 1.23 and quic-go 0.46 from bookworm-backports)."
    return 1
  fi

  make_private_apt bookworm bookworm bookworm-backports ||
    { say "found no apt source for Debian 12 (suite bookworm, component main) from which to derive bookworm-backports."; return 1; }
  printf 'Package: golang-*\nPin: release n=bookworm-backports\nPin-Priority: 990\n' >"$private_apt/preferences"
  say "fetching Go and quic-go from bookworm-backports"
  local log=$private_apt/log deb
  {
    mkdir -p "$private_apt/packages" &&
      apt-get -q "${private_apt_options[@]}" update &&
      (cd "$private_apt/packages" && apt-get -q "${private_apt_options[@]}" download "${go_packages[@]}")
  } >"$log" 2>&1 || { tail -n 5 "$log"; say "apt could not fetch Go and quic-go; is the machine offline?"; return 1; }

  rm -rf "$target/go"
  mkdir -p "$target/go"
  for deb in "$private_apt"/packages/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$target/go" --no-same-owner --exclude=./usr/share/go-1.23/test --exclude=./usr/share/doc ||
      { say "could not unpack $(basename "$deb")."; return 1; }
  done
  touch "$target/go/complete"
}

# Compiles the peers, so that the first test does not wait for the compilation of quic-go.
build_go() {
  say "building the peers over quic-go"
  ./interop/go/build.sh "$target/bin"
}

fetch_quiche() {
  command -v node >/dev/null && command -v npm >/dev/null ||
    { say "node and npm are needed for quiche; install nodejs 20 or later."; return 1; }
  # npm writes this file at the end of an installation.
  if [[ ! $quiche/node_modules/.package-lock.json -nt $quiche/package.json ]]; then
    say "fetching quiche (npm package @matrixai/quic)"
    (cd "$quiche" && npm install --no-package-lock --ignore-scripts --no-audit --no-fund --loglevel=error) ||
      { say "npm could not fetch quiche; is the machine offline?"; return 1; }
  fi
  node "$quiche/echo.mjs" check || { say "quiche's native library does not load here."; return 1; }
}

private_apt=
trap '[[ -z $private_apt ]] || rm -rf "$private_apt"' EXIT
missing=0
fetch_go && build_go || missing=1
fetch_quiche || missing=1
((missing)) || say "quic-go and quiche are ready."
exit $missing
