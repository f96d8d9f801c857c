import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { render } from 'ink-testing-library';
import { afterEach, describe, expect, it } from 'vitest';
import { Text } from 'ink';
import type { ReactElement, ReactNode } from 'react';
import type { Handlers } from '../../src/core/control/methods.js';
import { ControlServer } from '../../src/core/control/server.js';
import type { PeerReport, StatusReport } from '../../src/core/control/schema.js';
import { silentLogger } from '../../src/core/lib/env.js';
import { maxPeerRows, StatusView } from '../../src/views/status-view.js';
import { peerOrder } from '../../src/views/peer-table.js';
import { nextSnapshot, useStatus, type Snapshot } from '../../src/views/use-status.js';
import { peer, self, status } from '../cli/support.js';

// Colours are not part of what is compared.
function frame(node: ReactElement): string {
  const { lastFrame, unmount } = render(node);
  const text = (lastFrame() ?? '')
    // eslint-disable-next-line no-control-regex
    .replace(/\u001b\[[0-9;]*m/g, '')
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
  unmount();
  return text;
}

function snapshotOf(peers: readonly PeerReport[], change: Partial<StatusReport> = {}): Snapshot {
  return nextSnapshot(undefined, { ...status, ...change }, peers, 1000);
}

describe('StatusView', () => {
  it('warns of something of this machine in the range of the network', () => {
    const clash = { device: 'cl0', kind: 'route', cidr: '10.144.32.0/24' } as const;
    const shown = frame(<StatusView snapshot={snapshotOf([peer], { clash })} error={undefined} />);
    expect(shown.split('\n')[1]).toMatch(/^10\.144\.32\.0\/24 is reached by cl0, which lies in/);
  });

  it('shows node, relays, NAT and peers', () => {
    const before = snapshotOf([peer]);
    const after = nextSnapshot(
      before,
      { ...status, device: { ...status.device, rxBytes: status.device.rxBytes + 1_250_000 } },
      [{ ...peer, txBytes: peer.txBytes + 125_000 }],
      1000,
    );
    expect(frame(<StatusView snapshot={after} error={undefined} />)).toMatchInlineSnapshot(`
      "home 10.144.0.0/16  anna 10.144.0.1 on evio0, up 1m 1s
      Traffic      in 10.0 Mbit/s, out 0 bit/s
      Drops        no-peer 2
      Relay        connected udp 12.3 ms evio://192.0.2.1:3478
      NAT          endpoint-independent, seen as 198.51.100.7:40000, ports preserved
      Members      about 2
      Predecessor  ben
      Successors   ben

      NAME            ADDRESS          STATE        PATH                RTT       IN           OUT
      ben             10.144.0.2       connected    direct 198.51.100…  3.21 ms   0 bit/s      1.0 Mbit/s"
    `);
  });

  it('keeps the last picture and says that the node is gone', () => {
    const text = frame(<StatusView snapshot={snapshotOf([])} error="No node runs here." />);
    expect(text).toContain('No node runs here. Trying again.');
    expect(text).toContain('no peers yet');
    expect(frame(<StatusView snapshot={undefined} error={undefined} />)).toBe('asking the node …');
    expect(frame(<StatusView snapshot={undefined} error="No node runs here." />)).toBe('No node runs here.');
  });

  it('counts peers that do not fit, and puts connected ones first', () => {
    const peers = Array.from({ length: maxPeerRows + 5 }, (_, i): PeerReport => ({
      ...peer,
      id: `${i}`.padStart(32, '0'),
      name: `peer-${`${i}`.padStart(2, '0')}`,
      state: i === 24 ? 'connected' : 'unreachable',
      path: null,
    }));
    const text = frame(<StatusView snapshot={snapshotOf(peers)} error={undefined} />);
    expect(text).toContain('and 5 more');
    expect(text.indexOf('peer-24')).toBeLessThan(text.indexOf('peer-00'));
    expect([...peers].sort(peerOrder)[0]?.name).toBe('peer-24');
  });

  it('draws no line wider than the screen', () => {
    const long = {
      ...peer,
      name: 'n'.repeat(63),
      path: { kind: 'relay', endpoint: 'x'.repeat(80), rttMs: 12 },
    } as const;
    const text = frame(<StatusView snapshot={snapshotOf([long])} error={undefined} />);
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  });

  it('lets no name command the terminal', () => {
    const text = frame(
      <StatusView snapshot={snapshotOf([{ ...peer, name: 'x\u001b]0;owned\u0007' }])} error={undefined} />,
    );
    expect(text).not.toContain('\u0007');
    expect(text).toContain('x?]0;owned?');
  });
});

describe('nextSnapshot', () => {
  it('has no rates after a restart of the node, and none below zero', () => {
    const before = snapshotOf([peer]);
    const restarted = nextSnapshot(before, { ...status, node: { ...status.node, pid: 1 } }, [peer], 1000);
    expect(restarted.rate).toEqual({ rx: 0, tx: 0, ms: 1000 });
    const less = nextSnapshot(before, status, [{ ...peer, rxBytes: 0 }], 1000);
    expect(less.peerRates.get(peer.id)).toEqual({ rx: 0, tx: 0, ms: 1000 });
  });
});

describe('useStatus', () => {
  let folder: string;
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  function Probe({ path }: { path: string }): ReactNode {
    const { snapshot, error } = useStatus({ path, network: undefined, intervalMs: 10, worded: String });
    return <Text>{error ?? `${snapshot?.status.node.name ?? '-'} ${snapshot?.peers.length ?? 0}`}</Text>;
  }

  async function until(condition: () => boolean): Promise<void> {
    const end = Date.now() + 5000;
    while (!condition()) {
      if (Date.now() > end) throw new Error('never happened');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  it('follows a node that comes, goes and comes again', async () => {
    folder = mkdtempSync(join(tmpdir(), 'evio-view-'));
    const path = join(folder, 'control.sock');
    const unasked = (): never => {
      throw new Error('not asked');
    };
    const handlers: Handlers = {
      status: () => status,
      peers: () => ({ self, peers: [peer], revoked: [] }),
      why: unasked,
      policy: unasked,
      views: unasked,
      recall: unasked,
      amend: unasked,
      rekey: unasked,
      ping: unasked,
      networks: unasked,
      up: unasked,
      upgrade: unasked,
      down: unasked,
      adopt: unasked,
      joinPods: unasked,
      bridges: unasked,
      services: unasked,
      serviceSet: unasked,
      sessionKeys: unasked,
      exit: unasked,
      exitSet: unasked,
      bridgeSet: unasked,
      repath: unasked,
      leave: unasked,
      names: unasked,
      routes: unasked,
      routeAccept: unasked,
      routeAnnounce: unasked,
      routeWithdraw: unasked,
      logs: unasked,
      metrics: unasked,
      wait: unasked,
      watch: unasked,
    };
    const app = render(<Probe path={path} />);
    await until(() => app.lastFrame() === 'No node runs here.');
    const first = new ControlServer(path, handlers, silentLogger);
    await first.start();
    await until(() => app.lastFrame() === 'anna 1');
    await first.stop();
    await until(() => app.lastFrame() === 'No node runs here.');
    const second = new ControlServer(path, handlers, silentLogger);
    await second.start();
    await until(() => app.lastFrame() === 'anna 1');
    // Where CI is set, Ink writes one more line when it ends.
    const last = app.lastFrame();
    app.unmount();
    await second.stop();
    expect(last).toBe('anna 1');
  });
});
