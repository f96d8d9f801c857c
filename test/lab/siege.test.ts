/**
 * Two hostile members besiege a network of eight: one sends from its own interface what an attacker may build, mutated at
 * random, the other runs a program of ours that was patched to lie (support/liar.ts). Meanwhile the six others talk, each
 * with each. Nobody's unicast reaches a third party, nobody's entry moves, the talk goes on, and every refusal is counted.
 *
 * `npm run siege` is the long form: ten minutes, 200 000 frames; it writes what came of it to docs/siege.json.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, sleep, type LabProcess } from '../../src/lab/exec.js';
import { firstPing } from '../../src/lab/measure.js';
import { Rig, type RigNode } from '../../src/lab/rig.js';
import { Dice } from '../support/frame-changes.js';
import { makeLiar } from '../support/liar.js';
import { siegeFrames, type Actor } from '../support/siege-frames.js';

const seconds = Number(process.env['SIEGE_SECONDS'] ?? 24);
const frames = Number(process.env['SIEGE_FRAMES'] ?? 5_000);
const seed = Number(process.env['SIEGE_SEED'] ?? Date.now() % 1_000_000_007);
const device = 'evio0';
const secret = `secret-${(seed ^ 0x5bd1e995).toString(36)}`;
/** Where the outcome goes. */
const report = process.env['SIEGE_REPORT'];
/** Kinds of lies that the patched program must have told before it is over. */
const lies = ['unasked', 'table', 'beat', 'pong', 'offer', 'card', 'address', 'flood'];
/** A machine that is busy with other things may take so much longer until all are told, ms. */
const moreMs = 120_000;
const againMs = 12_000;
const script = (name: string): string => fileURLToPath(new URL(`../support/${name}`, import.meta.url));

interface Member extends Actor {
  readonly node: RigNode;
  readonly ns: string;
  readonly name: string;
  readonly text: string;
  readonly macText: string;
}

interface Status {
  readonly node: { readonly mac: string; readonly ip: string };
  readonly device: { readonly drops: Readonly<Record<string, number>> };
}

const endedWith = async <T>(process: LabProcess): Promise<T> => {
  await process.stop(5_000);
  return JSON.parse(process.stdout.at(-1) ?? 'null') as T;
};

/** Eight nodes that start on two processors may leave a question unanswered for seconds. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (const until = performance.now() + 60_000; ;) {
    try {
      return await ask();
    } catch (thrown) {
      if (performance.now() > until) throw thrown;
      await sleep(500);
    }
  }
}

describe('two hostile members among eight', () => {
  let rig: Rig;
  let folder: string;
  const members: Member[] = [];

  async function memberOf(node: RigNode): Promise<Member> {
    const { ns, name } = node.host;
    const status = await patiently(() => node.json<Status>(['status']));
    const mac = Uint8Array.from(Buffer.from(status.node.mac.replaceAll(':', ''), 'hex'));
    const ip = Buffer.from(status.node.ip.split('.').map(Number)).readUInt32BE();
    return { node, ns, name, mac, ip, text: status.node.ip, macText: status.node.mac };
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'evio-siege-'));
    rig = await Rig.create();
    const url = await rig.startRelay();
    const [one, two] = await Promise.all([
      rig.lab.site('a', { nat: 'endpoint-independent', hosts: 4 }),
      rig.lab.site('b', { nat: 'address-and-port-dependent', hosts: 4 }),
    ]);
    const nodes = [...one.hosts, ...two.hosts].map((host) => rig.node(host));
    const [maker, ...joiners] = nodes as [RigNode, ...RigNode[]];
    await maker.init('lab', url);
    const made = await maker.json<{ token: string }>(['token', 'create', '--uses', '100']);
    maker.launch(['node']);
    await maker.up();
    const liar = nodes[4] as RigNode;
    liar.program = makeLiar(mkdtempSync(join(folder, 'liar-')));
    for (const node of joiners)
      if (node !== liar) node.launch(['join', made.token, '--name', node.host.name]);
    await Promise.all(joiners.filter((node) => node !== liar).map((node) => node.up()));
    liar.environment = { LIES_AFTER_MS: '8000', LIES_STEAL: maker.ip, LIES_TOLD: join(folder, 'told') };
    liar.launch(['join', made.token, '--name', liar.host.name]);
    await liar.up();
    for (const node of nodes) members.push(await memberOf(node));
    for (const from of members)
      for (const to of members)
        if (from !== to) expect(await firstPing(from.ns, to.text, 15_000)).toBeDefined();
  });
  afterAll(async () => {
    await rig?.destroy();
    rmSync(folder, { recursive: true, force: true });
  });

  const launch = (member: Member, name: string, ...args: string[]): LabProcess =>
    member.node.host.launch([process.execPath, script(name), ...args]);

  /** MACs that a member has for the others, where they are not theirs. */
  async function moved(member: Member): Promise<string[]> {
    const { stdout } = await run(['ip', 'neigh', 'show', 'dev', device], { ns: member.ns });
    return members.flatMap(({ text, macText, name }) => {
      const found = new RegExp(`^${text.replaceAll('.', '\\.')} .*lladdr (\\S+)`, 'm').exec(stdout)?.[1];
      return found === undefined || found === macText ? [] : [`${member.name}: ${name} is at ${found}`];
    });
  }

  /** How often each lie was told, by all processes of the liar. */
  function told(): Record<string, number> {
    const sum: Record<string, number> = {};
    for (const name of readdirSync(folder).filter((file) => /^told-.*\.json$/.test(file)))
      for (const [what, n] of Object.entries(
        JSON.parse(readFileSync(join(folder, name), 'utf8')) as typeof sum,
      ))
        sum[what] = (sum[what] ?? 0) + n;
    return sum;
  }

  function untold(): string[] {
    const sum = told();
    return lies.filter((lie) => sum[lie] === undefined);
  }

  it(`stands ${seconds} s and ${frames} frames`, { timeout: (seconds + 240) * 1_000 }, async () => {
    console.log(`seed ${seed}`);
    const [attacker, liar, ...honest] = [
      ...members.slice(3, 5),
      ...members.slice(0, 3),
      ...members.slice(5),
    ] as [Member, Member, ...Member[]];
    const file = join(folder, 'frames');
    writeFileSync(file, siegeFrames(attacker, honest, frames, new Dice(seed), 1_364));
    const sniffers = members.map((member) => ({
      member,
      process: launch(member, 'sniff.mjs', device, secret),
    }));
    await Promise.all(sniffers.map(({ process }) => process.line(/looking/, 10_000)));
    const talks = honest.map((member) => ({
      member,
      process: launch(
        member,
        'talk.mjs',
        ...[member.text, secret, '10'],
        ...honest.filter((other) => other !== member).map((other) => other.text),
      ),
    }));
    await Promise.all(talks.map(({ process }) => process.line(/talking/, 10_000)));
    const sender = launch(attacker, 'raw-file.mjs', device, file, String(Math.ceil(frames / seconds)));
    // What it broadcasts leaves it changed: in its origin, its number, its content, its arc.
    const shouting = liar.node.host.launch(['ping', '-n', '-b', '-i', '0.2', '10.144.255.255']);
    const wrong: string[] = [];
    const watch = async (ms: number): Promise<void> => {
      for (const until = performance.now() + ms; performance.now() < until;) {
        for (const member of honest) wrong.push(...(await moved(member)));
        await sleep(500);
      }
    };
    await watch(seconds * 500);
    // It begins anew, with the address of another from the first word.
    await liar.node.stop();
    liar.node.environment = { ...liar.node.environment, LIES_AFTER_MS: '0' };
    liar.node.launch(['node']);
    await watch(seconds * 500);
    // What it says depends on who asks it what, and when: it begins anew until every lie was told.
    for (const until = performance.now() + moreMs; untold().length > 0 && performance.now() < until;) {
      console.log(`not told yet: ${untold().join(', ')}`);
      await liar.node.stop();
      liar.node.launch(['node']);
      await watch(againMs);
    }
    await sender.exited;
    await shouting.stop(500);
    const { sent } = JSON.parse(sender.stdout.at(-1) ?? '{}') as { sent: number };
    const talked = await Promise.all(
      talks.map(async ({ member, process }) => ({
        member,
        ...(await endedWith<Record<'sent' | 'answered', Record<string, number>>>(process)),
      })),
    );
    const sniffed = await Promise.all(
      sniffers.map(async ({ member, process }) => ({
        member,
        ...(await endedWith<{ frames: number; seen: Record<string, number> }>(process)),
      })),
    );
    expect(wrong).toEqual([]);
    // The honest were heard where they should be, and nowhere else.
    for (const { member, seen } of sniffed) {
      const pairs = Object.keys(seen).map((pair) => pair.split(/[>!#]/, 2));
      if (honest.includes(member)) expect(pairs.length).toBeGreaterThanOrEqual(2 * (honest.length - 1));
      expect([member.name, pairs.filter((pair) => !pair.includes(member.text))]).toEqual([member.name, []]);
    }
    const worst = Math.min(
      ...talked.flatMap(({ sent: asked, answered }) =>
        Object.entries(asked).map(([ip, n]) => (answered[ip] ?? 0) / n),
      ),
    );
    const refused: Record<string, number> = {};
    for (const member of honest) {
      const { device: state } = await patiently(() => member.node.json<Status>(['status']));
      for (const [reason, n] of Object.entries(state.drops)) refused[reason] = (refused[reason] ?? 0) + n;
    }
    console.log(
      JSON.stringify({ sent, refused, answered: worst, frames: sniffed.map(({ frames: n }) => n) }),
    );
    expect(sent).toBeGreaterThan(frames * 0.9);
    expect(worst).toBeGreaterThan(0.97);
    for (const reason of [
      'guard-mac',
      'guard-ip',
      'guard-unreadable',
      'guard-service',
      'malformed-frame',
      'flood-forged',
    ])
      expect([reason, refused[reason] ?? 0]).not.toEqual([reason, 0]);
    const { stdout } = await (honest[0] as Member).node.cli(['status']);
    expect(stdout).toMatch(/guard/);
    // It did lie.
    console.log(JSON.stringify(told()));
    expect(untold()).toEqual([]);
    if (report !== undefined) {
      const at = new Date().toISOString();
      const outcome = {
        at,
        seconds,
        frames: sent,
        seed,
        answered: worst,
        moved: wrong.length,
        refused,
        told: told(),
      };
      writeFileSync(report, `${JSON.stringify(outcome, null, 2)}\n`);
    }
  });
});
