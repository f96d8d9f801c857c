import { existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { homeAt } from '../../../src/core/config/home.js';
import { nodeIpOf, withNodeIp } from '../../../src/kube/setup/kubelet-args.js';
import { lookAt, pluginFolder, type Whereabouts } from '../../../src/kube/setup/machine.js';
import { RecordFile } from '../../../src/kube/setup/record.js';
import { kubeletFile, Setup } from '../../../src/kube/setup/setup.js';
import { joinWords } from '../../../src/kube/setup/words.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'evio-setup-'));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});
const put = (path: string, text = '', mode = 0o644): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text, { mode });
};
const where = (): Whereabouts => ({ root, cniBin: '/opt/cni/bin', criSocket: undefined, path: '/opt/bin' });

describe('words of the kubelet', () => {
  it.each([
    ['', 'KUBELET_EXTRA_ARGS="--node-ip=10.144.0.2"\n'],
    ['KUBELET_EXTRA_ARGS=\n', 'KUBELET_EXTRA_ARGS="--node-ip=10.144.0.2"\n'],
    ['# a\nKUBELET_EXTRA_ARGS="--v=2"', '# a\nKUBELET_EXTRA_ARGS="--v=2 --node-ip=10.144.0.2"'],
    ["KUBELET_EXTRA_ARGS='--node-ip=1.2.3.4 --v=2'\n", 'KUBELET_EXTRA_ARGS="--v=2 --node-ip=10.144.0.2"\n'],
    ['KUBELET_EXTRA_ARGS=--node-ip 1.2.3.4\nX=1\n', 'KUBELET_EXTRA_ARGS="--node-ip=10.144.0.2"\nX=1\n'],
    ['X=1', 'X=1\nKUBELET_EXTRA_ARGS="--node-ip=10.144.0.2"\n'],
  ])('get the address: %j', (text, wanted) => {
    expect(withNodeIp(text, '10.144.0.2')).toBe(wanted);
    expect(withNodeIp(wanted, '10.144.0.2')).toBe(wanted);
    expect(nodeIpOf(wanted)).toBe('10.144.0.2');
    expect(nodeIpOf(withNodeIp(wanted, undefined))).toBeUndefined();
  });

  it('lose it again, and the line with it where nothing else was in it', () => {
    expect(withNodeIp('X=1\nKUBELET_EXTRA_ARGS="--node-ip=1.2.3.4"\nY=2\n', undefined)).toBe('X=1\nY=2\n');
    expect(withNodeIp('KUBELET_EXTRA_ARGS="--node-ip 1.2.3.4 --v=$2"\n', undefined)).toBe(
      'KUBELET_EXTRA_ARGS="--v=$2"\n',
    );
    expect(withNodeIp('X=1', undefined)).toBe('X=1');
  });
});

describe('what a machine has', () => {
  const states = (joins = true): string =>
    lookAt(where(), joins)
      .map(({ id, state }) => `${id}=${state}`)
      .join(' ');

  it('is named thing for thing, with what to install', () => {
    expect(states()).toBe(
      'runtime=missing kubelet=missing kubeadm=missing plugins=missing forwarding=todo br_netfilter=todo',
    );
    expect(lookAt(where(), true).filter(({ suggestion }) => suggestion !== undefined)).toHaveLength(4);
    put('run/containerd/containerd.sock');
    put('opt/bin/kubelet', '', 0o755);
    put('usr/bin/kubeadm', '', 0o755);
    for (const name of ['host-local', 'loopback']) put(`usr/lib/cni/${name}`);
    put('proc/sys/net/ipv4/ip_forward', '1\n');
    put('proc/sys/net/bridge/bridge-nf-call-iptables', '1\n');
    expect(states()).toBe(
      'runtime=done kubelet=done kubeadm=done plugins=todo forwarding=done br_netfilter=done',
    );
    expect(states(false)).not.toContain('kubeadm');
    expect(lookAt({ ...where(), criSocket: 'unix:///run/other.sock' }, false)[0]?.state).toBe('missing');
  });

  it('says where the runtime looks for plugins', () => {
    expect(pluginFolder(root)).toBe('/opt/cni/bin');
    put('etc/containerd/config.toml', '[a]\n  bin_dir = "/usr/lib/cni"\n');
    expect(pluginFolder(root)).toBe('/usr/lib/cni');
    put('etc/containerd/config.toml', "  bin_dirs = ['/a/b']\n");
    expect(pluginFolder(root)).toBe('/a/b');
  });
});

describe('a machine that is made ready', () => {
  const fresh = (): Setup => {
    mkdirSync(join(root, 'home'), { recursive: true });
    return new Setup(where(), '/etc/cni/net.d', new RecordFile(homeAt(join(root, 'home'))));
  };
  const file = (path: string): string => readFileSync(join(root, path), 'utf8');

  it('has what a node needs, twice the same, and nothing of it after it was taken back', () => {
    for (const name of ['host-local', 'loopback', 'portmap']) put(`usr/lib/cni/${name}`);
    put('opt/cni/bin/loopback', 'its own');
    put('proc/sys/net/ipv4/ip_forward', '0\n');
    put('proc/sys/net/bridge/bridge-nf-call-iptables', '0\n');
    put('etc/default/other');
    for (let i = 0; i < 2; i++) {
      // A new one each time: a kill in between forgets nothing.
      expect(fresh().prepare()).toEqual([]);
      expect(fresh().tellKubelet('10.144.0.2')).toBe(i === 0);
    }
    expect(file('etc/sysctl.d/90-evio-kube.conf')).toMatch(/^net\.ipv4\.ip_forward = 1$/m);
    for (const knob of ['ipv4/ip_forward', 'bridge/bridge-nf-call-iptables'])
      expect(file(`proc/sys/net/${knob}`)).toBe('1');
    expect(existsSync(join(root, 'etc/modules-load.d/evio-kube.conf'))).toBe(false);
    for (const name of ['host-local', 'portmap', 'evio-cni'])
      expect(lstatSync(join(root, 'opt/cni/bin', name)).isSymbolicLink()).toBe(true);
    expect(file('etc/default/kubelet')).toBe('KUBELET_EXTRA_ARGS="--node-ip=10.144.0.2"\n');
    put('etc/cni/net.d/10-evio.conflist');
    fresh().undo();
    for (const path of [
      ...['etc/sysctl.d/90-evio-kube.conf', 'etc/default/kubelet', 'etc/cni/net.d/10-evio.conflist'],
      ...['opt/cni/bin/host-local', 'opt/cni/bin/portmap', 'opt/cni/bin/evio-cni', 'home/kube-init.json'],
    ])
      expect(lstatSync(join(root, path), { throwIfNoEntry: false }), path).toBeUndefined();
    expect(file('opt/cni/bin/loopback')).toBe('its own');
    expect(fresh().undo()).toEqual([]);
  });

  it('gets back the address that somebody had given the kubelet', () => {
    const text = '# by hand\nKUBELET_EXTRA_ARGS="--v=2 --node-ip=192.168.1.2"\n';
    put('etc/default/kubelet', text);
    fresh().tellKubelet('10.144.0.2');
    expect(nodeIpOf(file('etc/default/kubelet'))).toBe('10.144.0.2');
    // It has got another address since.
    fresh().tellKubelet('10.144.0.3');
    fresh().undo();
    expect(file('etc/default/kubelet')).toBe(text);
  });

  it('reads the file of its distribution', () => {
    mkdirSync(join(root, 'etc/sysconfig'), { recursive: true });
    expect(kubeletFile(root)).toBe(join(root, 'etc/sysconfig/kubelet'));
    mkdirSync(join(root, 'etc/default'));
    expect(kubeletFile(root)).toBe(join(root, 'etc/default/kubelet'));
  });
});

describe('words for kubeadm', () => {
  it.each([
    [[], []],
    [
      ['kubeadm', 'join', 'h:1', '--token', 't'],
      ['join', 'h:1', '--token', 't'],
    ],
    [
      ['/usr/bin/kubeadm', 'join', 'h:1'],
      ['join', 'h:1'],
    ],
    [
      ['join', 'h:1'],
      ['join', 'h:1'],
    ],
  ])('%j', (words, join) => {
    expect(joinWords(words)).toEqual(join);
  });

  it('are refused where they would not join', () => {
    expect(() => joinWords(['kubeadm', 'reset'])).toThrow('not "kubeadm reset"');
    expect(() => joinWords(['kubeadm'])).toThrow('not "kubeadm"');
    expect(() => joinWords(['rm'])).toThrow('not "rm"');
  });
});
