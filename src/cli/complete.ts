/**
 * What the completion scripts ask for while a person types: `evio __complete KIND` prints one word a line, from the node that runs.
 * The entries (bin/run.js, the program of one file) start this without anything else: a person waits for it, and what Node itself
 * takes to start is most of a tenth of a second. So nothing of node_modules/ is loaded here. Whatever goes wrong, nothing is offered.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { homeFrom } from '../core/config/home.js';
import { ask } from '../core/control/client.js';

export const completedKinds = ['networks', 'peers', 'tokens'] as const;
export type CompletedKind = (typeof completedKinds)[number];

/** The first word of the command line by which scripts ask. */
export const completeWord = '__complete';

/** What stands for itself in every shell. A network is called what its owner likes, and shells put what is offered on the line. */
const plain = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** Prints what may stand where the line after `evio __complete` says; returns once it is written. */
export async function main([, kind]: readonly string[]): Promise<void> {
  const found = isCompletedKind(kind) ? await completeFor(kind).catch(() => []) : [];
  const text = [...new Set(found)].filter((word) => plain.test(word)).map((word) => `${word}\n`);
  // A shell that no longer listens is no error.
  process.stdout.on('error', () => undefined);
  await new Promise((resolve) => process.stdout.write(text.join(''), resolve));
}

function isCompletedKind(word: string | undefined): word is CompletedKind {
  return completedKinds.some((kind) => kind === word);
}

async function completeFor(kind: CompletedKind): Promise<readonly string[]> {
  const { controlSocket, networks: folder } = homeFrom();
  // Invites are no affair of the node: they stand in the profiles.
  if (kind === 'tokens') return inviteIds(folder);
  const { networks } = await ask(controlSocket, 'networks', {});
  if (kind === 'networks') return networks.map(({ name }) => name);
  const answers = await Promise.all(networks.map(({ id }) => ask(controlSocket, 'peers', { network: id })));
  return answers.flatMap(({ peers }) => peers.map(({ name }) => name));
}

/** Ids of invites that were not revoked. Reads the profiles unchecked: what checks them loads for longer than a person waits. */
function inviteIds(networks: string): string[] {
  return readdirSync(networks).flatMap((network) => {
    try {
      const profile = JSON.parse(readFileSync(join(networks, network, 'profile.json'), 'utf8')) as {
        invites: { id: string; revoked: boolean }[];
      };
      return profile.invites.filter(({ revoked }) => !revoked).map(({ id }) => id);
    } catch {
      return [];
    }
  });
}
