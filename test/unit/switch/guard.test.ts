import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { ip6Of } from '../../../src/core/identity/inner-ipv6.js';
import { AddressOwners, ownerKeys } from '../../../src/core/switch/address-owners.js';
import { ageingMs } from '../../../src/core/switch/fdb.js';
import { Guard, Verdict, type GuardSubject } from '../../../src/core/switch/guard.js';
import { MemberTable } from '../../../src/core/switch/members.js';
import {
  arpFrame,
  ipv6Frame,
  linkLocalOf,
  neighbourBody,
  plainFrame,
  tagged,
  udpFrame,
} from '../../support/frames.js';
import { hostile, honest, ownUla, victimUla } from '../../support/hostile-frames.js';
import { ipOf, macOf, prefix6, words6 } from '../../support/loop-rig.js';
import { prefixBytes } from '../../../src/core/lib/prefix.js';
import { macOf as podMacText } from '../../../src/cni/names.js';
import { prefix, subnetTable } from '../../support/subnets.js';

const members = new MemberTable();
members.replace([1, 2, 3].map((n) => ({ ip: ipOf(n), mac: macOf(n) })));
const keys = Int32Array.from({ length: ownerKeys }, (_, i) => Math.imul(i + 1, 0x9e3779b1));
const [own, to] = [macOf(1), macOf(2)];
const load = new Uint8Array(4);

/** Member `n` as the guard knows it. */
function subjectOf(n: number, more: Partial<GuardSubject> = {}): GuardSubject {
  const view = new DataView(macOf(n).buffer);
  return { macHigh: view.getUint16(0), macLow: view.getInt32(2), ip: ipOf(n), bridge: false, ...more };
}
const subject = subjectOf(1);

const macText = (mac: Uint8Array): string => [...mac].map((b) => b.toString(16).padStart(2, '0')).join(':');

let guard: Guard;
let now: number;
beforeEach(() => {
  now = 5_000_000;
  guard = new Guard(members, new AddressOwners(keys), subnetTable([]), words6);
});

function judge(frame: Uint8Array, who: GuardSubject = subject, firstHand = true): Verdict {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  guard.setTime(now);
  return guard.judge(view, 0, frame.length, who, firstHand);
}

const ping6 = (n: number, source: Uint8Array): Uint8Array =>
  ipv6Frame(to, macOf(n), source, linkLocalOf(to), 58, [128, 0, 0, 0, 0, 1, 0, 1]);
const nameOf = (verdict: Verdict): string | undefined =>
  Object.entries(Verdict).find(([, value]) => value === verdict)?.[0];

describe('guard', () => {
  it.each(honest)('passes $name', ({ frame }) => {
    expect(nameOf(judge(frame))).toBe('pass');
  });

  it.each(hostile)('refuses $name', ({ frame, verdict }) => {
    expect(judge(ping6(3, victimUla), subjectOf(3))).toBe(Verdict.pass);
    expect(nameOf(judge(frame))).toBe(nameOf(verdict));
  });

  it('lets a bridge use any source', () => {
    const bridge = { ...subject, bridge: true };
    expect(judge(plainFrame(to, macOf(9)), bridge)).toBe(Verdict.pass);
    for (const { frame, verdict } of hostile)
      if (verdict !== Verdict.malformed) expect(judge(frame, bridge)).toBe(Verdict.pass);
    expect(judge(plainFrame(to, Uint8Array.of(255, 0, 0, 0, 0, 1)), bridge)).toBe(Verdict.malformed);
  });

  it('gives an address to the member that the table names, whatever a certificate claims', () => {
    const thief = { ...subject, ip: ipOf(3) };
    const arp = arpFrame(to, own, 2, { mac: own, ip: ipOf(3) }, { mac: to, ip: ipOf(2) });
    expect(judge(udpFrame(to, own, ipOf(3), ipOf(2), load), thief)).toBe(Verdict.foreignAddress);
    expect(judge(arp, thief)).toBe(Verdict.foreignAddress);
    expect(judge(udpFrame(to, own, ipOf(1), ipOf(2), load), thief)).toBe(Verdict.pass);
  });

  it('knows the address of a peer before the table does, and of nobody else', () => {
    const fresh = subjectOf(9);
    const from = (ip: number): Uint8Array => udpFrame(to, macOf(9), ip, ipOf(2), load);
    expect(judge(from(ipOf(9)), fresh)).toBe(Verdict.pass);
    expect(judge(from(ipOf(8)), fresh)).toBe(Verdict.foreignAddress);
    // Of somebody that is only told of, the certificate is not here: anything but what others have, and only by hearsay.
    const stranger = { ...fresh, ip: 0 };
    expect(judge(from(ipOf(8)), stranger, false)).toBe(Verdict.pass);
    expect(judge(from(ipOf(3)), stranger, false)).toBe(Verdict.foreignAddress);
    expect(judge(from(0xe000_0001), stranger, false)).toBe(Verdict.foreignAddress);
    expect(judge(from(ipOf(8)), stranger, true)).toBe(Verdict.foreignAddress);
  });

  describe('of an address in a subnet', () => {
    const six = (text: string): Uint8Array => prefixBytes(prefix(`${text}/128`));
    const from4 = (n: number, ip: number, ...tags: (readonly [number, number])[]): Uint8Array =>
      tagged(udpFrame(to, macOf(n), ip, ipOf(2), load), ...tags);
    beforeEach(() => {
      guard = new Guard(
        members,
        new AddressOwners(keys),
        subnetTable([
          ['10.77.1.0/24', macOf(1)],
          ['fd77:1::/64', macOf(1)],
          ['10.77.3.0/24', macOf(3)],
          ['fd77:3::/64', macOf(3)],
          ['10.78.0.0/16', macOf(1)],
          ['10.78.0.0/16', macOf(3)],
        ]),
        words6,
      );
    });

    it('passes from the member behind which it lies, of both families', () => {
      expect(judge(from4(1, 0x0a4d_0105))).toBe(Verdict.pass);
      expect(judge(from4(3, 0x0a4d_0305), subjectOf(3))).toBe(Verdict.pass);
      expect(judge(ping6(1, six('fd77:1::5')))).toBe(Verdict.pass);
      // The kernel asks for its next hop by an address that it forwards from.
      const asks = arpFrame(
        to,
        own,
        1,
        { mac: own, ip: 0x0a4d_0101 },
        { mac: new Uint8Array(6), ip: ipOf(2) },
      );
      expect(judge(asks)).toBe(Verdict.pass);
    });

    it('passes from nobody else, first hand or by hearsay', () => {
      for (const firstHand of [true, false]) {
        expect(judge(from4(1, 0x0a4d_0305), subject, firstHand)).toBe(Verdict.foreignAddress);
        expect(judge(from4(1, 0x0a4d_0305), subjectOf(1, { ip: 0 }), firstHand)).toBe(Verdict.foreignAddress);
        expect(judge(ping6(1, six('fd77:3::5')), subject, firstHand)).toBe(Verdict.foreignAddress);
      }
      expect(judge(from4(9, 0x0a4d_0105), subjectOf(9))).toBe(Verdict.foreignAddress);
      // What lies beside it is as it was: nobody's.
      expect(judge(from4(1, 0x0a4d_0205))).toBe(Verdict.foreignAddress);
    });

    it('passes from each of those who share it', () => {
      expect(judge(from4(1, 0x0a4e_0005))).toBe(Verdict.pass);
      expect(judge(from4(3, 0x0a4e_0005), subjectOf(3))).toBe(Verdict.pass);
      expect(judge(from4(9, 0x0a4e_0005), subjectOf(9))).toBe(Verdict.foreignAddress);
    });

    it('says nothing of VLANs, nor of what was used first by another', () => {
      expect(judge(from4(1, 0x0a4d_0305, [0x8100, 5]))).toBe(Verdict.pass);
      expect(judge(ping6(9, six('fd77:9::5')), subjectOf(9))).toBe(Verdict.pass);
      expect(judge(ping6(1, six('fd77:9::5')))).toBe(Verdict.taken);
    });
  });

  describe('of a pod that is a neighbour in the network', () => {
    const podMac = (ip: number): Uint8Array => {
      const mac = Uint8Array.of(0x0a, 0x58, 0, 0, 0, 0);
      new DataView(mac.buffer).setUint32(2, ip);
      return mac;
    };
    const ip = 0x0a90_0711;
    const foreign = 0x0a90_0721;
    const says = (source: number, mac = podMac(source)): Uint8Array =>
      udpFrame(to, mac, source, ipOf(2), load);
    const asks = (sender: number, mac: Uint8Array, told = mac): Uint8Array =>
      arpFrame(to, mac, 1, { mac: told, ip: sender }, { mac: new Uint8Array(6), ip: ipOf(2) });
    beforeEach(() => {
      guard = new Guard(
        members,
        new AddressOwners(keys),
        subnetTable([
          ['10.144.7.16/28', macOf(1)],
          ['10.144.7.32/28', macOf(3)],
          ['10.144.0.0/28', macOf(1)],
        ]),
        words6,
      );
    });

    it('passes what it says of itself, from the member that announced its address', () => {
      expect(macText(podMac(ip))).toBe(podMacText('10.144.7.17'));
      expect(judge(says(ip))).toBe(Verdict.pass);
      expect(judge(asks(ip, podMac(ip)))).toBe(Verdict.pass);
      expect(judge(asks(0, podMac(ip)))).toBe(Verdict.pass);
      expect(
        judge(
          ipv6Frame(to, podMac(ip), linkLocalOf(podMac(ip)), linkLocalOf(to), 58, [128, 0, 0, 0, 0, 1, 0, 1]),
        ),
      ).toBe(Verdict.pass);
    });

    it('passes from nobody else', () => {
      expect(judge(says(ip), subjectOf(3))).toBe(Verdict.foreignMac);
      expect(judge(says(foreign))).toBe(Verdict.foreignMac);
      expect(judge(says(0x0a90_0801))).toBe(Verdict.foreignMac);
      // A member keeps its address, whoever announced the range around it.
      expect(judge(says(ipOf(2)))).toBe(Verdict.foreignMac);
    });

    it('is spoken for by its member, which passes on what it sends, by both families', () => {
      const inside = (mac: Uint8Array): Uint8Array => ip6Of(prefix6, mac);
      expect(judge(udpFrame(to, own, ip, ipOf(2), load))).toBe(Verdict.pass);
      expect(judge(ping6(1, inside(podMac(ip))))).toBe(Verdict.pass);
      for (const mac of [podMac(foreign), podMac(0x0a90_0801), podMac(ipOf(2)), macOf(3)])
        expect(judge(ping6(1, inside(mac)))).toBe(Verdict.foreignAddress);
      expect(judge(ping6(3, inside(podMac(ip))), subjectOf(3))).toBe(Verdict.foreignAddress);
    });

    it('speaks for no other pod, member or router', () => {
      expect(judge(says(ip + 1, podMac(ip)))).toBe(Verdict.foreignAddress);
      expect(judge(says(ipOf(1), podMac(ip)))).toBe(Verdict.foreignAddress);
      expect(judge(asks(ip + 1, podMac(ip)))).toBe(Verdict.foreignAddress);
      expect(judge(asks(ip, podMac(ip), podMac(ip + 1)))).toBe(Verdict.foreignMac);
      expect(judge(asks(ip, podMac(ip), own))).toBe(Verdict.foreignMac);
      const offer = udpFrame(to, podMac(ip), ip, ipOf(2), load);
      new DataView(offer.buffer, offer.byteOffset).setUint16(34, 67);
      expect(judge(offer)).toBe(Verdict.service);
    });
  });

  describe('of an address that no certificate names', () => {
    it('is the first one’s until five minutes passed without it', () => {
      expect(judge(ping6(1, ownUla))).toBe(Verdict.pass);
      now += ageingMs - 1_000;
      expect(judge(ping6(3, ownUla), subjectOf(3))).toBe(Verdict.taken);
      expect(judge(ping6(1, ownUla))).toBe(Verdict.pass);
      now += ageingMs - 1_000;
      expect(judge(ping6(3, ownUla), subjectOf(3))).toBe(Verdict.taken);
      now += 3_000;
      expect(judge(ping6(3, ownUla), subjectOf(3))).toBe(Verdict.pass);
      expect(judge(ping6(1, ownUla))).toBe(Verdict.taken);
    });

    it('is taken by who advertises it, too', () => {
      const advertise = (n: number): Uint8Array =>
        ipv6Frame(to, macOf(n), linkLocalOf(macOf(n)), linkLocalOf(to), 58, neighbourBody(136, ownUla));
      expect(judge(advertise(1))).toBe(Verdict.pass);
      expect(judge(advertise(3), subjectOf(3))).toBe(Verdict.taken);
      expect(judge(ping6(3, ownUla), subjectOf(3))).toBe(Verdict.taken);
    });

    it('is nobody’s by hearsay, which it is held against all the same', () => {
      expect(judge(ping6(1, ownUla), subject, false)).toBe(Verdict.pass);
      expect(judge(ping6(3, ownUla), subjectOf(3))).toBe(Verdict.pass);
      expect(judge(ping6(1, ownUla), subject, false)).toBe(Verdict.taken);
      // Hearsay does not keep an address alive.
      now += ageingMs - 1_000;
      expect(judge(ping6(3, ownUla), subjectOf(3), false)).toBe(Verdict.pass);
      now += 3_000;
      expect(judge(ping6(1, ownUla))).toBe(Verdict.pass);
    });

    it('is one of a VLAN, where its number does not matter outside', () => {
      const inside = (n: number, ...ids: number[]): Uint8Array =>
        tagged(
          udpFrame(to, macOf(n), 0xac1f_0501, 0xac1f_0502, load),
          ...ids.map((id) => [0x8100, id] as const),
        );
      expect(judge(inside(1, 5))).toBe(Verdict.pass);
      expect(judge(inside(3, 5), subjectOf(3))).toBe(Verdict.taken);
      expect(judge(inside(3, 0, 5), subjectOf(3))).toBe(Verdict.taken);
      expect(judge(inside(3, 5, 0), subjectOf(3))).toBe(Verdict.taken);
      expect(judge(inside(3, 6), subjectOf(3))).toBe(Verdict.pass);
      expect(judge(inside(3, 5, 6), subjectOf(3))).toBe(Verdict.pass);
      expect(judge(inside(1, 5, 6))).toBe(Verdict.taken);
    });

    it('belongs to the one whose MAC it is made from, however early another came', () => {
      const ula = Uint8Array.from([0xfd, 9, 9, 9, 0, 0, 0, 0, ...linkLocalOf(own).subarray(8)]);
      expect(judge(ping6(3, linkLocalOf(own)), subjectOf(3))).toBe(Verdict.foreignAddress);
      expect(judge(ping6(3, ula), subjectOf(3))).toBe(Verdict.foreignAddress);
      expect(judge(ping6(1, linkLocalOf(own)))).toBe(Verdict.pass);
      expect(judge(ping6(1, ula))).toBe(Verdict.pass);
    });
  });

  it('tells up to where a checksum must not be written', () => {
    const behind = (frame: Uint8Array): number => {
      judge(frame);
      return guard.examined;
    };
    const udp = udpFrame(to, own, ipOf(1), ipOf(2), load);
    expect(behind(udp)).toBe(14 + 20 + 4);
    expect(behind(tagged(udp, [0x8100, 0]))).toBe(18 + 20 + 4);
    expect(behind(plainFrame(to, own))).toBe(14);
    const advertisement = ipv6Frame(
      to,
      own,
      linkLocalOf(own),
      linkLocalOf(to),
      58,
      neighbourBody(136, linkLocalOf(own)),
    );
    expect(behind(advertisement)).toBe(advertisement.length);
    expect(behind(ping6(1, linkLocalOf(own)))).toBe(14 + 40 + 2);
  });

  it('reads nothing outside the frame', () => {
    const type = fc.constantFrom(
      [8, 0],
      [8, 6],
      [0x86, 0xdd],
      [0x81, 0],
      [0x81, 0, 0, 0, 0x86, 0xdd],
      [0, 40, 0xaa, 0xaa],
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 90 }), type, (tail, start) => {
        // A view of exactly the frame throws on the first byte beyond it.
        const verdict = judge(Uint8Array.from([...to, ...own, ...start, ...tail]));
        return verdict >= 0;
      }),
      { numRuns: 2_000 },
    );
    // Every length of every frame.
    for (const { frame } of [...honest, ...hostile])
      for (let length = 0; length < frame.length; length++) judge(frame.slice(0, length));
  });
});
