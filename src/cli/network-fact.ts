/** `KEY=VALUE` of `evio network set`, or `KEY VALUE`. */
import { badValue } from '../core/identity/names.js';

/** @param second the value, where the first word has the key alone. Throws EvioError EVIO_BAD_VALUE. */
export function factOf(
  first: string,
  second?: string,
): { do: 'facts'; name: string } | { do: 'facts'; mtu: number } | { do: 'admission'; approvals: number } {
  const text = second === undefined ? first : `${first}=${second}`;
  const at = text.indexOf('=');
  const key = text.slice(0, Math.max(0, at));
  const value = text.slice(at + 1);
  if (key === 'name') return { do: 'facts', name: value };
  if (key === 'mtu' && /^\d+$/.test(value)) return { do: 'facts', mtu: Number(value) };
  if (key === 'admit' && /^\d+$/.test(value)) return { do: 'admission', approvals: Number(value) };
  throw badValue(
    `"${text}" is nothing that can be set: it takes mtu=NUMBER, name=NAME or admit=NUMBER.`,
    'For example: evio network set mtu=1300',
    'Relays have commands of their own: evio network relay add URL',
  );
}
