/** WebRTC by the addon inside the program of one file: the way of test/lab/webrtc.test.ts. */
import { readdirSync, statSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { reaches, TestNet, untilPath, type TestNode } from '../lab/support.js';
import { hasTurn, onlyUdpTo, startTurn, type Turn } from '../lab/turn.js';
import { need } from '../support/need.js';
import { hasBinary, program } from './support.js';

let net: TestNet | undefined;
let turn: Turn | undefined;
afterEach(async () => {
  await turn?.server.stop(1_000);
  await net?.destroy();
});

describe.runIf(hasBinary() && need('turnserver (coturn)', hasTurn()))('the program of one file', () => {
  it('goes by WebRTC where UDP reaches a TURN server and nothing else', async () => {
    net = await TestNet.create({ nat: 'endpoint-independent' });
    const a = net.nodes[0] as TestNode;
    turn = await startTurn(net);
    await onlyUdpTo(a, turn.address);
    const b = await net.place({ nat: 'address-and-port-dependent' });
    await onlyUdpTo(b, turn.address);
    // One end is the program of one file, the other runs by Node.
    b.node.program = program;
    net.join(b, ['--ice-server', turn.url]);
    await b.node.up();
    await reaches(a, b, 30_000);
    await untilPath(b, a, 'webrtc', 30_000);
    const { received } = await a.node.json<{ received: number }>(['ping', b.node.name, '-c', '3']);
    expect(received).toBe(3);
    const kept = readdirSync('/var/cache/evio').filter((name) => name.startsWith('webrtc-'));
    expect(kept).not.toEqual([]);
    expect(statSync('/var/cache/evio').mode & 0o777).toBe(0o700);
  });
});
