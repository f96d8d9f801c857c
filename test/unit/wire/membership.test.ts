import { describe, expect, it } from 'vitest';
import {
  Audience,
  audienceOf,
  keyOfAddress,
  queryCapacity,
  readReport,
  writeIgmpQuery,
  writeMldQuery,
} from '../../../src/core/wire/membership.js';
import { sum16, udpFrame } from '../../support/frames.js';
import {
  groupMac,
  hostMac,
  igmp,
  igmpV3,
  ip4,
  ip6,
  ipv4Frame,
  ipv6Frame,
  keyOf,
  mld,
  mldV2,
  toGroup,
  viewOf,
} from '../../support/membership-frames.js';

function told(frame: Uint8Array): { told: string[]; answers: boolean } {
  const list: string[] = [];
  const note = (sign: string) => (view: DataView, at: number, v6: boolean) => {
    const bytes = [...new Uint8Array(view.buffer, view.byteOffset + at, v6 ? 16 : 4)];
    list.push(sign + (v6 ? Buffer.from(bytes).toString('hex') : bytes.join('.')));
  };
  const answers = readReport(viewOf(frame), 0, frame.length, { joined: note('+'), left: note('-') });
  return { told: list, answers };
}

const audience = (frame: Uint8Array): Audience => audienceOf(viewOf(frame), 0, frame.length);
const hex6 = (group: string): string => Buffer.from(ip6(group)).toString('hex');

describe('reports', () => {
  it.each([
    ['IGMPv1 report', igmp(0x12, '239.1.2.3'), ['+239.1.2.3'], true],
    ['IGMPv2 report', igmp(0x16, '239.1.2.3'), ['+239.1.2.3'], true],
    ['IGMPv2 leave', igmp(0x17, '239.1.2.3', '224.0.0.2'), ['-239.1.2.3'], false],
    ['IGMP query', igmp(0x11, '239.1.2.3'), [], false],
    ['PIM', ipv4Frame(ip4('224.0.0.13'), 103, [0x20, 0, 0, 0, 0, 0, 0, 0]), [], false],
    ['MLDv1 report', mld(131, 'ff05::77'), [`+${hex6('ff05::77')}`], true],
    ['MLDv1 done', mld(132, 'ff05::77'), [`-${hex6('ff05::77')}`], false],
    ['MLD query', mld(130, 'ff05::77'), [], false],
    ['ICMPv6 echo', mld(128, 'ff05::77'), [], false],
  ])('%s', (_, frame, groups, answers) => {
    expect(told(frame)).toEqual({ told: groups, answers });
  });

  it.each([
    [1, [], '-', true],
    [1, ['10.0.0.1'], '+', true],
    [2, [], '+', true],
    [2, ['10.0.0.1'], '+', true],
    [3, [], '-', false],
    [3, ['10.0.0.1'], '+', false],
    [4, [], '+', false],
    [5, ['10.0.0.1'], '+', false],
    [5, [], '', false],
    [6, ['10.0.0.1'], '', false],
    [9, [], '', false],
  ])('IGMPv3 and MLDv2 record type %i with sources %j: "%s"', (type, sources, sign, answers) => {
    expect(told(igmpV3({ type, group: '239.9.9.9', sources }))).toEqual({
      told: sign === '' ? [] : [`${sign}239.9.9.9`],
      answers,
    });
    const group = 'ff08::9';
    expect(told(mldV2({ type, group, sources: sources.map(() => '2001:db8::1') }))).toEqual({
      told: sign === '' ? [] : [sign + hex6(group)],
      answers,
    });
  });

  it('reads every record, past sources and auxiliary data', () => {
    const frame = igmpV3(
      { type: 4, group: '239.0.1.1', sources: ['10.0.0.1', '10.0.0.2'], aux: 3 },
      { type: 3, group: '239.0.1.2' },
      { type: 2, group: '239.0.1.3', aux: 1 },
    );
    expect(told(frame).told).toEqual(['+239.0.1.1', '-239.0.1.2', '+239.0.1.3']);
    const six = mldV2(
      { type: 2, group: 'ff05::1', sources: ['2001:db8::1', '2001:db8::2'], aux: 2 },
      { type: 3, group: 'ff05::2' },
    );
    expect(told(six).told).toEqual([`+${hex6('ff05::1')}`, `-${hex6('ff05::2')}`]);
  });

  it('takes the records that are there when more are promised', () => {
    const frame = igmpV3({ type: 4, group: '239.0.1.1' }, { type: 4, group: '239.0.1.2' });
    expect(told(frame.subarray(0, frame.length - 3)).told).toEqual(['+239.0.1.1']);
  });

  it('reads what Linux 6.18 sent for 239.1.2.3, ff05::1234 and its solicited-node group', () => {
    const frame = Buffer.from(
      '33330000001602112233445586dd' +
        '6000000000380001fe80000000000000001122fffe334455ff020000000000000000000000000016' +
        '3a00050200000100' +
        '8f00b19800000002' +
        '04000000ff050000000000000000000000001234' +
        '04000000ff0200000000000000000001ff334455',
      'hex',
    );
    expect(told(frame)).toEqual({
      told: [`+${hex6('ff05::1234')}`, '+ff0200000000000000000001ff334455'],
      answers: false,
    });
    expect(audience(frame)).toBe(Audience.report);
    const four = Buffer.from(
      '01005e000016021122334455080046c00028000040000102f9680a900001e0000016940400002200eaf90000000102000000ef010203',
      'hex',
    );
    expect(told(four)).toEqual({ told: ['+239.1.2.3'], answers: true });
    expect(audience(four)).toBe(Audience.report);
  });

  it('leaves tagged frames, fragments and what lacks the Hop-by-Hop header alone', () => {
    const report = igmp(0x16, '239.1.2.3');
    const tagged = Uint8Array.from([...report.subarray(0, 12), 0x81, 0, 0, 5, ...report.subarray(12)]);
    const fragment = report.slice();
    fragment[14 + 6] = 0x20;
    const bare = ipv6Frame(ip6('ff05::7'), 58, [131, 0, 0, 0, 0, 0, 0, 0, ...ip6('ff05::7')], []);
    for (const frame of [tagged, fragment, bare]) {
      expect(told(frame).told).toEqual([]);
      expect(audience(frame)).not.toBe(Audience.report);
    }
  });
});

describe('audience', () => {
  it.each([
    ['IPv4 group', toGroup('239.1.2.3'), Audience.group],
    ['IPv6 site group', toGroup('ff05::1:3'), Audience.group],
    ['IPv6 transient global group', toGroup('ff1e::42'), Audience.group],
    ['mDNS', toGroup('224.0.0.251'), Audience.all],
    ['a group that shares its MAC with 224.0.0.5', toGroup('239.128.0.5'), Audience.all],
    ['mDNS over IPv6', toGroup('ff02::fb'), Audience.all],
    ['interface-local IPv6', toGroup('ff01::5'), Audience.all],
    ['transient link-local IPv6', toGroup('ff12::5'), Audience.all],
    ['IGMPv2 report, to its group', igmp(0x16, '239.1.2.3'), Audience.report],
    ['IGMPv2 report of a link-local group', igmp(0x16, '224.0.0.251'), Audience.report],
    ['IGMPv2 leave, to all routers', igmp(0x17, '239.1.2.3', '224.0.0.2'), Audience.report],
    ['IGMPv3 report', igmpV3({ type: 4, group: '239.1.2.3' }), Audience.report],
    ['general query', igmp(0x11, '0.0.0.0', '224.0.0.1'), Audience.all],
    ['group-specific query', igmp(0x11, '239.1.2.3'), Audience.group],
    ['MLDv1 report', mld(131, 'ff05::77'), Audience.report],
    ['MLDv2 report', mldV2({ type: 4, group: 'ff05::77' }), Audience.report],
    ['MLD group query', mld(130, 'ff05::77'), Audience.group],
    ['broadcast', udpFrame(new Uint8Array(6).fill(255), hostMac, 1, 2, new Uint8Array(9)), Audience.all],
    ['unicast', udpFrame(hostMac, hostMac, 1, 2, new Uint8Array(9)), Audience.all],
  ])('%s', (_, frame, expected) => {
    expect(audience(frame)).toBe(expected);
  });

  it('floods what is not IP, or tagged, though its MAC is a group’s', () => {
    const frame = toGroup('239.1.2.3');
    const tagged = Uint8Array.from([...frame.subarray(0, 12), 0x81, 0, 0, 5, ...frame.subarray(12)]);
    expect(audience(tagged)).toBe(Audience.all);
    frame[12] = 0x99;
    expect(audience(frame)).toBe(Audience.all);
    expect(audience(toGroup('ff05::1').subarray(0, 50))).toBe(Audience.all);
  });
});

describe('keys', () => {
  const key = (group: string): number => {
    const bytes = group.includes(':') ? ip6(group) : ip4(group);
    return keyOfAddress(viewOf(Uint8Array.from(bytes)), 0, bytes.length === 16);
  };

  it('are what the switch sees of the MAC', () => {
    for (const group of ['239.1.2.3', '232.255.0.1', '224.1.0.0']) expect(key(group)).toBe(keyOf(ip4(group)));
    expect(key('ff05::1:3')).toBe(keyOf(ip6('ff05::1:3')));
    expect(key('225.1.2.3')).toBe(key('239.129.2.3'));
    expect([...groupMac(ip4('239.129.2.3'))]).toEqual([1, 0, 0x5e, 1, 2, 3]);
  });

  it('are none for link-local scope and for what is no group', () => {
    for (const group of ['224.0.0.251', '239.0.0.7', '10.0.0.1', 'ff02::1', 'ff01::1', 'ff12::9', 'fe80::1'])
      expect(key(group)).toBe(0);
  });
});

describe('queries', () => {
  const mac = Uint8Array.of(0x06, 0x11, 0x22, 0x33, 0x44, 0x55);
  const write = (writer: typeof writeIgmpQuery): Uint8Array => {
    const frame = new Uint8Array(queryCapacity + 3).fill(0xaa);
    const length = writer(viewOf(frame), 3, mac, 1_000);
    return frame.slice(3, 3 + length);
  };

  it('IGMPv3, RFC 3376 section 4.1', () => {
    const frame = write(writeIgmpQuery);
    expect(Buffer.from(frame.subarray(0, 14)).toString('hex')).toBe('01005e0000010611223344550800');
    const ip = frame.subarray(14, 38);
    expect(sum16(ip)).toBe(0xffff);
    expect([...ip.subarray(0, 10)]).toEqual([0x46, 0xc0, 0, 36, 0, 0, 0, 0, 1, 2]);
    expect([...ip.subarray(12)]).toEqual([0, 0, 0, 0, 224, 0, 0, 1, 0x94, 4, 0, 0]);
    const message = frame.subarray(38);
    expect(sum16(message)).toBe(0xffff);
    expect([...message.subarray(0, 2), ...message.subarray(4)]).toEqual([
      ...[0x11, 10, 0, 0, 0, 0],
      ...[2, 125, 0, 0],
    ]);
    expect(told(frame).told).toEqual([]);
    expect(audience(frame)).toBe(Audience.all);
  });

  it('MLDv2, RFC 3810 section 5.1', () => {
    const frame = write(writeMldQuery);
    expect(Buffer.from(frame.subarray(0, 14)).toString('hex')).toBe('33330000000106112233445586dd');
    const ip = frame.subarray(14, 54);
    expect([...ip.subarray(0, 8)]).toEqual([0x60, 0, 0, 0, 0, 36, 0, 1]);
    expect([...ip.subarray(8, 24)]).toEqual(ip6('fe80::411:22ff:fe33:4455'));
    expect([...ip.subarray(24)]).toEqual(ip6('ff02::1'));
    expect([...frame.subarray(54, 62)]).toEqual([58, 0, 5, 2, 0, 0, 1, 0]);
    const message = frame.subarray(62);
    expect(message).toHaveLength(28);
    expect(sum16(message, sum16(ip.subarray(8), 58 + 28))).toBe(0xffff);
    expect(message[0]).toBe(130);
    expect([message[4], message[5]]).toEqual([1_000 >> 8, 1_000 & 255]);
    expect([...message.subarray(8)]).toEqual([...new Array<number>(16).fill(0), 2, 125, 0, 0]);
    expect(audience(frame)).toBe(Audience.all);
  });
});
