/**
 * What programs a member offers, told to every member that it is connected with; sealed in their session as control
 * messages (kind 0x10), numbered apart from others.
 *
 *   services  0x48 | count 1 | ( flags 1 | port 2 | name (1+n) | text (1+n) )*     all of them; flags bit 0: UDP
 *   ask       0x49                                                                 tell me yours again
 *
 * Integers are big endian. Who says it is known by the session; it is said of the sender alone, and held while that lasts.
 */
import { ByteReader, ByteWriter, utf8 } from '../lib/bytes.js';

const Type = { services: 0x48, ask: 0x49 } as const;
const udp = 1;
export const maxServices = 16;
/** Bytes of what is said beside. */
export const longestServiceText = 60;
/** RFC 6335 section 5.1, in lower case. */
const namePattern = /^(?=.*[a-z])[a-z0-9](?:-?[a-z0-9]){0,14}$/;
const longestName = 15;

export const serviceProtocols = ['tcp', 'udp'] as const;

export interface Service {
  /** As DNS-SD has it, without the underscore: `ssh`, `http`. */
  readonly name: string;
  readonly protocol: (typeof serviceProtocols)[number];
  readonly port: number;
  /** One string of a TXT record, printable ASCII; empty: none. */
  readonly text: string;
}

export type ServicesMessage =
  { readonly type: 'services'; readonly services: readonly Service[] } | { readonly type: 'ask' };

/** True for a service that a member may offer, by its form. */
export function mayBeService({ name, port, text }: Omit<Service, 'protocol'>): boolean {
  const printable = /^[\x20-\x7e]*$/.test(text) && utf8(text).length <= longestServiceText;
  return isServiceName(name) && Number.isInteger(port) && port > 0 && port <= 0xffff && printable;
}

export function isServiceName(name: string): boolean {
  return name.length <= longestName && namePattern.test(name);
}

/** Throws RangeError when there are more than `maxServices`. */
export function encodeServices(message: ServicesMessage): Uint8Array {
  const writer = new ByteWriter(64).u8(Type[message.type]);
  if (message.type === 'ask') return writer.finish();
  if (message.services.length > maxServices) throw new RangeError('too many services');
  writer.u8(message.services.length);
  for (const { name, protocol, port, text } of message.services)
    writer
      .u8(protocol === 'udp' ? udp : 0)
      .u16(port)
      .text(name)
      .text(text);
  return writer.finish();
}

/** The message, or undefined when it is malformed or none of these. Never throws. */
export function parseServices(bytes: Uint8Array): ServicesMessage | undefined {
  const reader = new ByteReader(bytes);
  const type = reader.u8();
  if (type === Type.ask) return reader.done ? { type: 'ask' } : undefined;
  if (type !== Type.services) return undefined;
  const count = reader.u8();
  if (count > maxServices) return undefined;
  const services: Service[] = [];
  for (let i = 0; i < count && !reader.failed; i++) {
    const flags = reader.u8();
    const port = reader.u16();
    const service: Service = {
      ...{ port, protocol: (flags & udp) === 0 ? 'tcp' : 'udp' },
      ...{ name: reader.text(), text: reader.text() },
    };
    if (flags > udp || !mayBeService(service)) return undefined;
    services.push(service);
  }
  return reader.done ? { type: 'services', services } : undefined;
}
