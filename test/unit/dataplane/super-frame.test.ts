import { describe, expect, it } from 'vitest';
import { superFrameLimit } from '../../../src/core/dataplane/offload/tx-batch.js';
import { ethernetHeaderLength } from '../../../src/core/wire/ethernet.js';
import { dataHeaderLength, tagLength } from '../../../src/core/wire/packet.js';

/** Of IPv4 and IPv6, TCP with and without timestamps. */
const headers = [40, 52, 60, 72];
/** MAX_TCP_HEADER + 1 of kernels without and with tunnels and IPv6. */
const reserved = [257, 321];

describe('the longest super-frame', () => {
  it.each([576, 1_280, 1_350, 1_420, 1_500, 4_000, 9_000])('with MTU %i is one train', (mtu) => {
    const limit = superFrameLimit(mtu);
    expect(limit).toBeLessThanOrEqual(65_536);
    for (const header of headers) {
      const most = Math.min(
        64,
        Math.floor(65_507 / (mtu + ethernetHeaderLength + dataHeaderLength + 1 + tagLength)),
      );
      for (const kernel of reserved) {
        // tcp_tso_autosize(): whole segments only.
        const segments = Math.floor((limit - kernel) / (mtu - header));
        expect(segments).toBeLessThanOrEqual(most);
        expect(segments).toBeGreaterThanOrEqual(mtu > 600 ? most - 1 : most - 8);
      }
    }
  });
});
