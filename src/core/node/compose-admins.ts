/** What admins do by themselves, and members ask of them: memberships go on, keys are replaced, who joined as an admin is named one. */
import { certificateLifeMs } from '../identity/certificate.js';
import { toHex } from '../lib/bytes.js';
import { inviterKeys } from '../membership/speaker.js';
import { rootKeysOf } from '../membership/root-keys.js';
import type { DataPlane } from '../dataplane/plane/plane.js';
import type { OverlayHost } from '../overlay/overlay-host.js';
import type { Peer } from '../peer/peer.js';
import type { Peers } from '../peer/peers.js';
import type { RelaySet } from '../relays/relay-set.js';
import type { Applicants } from './applicants.js';
import { KeyChanges } from './key-changes.js';
import { knownAdmins } from './known-admins.js';
import { NewAdmins } from './new-admins.js';
import type { PeerTimers } from './peer-timers.js';
import type { RunContext } from './ports.js';
import { Renewals } from './renewals.js';

export interface AdminParts {
  readonly context: RunContext;
  readonly plane: DataPlane;
  readonly relays: RelaySet;
  readonly members: Peers;
  readonly overlay: OverlayHost;
  readonly timers: PeerTimers<Peer>;
  readonly applicants: Applicants;
}

export function composeAdmins(parts: AdminParts): {
  readonly renewals: Renewals;
  readonly newAdmins: NewAdmins;
  readonly keyChanges: KeyChanges;
} {
  const { context, plane, relays, members, overlay, timers, applicants } = parts;
  const { options, credential, keeper, ledger } = context;
  const { env } = options;
  const asking = {
    env,
    credential,
    ledger,
    members,
    lifeMs: options.certificateLifeMs ?? certificateLifeMs,
    // By relays' dates it signs nothing: what relays that lie had it sign would be good for nobody once they are gone.
    issuer: () =>
      (options.dates?.behindMs ?? 0) > 0
        ? undefined
        : inviterKeys(context.profile(), credential.self, ledger.ledger),
    send: ({ slot }: Peer, message: Uint8Array) => {
      plane.sendControl(slot, message);
    },
    connect: (peer: Peer) => {
      const now = env.clock.now();
      peer.connect(now);
      overlay.used(now, peer);
      timers.touch(peer);
    },
    seek: (wanted: string) => {
      relays.find({ text: wanted }).catch(() => undefined); // none answers: it is asked again
    },
  };
  const renewals = new Renewals({
    ...asking,
    renewed: (bytes) => {
      keeper.setCredential(bytes);
      keeper.save();
      relays.introduceAgain();
      context.renewed(bytes);
    },
  });
  const { keys, network } = credential.self;
  const newAdmins = new NewAdmins({
    env,
    nodeKey: keys.publicKey,
    rootHere: () => rootKeysOf(context.profile(), ledger.ledger.standing.rootKey)?.publicKey,
    networkKey: network.rootKey,
    standing: () => ledger.ledger.standing,
    members,
    amend: context.amend,
  });
  const keyChanges = new KeyChanges({
    ...asking,
    ends: (rank) => {
      const { standing } = ledger.ledger;
      if (rootKeysOf(context.profile(), standing.rootKey)) return true;
      const own = credential.self.keys.publicKey;
      return standing.maySign(own) && (standing.author(toHex(own))?.rank ?? Infinity) <= rank;
    },
    admins: () => knownAdmins(ledger.ledger.standing, members, credential.self.idText),
    waiting: () => applicants.members(),
    state: (peer) => context.amend({ do: 'succeed', peer }),
  });
  return { renewals, newAdmins, keyChanges };
}
