/** `KEY=VALUE` of `evio network set`. */
import { badValue } from '../core/identity/names.js';

/** Throws EvioError EVIO_BAD_VALUE. */
export function factOf(
  text: string,
): { do: 'facts'; name: string } | { do: 'facts'; mtu: number } | { do: 'admission'; approvals: number } {
  const at = text.indexOf('=');
  const key = at < 0 ? text : text.slice(0, at);
  const value = text.slice(at + 1);
  if (at > 0 && key === 'name') return { do: 'facts', name: value };
  if (at > 0 && key === 'mtu' && /^\d+$/.test(value)) return { do: 'facts', mtu: Number(value) };
  if (at > 0 && key === 'admit' && /^\d+$/.test(value)) return { do: 'admission', approvals: Number(value) };
  throw badValue(
    `"${text}" is nothing that can be set: it takes mtu=NUMBER, name=NAME or admit=NUMBER.`,
    'For example: evio network set mtu=1300',
    'Relays have commands of their own: evio network relay add URL',
  );
}
