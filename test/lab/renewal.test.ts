/** Real machines and a relay: certificates that end within seconds go on and on, through another root key and a new admin. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { homeAt } from '../../src/core/config/home.js';
import { Store } from '../../src/core/config/store.js';
import { parseCredential } from '../../src/core/identity/certificate.js';
import { parseInvite } from '../../src/core/identity/invite.js';
import { toHex } from '../../src/core/lib/bytes.js';
import { secretBytes } from '../../src/core/membership/self.js';
import { sleep } from '../../src/lab/exec.js';
import { endingAt } from '../support/members.js';
import { reaches, TestNet, type TestNode } from './support.js';

const site = { nat: 'endpoint-independent' } as const;
/** For so long memberships are renewed here, ms. */
const lifeMs = 20_000;

interface Status {
  certificate: { expires: string; renewal: string };
}

async function run(node: TestNode['node']): Promise<void> {
  node.launch(['node']);
  await node.up();
}

describe('memberships that end soon', () => {
  let net: TestNet;
  let admin: TestNode;
  let member: TestNode;

  beforeAll(async () => {
    net = await TestNet.create(site);
    admin = net.nodes[0] as TestNode;
    member = await net.add(site);
    for (const { node } of [admin, member]) {
      await node.stop();
      node.environment = { EVIO_CERTIFICATE_LIFE_MS: String(lifeMs) };
      const store = new Store(homeAt(node.home));
      const [id = ''] = store.ids();
      const state = store.state(id);
      const profile = store.profile(id);
      const held = { ...profile, credential: state.credential ?? profile.credential };
      const { credential } = endingAt(held, Date.now() + lifeMs);
      store.saveState(id, { ...state, credential });
    }
    for (const { node } of [admin, member]) await run(node);
    await reaches(member, admin, 20_000);
  });
  afterAll(async () => {
    await net?.destroy();
  });

  const expires = async ({ node }: TestNode): Promise<number> =>
    Date.parse((await node.json<Status>(['status'])).certificate.expires);
  const issuer = ({ node }: TestNode): string => {
    const store = new Store(homeAt(node.home));
    const [id = ''] = store.ids();
    const parts = parseCredential(secretBytes(store.state(id).credential ?? ''));
    const invite = parts && parseInvite(parts.invite);
    return toHex(invite?.issuer ?? new Uint8Array(0));
  };

  async function until(what: () => Promise<boolean> | boolean): Promise<void> {
    for (let i = 0; i < 300; i++) {
      if (await what()) return;
      await sleep(200);
    }
    throw new Error('it did not come to that in a minute');
  }

  it('are renewed before they end, again and again, and the machines stay connected', async () => {
    const first = [await expires(admin), await expires(member)] as const;
    await until(async () => (await expires(admin)) !== first[0] && (await expires(member)) !== first[1]);
    // Beyond the first end of both.
    await until(() => Date.now() > Math.max(...first) + 1_000);
    for (const node of [admin, member]) {
      expect(await expires(node)).toBeGreaterThan(Date.now());
      expect((await node.node.peers()).map(({ state }) => state)).toEqual(['connected']);
    }
    await reaches(admin, member, 20_000);
  });

  it('follow another root key, which the running node takes up', async () => {
    const { key } = await admin.node.json<{ key: string }>(['root', 'replace']);
    await until(() => issuer(member) === key && issuer(admin) === key);
    await reaches(member, admin, 20_000);
    // Begun anew the relay takes both by it.
    await member.node.stop();
    await run(member.node);
    await reaches(member, admin, 20_000);
  });

  it('come from who joined as an admin, too: it invites, and everybody takes who comes', async () => {
    const { token } = await admin.node.json<{ token: string }>(['token', 'create', '--right', 'admin']);
    const chief = await net.place(site, 'chief');
    await chief.node.cli(['join', token, '--name', 'chief', '--no-start']);
    await run(chief.node);
    await reaches(chief, member, 20_000);
    const list = async (): Promise<string[]> =>
      (await chief.node.json<{ admins: { name: string }[] }>(['admin', 'list'])).admins.map(
        ({ name }) => name,
      );
    await until(async () => (await list()).includes('chief'));
    const made = await chief.node.json<{ token: string }>(['token', 'create']);
    const web = await net.place(site, 'web');
    await web.node.cli(['join', made.token, '--name', 'web', '--no-start']);
    await run(web.node);
    await reaches(web, member, 20_000);
    await reaches(web, admin, 20_000);
  });
});
