/** `KEY=VALUE` of `evio network set`. */
import { badValue } from '../core/identity/names.js';

/** Throws EvioError EVIO_BAD_VALUE. */
export function factOf(text: string): { name: string } | { mtu: number } {
  const at = text.indexOf('=');
  const key = at < 0 ? text : text.slice(0, at);
  const value = text.slice(at + 1);
  if (at > 0 && key === 'name') return { name: value };
  if (at > 0 && key === 'mtu' && /^\d+$/.test(value)) return { mtu: Number(value) };
  throw badValue(
    `"${text}" is nothing that can be set: it takes mtu=NUMBER or name=NAME.`,
    'For example: evio network set mtu=1300',
    'Relays have commands of their own: evio network relay add URL',
  );
}
