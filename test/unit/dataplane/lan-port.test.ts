/** A LAN behind the interface, in the packet loop: what goes into the network, what stays, what is written back. */
import { beforeEach, describe, expect, it } from 'vitest';
import { lanSlot } from '../../../src/core/dataplane/loop/lan-port.js';
import { lanHelloFrame } from '../../../src/core/wire/lan-hello.js';
import { Kind } from '../../../src/core/wire/packet.js';
import { plainFrame } from '../../support/frames.js';
import { endpointOf, fromDevice, ipOf, macOf, makeRig, sealFor, type Rig } from '../../support/loop-rig.js';

const word = 0x0123_4567;
const mac = (n: number): Uint8Array => Uint8Array.of(0x52, 0x54, 0, 0, 0, n);
/** Machines on the LAN, and one behind node 1, which bridges, too. */
const [here, beside, far] = [mac(1), mac(2), mac(3)];
const everybody = new Uint8Array(6).fill(0xff);
const self = macOf(2);

describe('a LAN behind the interface', () => {
  let rig: Rig;
  beforeEach(() => {
    rig = makeRig(2, undefined, false, { bridge: true });
    rig.meet(1, { bridge: true });
    rig.meet(3);
    rig.loop.command({
      type: 'set-neighbours',
      neighbours: [1, 2, 3].map((n) => ({ ip: ipOf(n), mac: macOf(n) })),
    });
    rig.loop.command({ type: 'set-lan', mode: 'open', word });
    rig.loop.commandsDone();
    rig.io.deviceOut.length = 0;
  });

  /** A frame comes from the interface; returns what is written back, and how many packets go to the network. */
  function read(frame: Uint8Array): { back: Uint8Array[]; sent: number } {
    rig.io.deviceIn.push(fromDevice(frame));
    rig.run();
    const sent = rig.io.netOut.splice(0).length;
    return { back: rig.io.deviceOut.splice(0).map((one) => one.frame), sent };
  }
  function receive(from: number, frame: Uint8Array): Uint8Array[] {
    const bytes = sealFor(from, 2, Uint8Array.of(Kind.frame, ...frame));
    rig.io.netIn.push({ bytes, from: endpointOf(from), segment: 0 });
    rig.run();
    rig.io.netOut.length = 0;
    return rig.io.deviceOut.splice(0).map((one) => one.frame);
  }

  it('has its broadcasts flooded, and given to this host', () => {
    const frame = plainFrame(everybody, here);
    const { back, sent } = read(frame);
    expect(sent).toBe(2);
    expect(back).toEqual([Uint8Array.from([...self, ...frame.subarray(6)])]);
  });

  it('gets the broadcasts of this host, and its frames for the LAN, which go nowhere else', () => {
    const broadcast = plainFrame(everybody, self);
    expect(read(broadcast)).toEqual({ back: [broadcast], sent: 2 });
    read(plainFrame(everybody, here));
    const frame = plainFrame(here, self);
    expect(read(frame)).toEqual({ back: [frame], sent: 0 });
  });

  it('keeps what is between its own machines', () => {
    read(plainFrame(everybody, here));
    expect(read(plainFrame(here, beside))).toEqual({ back: [], sent: 0 });
  });

  it('is left by frames for members, and for machines behind them', () => {
    expect(read(plainFrame(macOf(3), here))).toEqual({ back: [], sent: 1 });
    receive(1, plainFrame(here, far));
    expect(read(plainFrame(far, here))).toEqual({ back: [], sent: 1 });
  });

  it('follows machines that move to another LAN, and back', () => {
    read(plainFrame(everybody, here));
    expect(read(plainFrame(here, self)).sent).toBe(0);
    receive(1, plainFrame(beside, here));
    expect(read(plainFrame(here, self))).toEqual({ back: [], sent: 1 });
    read(plainFrame(everybody, here));
    expect(read(plainFrame(here, self)).sent).toBe(0);
  });

  it('has so many broadcasts a second, and no more', () => {
    for (let i = 0; i < 2_500; i++) read(plainFrame(everybody, here));
    expect(rig.drops('flood-limited')).toBe(500);
    rig.time.now += 100;
    for (let i = 0; i < 200; i++) read(plainFrame(mac(200), here));
    expect(rig.drops('flood-limited')).toBe(600);
    // This host is not held up by it.
    expect(read(plainFrame(everybody, self)).back.length).toBe(1);
    expect(rig.drops('flood-limited')).toBe(600);
  });

  it('says hellos to the control thread, never to the network', () => {
    const hello = lanHelloFrame(macOf(7), Uint8Array.of(0x01, 0x23, 0x45, 0x67, 1, 2, 3));
    expect(read(hello)).toEqual({ back: [], sent: 0 });
    expect(rig.events).toContainEqual({ type: 'lan-hello', bytes: hello });
    const foreign = lanHelloFrame(macOf(7), Uint8Array.of(0x01, 0x23, 0x45, 0x68, 1, 2, 3));
    expect(read(foreign).sent).toBe(2);
    for (let i = 0; i < 1_000; i++) read(hello);
    expect(rig.events.filter(({ type }) => type === 'lan-hello').length).toBeLessThan(100);
  });

  it('is told, when it opens, which addresses lie in the network', () => {
    receive(1, plainFrame(self, far));
    read(plainFrame(everybody, here));
    rig.loop.command({ type: 'set-lan', mode: 'closed', word });
    expect(rig.io.deviceOut).toEqual([]);
    rig.loop.command({ type: 'set-lan', mode: 'open', word });
    const said = rig.io.deviceOut.splice(0).map(({ frame }) => frame);
    const sources = said.map((frame) => Buffer.from(frame.subarray(6, 12)).toString('hex')).sort();
    const expected = [macOf(1), macOf(3), far].map((one) => Buffer.from(one).toString('hex')).sort();
    expect(sources).toEqual(expected);
    expect(said.every((frame) => frame.length === 60)).toBe(true);
  });

  it('takes part no more once it is closed, and another thread learns of it only while it is there', () => {
    rig.loop.command({ type: 'set-lan', mode: 'closed', word });
    const frame = plainFrame(everybody, self);
    expect(read(frame)).toEqual({ back: [], sent: 2 });
    rig.loop.command({ type: 'set-lan', mode: 'off', word: 0 });
    rig.loop.command({ type: 'learn', high: 0x5254, low: 1, slot: lanSlot });
    expect(read(plainFrame(here, self)).sent).toBe(2);
    rig.loop.command({ type: 'set-lan', mode: 'open', word });
    rig.io.deviceOut.length = 0;
    rig.loop.command({ type: 'learn', high: 0x5254, low: 1, slot: lanSlot });
    expect(read(plainFrame(here, self)).back.length).toBe(1);
  });
});
