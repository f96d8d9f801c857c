/** `evio web` at a real node: what the page is told, and when a member dies. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LabProcess } from '../../src/lab/exec.js';
import type { Picture, WebMessage } from '../../src/web/model.js';
import { reaches, TestNet, untilPath, type TestNode } from './support.js';

describe('the web view of a node', () => {
  let net: TestNet;
  let web: LabProcess | undefined;
  let page: LabProcess | undefined;
  const told: { readonly at: number; readonly message: WebMessage }[] = [];

  const until = async <T>(find: () => T | undefined): Promise<T> => {
    await expect.poll(find, { timeout: 20_000, interval: 50 }).toBeTruthy();
    return find() as T;
  };
  const memberIn = (message: WebMessage, name: string) =>
    message.kind === 'picture' ? message.members.find((member) => member.name === name) : undefined;

  beforeAll(async () => {
    net = await TestNet.create({ nat: 'endpoint-independent' });
    const other = await net.add({ nat: 'endpoint-independent' });
    const [maker] = net.nodes as [TestNode];
    await reaches(maker, other, 10_000);
    await untilPath(maker, other, 'direct', 10_000);
    const { node } = maker;
    web = maker.site.host.launch(
      [process.execPath, node.program, 'web', '--listen', '127.0.0.1:0', '--json'],
      {
        env: { EVIO_HOME: node.home, CI: 'true' },
      },
    );
    const line = await web.line(/"event":"web"/, 20_000);
    const { url } = JSON.parse(line) as { url: string };
    const [address = '', token = ''] = url.split('#');
    page = maker.site.host.launch(
      ['curl', '-sSN', '-H', `Authorization: Bearer ${token}`, `${address}api/stream`],
      {
        onLine: (text) => {
          if (text.startsWith('{'))
            told.push({ at: performance.now(), message: JSON.parse(text) as WebMessage });
        },
      },
    );
  }, 90_000);
  afterAll(async () => {
    await page?.stop(500);
    await web?.stop(2_000);
    await net?.destroy();
  });

  it('tells of the node, of its relay, and of its members', async () => {
    const { self, relays, members, size } = await until(
      () => told.find(({ message }) => message.kind === 'picture')?.message as Picture | undefined,
    );
    expect(self).toMatchObject({ name: 'n0', ip: (net.nodes[0] as TestNode).node.ip });
    expect(relays).toMatchObject([{ state: 'connected', transport: 'udp' }]);
    expect(size).toBe(2);
    expect(members).toMatchObject([{ name: 'n1', state: 'connected', path: 'direct' }]);
  });

  it('tells at once that a member left', async () => {
    const [, other] = net.nodes as [TestNode, TestNode];
    const before = performance.now();
    await other.node.stop();
    const { at } = await until(() =>
      told.find(
        ({ at, message }) => at > before && message.kind === 'event' && message.text === 'n1 is gone',
      ),
    );
    await until(() => told.find((one) => one.at > at && memberIn(one.message, 'n1')?.path === null));
    // A picture follows an event, and is not waited for.
    const picture = told.find((one) => one.at > at && memberIn(one.message, 'n1')?.path === null);
    expect((picture?.at ?? Infinity) - at).toBeLessThan(1_900);
  });

  it('ends by a signal, and tells its pages', async () => {
    expect(await web?.stop(5_000)).toBe(0);
  });
});
