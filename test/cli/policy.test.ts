import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fromBase64Url } from '../../src/core/lib/bytes.js';
import { decodePolicy } from '../../src/core/policy/document.js';
import { fakeNode, madeNetwork, policy, TestHome } from './support.js';

describe('evio policy', () => {
  let home: TestHome;
  beforeEach(() => {
    home = new TestHome();
  });
  afterEach(() => {
    home.remove();
  });

  const file = (text: string): string => {
    const path = join(home.path, 'test.policy');
    writeFileSync(path, text);
    return path;
  };

  it('test: holds', async () => {
    const path = file(
      'default deny\nallow tag:a -> * tcp 22\nexpect tag:a -> tag:b tcp 22 allowed\nexpect * -> tag:b udp 1 denied\n',
    );
    const said = await home.run(['policy', 'test', path]);
    expect(said).toMatchObject({ status: 0, stderr: '' });
    expect(said.stdout).toContain('1 rules; 2 expectations hold, 0 members asked');
    const { json, status } = await home.run(['policy', 'test', path, '--json']);
    expect([status, json()]).toEqual([0, { ok: true, failures: [], rules: 1, expectations: 2, members: 0 }]);
  });

  it('test: names the place of what cannot be read, and what does not hold', async () => {
    const damaged = await home.run(['policy', 'test', '-', '--json'], { input: 'allow tag:a -> * tpc 22\n' });
    expect(damaged.status).toBe(1);
    expect(damaged.json()).toMatchObject({ ok: false, failures: [{ line: 1, column: 18 }] });
    const path = file('deny tag:a -> * tcp 22\n\nexpect tag:a -> tag:b tcp 22 allowed\n');
    const wrong = await home.run(['policy', 'test', path]);
    expect(wrong).toMatchObject({ status: 1, stderr: '' });
    expect(wrong.stdout).toBe(`${path}:3: tag:a -> tag:b tcp 22 is denied by line 1, expected allowed\n`);
    expect((await home.run(['policy', 'test', '/nowhere', '--json'])).error().code).toBe('EVIO_STORAGE');
  });

  it('test: asks the members that this machine knows', async () => {
    await madeNetwork(home);
    const { json } = await home.run(['policy', 'test', '-', '--json'], {
      input: 'deny * -> anna tcp 22\nexpect * -> anna tcp 22 denied\nexpect ben -> anna tcp 22 denied\n',
    });
    expect(json()).toMatchObject({
      ok: false,
      members: 1,
      failures: [{ line: 3, message: 'no member is known by "ben"' }],
    });
  });

  it('set: only what holds', async () => {
    await madeNetwork(home);
    let asked: string | undefined;
    const node = await fakeNode(home, {
      amend: ({ order }) => {
        if (order.do === 'policy') asked = decodePolicy(fromBase64Url(order.document) as Uint8Array);
        return { subject: '', serial: 9, policy: 4, notes: [] };
      },
    });
    try {
      const wrong = file('expect * -> anna tcp 1 denied\n');
      expect((await home.run(['policy', 'set', wrong])).status).toBe(1);
      expect(asked).toBeUndefined();
      const right = file('expect * -> anna tcp 1 allowed\n');
      const { status, json } = await home.run(['policy', 'set', right, '--json']);
      expect([status, json()]).toMatchObject([0, { ok: true, serial: 4 }]);
      expect(asked).toBe('expect * -> anna tcp 1 allowed\n');
    } finally {
      await node.stop();
    }
  });

  it('show: rules with their hits', async () => {
    const node = await fakeNode(home);
    try {
      const said = await home.run(['policy', 'show']);
      expect(said.stdout).toMatch(/1 +7 +deny tag:guest -> \* tcp 22/);
      expect(said.stdout).toMatch(/Serial +3/);
      expect(said.stdout).toMatch(/established +40/);
      expect((await home.run(['policy', 'show', '--json'])).json()).toEqual(policy);
    } finally {
      await node.stop();
    }
    expect((await home.run(['policy', 'show'])).status).toBe(3);
  });
});
