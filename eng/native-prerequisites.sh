#!/usr/bin/env bash
# Sees to it that a native QUIC library is present: libngtcp2 + GnuTLS from the distribution where it has a sound build,
# otherwise it names what to install by hand. Safe to run again and again; does nothing (and needs no network) when a
# sound library is there. Leaves the machine's own apt configuration (sources, pins, package lists) as it was.
set -euo pipefail

# shellcheck source=eng/apt-sources.sh
source "$(dirname "${BASH_SOURCE[0]}")/apt-sources.sh"

# The first Debian build of libngtcp2-16 that has the fix for CVE-2026-40170; upstream fixed it in 1.22.1. The tilde lets
# a backport of that build count. Patched and unpatched builds report the same library version, so only dpkg can tell.
readonly debian_fixed='1.11.0-1+deb13u1~'
readonly upstream_fixed='1.22.1'
readonly core=libngtcp2-16
readonly crypto=libngtcp2-crypto-gnutls8

say() { printf 'native-prerequisites: %s\n' "$*"; }

fail() {
  say "$1"
  shift
  local line
  for line in "$@"; do printf '  %s\n' "$line"; done
  exit 1
} >&2

installed_version() {
  { dpkg-query -W -f='${db:Status-Status} ${Version}\n' "$1" 2>/dev/null || true; } | sed -n 's/^installed //p'
}

at_least() { dpkg --compare-versions "$1" ge "$2"; }

# Debian's 1.11.0 line is judged by its own fix; everything between it and the upstream fix is vulnerable.
is_fixed() {
  at_least "$1" "$upstream_fixed" && return 0
  [[ $1 == 1.11.0-* ]] && at_least "$1" "$debian_fixed"
}

can_load() {
  local ldconfig
  ldconfig=$(command -v ldconfig || echo /sbin/ldconfig)
  # Read to the end: grep -q would close the pipe early, which pipefail reports as a failure.
  "$ldconfig" -p 2>/dev/null | grep -F "$1" >/dev/null
}

has_msquic() {
  can_load libmsquic.so && return 0
  [[ $(uname -s) == Darwin ]] || return 1
  local folder
  for folder in /opt/homebrew/lib /usr/local/lib; do
    [[ -e $folder/libmsquic.dylib ]] && return 0
  done
  return 1
}

as_root() {
  if [[ $(id -u) -eq 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    fail "root is needed to install packages, and sudo is missing." "Run this script as root once: $0"
  fi
}

apt_get() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0 "$@"; }

# Debian 12 has an older ABI in main. The crypto library comes from its backports; the core library from the next release,
# since the backports' build lacks the fix. That core needs nothing newer than Debian 12's libc.
install_debian_12() {
  local suites=(trixie bookworm-backports)
  # Only a machine stripped of GnuTLS needs its own release's packages as well.
  [[ -n $(installed_version libgnutls30) ]] || suites+=(bookworm)
  make_private_apt bookworm "${suites[@]}" ||
    fail "found no apt source for Debian 12 (suite bookworm, component main) from which to derive others." \
      "Install by hand: $core (from trixie) and $crypto (from bookworm-backports)."
  trap 'as_root rm -rf "$private_apt"' EXIT
  printf 'Package: *\nPin: release n=trixie*\nPin-Priority: 100\n' >"$private_apt/preferences"

  say "reading the package lists of ${suites[*]} into a temporary folder"
  apt_get "${private_apt_options[@]}" update || fail "apt could not read the package lists; is the machine offline?"
  say "installing $core from trixie and $crypto from bookworm-backports"
  apt_get "${private_apt_options[@]}" install -y --no-install-recommends "$core/trixie" "$crypto/bookworm-backports"
}

install_from_distribution() {
  say "installing $core and $crypto"
  apt_get install -y --no-install-recommends "$core" "$crypto" ||
    { apt_get update && apt_get install -y --no-install-recommends "$core" "$crypto"; }
  if ! is_fixed "$(installed_version "$core")"; then
    say "the build just installed predates the fix for CVE-2026-40170; looking for a newer one"
    apt_get update && apt_get install -y --no-install-recommends "$core" "$crypto"
  fi
}

check_apt_system() {
  local version
  version=$(installed_version "$core")
  if [[ -n $version && -n $(installed_version "$crypto") ]]; then
    if is_fixed "$version"; then
      say "$core $version and $crypto are installed; nothing to do."
      exit 0
    fi
    say "$core $version is vulnerable (CVE-2026-40170); upgrading."
  elif has_msquic; then
    say "libmsquic is installed; nothing to do."
    exit 0
  fi
}

finish() {
  local version
  version=$(installed_version "$core")
  can_load libngtcp2.so.16 && can_load libngtcp2_crypto_gnutls.so.8 ||
    fail "the packages are installed, but the loader finds no libngtcp2.so.16 and libngtcp2_crypto_gnutls.so.8."
  is_fixed "$version" ||
    fail "the newest $core on offer is $version, which lacks the fix for CVE-2026-40170 (needs $debian_fixed or $upstream_fixed)." \
      "Update the machine's package sources, or install libmsquic instead."
  say "ready: $core $version."
}

msquic_advice=(
  "Install libmsquic from Microsoft's package feed (instructions: 'Use .NET on Linux', section package feed), then:"
  "  Debian/Ubuntu: apt-get install libmsquic"
  "  Fedora/RHEL:   dnf install libmsquic"
  "and run this script again.")

main() {
  case $(uname -s) in
    Linux) ;;
    Darwin)
      has_msquic && { say "libmsquic is installed; nothing to do."; exit 0; }
      fail "macOS needs libmsquic:" "brew install libmsquic" "and run this script again." ;;
    MINGW* | MSYS* | CYGWIN*)
      say "Windows 11 and Windows Server 2022 or later have QUIC built in (.NET ships msquic); nothing to install."
      exit 0 ;;
    *) fail "no native QUIC library is known for $(uname -s)." "Use Linux, macOS or Windows." ;;
  esac

  local id='' version='' like='' codename=''
  if [[ -r /etc/os-release ]]; then
    id=$(. /etc/os-release && echo "${ID:-}")
    version=$(. /etc/os-release && echo "${VERSION_ID:-}")
    like=$(. /etc/os-release && echo "${ID_LIKE:-}")
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  fi

  if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
    check_apt_system
    if [[ $id == debian && $version == 12 ]]; then
      install_debian_12
    elif [[ $id == debian && ( -z $version || ${version%%.*} -ge 13 ) ]]; then
      install_from_distribution
    elif [[ $id == ubuntu ]] && dpkg --compare-versions "$version" ge 25.04; then
      install_from_distribution
    else
      fail "${id:-this system} ${version:-$codename} has no libngtcp2 1.x (ABI 16) of its own." "${msquic_advice[@]}"
    fi
    finish
    return
  fi

  has_msquic && { say "libmsquic is installed; nothing to do."; exit 0; }
  if [[ $id == fedora || $like == *fedora* ]]; then
    can_load libngtcp2.so.16 && can_load libngtcp2_crypto_gnutls.so.8 &&
      { say "libngtcp2 and its GnuTLS crypto library are installed; keep them updated (dnf upgrade)."; exit 0; }
    fail "install the native QUIC library with one of:" \
      "dnf install ngtcp2 ngtcp2-crypto-gnutls" \
      "dnf install libmsquic   (from Microsoft's package feed)"
  fi
  fail "install a native QUIC library: libngtcp2 >= 1.11 with its GnuTLS crypto library, or libmsquic." "${msquic_advice[@]}"
}

main "$@"
