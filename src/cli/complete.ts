/**
 * What the completion scripts ask for while a person types: `evio __complete KIND` prints one word a line, from the node that runs.
 * It loads what `evio peers` loads, and no oclif; whatever goes wrong, nothing is offered.
 */
import { homeFrom, type Home } from '../core/config/home.js';
import { ask } from '../core/control/client.js';

export const completedKinds = ['networks', 'peers', 'tokens'] as const;
export type CompletedKind = (typeof completedKinds)[number];

/** The first word of the command line by which scripts ask. */
export const completeWord = '__complete';

export function isCompletedKind(word: string | undefined): word is CompletedKind {
  return completedKinds.some((kind) => kind === word);
}

export async function completeFor(kind: CompletedKind): Promise<readonly string[]> {
  try {
    return await words[kind](homeFrom());
  } catch {
    return [];
  }
}

const words: Record<CompletedKind, (home: Home) => Promise<readonly string[]>> = {
  networks: async ({ controlSocket }) =>
    (await ask(controlSocket, 'networks', {})).networks.map(({ name }) => name),
  peers: async ({ controlSocket }) => {
    const { networks } = await ask(controlSocket, 'networks', {});
    const answers = await Promise.all(networks.map(({ id }) => ask(controlSocket, 'peers', { network: id })));
    return [...new Set(answers.flatMap(({ peers }) => peers.map(({ name }) => name)))];
  },
  // Invites are no affair of the node: they stand in the profiles.
  tokens: async (home) => {
    const { Store } = await import('../core/config/store.js');
    const { listInvites } = await import('../core/enroll/invites.js');
    const store = new Store(home);
    return store.ids().flatMap((id) =>
      listInvites(store, id)
        .filter(({ revoked }) => !revoked)
        .map((invite) => invite.id),
    );
  },
};
