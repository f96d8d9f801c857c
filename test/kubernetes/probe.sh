#!/usr/bin/env bash
# Tries what the machines of the cluster ask of the kernel, in namespaces of its own. Prints the first thing that it does not have.
#   unshare -m -n bash probe.sh FOLDER      (an empty folder on the disk that the machines will use)
folder=$1

need() { # what command...
  local what=$1
  shift
  "$@" >/dev/null 2>&1 && return
  echo "$what"
  exit 1
}
cgroup() { mkdir "/sys/fs/cgroup/$1/evio-probe-$$" && rmdir "/sys/fs/cgroup/$1/evio-probe-$$"; }
overlay() { # upper-and-work-in target
  mkdir -p "$1/up" "$1/wk" && mount -t overlay overlay -o "lowerdir=/etc,upperdir=$1/up,workdir=$1/wk" "$2"
}
rules() {
  nft -f - <<'N'
table ip probe {
  chain to { type nat hook prerouting priority -100; fib daddr type local numgen random mod 2 vmap { 0 : accept, 1 : accept }; }
  chain from { type nat hook postrouting priority 100; masquerade; }
}
table ip6 probe {
  chain from { type nat hook postrouting priority 100; masquerade; }
}
table inet probe {
  set some { type ipv4_addr; flags interval; }
  chain through { type filter hook forward priority 0; ct state established accept; ip saddr @some counter drop; }
}
table bridge probe {
  chain through { type filter hook forward priority 0; counter; }
}
N
}
redirect() {
  tc qdisc add dev one ingress &&
    tc filter add dev one parent ffff: protocol all u32 match u32 0 0 action mirred egress redirect dev two
}

# Where modules are not there until they are asked for.
modprobe -aq bridge br_netfilter overlay veth sch_ingress cls_u32 act_mirred 2>/dev/null

# containerd 1.6 and the kubelet are given a group in each of these; with cgroup v2 alone nothing of it was tried.
for controller in cpu cpuacct cpuset memory pids devices freezer blkio; do
  need "the $controller controller of cgroup v1" cgroup "$controller"
done
need 'mounts in a mount namespace' mount --make-rprivate /
mkdir -p "$folder/merged" "$folder/memory"
need 'tmpfs' mount -t tmpfs tmpfs "$folder/memory"
need "overlayfs on the disk of $folder" overlay "$folder" "$folder/merged"
need 'overlayfs on tmpfs' overlay "$folder/memory" /etc
umount /etc "$folder/merged" "$folder/memory"
need 'bridges (module bridge)' ip link add probe type bridge
need 'bridges that ask nftables (module br_netfilter)' test -e /proc/sys/net/bridge/bridge-nf-call-iptables
need 'veth' ip link add one type veth peer name two
need 'what nftables needs for kube-proxy and evio-cni' rules
need 'redirection by tc (modules sch_ingress, cls_u32, act_mirred)' redirect
