#!/bin/bash
# Builds the tenant host's base tree: Debian, Odoo and what the host needs beside it, nothing started or configured.
# Run in mount and PID namespaces of its own (tree.ts), so that its mounts and processes end with it.
#
# usage: build-tree.sh <tree> <debs> <suite> <package>...   mirrors to try, in order, as lines on standard input
#   <tree>  empty directory to fill
#   <debs>  downloaded packages, kept for the next build
# Standard output: "step: <what>" lines, debootstrap's lines, and apt's status lines (APT::Status-Fd).
set -euo pipefail

tree=$1 debs=$2 suite=$3
shift 3
packages=("$@")
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
unset TMPDIR # names a directory of the machine's, which the tree does not have

# apt on this machine knows proxies and certificates; wget, which debootstrap downloads with, has to be told.
export_network_settings() {
  local http https ca
  eval "$(apt-config shell http Acquire::http::Proxy https Acquire::https::Proxy ca Acquire::https::CaInfo)"
  if [[ -n "${http:-}" && "$http" != DIRECT ]]; then export http_proxy=$http; fi
  if [[ -n "${https:-}" && "$https" != DIRECT ]]; then export https_proxy=$https; fi
  if [[ -n "${ca:-}" ]]; then
    printf 'ca_certificate = %s\n' "$ca" >"$work/wgetrc"
    export WGETRC=$work/wgetrc
  fi
}

# An old release moves from the mirrors to the archive one day: the first that has it is taken.
choose_mirror() {
  local candidate
  while read -r candidate; do
    if wget --quiet --spider --tries=2 --timeout=15 "$candidate/dists/$suite/InRelease" </dev/null; then
      mirror=$candidate
      return
    fi
  done
  echo "no Debian mirror has the release $suite, or none can be reached" >&2
  exit 1
}

# The machine's own apt downloads, with the machine's settings, into the cache; the tree's apt needs no network.
download_packages() {
  mkdir -p "$work/lists/partial" "$work/cache" "$debs/partial"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$work/sources.list"
  local apt=(apt-get --quiet --quiet
    -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null
    -o "Dir::State=$work" -o "Dir::State::status=$tree/var/lib/dpkg/status"
    -o "Dir::Cache=$work/cache" -o "Dir::Cache::archives=$debs"
    -o Acquire::Retries=3 -o Acquire::Check-Valid-Until=false -o APT::Sandbox::User=root -o APT::Status-Fd=3)
  "${apt[@]}" -o APT::Status-Fd=0 update
  "${apt[@]}" install --yes --no-install-recommends --download-only "${packages[@]}"
}

install_packages() {
  printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d" # starts nothing
  chmod 755 "$tree/usr/sbin/policy-rc.d"
  # An interrupted build is thrown away, so nothing needs to reach the disk in order.
  cat >"$tree/etc/dpkg/dpkg.cfg.d/tenant-host" <<'END'
force-unsafe-io
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/man/*
END
  mount -t proc proc "$tree/proc"
  mount --bind "$debs" "$tree/var/cache/apt/archives"
  mount --bind "$work/lists" "$tree/var/lib/apt/lists"
  echo "deb $mirror $suite main" >"$tree/etc/apt/sources.list"
  # Python packages compile their bytecode as they are configured, so that Odoo's first start is quick.
  chroot "$tree" apt-get --quiet --quiet -o APT::Status-Fd=3 -o Dpkg::Use-Pty=0 \
    install --yes --no-install-recommends --no-download "${packages[@]}"
  umount "$tree/var/lib/apt/lists" "$tree/var/cache/apt/archives" "$tree/proc"
}

add_users() {
  chroot "$tree" useradd --system --create-home --shell /bin/bash odoosaas
  chroot "$tree" useradd --system --home-dir /nonexistent --shell /usr/sbin/nologin cloudflared
  chroot "$tree" install -d -m 0750 -o root -g cloudflared /etc/cloudflared
}

# Every host gets its own identity at its first start; the rest is not needed to run.
strip_tree() {
  rm -f "$tree"/etc/ssh/ssh_host_* "$tree/etc/machine-id" "$tree/var/lib/dbus/machine-id"
  rm -f "$tree/etc/hostname" "$tree/etc/resolv.conf" "$tree/usr/sbin/policy-rc.d"
  echo '# Made by the sandbox from its package cache: add a mirror to install more.' >"$tree/etc/apt/sources.list"
  rm -rf "$tree"/var/cache/apt/* "$tree"/var/lib/apt/lists/* "$tree"/var/log/* "$tree"/tmp/* "$tree"/var/tmp/*
  rm -rf "$tree"/usr/share/{doc,info,locale,man}/* "$work"
  mkdir -p "$tree"/var/log/{journal,odoo} "$tree"/var/cache/apt/archives/partial "$tree"/var/lib/apt/lists/partial
  chroot "$tree" chown odoo:odoo /var/log/odoo
}

exec 3>&1 # apt's status lines; not on 1 itself, which dpkg would close in the packages' scripts
work=$tree/.build # thrown away with an interrupted build
mkdir "$work"
export_network_settings
choose_mirror
echo "step: Debian's base system"
debootstrap --variant=minbase --cache-dir="$debs" "$suite" "$tree" "$mirror"
echo "step: downloading Odoo"
download_packages
echo "step: installing Odoo"
install_packages
echo "step: cleaning up"
add_users
strip_tree
