#!/usr/bin/env bash
# First process of a machine with podman and containerd: it was put into the network namespace of a lab host and a mount namespace
# of its own. Gives it /run, /etc, /var and /opt of its own (changes live in a tmpfs), Debian's packages over /usr without installing
# them, evio's plugin beside those of the distribution, and evio's home where it is by default; then prints a word and sleeps.
#   containers.sh TOOLS STATE HOME PLUGIN
set -e
tools=$1 state=$2 home=$3 plugin=$4
mkdir -p "$state"/{t,disk}
mount --make-rprivate /
mount -t tmpfs tmpfs "$state/t"
mkdir -p "$state"/t/lib/usr/lib/cni
ln -s "$plugin" "$state/t/lib/usr/lib/cni/evio-cni"
mount -t overlay overlay -o "ro,lowerdir=$state/t/lib/usr:$tools/deb/usr:/usr" /usr
for d in etc var opt; do
  mkdir -p "$state/t/$d.up" "$state/t/$d.wk"
  mount -t overlay overlay -o "lowerdir=/$d,upperdir=$state/t/$d.up,workdir=$state/t/$d.wk" "/$d"
done
mount -t tmpfs tmpfs /run
# podman keeps its locks there, by one name on every machine: two that begin at once would be in each other's way.
mount -t tmpfs tmpfs /dev/shm
mkdir -p /run/lock /run/netns /var/lib/{containers,containerd,evio} /var/lib/cni /etc/cni/net.d /etc/containers /etc/containerd
rm -rf /etc/cni/net.d/* /var/lib/cni/* /opt/cni
mount --bind "$state/disk" /var/lib/containers
mkdir -p "$state/disk/containerd" && mount --bind "$state/disk/containerd" /var/lib/containerd
mkdir -p "$home" && mount --bind "$home" /var/lib/evio
cat >/etc/containers/containers.conf <<C
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "cni"
C
printf '{"default":[{"type":"insecureAcceptAnything"}]}' >/etc/containers/policy.json
printf 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n' >/etc/containerd/config.toml
echo ready
exec sleep infinity
