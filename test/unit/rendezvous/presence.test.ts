import { LocalPresence } from '../../../src/rendezvous/presence.js';
import { presenceContract } from './presence-contract.js';

presenceContract(
  'a relay that is alone',
  () => ({ relay: (listener) => new LocalPresence(listener), settled: () => Promise.resolve() }),
  1,
);
