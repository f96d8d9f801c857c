/** Which STUN servers a relay brings. */
import { describe, expect, it } from 'vitest';
import { stunServersOf } from '../../../src/core/relays/stun-servers.js';

const [v4, v6] = ['192.0.2.9', '2001:db8::9'];
const found = [v4, v6].map((host) => ({ host, port: 443 }));

function asked(over: string, alternatePort: number | null, addresses = found): string[] {
  const alternate = alternatePort === null ? null : { host: over, port: alternatePort };
  const servers = stunServersOf(addresses, { endpoint: { host: over, port: 443 }, alternate });
  return servers.map(({ host, port, main }) => `${host} ${port}${main === true ? ' main' : ''}`);
}

describe('STUN servers of a relay', () => {
  it('are two ports of IPv4, by whichever family it is reached, and another family once', () => {
    expect(asked(v4, 444)).toEqual([`${v4} 444`, `${v6} 443 main`]);
    expect(asked(v6, 444)).toEqual([`${v6} 444`, `${v4} 443 main`, `${v4} 444`]);
  });

  it('are one of the other family where it has no other port, and none where that is not known', () => {
    expect(asked(v6, null)).toEqual([`${v4} 443 main`]);
    expect(asked(v6, null, [])).toEqual([]);
  });
});
