/** `evio capture`: what a host exchanges with its network, and with one member of it, while frames pass. */
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CaptureReport } from '../../src/capture/capture.js';
import { need } from '../support/need.js';
import { run, type LabProcess } from '../../src/lab/exec.js';
import { ping } from '../../src/lab/measure.js';
import { readPcapng, type ReadPacket } from '../support/pcapng.js';
import { reaches, TestNet, untilPath, type TestNode } from './support.js';

const hasTshark = (): boolean => need('tshark', spawnSync('tshark', ['--version']).status === 0);

const echo = { request: 8, reply: 0 };
/** Payload of our pings; late answers to others before them are of another length. */
const ownSize = 77;
const ownLength = ownSize + 42;
const way = { inbound: 1, outbound: 2 };

/** Type of ICMP echo, and the two ends; undefined for any other frame. */
function echoOf(packet: ReadPacket): { type: number; from: string; to: string; out: boolean } | undefined {
  const { frame, flags } = packet;
  if (frame.readUInt16BE(12) !== 0x0800 || frame[23] !== 1) return undefined;
  const address = (at: number): string => [...frame.subarray(at, at + 4)].join('.');
  const type = frame[34] as number;
  return { type, from: address(26), to: address(30), out: (flags & 3) === way.outbound };
}

describe('capture', () => {
  let net: TestNet;
  let a: TestNode;
  let b: TestNode;
  let c: TestNode;
  const file = (name: string): string => join(a.node.home, name);
  /** `evio …` at a. */
  const evio = (...args: readonly string[]): string[] => [process.execPath, a.node.program, ...args];
  const launch = (...argv: readonly string[]): LabProcess =>
    a.site.host.launch(argv, { env: { EVIO_HOME: a.node.home, CI: 'true' } });

  beforeAll(async () => {
    net = await TestNet.create({ nat: 'public', v6: false });
    await Promise.all([
      net.add({ nat: 'public', v6: false }, 'b'),
      net.add({ nat: 'public', v6: false }, 'c'),
    ]);
    a = net.nodes[0] as TestNode;
    b = net.nodes.find(({ node }) => node.name === 'b') as TestNode;
    c = net.nodes.find(({ node }) => node.name === 'c') as TestNode;
    await Promise.all([reaches(a, b, 30_000), reaches(a, c, 30_000)]);
  });
  afterAll(async () => {
    await net?.destroy();
  });

  it('writes what is exchanged with one member, or all, for two at once, until it is told to end', async () => {
    const one = launch(...evio('capture', '--peer', 'b', '-w', file('one'), '--json'));
    const streamed = evio('capture', '-w', '-', '--count', '12', '--snaplen', '96');
    const all = launch('sh', '-c', `${streamed.join(' ')} | cat > ${file('all')}`);
    await one.line(/"event":"capturing"/, 20_000);
    await all.line(/Capturing at/, 20_000);
    const plan = { count: 3, intervalMs: 50, size: ownSize };
    const [{ received }] = await Promise.all([ping(a.ns, b.node.ip, plan), ping(a.ns, c.node.ip, plan)]);
    expect(received).toBeGreaterThan(0);
    // As long as it takes until the twelve are there: ARP may be among them.
    while (all.running) await ping(a.ns, c.node.ip, { count: 1, intervalMs: 50 });
    await one.stop();
    const report = JSON.parse(await one.line(/"event":"captured"/, 1_000)) as CaptureReport;

    const { packets, names, statistics } = readPcapng(readFileSync(file('one')));
    expect(report).toMatchObject({ ended: 'signal', frames: packets.length, dropped: 0, file: file('one') });
    expect(report.bytes).toBe(statSync(file('one')).size);
    expect(statSync(file('one')).mode & 0o777).toBe(0o600);
    const echoes = packets
      .filter(({ length }) => length === ownLength)
      .flatMap((packet) => echoOf(packet) ?? []);
    const [ours, theirs] = [a.node.ip, b.node.ip];
    expect(echoes.filter(({ type }) => type === echo.request)).toEqual(
      Array(3).fill({ type: echo.request, from: ours, to: theirs, out: true }),
    );
    // One that came too late for ping is an answer all the same.
    const replies = echoes.filter(({ type }) => type === echo.reply);
    expect(replies.length).toBeGreaterThanOrEqual(received);
    expect(replies).toEqual(replies.map(() => ({ type: echo.reply, from: theirs, to: ours, out: false })));
    expect(new Set(packets.map(({ comment }) => comment))).toEqual(new Set(['peer b']));
    expect(names.map(([, name]) => name)).toEqual(expect.arrayContaining(['n0', 'b', 'c']));
    expect(Number(packets[0]?.ns ?? 0) / 1e6).toBeGreaterThan(Date.now() - 60_000);
    // The kernel counts those of c, too.
    expect(Number(statistics?.[4]?.readBigUInt64LE())).toBeGreaterThan(packets.length);

    const both = readPcapng(readFileSync(file('all')));
    expect(both.packets).toHaveLength(12);
    expect(both.packets.map(({ comment }) => comment)).toEqual(expect.arrayContaining(['peer b', 'peer c']));
    expect(both.packets.every(({ frame }) => frame.length <= 96)).toBe(true);
    expect(both.packets.some(({ length }) => length === ownLength)).toBe(true);
  });

  it('has the VLAN tags of frames, of which the kernel keeps those that come in apart', async () => {
    const script = fileURLToPath(new URL('./vlan-echo.mjs', import.meta.url));
    const answering = b.site.host.launch([process.execPath, script, 'answer', 'evio0', '5']);
    const tagged = launch(...evio('capture', '--peer', 'b', '-w', file('tagged'), '--json'));
    await Promise.all([answering.line(/ready/, 20_000), tagged.line(/"event":"capturing"/, 20_000)]);
    const { mac } = (await b.node.json<{ node: { mac: string } }>(['status'])).node;
    const { stdout } = await run([process.execPath, script, 'ping', 'evio0', '5', mac, '2', '56'], {
      ns: a.ns,
    });
    expect(stdout).toContain('2 received');
    await Promise.all([answering.stop(300), tagged.stop()]);
    const { packets } = readPcapng(readFileSync(file('tagged')));
    const tags = packets
      .filter(({ frame }) => frame.readUInt32BE(12) === 0x8100_0005 && frame.readUInt16BE(16) === 0x0800)
      .map(({ frame, flags }) => [frame[38], flags & 3]);
    const both = [
      [echo.request, way.outbound],
      [echo.reply, way.inbound],
    ];
    expect(tags).toEqual([...both, ...both]);
  });

  it('ends when whoever reads it goes, after a time, and never writes over a file', async () => {
    const env = { EVIO_HOME: a.node.home };
    const timed = await run(evio('capture', '-w', file('timed'), '--for', '100ms', '--json'), {
      ns: a.ns,
      env,
    });
    expect(JSON.parse(timed.stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({ ended: 'time' });
    const again = await run(evio('capture', '-w', file('timed'), '--json'), {
      ns: a.ns,
      env,
      allowFailure: true,
    });
    expect([again.status, again.stdout]).toEqual([1, expect.stringContaining('EVIO_STORAGE')]);
    const gone = launch('sh', '-c', `${evio('capture', '-w', '-').join(' ')} | head -c 1 > ${file('gone')}`);
    await gone.line(/Capturing at/, 20_000);
    while (gone.running) await ping(a.ns, c.node.ip, { count: 1, intervalMs: 50 });
  });

  it.skipIf(!hasTshark())(
    'has the packets beside the frames, and a dissector that tshark names their fields by',
    async () => {
      rmSync(file('outer'), { force: true });
      const outer = launch(...evio('capture', '--outer', '-w', file('outer'), '--json'));
      await outer.line(/"event":"capturing"/, 20_000);
      // Who joins makes handshakes, by the relay at first.
      const d = await net.add({ nat: 'public', v6: false }, 'd');
      await reaches(a, d, 30_000);
      await ping(a.ns, d.node.ip, { count: 4, intervalMs: 50, size: ownSize });
      await outer.stop();
      const report = JSON.parse(await outer.line(/"event":"captured"/, 1_000)) as CaptureReport;
      const { packets, links } = readPcapng(readFileSync(file('outer')));
      expect(links).toEqual([1, 101]);
      const sealed = packets.filter(({ face }) => face === 1);
      expect(report).toMatchObject({ frames: packets.length, packets: sealed.length, dropped: 0 });
      expect(sealed.length).toBeGreaterThan(6);
      for (const { frame } of sealed) expect(frame[0]).toBe(0x45);

      const lua = file('evio.lua');
      writeFileSync(lua, (await run(evio('capture', '--dissector'))).stdout);
      const fields = [
        'type',
        'receiver',
        'sender',
        'counter',
        'sealed.len',
        'relay.destination',
        'relay.source',
      ];
      const { stdout, stderr } = await run(
        [
          'tshark',
          ...[
            '-X',
            `lua_script:${lua}`,
            '-r',
            file('outer'),
            '-Y',
            'evio',
            '-T',
            'fields',
            '-E',
            'separator=|',
          ],
          ...['ip.src', 'ip.dst', 'udp.length', ...fields.map((name) => `evio.${name}`)].flatMap((name) => [
            '-e',
            name,
          ]),
        ],
        { allowFailure: true },
      );
      expect(stderr).not.toMatch(/lua.*error|evio\.lua:/i);
      const rows = stdout.split('\n').filter((line) => line !== '');
      expect(rows.length).toBeGreaterThan(6);
      const read = rows.map((line) => {
        const [src, dst, length, types, receiver, sender, counter, inside] = line.split('|');
        return {
          src,
          dst,
          length: Number(length),
          types,
          receiver,
          sender,
          counter: Number(counter),
          inside,
        };
      });
      const initiations = read.filter(({ types }) => types?.endsWith('0x51'));
      const responses = read.filter(({ types }) => types?.endsWith('0x52'));
      const data = read.filter(({ types }) => types === '0x50');
      expect(initiations.length).toBeGreaterThan(0);
      // A response goes to the index that an initiation named, and packets to those that the two of a handshake did.
      const begun = new Set(initiations.map(({ sender }) => sender));
      const answered = responses.filter(({ receiver }) => begun.has(receiver));
      expect(answered.length).toBeGreaterThan(0);
      const named = new Set([...answered].flatMap(({ sender, receiver }) => [sender, receiver]));
      expect(data.some(({ receiver }) => named.has(receiver))).toBe(true);
      // Counters rise in each direction, and the lengths are those of UDP but for headers and tags.
      const last = new Map<string, number>();
      for (const { receiver, counter, length, inside, src } of data) {
        const key = `${src} ${receiver}`;
        expect(counter).toBeGreaterThan(last.get(key) ?? -1);
        last.set(key, counter);
        expect(Number(inside)).toBe(length - 8 - 32);
      }
      // The pings, by the relay or not: Ethernet, IP and ICMP headers, and the kind. The last may be after the end of it.
      const pings = read.filter(
        ({ types, inside }) => types?.endsWith('0x50') && Number(inside) === ownLength + 1,
      );
      expect(pings.length).toBeGreaterThanOrEqual(6);
      // What went by the relay names the node at the other end.
      const { id } = (await d.node.json<{ node: { id: string } }>(['status'])).node;
      const relayed = rows.filter((line) => /^[^|]*\|[^|]*\|[^|]*\|0x5[89],/.test(line));
      expect(relayed.some((line) => line.includes(id))).toBe(true);
    },
  );

  it.skipIf(!hasTshark())(
    'tells keys when asked, by which tshark opens packets while they pass, by a relay and direct, across new keys',
    async () => {
      const names = ['keys.lua', 'log', 'sealed'].map((name) => file(`${name}-${Date.now()}`));
      const [lua, log, sealed] = names as [string, string, string];
      writeFileSync(lua, (await run(evio('capture', '--dissector'))).stdout);
      const fields = ['ip.src', 'ip.dst', 'icmp.type', 'evio.type', 'evio.receiver', 'evio.key.direction'];
      const tshark = (from: string): string =>
        `tshark -l ${from} -X lua_script:${lua} -Y 'evio && icmp' -T fields -E separator=/s ${fields.map((name) => `-e ${name}`).join(' ')}`;
      const capture = evio('capture', '--outer', '--keys', log, '-w', '-').join(' ');
      const live = launch(
        'sh',
        '-c',
        `{ ${capture} & echo "pid $!" >&2; wait; } | tee ${sealed} | ${tshark('-i -')} -o evio.keylog_file:${log}`,
      );
      const pid = Number((await live.line(/^pid \d+$/, 5_000)).slice(4));
      const e = await net.place({ nat: 'public', v6: false });
      try {
        await live.line(/Warning: whoever has .* can read/, 20_000);
        expect(statSync(log).mode & 0o777).toBe(0o600);
        e.node.environment = { ...e.node.environment, EVIO_REKEY_AFTER_MS: '2000' };
        net.join(e, ['--relay-only']);
        await e.node.up();
        await reaches(a, e, 30_000);
        /** Receiver indexes of opened echoes between the two, by this way; pings until there are those of two keys of each direction. */
        const acrossKeys = async (types: string): Promise<void> => {
          const [ours, theirs] = [a.node.ip, e.node.ip];
          const opened = (from: string, to: string, type: number, direction: string): number => {
            const row = new RegExp(`,${from} \\S+,${to} ${type} ${types} (0x[0-9a-f]{8}) ${direction}$`);
            return new Set(live.stdout.map((line) => row.exec(line)?.[1]).filter(Boolean)).size;
          };
          const enough = (): boolean =>
            opened(ours, theirs, echo.request, 'send') > 1 && opened(theirs, ours, echo.reply, 'receive') > 1;
          for (const end = Date.now() + 40_000; !enough() && Date.now() < end;)
            await ping(a.ns, e.node.ip, { count: 1, intervalMs: 50 });
          expect(enough(), live.stdout.slice(-20).join('\n')).toBe(true);
        };
        await acrossKeys('0x5[89],0x50');
        await e.node.cli(['set', '--any-path']);
        await untilPath(a, e, 'direct', 30_000);
        await acrossKeys('0x50');
      } finally {
        process.kill(pid, 'SIGTERM');
        await live.exited;
      }
      expect(live.stderr.join('\n')).not.toMatch(/lua.*error|keys\.lua-\d+:/i);
      const id = (await e.node.json<{ node: { id: string } }>(['status'])).node.id;
      const lines = readFileSync(log, 'utf8').split('\n').slice(1, -1);
      for (const line of lines)
        expect(line).toMatch(
          /^(receive|send) [0-9a-f]{8} (AES-256-GCM|ChaCha20-Poly1305) [0-9a-f]{64} [0-9a-f]{32}$/,
        );
      expect(new Set(lines.filter((line) => line.endsWith(id))).size).toBeGreaterThan(4);
      // And of the members that it had sessions with before.
      expect(lines.some((line) => !line.endsWith(id))).toBe(true);
      // The file alone has no words of it, nor do the node's log and its report know a key.
      expect((await run(['sh', '-c', tshark(`-r ${sealed}`)])).stdout).toBe('');
      const report = file(`report-${Date.now()}.tar`);
      await a.node.cli(['report', '--output', report]);
      const told = spawnSync('sh', ['-c', `zcat -f ${report}`], {
        maxBuffer: 1 << 28,
        encoding: 'latin1',
      }).stdout;
      expect(told).toContain('session keys are told to a capture');
      for (const line of lines) expect(told).not.toContain(line.split(' ')[3]?.slice(0, 12));
    },
  );

  it('tells the keys of the process, too, that goes on in the place of the node', async () => {
    const log = file('keys-after');
    const captured = launch(...evio('capture', '--outer', '--keys', log, '-w', file('after'), '--json'));
    await captured.line(/"event":"capturing"/, 20_000);
    // The process before stays, since somebody waits for it.
    await a.node.json(['upgrade']);
    const late = await net.add({ nat: 'public', v6: false }, 'late');
    await reaches(a, late, 30_000);
    const { id } = (await late.node.json<{ node: { id: string } }>(['status'])).node;
    await expect.poll(() => readFileSync(log, 'utf8'), { timeout: 30_000, interval: 100 }).toContain(id);
    await captured.stop();
  });

  it('does not take the interface of another node for that of its own', async () => {
    const env = { EVIO_HOME: a.node.home };
    const [elsewhere, nowhere, nobody] = await Promise.all([
      ...[b.ns, net.rig.relay.host.ns].map((ns) =>
        run(evio('capture', '-w', file('there'), '--json'), { ns, env, allowFailure: true }),
      ),
      a.node.cli(['capture', '--peer', 'nobody', '--json'], { allowFailure: true }),
    ]);
    expect(elsewhere?.stdout).toContain('"EVIO_DEVICE"');
    expect(nowhere?.stdout).toContain('"EVIO_DEVICE"');
    expect(nobody?.stdout).toContain('"EVIO_UNKNOWN_PEER"');
  });
});
