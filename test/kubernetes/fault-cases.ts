/** A stream from pod to pod lives through what happens to evio and its surroundings. */
import { expect, it } from 'vitest';
import { sleep } from '../../src/lab/exec.js';
import { pathWord, peerOf } from '../lab/support.js';
import { waitedMs } from '../support/waited.js';
import type { Machine } from './machine.js';
import { leeway, whole } from './tools.js';
import type { Flow, World } from './world.js';

/** What evio on this machine has waited for a processor, which breaks no promise: on a busy machine it may take that much longer. */
const waitedOn = ({ place: { node } }: Machine): number => waitedMs(node.process?.pid ?? 0);

const endOf = (machine: Machine): { machine: Machine; pod: string } => ({
  machine,
  pod: `web-${machine.name}`,
});

export function faultCases(world: () => World): void {
  /** The stream between pods of two nodes, or from a machine without pods. */
  const stream = (from: Machine, to: Machine, happens: () => Promise<unknown>) => {
    const { cluster, pods } = world();
    const begin = from === cluster.control ? { machine: from } : endOf(from);
    return world().during(begin, endOf(to), pods.get(to) ?? '', happens);
  };

  it('has streams from pod to pod live through kill -9 of evio, at either end', async () => {
    const a = world().node(0);
    const b = world().node(1);
    const restart = async ({ place: { node } }: Machine): Promise<void> => {
      await sleep(1_000);
      node.process?.kill('SIGKILL');
      await node.process?.exited;
      const startedAt = performance.now();
      // As a service manager does.
      node.launch(['node']);
      await node.up();
      console.log(`evio is up ${Math.round(performance.now() - startedAt)} ms after its start`);
      await sleep(3_000);
    };
    const address = b.ip;
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const { gapMs } = await stream(from, to, () => restart(b));
      const waited = waitedOn(b);
      console.log(
        `killed: gap ${gapMs} ms of the stream ${from === b ? 'from' : 'to'} the node; waited ${waited} ms`,
      );
      expect(gapMs).toBeLessThan(leeway * 2_000 + waited);
    }
    expect(b.place.node.ip).toBe(address);
    const restarts = '{.status.containerStatuses[0].restartCount}';
    expect(await world().cluster.path(`pod web-${b.name}`, restarts)).toBe('0');
    const said = world().agentOf(b).stdout;
    expect(said.filter((line) => line.includes('"not-ready"') && line.includes('NOT_RUNNING'))).toEqual([]);
  });

  it('loses nothing while evio is upgraded', async () => {
    const a = world().node(0);
    const b = world().node(1);
    const flow = await stream(a, b, async () => {
      await sleep(500);
      await b.place.node.cli(['upgrade']);
      await sleep(1_000);
    });
    console.log(`upgraded: ${flow.lost} of ${flow.sent} lost, gap ${flow.gapMs} ms`);
    expect(flow.lost).toBeLessThanOrEqual(leeway - 1);
  });

  it.runIf(whole)('loses nothing by a direct path while the relay is gone', async () => {
    const { cluster } = world();
    const a = world().node(0);
    const { rig } = cluster.net;
    await cluster.until('the path is direct', 20_000, async () => {
      return pathWord(await peerOf(cluster.control.place, a.place)) === 'direct';
    });
    const before = waitedOn(a) + waitedOn(cluster.control);
    const relay = await stream(cluster.control, a, async () => {
      rig.relay.process?.kill('SIGKILL');
      await rig.relay.process?.exited;
      await sleep(3_000);
      await rig.startRelay();
      await sleep(1_000);
    });
    const waited = waitedOn(a) + waitedOn(cluster.control) - before;
    console.log(
      `relay gone: ${relay.lost} of ${relay.sent} lost, gap ${relay.gapMs} ms; waited ${waited} ms`,
    );
    const paths = [cluster.control, a].flatMap(({ place: { node } }) =>
      (node.process?.stderr ?? []).filter((line) => /"peer (path|lost|connected)"/.test(line)).slice(-8),
    );
    expect(relay.gapMs, paths.join('\n')).toBeLessThan(250 + waited);
    for (const node of cluster.nodes) await cluster.ready(node, 'True', 60_000);
  });

  it('loses little by another address of a node', async () => {
    const { cluster } = world();
    const a = world().node(0);
    // The provider gives the node's NAT another one, and tells nobody.
    const before = waitedOn(a) + waitedOn(cluster.control);
    let back: Flow | undefined;
    const there = await stream(cluster.control, a, async () => {
      back = await world().during(endOf(a), { machine: cluster.control }, cluster.control.ip, async () => {
        await sleep(500);
        await a.place.site.changeAddress();
        await sleep(5_000);
      });
    });
    const waited = waitedOn(a) + waitedOn(cluster.control) - before;
    console.log(
      `address changed: gaps ${there.gapMs} ms to the node, ${back?.gapMs} ms from it; waited ${waited} ms`,
    );
    for (const flow of [there, back]) expect(flow?.gapMs).toBeLessThan(leeway * 3_000 + waited);
  });
}
