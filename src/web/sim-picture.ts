/** A moment of a simulation as the web view shows it. */
import type { SimMoment } from '../sim/report.js';
import type { Picture } from './model.js';

export function simPicture({ nowMs, members, links }: SimMoment): Picture {
  return {
    kind: 'picture',
    at: nowMs,
    network: { id: 'sim', name: 'simulation', cidr: '', mtu: 0 },
    self: null,
    relays: [],
    size: members.length,
    members: members.map((id) => ({
      id,
      name: id.slice(0, 8),
      ip: '',
      state: 'connected',
      path: null,
      endpoint: '',
      rttMs: null,
      link: null,
      rxBytes: 0,
      txBytes: 0,
      seenAt: null,
    })),
    links,
  };
}
