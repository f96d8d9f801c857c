/** A person names a member that there is not: why that is, or who may be meant. */
import { nearest } from '../lib/did-you-mean.js';
import { EvioError } from '../lib/errors.js';
import { printable } from '../lib/printable.js';
import type { MemberReport } from '../membership/membership.js';
import type { RevokedReport } from './reports.js';

export interface Known {
  readonly network: string;
  readonly self: Pick<MemberReport, 'id' | 'name' | 'ip' | 'ip6'>;
  readonly names: readonly string[];
  readonly revoked: readonly RevokedReport[];
}

/** `web` of `web.home.evio`, which `ping` and `ssh` take; what is none of the domain's names as it is. */
export function withoutDomain(text: string, domain: string): string {
  const end = `.${domain}`;
  return text.toLowerCase().endsWith(end) ? text.slice(0, -end.length) : text;
}

/** Whether a person means the machine that answers. */
export function isSelf(text: string, { id, name, ip, ip6 }: Known['self']): boolean {
  return [id, name, ip, ip6].includes(text.toLowerCase());
}

export function unknownPeer(text: string, { network, self, names, revoked }: Known): EvioError {
  const unknown = (what: string, ...suggestions: string[]): EvioError =>
    new EvioError('EVIO_UNKNOWN_PEER', what, suggestions);
  if (isSelf(text, self))
    return unknown(`"${text}" is this machine itself.`, 'evio status shows it, and evio doctor looks at it.');
  const barred = revoked.find(({ id, name }) => [id, name].includes(text.toLowerCase()));
  if (barred) {
    const reason = barred.reason === '' ? '' : `: ${printable(barred.reason)}`;
    return unknown(
      `${barred.name} was revoked ${barred.at} by ${printable(barred.by)}${reason}.`,
      'It comes back with a new token and another key: there evio leave, then evio join TOKEN',
    );
  }
  const meant = nearest(text.toLowerCase(), names);
  return unknown(
    `No member of ${network} is called "${text}".`,
    ...(meant.length === 0 ? [] : [`Did you mean: ${meant.map((name) => printable(name)).join(', ')}`]),
    'See the names, addresses and ids with: evio peers',
  );
}
