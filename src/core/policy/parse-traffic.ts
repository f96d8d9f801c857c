/** The part of a rule that says what is sent: protocols and ports. */
import { arpType, protocolNames, type PortRange, type Probe, type Traffic } from './policy.js';
import { LineFault, type Word, type Words } from './words.js';

const tcp = 6;
const udp = 17;
const portLimit = 64;

const hasPorts = (protocol: number): boolean => protocol === tcp || protocol === udp;

/** What a rule is about: the words to the end of the line; nothing there is everything. Throws LineFault. */
export function readTraffic(words: Words): Traffic[] {
  if (words.peek === undefined || words.skip('*')) return [{ kind: 'all' }];
  const { column } = words;
  const what = words.list('a protocol').flatMap((word): Traffic[] => {
    if (word.text === 'ip') return [{ kind: 'ip' }];
    return readProtocol(word);
  });
  if (words.peek === undefined) return what;
  const ports = readPorts(words);
  return what.map((traffic) => {
    if (traffic.kind !== 'protocol' || !hasPorts(traffic.protocol))
      throw new LineFault(column, 'only tcp and udp have ports');
    return { ...traffic, ports };
  });
}

/** What an expectation asks: a protocol, and for TCP and UDP a port. Throws LineFault. */
export function readProbes(words: Words): Probe[] {
  const word = words.take('a protocol');
  const traffic = readProtocol(word);
  return traffic.flatMap((one): Probe[] => {
    if (one.kind === 'ether') return [one];
    if (one.kind !== 'protocol') return [];
    if (!hasPorts(one.protocol)) return [{ kind: 'protocol', protocol: one.protocol, port: 0 }];
    const { column } = words;
    if (words.peek === undefined || !/^\d/.test(words.peek))
      throw new LineFault(column, 'a port is missing here');
    return readPorts(words).map(({ first, last }) => {
      if (first !== last) throw new LineFault(column, 'an expectation takes ports, but no ranges of them');
      return { kind: 'protocol', protocol: one.protocol, port: first };
    });
  });
}

function readProtocol({ text, column }: Word): Traffic[] {
  const known = Object.hasOwn(protocolNames, text) ? protocolNames[text] : undefined;
  if (known) return known.map((protocol) => ({ kind: 'protocol', protocol }));
  if (text === 'arp') return [{ kind: 'ether', type: arpType }];
  if (text === 'llc') return [{ kind: 'ether', type: 0 }];
  const [, number] = /^proto:(\d{1,3})$/.exec(text) ?? [];
  if (number !== undefined && Number(number) <= 255) return [{ kind: 'protocol', protocol: Number(number) }];
  const [, hex = ''] = /^ether:0x([0-9a-f]{4})$/i.exec(text) ?? [];
  const type = parseInt(hex, 16);
  if (type === 0x0800 || type === 0x86dd)
    throw new LineFault(column, 'say ip, tcp, udp, icmp or proto:NUMBER');
  if (type >= 0x0600) return [{ kind: 'ether', type }];
  throw new LineFault(
    column,
    `"${text}" is no protocol: tcp, udp, icmp, igmp, gre, esp, sctp, proto:NUMBER, ip, arp, llc and ether:0xTYPE are`,
  );
}

function readPorts(words: Words): PortRange[] {
  const { column } = words;
  const list = words.list('a port');
  if (list.length > portLimit)
    throw new LineFault(column, `that are more than ${portLimit} ports and ranges`);
  return list.map((word) => {
    const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(word.text) ?? [];
    const range = { first: Number(first), last: Number(last) };
    if (first === undefined || range.last > 0xffff || range.first > range.last)
      throw new LineFault(word.column, `"${word.text}" is no port, and no range of ports`);
    return range;
  });
}
