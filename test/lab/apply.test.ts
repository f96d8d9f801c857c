/** `evio apply`: an admin and a member are brought to the state of a file, and the second time nothing changes. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Change } from '../../src/cli/apply-plan.js';
import { programFile } from '../../src/core/process/self.js';
import { Rig, type RigNode } from '../../src/lab/rig.js';

const ciScript = fileURLToPath(new URL('../../deploy/ci/join.sh', import.meta.url));

describe('apply', () => {
  let rig: Rig;
  let admin: RigNode;
  let member: RigNode;
  let job: RigNode['host'];
  let url: string;
  let token: string;

  beforeAll(async () => {
    rig = await Rig.create();
    url = await rig.startRelay();
    const [one, two, three] = await Promise.all(
      ['one', 'two', 'three'].map((name) => rig.lab.publicHost(name, { v6: false })),
    );
    if (!one || !two || !three) throw new Error('no hosts');
    job = three;
    admin = rig.node(one, 'admin');
    member = rig.node(two, 'member');
    token = await admin.init('lab', url);
  });
  afterAll(async () => {
    // They run in the background, and belong to no process of the lab.
    for (const node of [member, admin]) await node.cli(['down'], { allowFailure: true });
    await rig.destroy();
  });

  const apply = async (node: RigNode, yaml: string, ...flags: string[]): Promise<Change[]> => {
    const file = join(node.home, 'evio.yaml');
    writeFileSync(file, yaml);
    return (await node.json<{ changes: Change[] }>(['apply', '-f', file, ...flags])).changes;
  };
  const what = (changes: readonly Change[]): string[] => changes.map((change) => change.do);

  it('brings an admin there, and the second time changes nothing', async () => {
    writeFileSync(join(admin.home, 'lab.policy'), 'allow * -> *\n');
    const yaml = `
networks:
  - name: lab
    relays: ["${url}"]
    routes: { announce: [{ cidr: 192.168.77.0/24 }] }
    policyFile: lab.policy
`;
    const dry = await apply(admin, yaml, '--dry-run');
    expect(what(dry)).toEqual(['start', 'announce', 'policy']);
    expect((await admin.cli(['status'], { allowFailure: true })).status).toBe(3);
    expect(what(await apply(admin, yaml))).toEqual(['start', 'announce', 'policy']);
    expect(await apply(admin, yaml)).toEqual([]);
    expect(await apply(admin, yaml, '--dry-run')).toEqual([]);
    const { text } = await admin.json<{ text: string }>(['policy', 'show']);
    expect(text).toBe('allow * -> *\n');
  });

  it('has a member join by a file with the token, and takes back what is not in the list any more', async () => {
    writeFileSync(join(member.home, 'token'), `${token}\n`);
    const yaml = (accept: string): string => `
networks:
  - name: lab
    tokenFile: token
    nodeName: web-1
    routes: { accept: [${accept}] }
`;
    const changes = await apply(member, yaml('192.168.77.0/24'));
    expect(what(changes)).toEqual(['join', 'accept']);
    expect(JSON.stringify(changes)).not.toContain(token.slice(0, 20));
    expect(await apply(member, yaml('192.168.77.0/24'))).toEqual([]);
    const { node } = await member.json<{ node: { name: string } }>(['status']);
    expect(node.name).toBe('web-1');
    const later = await apply(member, yaml(''));
    expect(later.map(({ detail }) => detail)).toEqual(['accept 192.168.77.0/24 no more']);
  });

  it('has a job of CI join by the script of deploy/ci, without an interface', async () => {
    const home = join(rig.folder, 'job');
    const { stdout } = await job.run(['sh', ciScript], {
      env: {
        EVIO_HOME: home,
        EVIO_TOKEN: token,
        EVIO_NAME: 'ci-1',
        EVIO: `${process.execPath} ${programFile}`,
      },
      timeoutMs: 90_000,
    });
    try {
      expect(stdout).toBe(`EVIO_HOME=${home}\nALL_PROXY=socks5h://127.0.0.1:1080\n`);
      await expect
        .poll(async () => (await admin.peers()).find(({ name }) => name === 'ci-1')?.state, {
          timeout: 20_000,
        })
        .toBe('connected');
    } finally {
      await job.run([process.execPath, programFile, 'down'], {
        env: { EVIO_HOME: home },
        allowFailure: true,
      });
    }
  });

  it('changes nothing at all for a faulty file', async () => {
    const state = (): string =>
      readdirSync(join(admin.home, 'networks'))
        .map((id) => readFileSync(join(admin.home, 'networks', id, 'profile.json'), 'utf8'))
        .join('');
    const before = state();
    const file = join(admin.home, 'evio.yaml');
    for (const yaml of [
      'networks: [{ name: lab, routes: { announce: [{ cidr: 10.77.0.0/16 }] } }, { name: other }]',
      'networks: [{ name: lab, routes: { announce: [{ cidr: 10.77.0.0/16 }, { cidr: nonsense }] } }]',
      'networks: [{ name: lab, routes: { announce: [{ cidr: 10.77.0.0/16 }] }, typo: 1 }]',
    ]) {
      writeFileSync(file, yaml);
      const { status, stdout } = await admin.cli(['apply', '-f', file, '--json'], { allowFailure: true });
      expect(status).not.toBe(0);
      expect(stdout).toContain('"error"');
    }
    expect(state()).toBe(before);
  });
});
