#!/usr/bin/env bash
# Installs what the tests need besides Node on a Debian machine, as root: compilers of the test guests, programs that judge what is
# written (file systems, disk images, compressors), and a browser. What is there already is left as it is. The guests' own packages
# (kernel, GRUB, busybox, real Xen) are not installed but downloaded into .cache by the tests that use them.
set -euo pipefail

packages=(
  gcc make binutils libc6-dev        # test guests, silicon's answers (test/cpu), static programs for Debian's kernel
  libxen-dev gcc-multilib            # Xen's public headers, and a compiler for their 32-bit layouts (test/abi)
  e2fsprogs                          # mke2fs, debugfs, e2fsck: what a guest wrote on its disks
  qemu-utils                         # qemu-img: qcow2 images
  gzip xz-utils bzip2 lz4 zstd       # what kernels are packed with
  gvncviewer vncsnapshot tigervnc-viewer # VNC viewers that others wrote
  xvfb xdotool imagemagick           # an X server for one of them, and pictures compared
  zsh fish                           # completion of xenarium's command line
  mmdebstrap tar                      # Debian systems that guests run (test/guests, npm run bench -- --work)
  fonts-dejavu-core fonts-liberation # a browser without fonts has no text to measure
)
# Chromium's engine alone, which starts in a third of the time that the whole browser takes (test/ui/browser.ts takes either).
browser=chromium-headless-shell

has_package() { [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

missing=()
for package in "${packages[@]}"; do has_package "$package" || missing+=("$package"); done
[ -x "${CHROMIUM:-}" ] || has_package "$browser" || missing+=("$browser")
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
  echo "test/install-tools.sh: run as root, it would install: ${missing[*]}" >&2
  exit 1
fi
echo "Installing for the tests: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq install --yes --no-install-recommends "${missing[@]}"
