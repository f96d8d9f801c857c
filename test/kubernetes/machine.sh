#!/usr/bin/env bash
# First process of a "machine": it was put into the network namespace of a lab host and a mount namespace of its own. Gives it
# /run, /etc, /var and /opt of its own (changes live in a tmpfs), Debian's packages over /usr without installing them, disk below
# /var/lib/{containerd,kubelet}, and a cgroup in every hierarchy; then sleeps.
#   machine.sh NAME TOOLS STATE PLUGIN
set -e
name=$1 tools=$2 state=$3 plugin=$4
mkdir -p "$state"/{t,containerd,kubelet,logs}
mount --make-rprivate /
mount -t tmpfs tmpfs "$state/t"
mount -t overlay overlay -o "ro,lowerdir=$tools/deb/usr:/usr" /usr
for d in etc var opt; do
  mkdir -p "$state/t/$d.up" "$state/t/$d.wk"
  mount -t overlay overlay -o "lowerdir=/$d,upperdir=$state/t/$d.up,workdir=$state/t/$d.wk" "/$d"
done
mount -t tmpfs tmpfs /run
mkdir -p /run/lock /run/netns /var/lib/containerd /var/lib/kubelet /var/log/pods /opt/cni/bin /etc/cni/net.d /etc/containerd
rm -f /etc/cni/net.d/* /opt/cni/bin/*
mount --bind "$state/containerd" /var/lib/containerd
mount --bind "$state/kubelet" /var/lib/kubelet
for p in host-local portmap loopback; do ln -sfn "/usr/lib/cni/$p" "/opt/cni/bin/$p"; done
mount --make-rshared /
for c in /sys/fs/cgroup/*/; do mkdir -p "${c}evio-$name" 2>/dev/null || true; done
cat >/etc/containerd/config.toml <<C
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/local/pause:1"
  # Without CAP_SYS_RESOURCE nothing may lower oom_score_adj, which the sandbox asks for.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
C
# Whole once it is there.
echo $$ >"$state/pid.new"
mv "$state/pid.new" "$state/pid"
exec sleep infinity
