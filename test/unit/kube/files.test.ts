import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { homeAt } from '../../../src/core/config/home.js';
import { accessFrom, accessInCluster } from '../../../src/kube/api/access.js';
import { Conflist, conflistName } from '../../../src/kube/conflist.js';
import { HoldingsFile } from '../../../src/kube/holdings.js';
import { installPlugin } from '../../../src/kube/install.js';
import { lockAgent } from '../../../src/kube/lock.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'evio-kube-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});
const put = (name: string, text = ''): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

describe('the CNI configuration', () => {
  const facts = { ranges: ['10.244.1.0/24', 'fd44:1::/64'], network: 'n', device: 'evio0', policy: false };

  it('names the ranges of both families, and portmap where that is installed', () => {
    const conflist = new Conflist(folder, folder);
    expect(conflist.write(facts)).toBe(true);
    const read = () =>
      JSON.parse(readFileSync(join(folder, conflistName), 'utf8')) as { plugins: { type: string }[] };
    expect(read().plugins).toEqual([
      {
        type: 'evio-cni',
        network: 'n',
        device: 'evio0',
        ranges: [[{ subnet: '10.244.1.0/24' }], [{ subnet: 'fd44:1::/64' }]],
      },
    ]);
    expect(conflist.write(facts)).toBe(false);
    put('portmap');
    expect(conflist.write(facts)).toBe(true);
    expect(read().plugins.map(({ type }) => type)).toEqual(['evio-cni', 'portmap']);
    expect([conflist.remove(), conflist.remove()]).toEqual([true, false]);
  });

  it('is not written beside that of another pod network', () => {
    installPlugin(folder);
    put('host-local');
    const conflist = new Conflist(folder, folder);
    conflist.write(facts);
    put('00-multus.conf', '{"type": "multus"}');
    put('README.txt');
    expect(() => conflist.check()).not.toThrow();
    const flannel = put('20-flannel.conflist', '{"plugins": [{"type": "flannel"}]}');
    expect(() => conflist.check()).toThrow(`${flannel} belongs to another pod network.`);
  });

  it('takes a plugin that is a link for one that is there: what it leads to may be on the host alone', () => {
    installPlugin(folder);
    symlinkSync('/nowhere/host-local', join(folder, 'host-local'));
    expect(() => new Conflist(folder, folder).check()).not.toThrow();
  });

  it('needs the plugins that it names', () => {
    const conflist = new Conflist(folder, folder);
    expect(() => conflist.check()).toThrow(/evio-cni is not there/);
    installPlugin(folder);
    expect(() => conflist.check()).toThrow(/host-local is not there/);
  });
});

it('what the agent did is known to the next one, of the same member alone', () => {
  const file = new HoldingsFile(homeAt(folder));
  expect(file.read('n', 'm').announced).toEqual([]);
  file.write({ network: 'n', member: 'm', announced: ['10.244.1.0/24'], accepted: [] });
  expect(file.read('n', 'm').announced).toEqual(['10.244.1.0/24']);
  expect(file.read('n', 'other').announced).toEqual([]);
  put('kube.json', '{');
  expect(file.read('n', 'm').announced).toEqual([]);
});

it('there is one agent for a node', async () => {
  const release = await lockAgent(homeAt(folder));
  await expect(lockAgent(homeAt(folder))).rejects.toMatchObject({ code: 'EVIO_ALREADY_RUNNING' });
  release();
  (await lockAgent(homeAt(folder)))();
});

describe('a kubeconfig', () => {
  const text = (user: string, server = 'https://10.144.0.1:6443'): string => `
apiVersion: v1
kind: Config
current-context: c
contexts: [{ name: c, context: { cluster: k, user: u } }]
clusters: [{ name: k, cluster: { server: "${server}", certificate-authority-data: ${btoa('CA')} } }]
users: [{ name: u, user: ${user} }]
`;

  it('names the server, its authority, and a certificate or a token', async () => {
    put('cert', 'CERT');
    const access = await accessFrom(
      put('a', text(`{ client-certificate: cert, client-key-data: ${btoa('KEY')} }`)),
    );
    expect([access.server.href, access.ca, access.cert, access.key, access.token()]).toEqual([
      'https://10.144.0.1:6443/',
      'CA',
      'CERT',
      'KEY',
      undefined,
    ]);
    put('token', 'one\n');
    const other = await accessFrom(put('b', text('{ tokenFile: token }')), 'https://10.144.0.9:6443');
    expect([other.server.host, other.token()]).toEqual(['10.144.0.9:6443', 'one']);
    put('token', 'two');
    expect(other.token()).toBe('two');
  });

  it.each([
    ['is no YAML', '{', /no YAML/],
    ['lacks parts', 'kind: Config', /is no kubeconfig/],
    ['wants a program to be run', text('{ exec: { command: aws } }'), /does not run/],
    ['names no server', text('{ token: t }', 'nowhere'), /no address of an API server/],
  ])('is refused when it %s', async (_, content, sentence) => {
    await expect(accessFrom(put('k', content))).rejects.toThrow(sentence);
  });

  it('is what Kubernetes mounts, in a pod', () => {
    put('ca.crt', 'CA');
    put('token', 'secret\n');
    put('namespace', 'net');
    const env = { KUBERNETES_SERVICE_HOST: 'fd96::1', KUBERNETES_SERVICE_PORT: '443' };
    const access = accessInCluster(env, undefined, folder);
    expect([access.server.href, access.ca, access.token()]).toEqual(['https://[fd96::1]/', 'CA', 'secret']);
    expect(() => accessInCluster({}, undefined, folder)).toThrow(/no kubeconfig/);
  });
});
