#!/usr/bin/env bash
# Builds what the test needs into the folder $1, from published sources; does only what is missing, also after it was killed.
# Kubernetes in one program of 135 MB takes a minute of downloads and eight of compiling on two cores when Go's cache is cold;
# CoreDNS and Helm one each. What it begins it says in lines `build: …`.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
out=$1
mkdir -p "$out"/{bin,src,debs}
exec 9>"$out/lock"
flock -n 9 || {
  echo 'build: another run builds, which is waited for'
  flock 9
}
export GOFLAGS="-p=2 -buildvcs=false" CGO_ENABLED=0
version=1.34.4

module() { # name what: its folder, empty unless its list of modules is whole
  echo "build: $2"
  [ -e "$out/src/$1/listed" ] || rm -rf "$out/src/$1"
  mkdir -p "$out/src/$1" && cd "$out/src/$1"
}

kubernetes() { # program source: built of Kubernetes' own modules
  module "$1" "$1, of Kubernetes $version"
  cp "$2" main.go
  if [ ! -e listed ]; then
    go mod init k8s
    go mod edit -require "k8s.io/kubernetes@v$version"
    # Kubernetes' own go.mod names these by folders beside it.
    for m in api apiextensions-apiserver apimachinery apiserver cli-runtime client-go cloud-provider cluster-bootstrap \
      code-generator component-base component-helpers controller-manager cri-api cri-client csi-translation-lib \
      dynamic-resource-allocation endpointslice externaljwt kms kube-aggregator kube-controller-manager kube-proxy \
      kube-scheduler kubectl kubelet metrics mount-utils pod-security-admission sample-apiserver sample-cli-plugin \
      sample-controller; do
      go mod edit -require "k8s.io/$m@v0${version#1}" -replace "k8s.io/$m=k8s.io/$m@v0${version#1}"
    done
    for _ in go.mod go.sum; do go mod tidy -e; done # the first writes the one, the second the other
    touch listed
  fi
  x=k8s.io/component-base/version
  nice -n 10 go build -trimpath -ldflags "-s -w -X $x.gitVersion=v$version -X $x.gitMajor=1 -X $x.gitMinor=34 -X $x.gitTreeState=clean -X $x.gitCommit=unknown" -o "$out/bin/$1.new" .
  mv "$out/bin/$1.new" "$out/bin/$1"
}
[ -x "$out/bin/k8s" ] || kubernetes k8s "$here/kubernetes.go.txt"
# A program of its own, which takes half a minute after that.
[ -x "$out/bin/kubeadm" ] || kubernetes kubeadm "$here/kubeadm.go.txt"

if [ ! -x "$out/bin/coredns" ]; then
  module coredns CoreDNS
  cp "$here/coredns.go.txt" main.go
  if [ ! -e listed ]; then
    go mod init coredns
    go get github.com/coredns/coredns@v1.12.4
    go mod tidy -e
    touch listed
  fi
  nice -n 10 go build -trimpath -ldflags "-s -w" -o "$out/bin/coredns.new" .
  mv "$out/bin/coredns.new" "$out/bin/coredns"
fi

if [ ! -x "$out/bin/helm" ]; then
  module helm Helm
  if [ ! -e listed ]; then
    go mod init helmtool
    printf '//go:build tools\n\npackage tools\n\nimport _ "helm.sh/helm/v3/cmd/helm"\n' >tools.go
    go get helm.sh/helm/v3@v3.19.0
    go mod tidy -e
    touch listed
  fi
  nice -n 10 go build -trimpath -ldflags "-s -w" -o "$out/bin/helm.new" helm.sh/helm/v3/cmd/helm
  mv "$out/bin/helm.new" "$out/bin/helm"
fi

# --- Debian's packages, unpacked beside the system: machine.sh lays them over /usr --------------------------------
if [ ! -e "$out/deb/usr/bin/containerd" ]; then
  echo "build: Debian's packages"
  cd "$out/debs"
  packages=(etcd-server containerd runc containernetworking-plugins iptables busybox-static)
  # Lists of a machine may be missing, or older than what is to be had.
  apt-get -qq download "${packages[@]}" || { apt-get -qq update && apt-get -qq download "${packages[@]}"; }
  rm -rf "$out/deb.new" && mkdir "$out/deb.new"
  for d in *.deb; do dpkg -x "$d" "$out/deb.new"; done
  for f in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
    ln -sf xtables-nft-multi "$out/deb.new/usr/sbin/$f"
  done
  mv "$out/deb.new" "$out/deb"
fi

# --- Images, without a registry: OCI layouts that `ctr images import` takes ---------------------------------------
image() { # name entrypoint-json: of the folder $images/name
  local root=$images/$1 layout=$images/$1.oci layer config manifest
  mkdir -p "$layout/blobs/sha256"
  blob() { # prints digest and size
    local sum
    sum=$(sha256sum "$1" | cut -d' ' -f1)
    cp "$1" "$layout/blobs/sha256/$sum"
    printf '"digest":"sha256:%s","size":%s' "$sum" "$(stat -c %s "$1")"
  }
  local type=application/vnd.oci.image
  tar -C "$root" --owner=0 --group=0 --numeric-owner -cf "$images/part" .
  layer=$(blob "$images/part")
  local diff=${layer#*sha256:}
  printf '{"architecture":"amd64","os":"linux","config":{"Entrypoint":%s,"Env":["PATH=/bin"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
    "$2" "${diff%%\"*}" >"$images/part"
  config=$(blob "$images/part")
  printf '{"schemaVersion":2,"mediaType":"%s.manifest.v1+json","config":{"mediaType":"%s.config.v1+json",%s},"layers":[{"mediaType":"%s.layer.v1.tar",%s}]}' \
    $type $type "$config" $type "$layer" >"$images/part"
  manifest=$(blob "$images/part")
  printf '{"schemaVersion":2,"manifests":[{"mediaType":"%s.manifest.v1+json",%s,"annotations":{"io.containerd.image.name":"docker.io/local/%s:1"},"platform":{"architecture":"amd64","os":"linux"}}]}' \
    $type "$manifest" "$1" >"$layout/index.json"
  printf '{"imageLayoutVersion":"1.0.0"}' >"$layout/oci-layout"
  tar -C "$layout" -cf "$images/$1.tar" .
  rm -rf "$layout" "$images/part"
}
if [ ! -e "$out/images/coredns.tar" ]; then
  echo 'build: images'
  images=$out/images
  rm -rf "$images" && mkdir -p "$images"/{pause,box,coredns}/bin "$images"/{box,coredns}/{etc,tmp,proc,sys,dev,root,www}
  printf '%s\n' '#include <signal.h>' '#include <sys/wait.h>' '#include <unistd.h>' \
    'static void end(int s) { (void)s; _exit(0); }' \
    'static void reap(int s) { (void)s; while (waitpid(-1, 0, WNOHANG) > 0) {} }' \
    'int main(void) { signal(SIGTERM, end); signal(SIGINT, end); signal(SIGCHLD, reap); for (;;) pause(); }' |
    gcc -Os -static -s -x c -o "$images/pause/bin/pause" -
  image pause '["/bin/pause"]'
  cp "$out/deb/bin/busybox" "$images/box/bin/"
  for a in $("$images/box/bin/busybox" --list); do [ "$a" = busybox ] || ln -s busybox "$images/box/bin/$a"; done
  image box '["/bin/sh"]'
  cp "$out/bin/coredns" "$images/coredns/bin/"
  image coredns '["/bin/coredns"]'
fi
