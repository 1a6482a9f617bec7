#!/bin/sh
# in_chroot.sh PROGRAM ARGUMENT...    runs a program of the llama.cpp that make_chroot.sh made
#
# In the directory of models, paths are the same inside as outside; the network is the caller's. The
# program takes this process's place: what is sent to its id (SIGKILL, too) reaches the program.
set -eu
directory="${CAPACITY_LLAMA_CPP_DIR:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/capacity-planner/llama.cpp}"
export CAPACITY_IN_CHROOT="$directory"
# Mounts of its own: gone with the program, and never seen by anything else.
exec unshare --mount --propagation private sh -eu -c '
  root="$CAPACITY_IN_CHROOT/sid"
  mkdir -p "$CAPACITY_IN_CHROOT/models" "$root$CAPACITY_IN_CHROOT/models"
  mount -t proc proc "$root/proc"
  mount --bind "$CAPACITY_IN_CHROOT/models" "$root$CAPACITY_IN_CHROOT/models"
  exec chroot "$root" "$@"' in_chroot "$@"
