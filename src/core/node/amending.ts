/** An admin says something, by the node that runs: whom it means, what is said, and who hears of it first. */
import type { LedgerKeeper } from '../ledger/keeper.js';
import { amend } from '../membership/amend.js';
import { resolveOrder, type Amended, type WrittenOrder } from '../membership/orders.js';
import type { Profile } from '../membership/profile.js';
import type { Self } from '../membership/self.js';
import type { Run } from './run.js';

export interface Amending {
  readonly keeper: LedgerKeeper;
  readonly profile: Profile;
  readonly self: Self;
  /** Milliseconds since 1970. */
  readonly dateMs: number;
  /** Called once it is on disk. */
  readonly said: () => Promise<void>;
  /** The run as it is then; none while the node begins anew. */
  readonly run: () => Run | undefined;
}

/** Throws as `Node.amend`. */
export async function amendNetwork(
  { reporter, members, relays, applicants }: Run,
  written: WrittenOrder,
  { keeper, profile, self, dateMs, said, run }: Amending,
): Promise<Amended> {
  const known = () => members.all().map((peer) => peer.member);
  const { order, subject } = await resolveOrder(written, {
    find: async (text) => (await reporter.find(text)).member,
    members: known,
    waiting: () => applicants.members(),
  });
  let notes: readonly string[] = [];
  const statements = await keeper.say((ledger) => {
    const amendment = amend(order, {
      profile,
      self,
      ledger,
      members: known(),
      complete: relays.complete,
      dateMs,
    });
    notes = amendment.notes;
    return amendment.statements;
  });
  if (order.do === 'root-replace') await said();
  const now = run();
  now?.turn.input(() => {
    now.ledger.said(statements);
  });
  const { serial, standing } = keeper.ledger;
  return { subject, serial, policy: standing.policy?.serial ?? 0, notes: [...notes] };
}
