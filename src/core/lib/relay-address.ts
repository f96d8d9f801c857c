/** Addresses of relays as network facts have them (identity/network.ts): `HOST:PORT`, or `wss://HOST:PORT` with TLS. */

/** A relay's address as people write it: `HOST:PORT`, with `evios://` in front when it speaks TLS. */
export function shownRelay(address: string): string {
  return address.replace(/^wss:/, 'evios:');
}

/** `HOST:PORT` alone. */
export function placeOf(address: string): string {
  return address.replace(/^wss:\/\//, '');
}

/** Whether two addresses are of one relay: two programs cannot have one port, so TLS or not makes no difference. */
export function sameRelay(one: string, other: string): boolean {
  return placeOf(one).toLowerCase() === placeOf(other).toLowerCase();
}
