import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { applySchema, readApplyFile, type WantedNetwork } from '../../../src/cli/apply-file.js';
import { changesOf, type PresentNetwork } from '../../../src/cli/apply-plan.js';

const key = 'A'.repeat(43);
const wanted: WantedNetwork = {
  name: 'home',
  token: undefined,
  tokenNetworkId: undefined,
  nodeName: 'web-1',
  ip: undefined,
  role: undefined,
  relays: [`evio://a.example:3478#${key}`, `evio://b.example:3478#${key}`],
  announce: [{ cidr: '192.168.7.0/24', shared: true }],
  accept: ['10.0.0.0/8', 'all'],
  policy: { file: '/etc/evio/home.policy', text: 'allow * -> *\n' },
};
const settled: PresentNetwork = {
  id: '0123456789abcdef',
  running: true,
  nodeName: 'web-1',
  relays: ['a.example:3478', 'b.example:3478'],
  announced: [{ cidr: '192.168.7.0/24', shared: true }],
  accepted: ['10.0.0.0/8', 'all'],
  policy: 'allow * -> *\n',
};
const commands = (now: PresentNetwork | undefined, want = wanted): string[] =>
  changesOf(want, now).map(({ command }) => command.join(' '));

describe('changesOf', () => {
  it('is nothing where everything is as it should be, or nothing is asked', () => {
    expect(commands(settled)).toEqual([]);
    const { name, token, tokenNetworkId } = wanted;
    const rest = { nodeName: undefined, ip: undefined, role: undefined, relays: undefined };
    const bare = {
      name,
      token,
      tokenNetworkId,
      ...rest,
      announce: undefined,
      accept: undefined,
      policy: undefined,
    };
    expect(commands({ ...settled, policy: null, accepted: ['all'] }, bare)).toEqual([]);
  });

  it('bridges, offers and uses a way out, and announces programs, once', () => {
    const local = {
      bridge: 'eth1',
      exit: { announce: true, use: 'gateway', allowLan: true },
      services: [{ name: 'http', port: 80, proto: 'tcp' as const, text: 'a=b' }],
    };
    const none = { bridge: undefined, announced: false, use: undefined, services: [] };
    const full = {
      bridge: 'eth1',
      announced: true,
      use: { id: 'ff', name: 'gateway', allowLan: true },
      services: [{ name: 'http', port: 80, protocol: 'tcp' as const, text: 'a=b' }],
    };
    const here = '--network 0123456789abcdef';
    expect(commands({ ...settled, local: none }, { ...wanted, local })).toEqual([
      `announce http 80 --proto tcp --text a=b ${here}`,
      `bridge eth1 ${here}`,
      `exit announce ${here}`,
      `exit use gateway --allow-lan ${here}`,
    ]);
    expect(commands({ ...settled, local: full }, { ...wanted, local })).toEqual([]);
    const undone = { bridge: null, exit: { announce: false, use: 'off', allowLan: false }, services: [] };
    expect(commands({ ...settled, local: full }, { ...wanted, local: undone })).toEqual([
      `announce http --proto tcp --withdraw ${here}`,
      `bridge --undo ${here}`,
      `exit withdraw ${here}`,
      `exit use off ${here}`,
    ]);
    expect(commands({ ...settled, local: none }, { ...wanted, local: undone })).toEqual([]);
    expect(commands({ ...settled, local: full }, { ...wanted, local: {} })).toEqual([]);
  });

  it('joins first, with all that is to follow', () => {
    expect(commands(undefined)).toEqual([
      'join --detach --name web-1',
      `network relay add evio://a.example:3478#${key} --network home`,
      `network relay add evio://b.example:3478#${key} --network home`,
      'route announce 192.168.7.0/24 --shared --network home',
      'route accept 10.0.0.0/8 --network home',
      'route accept all --network home',
      'policy set /etc/evio/home.policy --network home',
    ]);
  });

  it.each<[string, Partial<PresentNetwork>, string[]]>([
    ['not running', { running: false }, ['node --detach']],
    ['another name', { nodeName: 'x' }, ['set --name web-1 --network 0123456789abcdef']],
    [
      'another relay: one is added before one is removed',
      { relays: ['a.example:3478', 'old.example:1'] },
      [
        `network relay add evio://b.example:3478#${key} --network 0123456789abcdef`,
        'network relay remove old.example:1 --network 0123456789abcdef',
      ],
    ],
    [
      'announced otherwise',
      {
        announced: [
          { cidr: '192.168.7.0/24', shared: false },
          { cidr: '10.9.0.0/16', shared: false },
        ],
      },
      [
        'route withdraw 10.9.0.0/16 --network 0123456789abcdef',
        'route announce 192.168.7.0/24 --shared --network 0123456789abcdef',
      ],
    ],
    [
      'accepted otherwise',
      { accepted: ['all', '172.16.0.0/12'] },
      [
        'route accept 172.16.0.0/12 --remove --network 0123456789abcdef',
        'route accept 10.0.0.0/8 --network 0123456789abcdef',
      ],
    ],
    ['another policy', { policy: null }, ['policy set /etc/evio/home.policy --network 0123456789abcdef']],
  ])('%s', (_name, change, expected) => {
    expect(commands({ ...settled, ...change })).toEqual(expected);
  });
});

describe('the file', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'evio-apply-'))));
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const read = (text: string): WantedNetwork[] => {
    writeFileSync(join(folder, 'evio.yaml'), text);
    return readApplyFile(join(folder, 'evio.yaml'));
  };

  it('is read with canonical ranges, and files beside it', () => {
    writeFileSync(join(folder, 'p'), 'allow * -> *\n');
    const [one] = read(
      'networks:\n- name: home\n  policyFile: p\n  routes: { announce: [{ cidr: 192.168.7.0/24 }], accept: [all, "FD00:0::/16"] }\n',
    );
    expect(one).toMatchObject({
      name: 'home',
      announce: [{ cidr: '192.168.7.0/24', shared: false }],
      accept: ['all', 'fd00::/16'],
      policy: { file: join(folder, 'p'), text: 'allow * -> *\n' },
    });
  });

  it.each([
    ['networks: [', /evio.yaml/],
    ['networks: []', /networks/],
    ['networks: [{ name: home, ports: 3 }]', /ports/],
    ['networks: [{ name: home }, { name: home }]', /named twice/],
    ['networks: [{ name: home, token: evio1xyz }]', /token/],
    ['networks: [{ name: home, tokenFile: nowhere }]', /tokenFile/],
    ['networks: [{ name: home, token: a, tokenFile: b }]', /exclude/],
    ['networks: [{ name: home, relays: ["http://x y"] }]', /./],
    ['networks: [{ name: home, routes: { accept: [10.0.0.0/33] } }]', /routes.accept/],
    ['networks: [{ name: home, routes: { announce: [{ cidr: all }] } }]', /routes.announce/],
    ['networks: [{ name: home, policyFile: evio.yaml }]', /policyFile, line 1/],
    ['networks: [{ name: home, nodeName: "a b" }]', /nodeName/],
  ])('is refused whole: %s', (text, message) => {
    expect(() => read(text)).toThrow(message);
  });

  it('has its schema published', () => {
    const published = fileURLToPath(new URL('../../../docs/evio.schema.json', import.meta.url));
    expect(JSON.parse(readFileSync(published, 'utf8'))).toEqual(z.toJSONSchema(applySchema, { io: 'input' }));
  });
});
