/** A packet of the node's own socket that comes by the node's own interface goes no further. */
import { beforeEach, expect, it } from 'vitest';
import { FlowField } from '../../../src/core/dataplane/plane/shared.js';
import { ipv4Frame, ipv6Frame, tagged, udpFrame } from '../../support/frames.js';
import { endpointOf, fromDevice, ipOf, macOf, makeRig, type Rig } from '../../support/loop-rig.js';

const port = 40_000;
const word = (n: number): number[] => [n >> 8, n & 255];
const udp = (from: number, payload: readonly number[]): number[] => [
  ...word(from),
  ...word(endpointOf(2).port),
  ...word(8 + payload.length),
  ...[0, 0, ...payload],
];
const data = [0x50, 0, 0, 0, ...new Array<number>(32).fill(7)];
const own = (body: readonly number[], source = ipOf(1), fragment = 0): Uint8Array =>
  ipv4Frame(macOf(2), macOf(1), source, ipOf(2), 17, body, fragment);
const own6 = (body: readonly number[], next = 17): Uint8Array =>
  ipv6Frame(macOf(2), macOf(1), new Uint8Array(16).fill(0xfd), new Uint8Array(16).fill(0xfe), next, body);
const withOptions = (frame: Uint8Array): Uint8Array => {
  const longer = Uint8Array.from([...frame.subarray(0, 34), 1, 1, 1, 1, ...frame.subarray(34)]);
  longer[14] = 0x46;
  return longer;
};

let rig: Rig;
beforeEach(() => {
  rig = makeRig(1);
  rig.meet(2);
  rig.shared.flow[FlowField.port] = port;
});

/** How many packets left for the frame. */
function sent(frame: Uint8Array): number {
  rig.io.deviceIn.push(fromDevice(frame));
  rig.run();
  return rig.io.netOut.splice(0).length;
}

it.each([
  ['a data packet', own(udp(port, data))],
  ['a question to a STUN server', own(udp(port, [0, 1, 0, 0]))],
  ['one behind IPv4 options', withOptions(own(udp(port, data)))],
  ['a data packet over IPv6', own6(udp(port, data))],
  ['STUN over IPv6', own6(udp(port, [0, 1, 0, 0]))],
])('%s is dropped and counted', (_, frame) => {
  expect(sent(frame)).toBe(0);
  expect(rig.drops('own-packet')).toBe(1);
});

it.each([
  ['of another port', own(udp(port + 1, data))],
  ['of a machine behind this one', own(udp(port, data), 0x0a01_0203)],
  ['that is a later fragment', own(udp(port, data), ipOf(1), 0x0004)],
  ['of IPv6 that is none of ours', own6(udp(port, [0x16, 3, 3, 0]))],
  ['of TCP', ipv4Frame(macOf(2), macOf(1), ipOf(1), ipOf(2), 6, udp(port, data))],
  ['in a VLAN', tagged(own(udp(port, data)), [0x8100, 5])],
  ['that is cut off', own(udp(port, data)).subarray(0, 38)],
  ['of somebody’s', udpFrame(macOf(2), macOf(1), ipOf(1), ipOf(2), new Uint8Array(8))],
])('a packet %s goes on', (_, frame) => {
  expect(sent(frame)).toBe(1);
  expect(rig.drops('own-packet')).toBe(0);
});

it('is not looked for without a socket', () => {
  rig.shared.flow[FlowField.port] = 0;
  expect(sent(own(udp(0, data)))).toBe(1);
});
