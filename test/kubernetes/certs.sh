#!/usr/bin/env bash
# An authority, and what kubeadm would have made: a certificate of the API server for its address in the network, client
# certificates with the names that Kubernetes' own roles know, keys of service accounts, and kubeconfigs.
#   certs.sh FOLDER ADDRESS NODE…
set -e
folder=$1 address=$2
shift 2
mkdir -p "$folder"
cd "$folder"
# Elliptic curves: a busy machine takes half a minute for RSA.
curve="-newkey ec -pkeyopt ec_paramgen_curve:P-256"
openssl req -x509 $curve -nodes -days 30 -subj /CN=authority -keyout ca.key -out ca.crt 2>/dev/null
cert() { # file subject extensions
  openssl req $curve -nodes -subj "$2" -keyout "$1.key" -out "$1.csr" 2>/dev/null
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out "$1.crt" \
    -extfile <(printf 'basicConstraints=CA:FALSE\n%b' "$3") 2>/dev/null
  rm "$1.csr"
}
client() { # file subject
  cert "$1" "$2" extendedKeyUsage=clientAuth
  cat >"$1.kubeconfig" <<K
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://$address:6443", certificate-authority: $folder/ca.crt}}]
users: [{name: u, user: {client-certificate: $folder/$1.crt, client-key: $folder/$1.key}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
K
}
cert apiserver /CN=kube-apiserver "subjectAltName=IP:$address,IP:10.96.0.1,IP:127.0.0.1,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc\nextendedKeyUsage=serverAuth"
client kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client
client admin /O=system:masters/CN=admin
client manager /CN=system:kube-controller-manager
client scheduler /CN=system:kube-scheduler
client proxy /CN=system:kube-proxy
for node in "$@"; do client "$node" "/O=system:nodes/CN=system:node:$node"; done
openssl ecparam -name prime256v1 -genkey -noout -out sa.key
openssl ec -in sa.key -pubout -out sa.pub 2>/dev/null
