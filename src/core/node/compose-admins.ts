/** What admins do by themselves, and members ask of them: memberships go on, and who joined as an admin is named one. */
import { certificateLifeMs } from '../identity/certificate.js';
import { inviterKeys } from '../membership/amend.js';
import { rootKeysOf } from '../membership/root-keys.js';
import type { DataPlane } from '../dataplane/plane/plane.js';
import type { OverlayHost } from '../overlay/overlay-host.js';
import type { Peer } from '../peer/peer.js';
import type { Peers } from '../peer/peers.js';
import type { RelaySet } from '../relays/relay-set.js';
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
}

export function composeAdmins(parts: AdminParts): {
  readonly renewals: Renewals;
  readonly newAdmins: NewAdmins;
} {
  const { context, plane, relays, members, overlay, timers } = parts;
  const { options, credential, keeper, ledger } = context;
  const { env } = options;
  const renewals = new Renewals({
    env,
    credential,
    ledger,
    members,
    lifeMs: options.certificateLifeMs ?? certificateLifeMs,
    issuer: () => inviterKeys(context.profile(), credential.self, ledger.ledger),
    send: ({ slot }, message) => {
      plane.sendControl(slot, message);
    },
    connect: (peer) => {
      const now = env.clock.now();
      peer.connect(now);
      overlay.used(now, peer);
      timers.touch(peer);
    },
    seek: (wanted) => {
      relays.find({ text: wanted }).catch(() => undefined); // none answers: it is asked again
    },
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
  return { renewals, newAdmins };
}
