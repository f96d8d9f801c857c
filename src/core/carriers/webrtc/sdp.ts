/**
 * ICE descriptions as the text that WebRTC libraries take (SDP: RFC 8839, RFC 8841), and back. Text is made of parsed fields
 * only, so nothing of a member's can become a line of its own. Text that is read comes from the library on this machine.
 */
import { fromHex, toHex } from '../../lib/bytes.js';
import { addressBytes, addressText } from '../../lib/endpoint.js';
import type { IceCandidate, IceDescription, IceKind } from '../../wire/ice.js';

/** The media section that all our candidates belong to. */
export const mediaId = '0';

const kinds: Readonly<Record<string, IceKind>> = { host: 'host', srflx: 'srflx', relay: 'relay' };

/** @param role `actpass` in an offer, `active` in an answer: who answers begins DTLS (RFC 8842) */
export function sdpOf(description: Omit<IceDescription, 'candidates'>, role: 'actpass' | 'active'): string {
  const { user, password, fingerprint } = description;
  const pairs = toHex(fingerprint).toUpperCase().match(/../g) ?? [];
  return [
    'v=0',
    'o=evio 1 1 IN IP4 0.0.0.0',
    's=-',
    't=0 0',
    `a=group:BUNDLE ${mediaId}`,
    'a=ice-options:ice2,trickle',
    `a=fingerprint:sha-256 ${pairs.join(':')}`,
    'm=application 9 UDP/DTLS/SCTP webrtc-datachannel',
    'c=IN IP4 0.0.0.0',
    `a=mid:${mediaId}`,
    'a=sendrecv',
    'a=sctp-port:5000',
    'a=max-message-size:65536',
    `a=setup:${role}`,
    `a=ice-ufrag:${user}`,
    `a=ice-pwd:${password}`,
    '',
  ].join('\r\n');
}

/** What our library says of itself; undefined when it lacks a part. */
export function descriptionOf(sdp: string): Omit<IceDescription, 'candidates'> | undefined {
  const value = (name: string): string | undefined => new RegExp(`^a=${name}:(.*?)\\r?$`, 'm').exec(sdp)?.[1];
  const user = value('ice-ufrag');
  const password = value('ice-pwd');
  const hash = /^sha-256 ((?:[0-9a-f]{2}:){31}[0-9a-f]{2})$/i.exec(value('fingerprint') ?? '')?.[1];
  const fingerprint = hash === undefined ? undefined : fromHex(hash.replaceAll(':', '').toLowerCase());
  if (user === undefined || password === undefined || !fingerprint) return undefined;
  return { user, password, fingerprint };
}

/** `a=candidate:…` of a UDP candidate. */
export function candidateLine({ kind, priority, endpoint }: IceCandidate): string {
  const { host, port } = endpoint;
  // The foundation groups candidates that freeze together (RFC 8445 5.1.1.3); each of ours stands alone.
  const foundation = `${kind[0]}${priority}`;
  return `a=candidate:${foundation} 1 UDP ${priority} ${host} ${port} typ ${kind}`;
}

/** A candidate that our library found; undefined where it is none that we use (TCP, a name). */
export function candidateOf(line: string): IceCandidate | undefined {
  const match = /^(?:a=)?candidate:\S+ 1 udp (\d{1,10}) (\S+) (\d{1,5}) typ (\w+)/i.exec(line.trim());
  const kind = kinds[match?.[4] ?? ''];
  const address = addressBytes(match?.[2] ?? '');
  const priority = Number(match?.[1]);
  const port = Number(match?.[3]);
  if (!kind || !address || priority > 0xffff_ffff || port > 65_535) return undefined;
  return { kind, priority, endpoint: { host: addressText(address), port } };
}
